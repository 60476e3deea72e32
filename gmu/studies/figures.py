"""Figures of the studies on the post's data: many seeds, few samples, random means."""

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from gmu.evaluate import bayes_log_odds
from gmu.figures import LAW, ask, bayes_class, bayes_source, draw_map
from gmu.studies import view_figures
from gmu.studies.many import load_copies
from reporting import plots
from training.run import Run, read_json


def study(run: Run) -> str:
    """First word of the variant's name: seeds, samples, means, views, or the name of another variant."""
    return run.config["variant"].partition("_")[0]


def outcome(scores) -> np.ndarray:
    """Per copy: 0 solved with the right gate, 1 solved otherwise, 2 not solved, 3 not solved and inverted."""
    solved = scores["test/error_percent"] <= 1
    found, inverted = scores["gate_auc"] > 0.99, scores["gate_auc"] < 0.01
    return np.select([solved & found, solved, inverted], [0, 1, 3], 2)


OUTCOMES = (
    ("solved, gate found", "tab:green"), ("solved, gate not found", "tab:olive"),
    ("not solved", "tab:orange"), ("not solved, gate inverted", "tab:red"),
)  # fmt: skip


def losses_of_seeds(run: Run) -> Figure | None:
    """Fifty loss curves instead of the post's one."""
    if study(run) != "seeds" or "gate_auc" not in run.result["metrics"]:
        return None
    scores, _ = load_copies(run.path / "copies.npz")
    kinds, losses = outcome(scores), scores["losses"]
    figure, axis = plt.subplots(figsize=(6, 3.8))
    for copy in range(min(50, len(kinds))):
        axis.plot(np.arange(1, len(losses) + 1), losses[:, copy], color=OUTCOMES[kinds[copy]][1], lw=0.8, alpha=0.8)
    for kind, (label, colour) in enumerate(OUTCOMES):
        axis.plot([], [], color=colour, label=f"{label}: {100 * np.mean(kinds == kind):.1f} % of {len(kinds):,}")
    axis.set(yscale="log", xlabel="step", ylabel="training loss", title="The same recipe, 50 seeds")
    axis.legend(fontsize=8)
    text = "Solved: test error of at most 1 %; gate found: AUC of z as detector of M above .99, inverted: below .01"
    return plots.caption(figure, f"{text}. {plots.describe(run)}.")


def gates_of_seeds(run: Run) -> Figure | None:
    """Histogram of the gate's AUC over all copies, this recipe against the post's."""
    if study(run) != "seeds" or "gate_auc" not in run.result["metrics"]:
        return None
    drawn = {run.config["variant"]: run}
    if (post := run.beside("seeds_blog")).finished:
        drawn = {"seeds_blog": post, **drawn}
    figure, axis = plt.subplots(figsize=(6, 3.4))
    bins = np.linspace(0, 1, 51)
    for variant, (name, shown) in zip(("tab:orange", "tab:green"), drawn.items(), strict=False):
        areas = load_copies(shown.path / "copies.npz")[0]["gate_auc"]
        share = np.full(len(areas), 100 / len(areas))
        axis.hist(areas, bins, weights=share, color=variant, alpha=0.65, label=f"{name} ({len(areas):,} copies)")
    axis.set(xlabel="AUC of the gate as detector of M (0: inverted, .5: blind, 1: right)", ylabel="copies (%)")
    axis.set_title("Does the gate find the informative modality?")
    axis.legend()
    return plots.caption(figure, f"Each copy on 20,000 fresh samples. {plots.describe(run)}.")


def typical_copies(run: Run) -> Figure | None:
    """Gate and prediction of a copy that solved the task, one that did not, and one with an inverted gate."""
    if not run.config["variant"].startswith("seeds_blog"):
        return None
    from gmu.studies.population import set_copy

    scores, weights = load_copies(run.path / "copies.npz")
    kinds, settings, model = outcome(scores), run.config["settings"], run.load_model()
    chosen = [(kind, int(np.argmax(kinds == kind))) for kind in range(4) if (kinds == kind).any()]
    figure, axes = plt.subplots(2, len(chosen), figsize=(3.4 * len(chosen), 6), sharex=True, sharey=True, squeeze=False)
    for column, (kind, copy) in enumerate(chosen):
        set_copy(model, weights, copy)
        seed = settings["seed"] * settings["models"] + copy
        sample = LAW.sample(settings["samples"], np.random.RandomState(seed))
        shift = {name: sample[name].mean() for name in ("visual", "textual")}
        gate, chance = ask(model, shift, dict.fromkeys(shift, 1.0), settings["cross_entropy"])
        pictures = [
            draw_map(axes[0, column], sample, gate, "gray", bayes_source),
            draw_map(axes[1, column], sample, chance, "bwr", bayes_class),
        ]
        error, area = scores["test/error_percent"][copy], scores["gate_auc"][copy]
        axes[0, column].set_title(f"{OUTCOMES[kind][0]}\nseed {seed}: error {error:.2f} %, AUC {area:.2f}", fontsize=9)
        axes[0, column].set_xlabel("")
    for row, label in enumerate(("gate z (1: x_v decides)", "P(C = 1)")):
        figure.colorbar(pictures[row], ax=axes[row, -1], label=label, ticks=[0, 0.5, 1])
        axes[row, 0].set_ylabel("textual modality")
    return plots.caption(figure, f"The first seed of each outcome. Dashed: Bayes rule. {plots.describe(run)}.")


def error_against_samples(run: Run) -> Figure | None:
    """Test error against the number of training samples, for every classifier of the study that has been run."""
    if study(run) != "samples":
        return None
    from gmu.studies.samples import VARIANTS

    figure, axis = plt.subplots(figsize=(6, 4))
    for variant in VARIANTS:
        if (shown := run.beside(variant)).finished:
            curve = read_json(shown.path / "curve.json")
            errors = np.array(curve["error_percent"])  # (sizes, copies)
            label = variant.removeprefix("samples_").replace("_", " ")
            spread = 2 * errors.std(1) / np.sqrt(errors.shape[1])
            axis.errorbar(curve["sizes"], errors.mean(1), spread, marker="o", ms=4, capsize=2, label=label)
    bayes = bayes_error(run)
    axis.axhline(bayes, color="black", ls="dashed", lw=1, label=f"Bayes rule, same\ntest samples ({bayes:.3f} %)")
    axis.set(xscale="log", yscale="log", xlabel="training samples", ylabel="test error (%)")
    axis.set_title("What the gate's structure buys with few samples")
    axis.legend(fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    where = plots.describe(run, epochs=run.config["settings"]["epochs"])
    return plots.caption(figure, f"Mean over the samples, bars: 2 standard errors. {where}.")


def bayes_error(run: Run) -> float:
    """Error of the Bayes rule in percent on the run's own test samples, which all classifiers share."""
    from gmu.studies import samples

    settings = run.config["settings"]
    names = ("seed", "test_examples")
    test = samples.load(samples.Config(**{name: settings[name] for name in names})).test
    odds, _ = bayes_log_odds(LAW, test["visual"], test["textual"])
    return 100 * float(((odds > 0) != test["label"]).mean())


def gains(run: Run) -> Figure | None:
    """Sorted gain over logistic regression in the experiments with random means."""
    if study(run) != "means":
        return None
    record, metrics = read_json(run.path / "experiments.json"), run.result["metrics"]
    gain = np.sort(record["gain"])[::-1]
    tie = run.config["settings"]["tie"]
    figure, axis = plt.subplots(figsize=(6, 3.6))
    colours = np.select([gain > tie, gain < -tie], ["tab:green", "tab:red"], "0.7")
    axis.bar(np.arange(len(gain)), gain, width=1.0, color=colours)
    parts = [f"{metrics[f'{name}_percent']:.1f} % {name}" for name in ("wins", "ties", "losses")]
    axis.set(xlabel="experiment, sorted", ylabel="gain in accuracy (points)", title=", ".join(parts))
    text = f"Accuracy of the unit minus that of logistic regression, fresh samples; ties within {tie} points"
    return plots.caption(figure, f"{text}. {plots.describe(run)}.")


DRAWN = (losses_of_seeds, gates_of_seeds, typical_copies, error_against_samples, gains)
FIGURES = {draw.__name__: draw for draw in DRAWN} | view_figures.FIGURES
# Figures that show several runs side by side: reproduce.py draws them again when all runs are there.
COMPARISONS = ("dropped_views", "damage", "error_against_samples")

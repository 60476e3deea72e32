"""The figures of the calibration study, drawn from finished runs; each returns None where it does not fit a run."""

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from calibration.metrics import binned, diagrams, uncertainty
from calibration.report import calibration_report
from reporting import plots
from training.run import Run, read_json

# Panel -> variants along its axis, with their labels there.
OBSERVATIONS = {
    "depth (layers)": {"depth_7": "7", "residual": "11", "depth_19": "19"},
    "width (channels)": {"width_4": "4", "residual": "16", "width_32": "32"},
    "batch normalisation": {"no_batch_normalisation": "without", "residual": "with"},
    "weight decay": {"decay_0": "0", "residual": "5e-4", "decay_5e-3": "5e-3"},
}


def logits_of(run: Run, split: str) -> tuple[np.ndarray, np.ndarray] | None:
    """Logits and labels of a split, or None where the run saved none."""
    path = run.path / f"{split}_logits.npz"
    if not path.exists():
        return None
    with np.load(path, allow_pickle=False) as archive:
        return archive["logits"], archive["labels"]


def reliability(run: Run) -> Figure | None:
    """Confidence histograms and reliability diagrams, as trained and with temperature (Guo et al., Figures 1, 4)."""
    test = logits_of(run, "test")
    if test is None:
        return None
    temperature = run.result["metrics"]["temperature"]
    figure = plt.figure(figsize=(7.5, 6))
    panels = {}
    for title, divisor in (("as trained", 1.0), (f"temperature {temperature:.3f}", temperature)):
        report = calibration_report(test[0] / divisor, test[1], draws=200)
        panels[title] = (binned.top_one(test[0] / divisor, test[1]), diagrams.summary_lines(report))
    diagrams.reliability_columns(figure, panels)
    return plots.caption(figure, f"{plots.describe(run)}; {len(test[1]):,} test images, 15 bins.")


def lenet_and_residual(run: Run) -> Figure | None:
    """The post's first figure: a LeNet beside a deeper, newer network, both as trained (Guo et al., Figure 1)."""
    pair = {name: run.beside(name) for name in ("lenet", "residual")}
    if run.config["variant"] not in pair or not all(other.finished for other in pair.values()):
        return None
    tests = {name: logits_of(other, "test") for name, other in pair.items()}
    titles = {"lenet": "LeNet-5", "residual": "residual network, 11 layers"}
    panels = {}
    for name, test in tests.items():
        report = calibration_report(*test, draws=200)
        panels[titles[name]] = (binned.top_one(*test), diagrams.summary_lines(report))
    figure = plt.figure(figsize=(7.5, 6))
    diagrams.reliability_columns(figure, panels)
    return plots.caption(figure, f"Both as trained: {plots.describe(run)}; 15 bins.")


def nll_against_temperature(run: Run) -> Figure | None:
    """The NLL of softmax(z / T) against T, where it is not convex, and against 1/T, where it is."""
    pairs = {split: logits_of(run, split) for split in ("train", "validation", "test")}
    if pairs["test"] is None:
        return None
    temperatures = np.geomspace(0.3, 8, 60)
    figure, axes = plt.subplots(1, 2, figsize=(8, 3.8), sharey=True)
    for split, (logits, labels) in pairs.items():
        values = [binned.nll(logits / t, labels).mean() for t in temperatures]
        dash = "--" if split == "validation" else "-"  # it nearly hides the test curve
        (line,) = axes[0].plot(temperatures, values, dash, label=split)
        axes[1].plot(1 / temperatures, values, dash, color=line.get_color())
        best = temperatures[int(np.argmin(values))]
        for axis, x in zip(axes, (best, 1 / best), strict=True):
            axis.plot(x, min(values), "o", color=line.get_color())
    axes[0].set(xlabel="temperature T", ylabel="NLL (nats)", title="against T: not convex")
    axes[1].set(xlabel="1 / T", title="against 1/T: convex")
    axes[0].set_ylim(0, 2.5 * binned.nll(*pairs["test"]).mean())
    axes[0].legend(title="the dot is the minimum")
    return plots.caption(figure, f"{plots.describe(run)}. T fitted on the training images is too small.")


def overfitting(run: Run) -> Figure | None:
    """NLL overfits while the error falls (Guo et al., Figure 3), and what each epoch's best temperature removes."""
    temperatures = run.config["settings"].get("temperatures")
    if not temperatures:
        return None
    rows = run.metrics()
    epochs = [row["epoch"] for row in rows]
    best = np.array([lowest(row, temperatures) for row in rows])  # (epochs, 2): T, NLL
    figure, axes = plt.subplots(1, 3, figsize=(10.5, 3.4))
    for split in ("train", "validation"):
        axes[0].plot(epochs, [100 * (1 - row[f"{split}/accuracy"]) for row in rows], label=split)
        axes[1].plot(epochs, [row[f"{split}/cross_entropy"] for row in rows], label=f"{split}, T = 1")
    axes[1].plot(epochs, best[:, 1], "--", color="black", label="validation, best T")
    axes[2].plot(epochs, best[:, 0], color="black")
    for axis, label in zip(axes, ("error (%)", "NLL (nats)", "best T on validation"), strict=True):
        axis.set(xlabel="epoch", ylabel=label)
        axis.xaxis.get_major_locator().set_params(integer=True)
    axes[0].legend()
    axes[1].legend(fontsize=8)
    return plots.caption(figure, f"{plots.describe(run)}; best of {len(temperatures)} temperatures, interpolated.")


def lowest(row: dict[str, float], temperatures) -> tuple[float, float]:
    """T and validation NLL where a parabola in log T through the best of the grid and its neighbours is lowest."""
    values = np.array([row[f"validation/nll_at_{t:g}"] for t in temperatures])
    middle = int(np.clip(values.argmin(), 1, len(values) - 2))
    chosen = slice(middle - 1, middle + 2)
    parabola = np.polynomial.Polynomial.fit(np.log(temperatures[chosen]), values[chosen], 2)
    log_t = np.clip(parabola.deriv().roots()[0], *np.log(temperatures)[[0, -1]])
    return float(np.exp(log_t)), float(parabola(log_t))


def floor(run: Run) -> Figure | None:
    """The ECE that a perfect model with this network's confidences would show, against the number of test samples."""
    test = logits_of(run, "test")
    if test is None:
        return None
    top = binned.top_one(test[0] / run.result["metrics"]["temperature"], test[1])
    sizes = np.unique(np.geomspace(min(100, len(test[1])), len(test[1]), 12).astype(int))
    order = np.random.default_rng(0).permutation(len(test[1]))
    rows = []
    for size in sizes:
        pick = order[:size]
        simulated = uncertainty.noise_floor(top.confidence[pick], top.correct[pick], draws=300)
        measured = binned.ece(top.confidence[pick], top.correct[pick])
        rows.append((uncertainty.expected_floor(top.confidence[pick]), simulated.mean, simulated.q95, measured))
    formula, mean, q95, measured = 100 * np.array(rows).T
    figure, axis = plt.subplots(figsize=(6, 4))
    axis.fill_between(sizes, mean, q95, color="0.8", label="floor: mean to 95th percentile")
    axis.plot(sizes, formula, color="black", linestyle=":", label="floor: formula")
    axis.plot(sizes, measured, "o-", color="tab:red", label="measured, after temperature scaling")
    axis.set(
        xscale="log", yscale="log", xlabel="test samples", ylabel="ECE (%)", title="An ECE below the band is noise"
    )
    axis.legend()
    return plots.caption(figure, f"{plots.describe(run)}; random subsets of the test images, 15 bins.")


def validation_size(run: Run) -> Figure | None:
    """T and test ECE when T is fitted on fewer validation images."""
    metrics = run.result["metrics"]
    sizes = sorted(int(name.split("_")[2].split("/")[0]) for name in metrics if name.endswith("/temperature"))
    if not sizes:
        return None
    figure, axes = plt.subplots(1, 2, figsize=(8, 3.4))
    for axis, name in zip(axes, ("temperature", "ece_percent"), strict=True):
        axis.plot(sizes, [metrics[f"validation_size_{size}/{name}"] for size in sizes], "o-")
        axis.set(xscale="log", xlabel="validation images")
    axes[0].set(ylabel="T")
    axes[1].axhline(metrics["temperature/ece_floor_percent"], color="black", linestyle=":", label="noise floor")
    axes[1].axhline(metrics["test/ece_percent"], color="tab:red", linestyle="--", label="uncalibrated")
    axes[1].set(ylabel="ECE on test (%)", ylim=(0, None))
    axes[1].legend()
    return plots.caption(figure, f"{plots.describe(run)}; one nested sequence of subsets.")


def observations(run: Run) -> Figure | None:
    """Error and ECE by depth, width, batch normalisation and weight decay (Guo et al., Figure 2), with error bars.

    Drawn with the runs of the last variant, when those of the others are there.
    """
    settings = run.config
    found = {name: siblings(run, name) for panel in OBSERVATIONS.values() for name in panel}
    if settings["variant"] != "overfit" or not all(found.values()):
        return None
    figure, axes = plt.subplots(1, 4, figsize=(11, 3.4), sharey=True)
    for axis, (title, panel) in zip(axes, OBSERVATIONS.items(), strict=True):
        series = {"test/error_percent": "error", "test/ece_percent": "ECE", "temperature/ece_percent": "ECE, scaled"}
        for metric, label in series.items():
            values = [[result["metrics"][metric] for result in found[name]] for name in panel]
            mean, sd = np.array([(np.mean(v), np.std(v, ddof=1) if len(v) > 1 else 0.0) for v in values]).T
            axis.errorbar(range(len(panel)), mean, sd, marker="o", capsize=3, label=label)
        axis.set(xticks=range(len(panel)), xticklabels=panel.values(), xlabel=title, xlim=(-0.3, len(panel) - 0.7))
    axes[0].set(ylabel="% on test", ylim=(0, 1.35 * axes[0].get_ylim()[1]))  # room for the legend
    axes[0].legend(fontsize=8)
    seeds = min(len(results) for results in found.values())
    title = run.environment["data"]["title"]
    return plots.caption(figure, f"Residual networks on {title}; mean and standard deviation of {seeds} seeds.")


def siblings(run: Run, variant: str) -> list[dict]:
    """Results of the finished runs of another variant on the same data, beside this run."""
    folder = run.path.parents[2] / variant / run.path.parent.name
    return [read_json(path) for path in sorted(folder.glob("seed*/result.json"))]


FIGURES = {
    "reliability": reliability,
    "lenet_and_residual": lenet_and_residual,
    "nll_against_temperature": nll_against_temperature,
    "overfitting": overfitting,
    "floor": floor,
    "validation_size": validation_size,
    "observations": observations,
}
# Figures that show several runs side by side: reproduce.py draws them again when all runs are there.
COMPARISONS = ("observations", "lenet_and_residual")

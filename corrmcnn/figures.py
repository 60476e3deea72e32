"""The figures of the slides and what their claims need to be seen, drawn from a finished run and its neighbours."""

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from corrnet import figures as two_views
from reporting import plots, tables
from training.run import Run

# The ablations in the order of the slides; the first five add the losses one by one, the others change one thing of l7.
LADDER = ("l1_l3", "l4", "l5", "l6", "l7")
CHANGES = ("no_batch_norm", "no_dropout", "sigmoid", "no_convolution", "no_deconvolution")
BARS = {
    "test/sum_correlation": "sum of correlations",
    "test/total_canonical_correlation": "total canonical correlation",
    "test/transfer_left_to_right_percent": "transfer left to right (%)",
    "test/transfer_right_to_left_percent": "transfer right to left (%)",
}
NETWORKS = {  # variant -> its label in the figure of gradients
    "l7": "ReLU, batch normalisation",
    "no_batch_norm": "ReLU",
    "sigmoid": "sigmoid, batch normalisation",
    "sigmoid_no_batch_norm": "sigmoid",
}


grid_row = two_views.grid_row  # for compare.py


def measured_on_test(draw):
    """`draw` for runs whose test split has been measured; None while settings are chosen on validation."""
    return lambda run: draw(run) if run.config["settings"]["measure_on"] == "test" else None


def finished(run: Run, variants: tuple[str, ...]) -> dict[str, Run]:
    """The finished runs of `variants` beside `run`: same data, same seed."""
    found = {variant: run.beside(variant) for variant in variants}
    return {variant: other for variant, other in found.items() if other.finished}


def gradient_norms(run: Run) -> Figure | None:
    """Norm of the loss's gradient for each layer's kernel, before the first and after the last step."""
    if run.config["variant"] not in NETWORKS:
        return None
    figure, axes = plt.subplots(1, 2, figsize=(10, 3.8), sharey=True)
    for axis, (when, title) in zip(axes, (("start", "before training"), ("end", "after training")), strict=True):
        for variant, other in finished(run, tuple(NETWORKS)).items():
            prefix = f"gradient/{when}/"
            norms = {name.removeprefix(prefix): value for name, value in other.result["metrics"].items()
                     if name.startswith(prefix) and "first_to" not in name}  # fmt: skip
            names = [name.replace("convolution", "conv").replace("_", " ") for name in norms]
            axis.plot(names, list(norms.values()), "o-", ms=4, label=NETWORKS[variant])
        axis.set(yscale="log", title=title)
        axis.tick_params(axis="x", rotation=45)
    axes[0].set_ylabel("gradient norm of the kernel")
    axes[0].legend(fontsize=8)
    text = "From the view to the rebuilt picture; 500 training pairs, mean of both views' kernels, loss of each run."
    return plots.caption(figure, f"{text} {plots.describe(run)}.")


def dropout_curves(run: Run) -> Figure | None:
    """Training and validation error with and without dropout: the gap is the over-fitting."""
    pair = finished(run, ("l7", "no_dropout"))
    if run.config["variant"] not in pair or len(pair) < 2:
        return None
    terms = {"reconstruction_from_left": "both views from the left one", "sum_correlation": "sum of correlations"}
    figure, axes = plt.subplots(1, 2, figsize=(9.4, 3.6))
    for axis, (term, title) in zip(axes, terms.items(), strict=True):
        for number, (variant, other) in enumerate(pair.items()):
            rows = other.metrics()
            label = "dropout" if variant == "l7" else "no dropout"
            for prefix, dash in (("train", "-"), ("validation", ":")):
                values = [row[f"{prefix}/{term}"] for row in rows]
                axis.plot([row["epoch"] for row in rows], values, f"C{number}{dash}", label=f"{label}, {prefix}")
        axis.set(xlabel="epoch", title=title)
        axis.xaxis.get_major_locator().set_params(integer=True)
    axes[0].legend(fontsize=8)
    return plots.caption(figure, f"Training terms are those with dropout active. {plots.describe(run)}.")


def ablation(run: Run) -> Figure | None:
    """What each loss and each part of the network brings, over all seeds that have finished."""
    if run.config["variant"] not in LADDER + CHANGES:
        return None
    data = run.path.parent.name
    folders = (run.path.parents[2] / variant / data for variant in LADDER + CHANGES)
    runs = [Run(path.parent) for folder in folders for path in sorted(folder.glob("seed*/result.json"))]
    rows = [row for row in tables.summarise(runs, "") if all(name in row["metrics"] for name in BARS)]
    if len(rows) < 2:
        return None
    figure, axes = plt.subplots(1, len(BARS), figsize=(12, 0.3 * len(rows) + 1.4), sharey=True)
    names = [f"{row['variant'].replace('_', ' ')} (n = {len(row['seeds'])})" for row in rows]
    for axis, (metric, title) in zip(axes, BARS.items(), strict=True):
        spreads = [row["metrics"][metric] for row in rows]
        colours = ["C0" if row["variant"] in LADDER else "C1" for row in rows]
        axis.barh(names, [s["mean"] for s in spreads], xerr=[s["sd"] for s in spreads], color=colours, capsize=3)
        low = min(s["mean"] - s["sd"] for s in spreads)
        axis.set_xlim(left=max(0.0, np.floor(0.9 * low)))
        axis.set_title(title, fontsize=9)
    axes[0].invert_yaxis()
    text = "Mean and standard deviation over seeds on test; blue: losses added one by one; orange: l7 with one change."
    return plots.caption(figure, f"{text} Axes do not start at 0. First of the runs: {plots.describe(runs[0])}.")


def without_lean(draw):
    """`draw` for runs whose codes are measured as they are or projected; their leaning units are not drawn."""
    return lambda run: None if run.config["settings"]["lean"] else draw(run)


FIGURES = {
    "reconstructions": measured_on_test(two_views.completions),
    "canonical_spectrum": measured_on_test(without_lean(two_views.canonical_spectrum)),
    "correlation_map": measured_on_test(without_lean(two_views.correlation_map)),
    "loss_terms": two_views.loss_terms,
    "gradient_norms": gradient_norms,
    "dropout_curves": dropout_curves,
    "ablation": measured_on_test(ablation),
}
# Figures that show several runs side by side: reproduce.py draws them again when all runs are there.
COMPARISONS = ("gradient_norms", "dropout_curves", "ablation")

"""The figure of the sweep over lambda, drawn from its finished run."""

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from reporting import plots
from training.run import Run

SWEEP = {
    "sum_correlation": "sum of unit correlations",
    "total_canonical_correlation": "total canonical correlation",
    "effective_rank": "effective rank",
}


def lambda_sweep(run: Run) -> Figure | None:
    """The headline rises with lambda while rank, canonical correlation and transfer fall."""
    metrics = run.result["metrics"]
    weights = run.config["settings"].get("weights")
    if not weights:
        return None
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.4, 3.8))

    def values(name):
        return [metrics[f"lambda_{weight:g}/{name}"] for weight in weights]

    positions = range(len(weights))
    for name, label in SWEEP.items():
        left.plot(positions, values(name), "o-", ms=4, label=label)
    for pair in ("left_to_right", "right_to_left"):
        right.plot(positions, values(f"transfer_{pair}_percent"), "o-", ms=4, label=pair.replace("_", " "))
    left.set(title="three measures of agreement (at most 50)", ylim=(0, 52))
    right.set(title="transfer accuracy (percent)")
    for axis in (left, right):
        axis.set_xticks(positions, [f"{weight:g}" for weight in weights])
        axis.set(xlabel="lambda, weight of the correlation")
        axis.legend()
    return plots.caption(figure, f"One training per lambda, same initial weights. {plots.describe(run)}.")


DEEP = {
    "dcca": ("deep CCA", "tab:blue"),
    "dcca_eckart_young": ("Eckart-Young objective", "tab:orange"),
    "dcca_noise_regularised": ("noise-regularised", "tab:green"),
}


def collapse(run: Run) -> Figure | None:
    """Correlation of training and held-out pairs against epochs: which deep CCA loses what it had found."""
    settings = run.config["settings"]
    if settings.get("rival") != "dcca" or settings.get("views", "halves") != "halves":
        return None
    tag = "".join(run.config["variant"].partition("@")[1:])
    figure, axes = plt.subplots(1, 2, figsize=(9.4, 3.8))
    for name, (label, colour) in DEEP.items():
        for path in sorted(run.beside(name + tag).path.parent.glob("seed*")):
            if (other := Run(path)).finished:
                rows, objective = other.metrics(), other.config["settings"]["objective"]
                for part, line in (("train", ":"), ("validation", "-")):
                    values = [-row[f"{part}/{objective}"] for row in rows]
                    axis = axes[int(objective == "eckart_young")]
                    axis.plot(
                        [row["epoch"] for row in rows], values, line, color=colour, lw=1.2, label=f"{label}, {part}"
                    )
    axes[0].set(ylabel="total canonical correlation", title="canonical objective")
    axes[1].set(ylabel="minus the loss", title="Eckart-Young objective")
    for axis in axes:
        drawn = np.concatenate([line.get_ydata() for line in axis.lines] or [[0, 1]])
        held_out = np.concatenate([line.get_ydata() for line in axis.lines if line.get_linestyle() == "-"] or [[0, 1]])
        margin = 0.05 * (drawn.max() - held_out.min())
        axis.set_ylim(held_out.min() - margin, drawn.max() + margin)  # the first batches lie far below
        axis.set(xlabel="epoch")
        handles = dict(zip(*axis.get_legend_handles_labels()[::-1], strict=True))
        axis.legend(handles.values(), handles.keys(), fontsize=8)
    return plots.caption(figure, f"Dotted: batches in training; solid: held-out pairs. {plots.describe(run)}.")


FIGURES = {"lambda_sweep": lambda_sweep, "collapse": collapse}
COMPARISONS = ("collapse",)

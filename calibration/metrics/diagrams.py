"""Drawing on axes: reliability diagrams and confidence histograms. Reads numbers, computes no model."""

import numpy as np
from matplotlib.axes import Axes

from calibration.metrics import binned


def reliability_columns(figure, panels: dict[str, tuple[binned.TopOne, list[str]]]) -> None:
    """One column for each entry: a confidence histogram above a reliability diagram (Guo et al. 2017, Figure 1).

    Args:
        figure: an empty matplotlib figure.
        panels: title -> (top-one predictions, lines to write into the diagram).
    """
    axes = figure.subplots(2, len(panels), sharex=True, sharey="row", squeeze=False, height_ratios=[1, 2.2])
    for column, (title, (top, lines)) in enumerate(panels.items()):
        histogram(axes[0, column], top)
        axes[0, column].set_title(title)
        reliability(axes[1, column], top)
        axes[1, column].text(0.04, 0.96, "\n".join(lines), va="top", fontsize=8)
        axes[1, column].set_xlabel("confidence")
    axes[0, 0].set_ylabel("share of samples")
    axes[1, 0].set_ylabel("accuracy")
    axes[0, 0].legend(loc="upper left", fontsize=8)
    axes[1, -1].legend(loc="lower right", fontsize=8, frameon=True, framealpha=0.9)


def histogram(axis: Axes, top: binned.TopOne) -> None:
    """Share of samples in each bin of confidence, with the means of confidence and accuracy."""
    edges = binned.equal_width_edges()
    weights = np.full(len(top.confidence), 1.0 / len(top.confidence))
    axis.hist(top.confidence, bins=edges, weights=weights, color="tab:blue", alpha=0.6)
    axis.axvline(top.confidence.mean(), color="tab:red", linestyle="--", label="mean confidence")
    axis.axvline(top.correct.mean(), color="black", label="accuracy")
    axis.set_ylim(0, 1)


def reliability(axis: Axes, top: binned.TopOne) -> None:
    """Accuracy against mean confidence of every bin, and the band where 95 % of perfect models' bins fall."""
    table = [row for row in binned.reliability_table(top.confidence, top.correct) if row.count]
    lower, upper, mean, accuracy = (
        np.array([getattr(row, name) for row in table]) for name in ("lower", "upper", "confidence", "accuracy")
    )
    index = binned.equal_width_index(top.confidence)
    deviation = np.array([_deviation(top, index == number) for number in np.unique(index)])
    low, high = np.clip(mean - 1.96 * deviation, 0, 1), np.clip(mean + 1.96 * deviation, 0, 1)
    axis.bar(lower, accuracy, upper - lower, align="edge", color="tab:blue", alpha=0.6, edgecolor="white")
    axis.bar(lower, high - low, upper - lower, low, align="edge", color="0.6", alpha=0.5, label="95 % band if perfect")
    axis.plot([0, 1], [0, 1], color="black", linewidth=1, linestyle=":")
    axis.plot(mean, accuracy, "o", color="tab:red", markersize=3, label="bin: confidence, accuracy")
    axis.set(xlim=(0, 1), ylim=(0, 1))


def _deviation(top: binned.TopOne, members: np.ndarray) -> float:
    """Standard deviation of a bin's accuracy when every prediction is right with its confidence."""
    return float(np.sqrt((top.confidence[members] * top.complement[members]).sum()) / members.sum())


def summary_lines(report: dict) -> list[str]:
    """The numbers that belong into a reliability diagram."""
    floor = report["noise_floor"]
    return [
        f"error {report['error_percent']:.2f} %",
        f"ECE {report['ece_percent']:.2f} % (floor {floor['mean_percent']:.2f})",
        f"smooth ECE {report['smooth_ece_percent']:.2f} %",
        f"NLL {report['nll_nats']:.4f}",
    ]

"""Figures that lay a run beside the finished runs in the same runs folder: other variants, seeds, amounts of data."""

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from capsnet.figures import of_trainings
from reporting import plots
from reporting.runs import of_the_same_method
from reporting.tables import spread
from training.run import Run, read_json

ERROR = "test/error_percent"
BASELINES = ("cnn_5x5", "cnn_9x9", "cnn_paper")
AMOUNT_LABELS = {"rotated": "rotation (degrees)", "shifted": "shift to the right (pixels)", "scaled": "scale"}
UNTOUCHED = {"rotated": 0.0, "shifted": 0.0, "scaled": 1.0}


def robustness(run: Run) -> Figure | None:
    """Error on rotated, shifted and scaled test images, beside the convolutional baselines on the same data."""
    if run.config["settings"]["pairs"]:
        return None
    runs = {run.config["variant"]: run}
    for other in of_the_same_method(run):
        if other.config["variant"] in BASELINES and other.path.parts[-2:] == run.path.parts[-2:]:
            runs[other.config["variant"]] = other
    figure, axes = plt.subplots(1, 3, figsize=(11, 3.4), sharey=True)
    for name, one in runs.items():
        table = read_json(one.path / "robustness.json")
        for axis, (kind, row) in zip(axes, table.items(), strict=True):
            points = {float(amount): error for amount, error in row.items()}
            points[UNTOUCHED[kind]] = one.result["metrics"][ERROR]
            amounts = sorted(points)
            axis.plot(amounts, [points[amount] for amount in amounts], marker="o", markersize=3, label=name)
            axis.set(xlabel=AMOUNT_LABELS[kind])
    axes[0].set(ylabel="test error (%)")
    axes[0].legend(fontsize=8)
    return plots.caption(
        figure,
        "Evenly spaced test images, bilinear; the untouched point is the whole test split. "
        f"{plots.describe(run)}; baselines: same data and seed.",
    )


def errors_by_variant(run: Run) -> dict[str, list[float]]:
    """Test errors over seeds of every variant with the data and epochs of `run`."""
    values: dict[str, list[float]] = {}
    for other in of_the_same_method(run):
        same = other.config["data"] == run.config["data"] and other.result["epochs"] == run.result["epochs"]
        if same and other.config["settings"].get("pairs", 1) == 0:
            values.setdefault(other.config["variant"], []).append(other.result["metrics"][ERROR])
    return values


def ablation(run: Run) -> Figure | None:
    """Test error of every variant that was trained on the same data for as long; drawn in the folder of routing_3."""
    if run.config["variant"].partition("@")[0] != "routing_3":
        return None
    values = errors_by_variant(run)
    figure, axis = plt.subplots(figsize=(6.4, 0.42 * len(values) + 1.4))
    for line, (_, errors) in enumerate(sorted(values.items(), reverse=True)):
        summary = spread(errors)
        axis.errorbar(summary["mean"], line, xerr=summary["sd"], fmt="o", capsize=3, color="tab:blue")
        axis.plot(errors, np.full(len(errors), line), "|", color="0.5")
    axis.set_yticks(range(len(values)), [f"{name} (n = {len(values[name])})" for name in sorted(values, reverse=True)])
    axis.set(xlabel="test error (%)")
    return plots.caption(figure, f"Mean, standard deviation and values over seeds. As {plots.describe(run)}.")


def training_set_size(run: Run) -> Figure | None:
    """Test error against the number of training images, capsules beside the baselines; of runs on part of the data."""
    settings = run.config["settings"]
    if not settings["train_examples"] or settings["pairs"]:
        return None
    name = run.config["data"].partition("-")[0]
    points: dict[str, dict[int, list[float]]] = {}
    for other in of_the_same_method(run):
        settings = other.config["settings"]
        if other.config["data"].partition("-")[0] == name and settings.get("pairs", 1) == 0:
            sizes = points.setdefault(other.config["variant"], {})
            sizes.setdefault(other.result["counts"]["train"], []).append(other.result["metrics"][ERROR])
    figure, axis = plt.subplots(figsize=(5.4, 3.6))
    for variant, sizes in points.items():
        summaries = {size: spread(errors) for size, errors in sorted(sizes.items())}
        means, deviations = zip(*[(s["mean"], s["sd"]) for s in summaries.values()], strict=True)
        axis.errorbar(list(summaries), means, yerr=deviations, marker="o", capsize=3, label=variant)
    axis.set(xscale="log", xlabel="training images", ylabel="test error (%)")
    axis.legend(fontsize=8)
    return plots.caption(figure, f"Mean and standard deviation over seeds of all runs beside {plots.describe(run)}.")


DRAWN = {"robustness": robustness, "ablation": ablation, "training_set_size": training_set_size}
FIGURES = {name: of_trainings(draw) for name, draw in DRAWN.items()}
COMPARISONS = tuple(FIGURES)

"""Figures that lay a run beside the finished runs in the same runs folder: other variants, seeds, amounts of data."""

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from capsnet.figures import of_trainings
from capsnet.studies.viewpoint import HEADS
from reporting import plots
from reporting.runs import of_the_same_method
from reporting.tables import spread
from training.run import Run, read_json

ERROR = "test/error_percent"
BASELINES = ("cnn_5x5", "cnn_9x9", "cnn_paper")
AMOUNT_LABELS = {"rotated": "rotation (degrees)", "shifted": "shift to the right (pixels)", "scaled": "scale"}
LABELS = {"efficient": "capsules, self-attention", "routed": "capsules, routing", "max_pool": "max pooling",
          "average_pool": "average over positions"}  # fmt: skip
COLOURS = dict(zip(HEADS, ("tab:blue", "tab:cyan", "tab:orange", "tab:red"), strict=True))
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


def viewpoint(run: Run) -> Figure | None:
    """Error on deformed against plain digits, epoch by epoch: who sees more where they read plain ones alike."""
    if not run.config["variant"].startswith("viewpoint_"):
        return None
    equal = run.config["settings"]["equal_at"]
    figure, axis = plt.subplots(figsize=(5.8, 4.2))
    for head in HEADS:
        seeds = [Run(path) for path in sorted(run.beside(f"viewpoint_{head}").path.parent.glob("seed*"))]
        for index, other in enumerate(one for one in seeds if one.finished):
            rows = other.metrics()
            plain, affine = (
                [100 * (1 - row[f"validation/{kind}accuracy"]) for row in rows] for kind in ("", "affine_")
            )
            kind = {"marker": "o", "ms": 3, "color": COLOURS[head], "lw": 0.9}
            axis.plot(plain, affine, "-" if "pool" not in head else "--", label=None if index else LABELS[head], **kind)
    axis.axvline(equal, color="0.6", lw=1)
    axis.set(xlabel="error on plain digits (%)", ylabel="error on deformed digits (%)")
    axis.set_title("Digits never seen turned, sheared or stretched")
    plots.plain_log_scale(axis, "xy")
    axis.legend(fontsize=8)
    text = f"Validation images, a point per epoch, a line per seed; the grey line: equal at {equal:g} %"
    return plots.caption(figure, f"{text}. {plots.describe(run)}.")


def few_images(run: Run) -> Figure | None:
    """Test error against the number of training images, plain and deformed, by what follows the convolutions."""
    if not run.config["variant"].startswith("few_"):
        return None
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.8), sharey=True)
    name = run.config["data"].partition("-")[0]
    for head in HEADS:
        points: dict[int, list[dict]] = {}
        for path in run.beside(f"few_{head}").path.parents[1].glob(f"{name}-*/seed*"):
            if (other := Run(path)).finished:
                points.setdefault(other.result["counts"]["train"], []).append(other.result["metrics"])
        if not points:
            continue
        for axis, metric in zip(axes, (ERROR, "test/affine_error_percent"), strict=True):
            rows = [spread([metrics[metric] for metrics in points[size]]) for size in sorted(points)]
            means, deviations = [row["mean"] for row in rows], [row["sd"] for row in rows]
            kind = {"marker": "o", "capsize": 3, "color": COLOURS[head], "label": LABELS[head]}
            axis.errorbar(sorted(points), means, yerr=deviations, ls="--" if "pool" in head else "-", **kind)
    for axis, title in zip(axes, ("plain digits", "deformed digits"), strict=True):
        plots.plain_log_scale(axis, "xy")
        axis.set(xlabel="training images", title=title)
    axes[0].set(ylabel="test error (%)")
    axes[0].legend(fontsize=8)
    return plots.caption(figure, f"Mean and standard deviation over seeds; equal parameters. {plots.describe(run)}.")


DRAWN = {"robustness": robustness, "ablation": ablation, "training_set_size": training_set_size}
FIGURES = {name: of_trainings(draw) for name, draw in DRAWN.items()}
FIGURES |= {"viewpoint": viewpoint, "few_images": few_images}
COMPARISONS = tuple(FIGURES)

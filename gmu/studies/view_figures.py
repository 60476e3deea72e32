"""Figures of the study of views: what the gate sees and decides, dropped views, three gates on a simplex."""

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from reporting import plots
from training.run import Run, read_json

COLOURS = ("tab:blue", "tab:orange", "tab:green")
SIMPLEX = np.array([[0, 0], [1, 0], [0.5, 3**0.5 / 2]])  # corners for three modalities


def read_gates(run: Run) -> dict[str, np.ndarray] | None:
    """Mean gates (n, K), sources, labels and some views of the test split; None for a model without gates."""
    path = run.path / "gates.npz"
    if not path.exists():
        return None
    with np.load(path, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def view_names(record) -> list[str]:
    """Names of the views, in the order of the gates."""
    return [name.removeprefix("view_") for name in record if name.startswith("view_")]


def examples(run: Run) -> Figure | None:
    """Some test samples with the gate of each view; a frame marks the view that was not corrupted."""
    if (record := read_gates(run)) is None:
        return None
    names = view_names(record)
    count = len(record[f"view_{names[0]}"])
    figure, axes = plt.subplots(len(names), count, figsize=(0.9 * count + 0.6, 1.6 * len(names) + 0.5), squeeze=False)
    for row, name in enumerate(names):
        for column in range(count):
            axis, good = axes[row, column], record["source"][column] == row
            axis.imshow(record[f"view_{name}"][column, :, :, 0], cmap="gray_r", vmin=0, vmax=1)
            axis.set(xticks=[], yticks=[])
            axis.grid(False)
            for spine in axis.spines.values():
                spine.set(visible=True, color="tab:green" if good else "0.85", linewidth=2.5 if good else 1)
            axis.set_xlabel(f"{record['gates'][column, row]:.2f}", fontsize=8, labelpad=2)
            if row == 0:
                axis.set_title(record["label"][column], fontsize=9)
        axes[row, 0].set_ylabel(name)
    text = "Above: the class; below each view: its mean gate; green frame: the view that was not corrupted"
    return plots.caption(figure, f"{text}. Test split; {plots.describe(run)}.")


def gates(run: Run) -> Figure | None:
    """Histogram of the first view's gate, for samples whose first view is good and for the others."""
    if (record := read_gates(run)) is None or record["gates"].shape[1] != 2:
        return None
    names = view_names(record)
    figure, axis = plt.subplots(figsize=(6, 3.4))
    for source, name in enumerate(names):
        values = record["gates"][record["source"] == source, 0]
        axis.hist(
            values, np.linspace(0, 1, 51), color=COLOURS[source], alpha=0.65, label=f"{name} view is the good one"
        )
    axis.set(xlabel=f"gate of the {names[0]} view (mean over units)", ylabel="test samples")
    axis.set_title(f"The gate finds the good view: AUC {run.result['metrics']['gate_auc']:.4f}")
    axis.legend(loc="upper center")
    return plots.caption(figure, f"{plots.describe(run)}.")


def simplex(run: Run) -> Figure | None:
    """The gates of three views as points of a triangle, coloured by the view that was not corrupted."""
    if (record := read_gates(run)) is None or record["gates"].shape[1] != 3:
        return None
    names, shown = view_names(record), slice(0, 1500)
    points = record["gates"][shown] @ SIMPLEX
    figure, axis = plt.subplots(figsize=(5, 4.6))
    axis.fill(*SIMPLEX.T, facecolor="none", edgecolor="0.5")
    for source, name in enumerate(names):
        rows = record["source"][shown] == source
        axis.scatter(*points[rows].T, s=6, alpha=0.5, color=COLOURS[source], label=f"{name} view is the good one")
    for corner, name, where in zip(SIMPLEX, names, ("top", "top", "bottom"), strict=True):
        axis.text(*corner, f"\n{name}\n", ha="center", va=where)
    axis.set(aspect="equal", title="Gates of three views", xlim=(-0.15, 1.15), ylim=(-0.15, 1.05))
    axis.axis("off")
    axis.legend(loc="upper right", fontsize=7, bbox_to_anchor=(1.1, 1.0))
    return plots.caption(figure, f"1,500 test samples; a corner: only that view counts. {plots.describe(run)}.")


def dropped_views(run: Run) -> Figure | None:
    """Test error against the share of samples that lose a view, for every variant that was run on these views."""
    if not (run.path / "dropped.json").exists():
        return None
    cut = run.config["settings"]["cut"]
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.8), sharey=True)
    for other in siblings(run):
        if other.config["settings"]["cut"] == cut:
            record = read_json(other.path / "dropped.json")
            label = other.config["variant"].removeprefix("views_").replace("_", " ")
            for axis, which in zip(axes, ("random", "corrupted"), strict=True):
                axis.plot(100 * np.array(record["share"]), record[which], marker="o", ms=4, label=label)
    axes[0].set(title="A random view is missing", ylabel="test error (%)")
    axes[1].set(title="A corrupted view is missing")
    for axis in axes:
        axis.set(xlabel="test samples that lose a view (%)")
    axes[0].legend(fontsize=8)
    text = "The unit is told which view is missing (a mask); the baselines get zeros. Trained on complete samples"
    return plots.caption(figure, f"{text}. {plots.describe(run)}.")


def damage(run: Run) -> Figure | None:
    """Test error against the number of broken and of missing views, for every variant beside this one."""
    if not (run.path / "damage.json").exists():
        return None
    from gmu.studies.multiview import VARIANTS

    figure, axes = plt.subplots(1, 2, figsize=(10.5, 3.6), sharey=True)
    for other in filter(lambda one: one.finished, map(run.beside, VARIANTS)):
        record = read_json(other.path / "damage.json")
        gated = "gmu" in other.config["variant"] or "mixture" in other.config["variant"]
        label = other.config["variant"].removeprefix("multiview_").replace("_", " ")
        for axis, kind in zip(axes, ("broken", "missing"), strict=True):
            axis.plot(record[kind], "-o" if gated else "--s", ms=4, label=label)
    for axis, kind in zip(axes, ("broken", "missing"), strict=True):
        axis.set(xlabel=f"{kind} views of every test sample", title=f"Some views are {kind}")
        plots.plain_log_scale(axis)
    axes[0].set(ylabel="test error (%)")
    axes[1].legend(fontsize=8, loc="center left", bbox_to_anchor=(1.02, 0.5))
    text = "Solid: with gates; dashed: without. Of missing views the unit is told; the others get zeros, the means"
    return plots.caption(figure, f"{text}. {plots.describe(run)}.")


def siblings(run: Run) -> list[Run]:
    """Finished runs of all variants of gmu.studies.views on the same data with the same seed."""
    from gmu.studies.views import VARIANTS

    tag = run.config["variant"].partition("@")[1:]
    others = [run.beside("".join((name, *tag))) for name in VARIANTS]
    return [other for other in others if other.finished]


FIGURES = {draw.__name__: draw for draw in (examples, gates, simplex, dropped_views, damage)}

"""What readers of CorrNet look for, drawn from a finished run."""

import functools

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from threadpoolctl import threadpool_limits

from corrnet import cca, evaluate
from data.dataset import pixels
from data.splits import first_of_each_class
from reporting import plots
from reporting.runs import dataset_of
from training.run import Run

PIXEL_CORRELATIONS: dict[str, np.ndarray] = {}  # checksum of a data set -> its own
SAMPLES = 500  # points per view in the embedding


@functools.lru_cache(maxsize=1)
def material(path):
    """Network, data set and codes (train, test), projected where the run is measured after projection.

    None without a network that encodes views.
    """
    run = Run(path)
    if not (path / "model.keras").exists():
        return None
    network = run.load_model()
    if not hasattr(network, "encode"):
        return None
    settings, dataset = run.config["settings"], dataset_of(run)
    codes = tuple(evaluate.encode_split(network, split) for split in (dataset.train, dataset.test))
    project = settings.get("project") or not hasattr(network, "decode")
    return network, dataset, evaluate.canonical_variates(*codes) if project else codes


def grid_row(run: Run) -> dict[str, np.ndarray]:
    """For compare.py: test images, and each with its right half drawn from its left; nothing for features."""
    found = material(run.path)
    if found is None or not hasattr(found[0], "decode") or found[1].test["left"].ndim != 4:
        return {}
    network, dataset, _ = found
    first = first_of_each_class(dataset.test)
    left, right = (pixels(dataset.test[view][first]) for view in ("left", "right"))
    drawn = np.asarray(network.decode(network.encode(left=left))["right"])
    return {"image": np.concatenate([left, right], axis=2), "completed": np.concatenate([left, drawn], axis=2)}


def completions(run: Run) -> Figure | None:
    """One test image per class, and what the network makes of either half alone."""
    found = material(run.path)
    if found is None or not hasattr(found[0], "decode"):
        return None
    network, dataset, _ = found
    if dataset.test["left"].ndim != 4 or dataset.test["left"].shape != dataset.test["right"].shape:
        return None  # features, not halves of a picture
    first = first_of_each_class(dataset.test)
    left, right = (pixels(dataset.test[view][first]) for view in ("left", "right"))
    from_left = network.decode(network.encode(left=left))["right"]
    from_right = network.decode(network.encode(right=right))["left"]
    blank = np.full_like(left, 0.12)
    rows = {
        "left half": (left, blank),
        "right rebuilt": (left, from_left),
        "the image": (left, right),
        "left rebuilt": (from_right, right),
        "right half": (blank, right),
    }
    pictures = {name: np.clip(np.concatenate(halves, axis=2), 0, 1) for name, halves in rows.items()}
    figure = plots.image_rows(pictures)
    return plots.caption(figure, f"First test image of each class; each rebuilt from one half. {plots.describe(run)}.")


def canonical_spectrum(run: Run) -> Figure | None:
    """Correlations unit by unit, and what is left of them when units must differ."""
    found = material(run.path)
    if found is None:
        return None
    _, dataset, (train, test) = found
    curves = {
        "unit k with unit k": cca.unit_correlations(test.left, test.right),
        "canonical, of the codes": cca.canonical_correlations((train.left, train.right), (test.left, test.right)),
        "canonical, of the pixels (linear CCA)": pixel_correlations(dataset, train.left.shape[1]),
    }
    figure, axis = plt.subplots(figsize=(6.5, 3.8))
    for (name, values), style in zip(curves.items(), ("-", "-", "--"), strict=True):
        ranks = np.arange(1, len(values) + 1)
        axis.plot(ranks, np.sort(values)[::-1], style, label=f"{name}: sum {values.sum():.1f}")
    axis.set(xlabel="rank", ylabel="correlation on test", ylim=(min(0, axis.get_ylim()[0]), 1.02))
    axis.set_title("Correlated units are not different units")
    axis.legend()
    return plots.caption(figure, f"Canonical directions fitted on train, read on test. {plots.describe(run)}.")


def pixel_correlations(dataset, components):
    """Test correlations (components,) of the linear CCA of the pixels; all those of the newest data set are kept."""
    checksum = dataset.provenance["checksum"]
    if checksum not in PIXEL_CORRELATIONS:
        flat = {name: [np.reshape(pixels(split[view]), (len(split[view]), -1)) for view in evaluate.OTHER]
                for name, split in (("train", dataset.train), ("test", dataset.test))}  # fmt: skip
        PIXEL_CORRELATIONS.clear()
        fitted = cca.fit_cca(*flat["train"], min(view.shape[1] for view in flat["train"]))
        PIXEL_CORRELATIONS[checksum] = cca.unit_correlations(*fitted.transform(*flat["test"]))
    return PIXEL_CORRELATIONS[checksum][:components]


def correlation_map(run: Run) -> Figure | None:
    """|correlation| of every unit of the left code with every unit of the right code, and within the left code."""
    found = material(run.path)
    if found is None:
        return None
    _, _, (_, test) = found
    units = test.left.shape[1]
    with np.errstate(invalid="ignore", divide="ignore"):
        table = np.abs(np.nan_to_num(np.corrcoef(test.left, test.right, rowvar=False)))
    panels = {"left with right": table[:units, units:], "left with left": table[:units, :units]}
    figure, axes = plt.subplots(1, 2, figsize=(8.4, 4.2))
    for axis, (title, values) in zip(axes, panels.items(), strict=True):
        picture = axis.imshow(values, vmin=0, vmax=1, cmap="magma", interpolation="nearest")
        axis.set(title=title, xlabel="unit", ylabel="unit")
        axis.grid(False)
    figure.colorbar(picture, ax=axes, label="|correlation|", shrink=0.8)
    return plots.caption(figure, f"Codes of the test images; off-diagonal light is redundancy. {plots.describe(run)}.")


def embedding(run: Run) -> Figure | None:
    """Codes of both views in two dimensions: the same class should lie together whichever half it came from."""
    found = material(run.path)
    if found is None:
        return None
    from sklearn.manifold import TSNE

    _, dataset, (_, test) = found
    rows = np.arange(min(SAMPLES, len(test.left)))
    labels = np.zeros(len(rows), int) if test.labels is None else test.labels[rows]
    classes = max(1, dataset.classes)
    codes = np.concatenate([test.left[rows], test.right[rows]])
    perplexity = min(30.0, (len(codes) - 1) / 3)
    with threadpool_limits(1):  # few points: threads would mostly wait for each other
        points = TSNE(init="pca", perplexity=perplexity, max_iter=500, random_state=0).fit_transform(codes)
    figure, axis = plt.subplots(figsize=(6.4, 5.4))
    for part, marker in ((points[: len(rows)], "o"), (points[len(rows) :], "^")):
        cmap = "tab10" if classes <= 10 else "tab20"
        axis.scatter(*part.T, s=14, c=labels, cmap=cmap, marker=marker, vmin=-0.5, vmax=classes - 0.5, lw=0)
    if classes > 1:
        colours = figure.colorbar(axis.collections[0], ax=axis, ticks=range(min(classes, 20)), label="class")
        colours.ax.tick_params(length=0)
    marks = [Line2D([], [], marker=marker, ls="", color="0.4") for marker in "o^"]
    axis.legend(marks, ["code of the left half", "code of the right half"], loc="upper right", frameon=True)
    axis.set(xticks=[], yticks=[], title="t-SNE of the codes of either half")
    axis.grid(False)
    return plots.caption(figure, f"{len(rows)} test images, two points each. {plots.describe(run)}.")


def loss_terms(run: Run) -> Figure | None:
    """Each term of the loss over epochs, on training and validation data."""
    rows = run.metrics() if (run.path / "metrics.csv").exists() else []
    names = [name.partition("/")[2] for name in (rows[0] if rows else {}) if name.startswith("train/")]
    names = [name for name in names if name != "loss"]
    if "sum_correlation" not in names:
        return None
    errors = [name for name in names if name.startswith("reconstruction")]
    groups = {"reconstruction error": errors} if errors else {}
    settings = run.config["settings"]
    if settings.get("canonical_weight"):
        shared = settings.get("neighbour_share")
        groups["canonical correlation with neighbours" if shared else "total canonical correlation"] = ["canonical"]
    else:
        groups["sum of correlations"] = ["sum_correlation"]
    figure, axes = plt.subplots(1, len(groups), figsize=(4.6 * len(groups), 3.6), squeeze=False)
    epochs = [row["epoch"] for row in rows]
    for axis, (title, members) in zip(axes[0], groups.items(), strict=True):
        for number, name in enumerate(members):
            label = name.removeprefix("reconstruction_").replace("_", " ")
            axis.plot(epochs, [row[f"train/{name}"] for row in rows], f"C{number}", label=label)
            axis.plot(epochs, [row[f"validation/{name}"] for row in rows], f"C{number}", ls=":")
        axis.set(xlabel="epoch", title=title)
        axis.xaxis.get_major_locator().set_params(integer=True)
        if len(members) > 1:
            axis.legend()
    return plots.caption(figure, f"Solid: training; dotted: validation; means over batches. {plots.describe(run)}.")


FIGURES = {
    "completions": completions,
    "canonical_spectrum": canonical_spectrum,
    "correlation_map": correlation_map,
    "embedding": embedding,
    "loss_terms": loss_terms,
}

"""The figures of the DenseNet study, drawn from finished runs; each returns None where it does not fit a run."""

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from reporting import plots
from training.run import Run


def connectivity(run: Run) -> Figure | None:
    """Mean |weight| from every earlier layer (columns) to every layer (rows) of each dense block.

    DenseNet, Huang et al. 2017, Figure 5: bright cells far left of the diagonal are features reused late. Each row is
    divided by its largest cell.
    """
    if run.config["settings"].get("connection") != "dense" or run.config["settings"]["bottleneck"]:
        return None
    model = run.load_model()
    blocks = [layer for layer in model.layers if layer.name.startswith("block")]
    figure, axes = plt.subplots(1, len(blocks), figsize=(3.4 * len(blocks), 4))
    for axis, block in zip(axes, blocks, strict=True):
        image = axis.imshow(reuse(block), cmap="viridis", vmin=0, vmax=1)
        axis.grid(False)
        axis.set_xticks(range(block.depth), ["input", *range(1, block.depth)])
        axis.set_yticks(range(block.depth), range(1, block.depth + 1))
        axis.set(xlabel="from layer", title=block.name.replace("block", "dense block "))
    axes[0].set_ylabel("to layer")
    figure.colorbar(image, ax=axes, label="mean |weight|, row maximum 1")
    return plots.caption(figure, plots.describe(run))


def reuse(block) -> np.ndarray:
    """(depth, depth) mean |weight| of layer s + 1 on the features of source s, NaN where there is no connection."""
    table = np.full((block.depth, block.depth), np.nan)
    for row, unit in enumerate(block.units):
        weight = np.abs(np.asarray(unit[-1].convolve.kernel)).mean(axis=(0, 1, 3))  # one number per input channel
        first = len(weight) - row * block.width  # channels of the block's input
        sources = [weight[:first], *weight[first:].reshape(row, block.width)]
        table[row, : row + 1] = [source.mean() for source in sources]
    return table / np.nanmax(table, axis=1, keepdims=True)


def curves(run: Run) -> Figure | None:
    """Error over epochs."""
    if "connection" not in run.config["settings"]:
        return None
    rows = run.metrics()
    figure, axis = plt.subplots(figsize=(6, 3.6))
    for split in ("train", "validation"):
        errors = [100 * (1 - row[f"{split}/accuracy"]) for row in rows]
        axis.plot([row["epoch"] for row in rows], errors, label=split)
    axis.set(xlabel="epoch", ylabel="error (%)", title="Error while training")
    axis.xaxis.get_major_locator().set_params(integer=True)
    plots.plain_log_scale(axis)
    axis.legend()
    return plots.caption(figure, f"{plots.describe(run)}; training error with dropout.")


FIGURES = {"connectivity": connectivity, "curves": curves}

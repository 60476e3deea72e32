"""The figures of the Sub-pixel post: the shuffle, and two decoders trained in lockstep."""

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from autoencoders.subpixel.layers import convert_kernel
from reporting import plots
from reporting.runs import config_of
from training.run import Run, read_json


def shuffle(run: Run) -> Figure | None:
    """The Sub-pixel post's example, 1 x 4 x 4 to 1 x 8 x 8: four low-resolution maps become one picture."""
    if config_of(run).upsampling != "subpixel":
        return None
    image = np.add.outer(np.arange(4.0), np.arange(4.0)) / 6
    kernel = np.outer([1, 3, 3, 1], [1, 3, 3, 1])[..., None, None] / 16
    phases = convert_kernel(kernel, 2)[:, :, 0]  # (2, 2, 4)
    padded = np.pad(image, 1)
    taps = [padded[u : u + 5, v : v + 5, None] * phases[u, v] for u in range(2) for v in range(2)]
    maps = np.sum(taps, axis=0)  # (5, 5, 4): one value of each phase per low-resolution place
    large = maps.reshape(5, 5, 2, 2).transpose(0, 2, 1, 3).reshape(10, 10)[1:-1, 1:-1]
    figure, axes = plt.subplots(1, 6, figsize=(12, 2.9), width_ratios=[1, 1, 1, 1, 1, 1.8])
    titles = ["input 4 x 4", *(f"map {i + 1}: phase ({i // 2}, {i % 2})" for i in range(4)), "shuffled, cropped: 8 x 8"]
    for axis, title, picture in zip(axes, titles, [image, *np.moveaxis(maps, -1, 0), large], strict=True):
        axis.imshow(picture, cmap="viridis", vmin=0, vmax=1)
        axis.set(title=title, xticks=[], yticks=[])
        axis.title.set_fontsize(9)
        axis.grid(False)
    colours = plt.get_cmap("tab10").colors
    for i, axis in enumerate(axes[1:5]):
        for spine in axis.spines.values():
            spine.set(visible=True, color=colours[i], linewidth=3)
    for row in range(8):  # the frame of each pixel says which map it came from
        for column in range(8):
            phase = 2 * ((row + 1) % 2) + (column + 1) % 2
            corner = (column - 0.42, row - 0.42)
            axes[5].add_patch(plt.Rectangle(corner, 0.84, 0.84, fill=False, color=colours[phase], linewidth=1))
    return plots.caption(
        figure,
        "A convolution at low resolution makes r r = 4 maps (kernel 4 x 1 x 2 x 2), one per position inside an "
        "enlarged pixel; the shuffle lays them side by side. The result equals a transposed convolution with a "
        "4 x 4 kernel.",
    )


def lockstep(run: Run) -> Figure | None:
    """Losses of a decoder and of its sub-pixel form, trained side by side from the same weights."""
    path = run.path / "lockstep.json"
    if not path.exists():
        return None
    losses = read_json(path)
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.4))
    axes[0].plot(losses["transpose"], label="transposed convolution", linewidth=3, alpha=0.5)
    axes[0].plot(losses["subpixel"], "k--", label="sub-pixel convolution", linewidth=1)
    axes[0].set(xlabel="step", ylabel="cross-entropy (nats per image)", title="Two curves, one line")
    axes[0].legend()
    relative = np.abs(np.subtract(losses["transpose"], losses["subpixel"])) / losses["transpose"]
    axes[1].semilogy(np.maximum(relative, 1e-9))
    axes[1].set(xlabel="step", title="Relative difference of the losses (below 1e-9: equal)")
    metrics = run.result["metrics"]
    return plots.caption(
        figure,
        f"Same start, same batches, Adam; only the order of float32 sums differs. Forward and backward of the decoder: "
        f"{metrics['milliseconds/transpose']:.1f} ms transposed, {metrics['milliseconds/subpixel']:.1f} ms sub-pixel. "
        f"{plots.describe(run)}.",
    )


FIGURES = {"shuffle": shuffle, "lockstep": lockstep}

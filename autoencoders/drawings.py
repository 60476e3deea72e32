"""The Sub-pixel post's drawings, computed by our layers: convolution, transposed, zero-inserted, sub-pixel."""

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from reporting import plots

IMAGE = np.array([[1, 0, 0, 2], [0, 3, 1, 0], [2, 1, 0, 1], [0, 0, 2, 3]], np.float32)


def grid(axis, values: np.ndarray, title: str, colours: np.ndarray | None = None) -> None:
    """Numbers in a grid, coloured by their values or by where they come from."""
    shown = values if colours is None else colours
    axis.imshow(shown, cmap="Blues" if colours is None else "Pastel1", vmin=0, vmax=None if colours is None else 8)
    for (row, column), value in np.ndenumerate(values):
        dark = colours is None and value > 0.6 * values.max()
        axis.text(column, row, f"{value:g}", ha="center", va="center", fontsize=8, color="white" if dark else "black")
    axis.set(title=title, xticks=[], yticks=[])
    axis.grid(False)


def convolutions() -> Figure:
    """One image of 4 x 4: convolved, transposed-convolved, and the same with zeros between its pixels."""
    import keras

    kernel = np.array([[1, 0, 1], [0, 1, 0], [1, 0, 1]], np.float32)
    batch, weight = IMAGE[None, :, :, None], kernel[:, :, None, None]
    down = np.asarray(keras.ops.conv(batch, weight, padding="valid"))[0, :, :, 0]
    up = np.asarray(keras.ops.conv_transpose(batch, weight, strides=2, padding="valid"))[0, :, :, 0]
    zeros = np.zeros((7, 7), np.float32)
    zeros[::2, ::2] = IMAGE
    padded = np.pad(zeros, 2)[None, :, :, None]
    same = np.asarray(keras.ops.conv(padded, weight[::-1, ::-1], padding="valid"))[0, :, :, 0]
    figure, axes = plt.subplots(1, 5, figsize=(12, 3), width_ratios=(4, 2.6, 6, 5, 6))
    panels = (
        (IMAGE, "image 4 x 4"),
        (down, "convolved\n2 x 2"),
        (up, "transposed convolution\nof stride 2: 9 x 9"),
        (zeros, "zeros put between\nits pixels: 7 x 7"),
        (same, "that, padded and\nconvolved: 9 x 9"),
    )
    for axis, (values, title) in zip(axes, panels, strict=True):
        grid(axis, values, title)
    difference = float(np.abs(up - same).max())
    return plots.caption(
        figure,
        "The same 3 x 3 kernel everywhere (ones on the diagonals). The third and the fifth are the same numbers "
        f"(largest difference {difference:g}): a transposed convolution is a convolution of the image with zeros in "
        "between. It is not the inverse of the second.",
    )


def shuffle() -> Figure:
    """The post's example: a 4 x 4 image, four maps of 4 x 4, shuffled into 8 x 8."""
    from autoencoders.subpixel.layers import SubPixelConv2D

    layer = SubPixelConv2D(1, 1, 2)
    layer.build((None, 4, 4, 1))
    weights = np.zeros(layer.kernel.shape, np.float32)
    for k in range(4):
        weights[0, 0, 0, k] = k + 1  # map k is the image times k + 1
    layer.kernel.assign(weights)
    large = np.asarray(layer(IMAGE[None, :, :, None]))[0, :, :, 0]
    figure, axes = plt.subplots(1, 6, figsize=(12.5, 2.9), width_ratios=(4, 4, 4, 4, 4, 8))
    grid(axes[0], IMAGE, "image 4 x 4")
    for k in range(4):
        grid(axes[k + 1], IMAGE * (k + 1), f"map {k + 1}", np.full((4, 4), k))
    rows, columns = np.indices((8, 8))
    grid(axes[5], large, "shuffled into 8 x 8", 2 * (rows % 2) + columns % 2)
    return plots.caption(
        figure,
        "autoencoders.subpixel.layers.SubPixelConv2D, ratio 2: four maps (the image times 1 to 4), "
        "their pixels side by side; the colour says from which map a pixel comes.",
    )


DRAWINGS = {"convolutions": convolutions, "shuffle": shuffle}

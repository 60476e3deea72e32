"""What the lossless files hold: where in a digit the bits go."""

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from data.splits import first_of_each_class
from reporting import plots
from reporting.runs import dataset_of
from training.run import Run


def where_the_bits_go(run: Run) -> Figure | None:
    """Test images above the bits that each of their pixels takes in the file."""
    path = run.path / "test.aep"
    if not path.is_file():
        return None
    from autoencoders.lossless import archive
    from autoencoders.lossless.integers import PRECISION
    from data.dataset import as_bytes

    split = dataset_of(run).test
    images = as_bytes(split["image"][first_of_each_class(split)])
    widths = np.array([width for _, width in archive.foreseen(images, archive.read(path.read_bytes())[0])])
    bits = (PRECISION - np.log2(widths)).T.reshape(images.shape)
    figure, axes = plt.subplots(2, len(images), figsize=(0.75 * len(images) + 1.2, 2.2), squeeze=False)
    for above, below, image, cost in zip(*axes, images, bits, strict=True):
        above.imshow(image.squeeze(), cmap="gray_r")
        drawn = below.imshow(cost.sum(axis=-1), cmap="cividis", vmin=0, vmax=12)
        below.set_xlabel(f"{cost.sum():.0f} bits", fontsize=7)
    for axis in axes.flat:
        axis.set(xticks=[], yticks=[])
        axis.grid(False)
    figure.colorbar(drawn, ax=axes, label="bits per pixel", shrink=0.9)
    metrics = run.result["metrics"]
    return plots.caption(
        figure,
        "The edges of a stroke take nearly all bits: how grey they are can hardly be foreseen. The whole file has "
        f"{metrics['file/test_bits_per_pixel']:.2f} bits per pixel, its network included. {plots.describe(run)}.",
    )


FIGURES = {"where_the_bits_go": where_the_bits_go}

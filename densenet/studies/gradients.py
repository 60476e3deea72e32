"""Gradient of the loss by depth in untrained networks, dense or not: `python -m densenet.studies.gradients`."""

import dataclasses
import time
from typing import ClassVar

import numpy as np

from commands.train import main
from data.dataset import Dataset, pixels
from densenet import train as classifier
from training.run import Run, write_json
from training.settings import Settings, Variants, check_at_least

WIDTHS = {"dense": 12, "plain": 36, "residual": 36}  # equal parameters at depth 4


@dataclasses.dataclass(frozen=True)
class Config(Settings):
    """Settings of the gradient study: nothing is trained."""

    OWN_DATA: ClassVar[bool] = False

    depth: int = 4
    """3x3 convolutions in each of the three blocks (>= 2, even)."""
    images: int = 256
    """Training images the gradient is taken over (>= 1)."""
    statistics: str = "own"
    """As in densenet.train; the networks of this study standardise nothing."""
    epochs: int = 1

    def __post_init__(self):
        super().__post_init__()
        check_at_least(self, depth=2, images=1)


VARIANTS: Variants = {
    "gradients": ("12 convolutions, networks of equal size", Config()),
    "gradients_deep": ("36 convolutions, same widths", Config(depth=12)),
}
TINY = ("--depth", "2", "--images", "8")  # how the tests run every variant


def load(config: Config) -> Dataset:
    """Standardised images."""
    return classifier.load(config)


def train(config: Config, dataset: Dataset, run: Run) -> None:
    """Writes the root mean square gradient of every convolution's kernel, first to last, to gradients.json."""
    start = time.perf_counter()
    batch = {name: pixels(array[: config.images]) for name, array in dataset.train.items()}
    table = {name: gradient_by_depth(name, width, config.depth, batch) for name, width in WIDTHS.items()}
    write_json(run.path / "gradients.json", table)
    ratios = {name: values[0] / values[-1] for name, values in table.items()}
    metrics = {f"{name}/first_to_last_gradient": ratio for name, ratio in ratios.items()}
    metrics |= {f"{name}/gradient_decades": abs(float(np.log10(ratio))) for name, ratio in ratios.items()}
    run.finish(None, metrics, dataset.counts(), [{"epoch": 1, "seconds": time.perf_counter() - start}])


def gradient_by_depth(connection: str, width: int, depth: int, batch) -> list[float]:
    """Root mean square of d loss / d kernel for each 3x3 convolution of the blocks, in order of depth.

    Args:
        connection: "dense", "plain" or "residual".
        width: growth rate or channels.
        depth: convolutions in a block.
        batch: `image`, `label`.
    """
    import tensorflow as tf

    from densenet import losses, model

    stem = 24 if connection == "dense" else width
    network = model.build(connection=connection, depth=depth, width=width, stem_filters=stem, dropout=0.0)
    blocks = [layer for layer in network.layers if isinstance(layer, model.Block)]
    kernels = [unit[-1].convolve.kernel.value for block in blocks for unit in block.units]
    with tf.GradientTape() as tape:
        loss, _ = losses.compute_loss(network, batch, training=True)
    return [float(np.sqrt(np.mean(np.square(gradient)))) for gradient in tape.gradient(loss, kernels)]


if __name__ == "__main__":
    main("densenet.studies.gradients", VARIANTS, load, train)

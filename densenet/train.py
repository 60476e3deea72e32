"""Train a DenseNet, or a plain or residual net of its size: `python -m densenet.train [variant] [--flags]`."""

import dataclasses
import functools
from typing import Literal

from data import images
from data.dataset import Dataset
from training.command import main
from training.run import Run
from training.settings import Settings, Variants, check, check_at_least


@dataclasses.dataclass(frozen=True)
class Config(Settings):
    """Settings of a densely connected network; the defaults are the post's with its slips mended."""

    batch_size: int = 256
    learning_rate: float = 0.01
    connection: Literal["dense", "plain", "residual"] = "dense"
    """How a unit's output joins its input: concatenated, not at all, or summed around two units."""
    depth: int = 4
    """3x3 convolutions in each of the three blocks (>= 1)."""
    width: int = 12
    """Channels of each of them (>= 1): the growth rate of a dense block."""
    stem_filters: int = 24
    """Channels of the first convolution (>= 1)."""
    stem_normalisation: bool = True
    """Normalise the first convolution; the post computes this and discards it."""
    bottleneck: bool = False
    """1x1 convolution to 4 * width channels before each 3x3 one (DenseNet-B)."""
    compression: float = 1.0
    """Share of channels a transition keeps, in (0, 1] (DenseNet-C: 0.5)."""
    dropout: float = 0.2
    """After every convolution, in [0, 1)."""
    weight_decay: float = 1e-4
    """Factor of half the squared kernels (>= 0)."""
    decay: bool = True
    """Lower the learning rate along a half cosine to 0; otherwise it is constant."""
    statistics: Literal["train", "own"] = "train"
    """Mean and deviation that standardise a split: those of the training images, or its own as in the post."""

    def __post_init__(self):
        super().__post_init__()
        check_at_least(self, depth=1, width=1, stem_filters=1, weight_decay=0)
        check(0 < self.compression <= 1, "compression", "in (0, 1]", self.compression)
        check(0 <= self.dropout < 1, "dropout", "in [0, 1)", self.dropout)


SHAPE = ["connection", "depth", "width", "stem_filters", "stem_normalisation", "bottleneck", "compression", "dropout"]
FIXED = Config()
BLOG = Config(stem_normalisation=False, weight_decay=0.0, decay=False, statistics="own")
BC = dataclasses.replace(FIXED, bottleneck=True, compression=0.5, width=14, stem_filters=28)
SAME_SIZE = dataclasses.replace(FIXED, width=36, stem_filters=36)
VARIANTS: Variants = {
    "blog": ("as the post: stem normalisation discarded, constant rate, own statistics", BLOG),
    "fixed": ("its slips mended: stem normalised, training statistics, decaying rate, weight decay", FIXED),
    "bc": ("DenseNet-BC: bottleneck and compression, growth rate 14", BC),
    "plain": ("no connections around units, equal size", dataclasses.replace(SAME_SIZE, connection="plain")),
    "residual": ("sums around two units, equal size", dataclasses.replace(SAME_SIZE, connection="residual")),
}


def load(config: Config) -> Dataset:
    """Images, standardised with one mean and one standard deviation over all pixels."""
    dataset = images.load(config.data, config.data_dir, train_examples=config.train_examples)
    reference = dataset.train["image"]

    def standardise(_, split):
        source = reference if config.statistics == "train" else split["image"]
        return {**split, "image": (split["image"] - source.mean()) / source.std()}

    return dataset.map(standardise)


def train(config: Config, dataset: Dataset, run: Run) -> None:
    """Trains, evaluates on the test split once, after the last epoch, and writes the run."""
    import keras

    from densenet import losses, model
    from training import loop

    network = model.build(**{name: getattr(config, name) for name in SHAPE})
    objective = functools.partial(losses.compute_loss, weight_decay=config.weight_decay)
    steps = config.epochs * -(-dataset.counts()["train"] // config.batch_size)
    cosine = keras.optimizers.schedules.CosineDecay(config.learning_rate, steps)
    optimizer = keras.optimizers.Adam(cosine if config.decay else config.learning_rate)
    history = loop.fit(network, objective, dataset, config, run, optimizer)

    terms = loop.evaluate(network, objective, dataset.test)
    metrics = {
        "test/error_percent": 100 * (1 - terms["accuracy"]),
        "test/nll_nats": terms["cross_entropy"],
        "parameters_total": network.count_params(),
    }
    run.finish(network, metrics, dataset.counts(), history)


if __name__ == "__main__":
    main("densenet.train", VARIANTS, load, train)

"""Train an autoencoder: `python -m autoencoders.train [variant] [--flags]`."""

import dataclasses
import functools
from typing import Literal

from data import images
from data.dataset import Dataset
from training.command import main
from training.run import Run
from training.settings import Settings, Variants, check_at_least


@dataclasses.dataclass(frozen=True)
class Config(Settings):
    """Settings of an autoencoder; the defaults are those of the "Autoencoders" post where it states them."""

    code: int = 32
    """Features the image is squeezed into (>= 1)."""
    widths: tuple[int, ...] = (16, 32)
    """Filters of the encoder's convolutions; the decoder mirrors them."""
    reconstruction: Literal["cross_entropy", "squared_error"] = "cross_entropy"
    """What is minimised, summed over pixels."""

    def __post_init__(self):
        super().__post_init__()
        check_at_least(self, code=1)


VARIANTS: Variants = {
    "plain": (
        "the Autoencoders post: convolution + max-pooling, code of 32, transposed convolution",
        Config(),
    ),
}


def load(config: Config) -> Dataset:
    """Images in [0, 1]."""
    return images.load(config.data, config.data_dir, train_examples=config.train_examples)


def train(config: Config, dataset: Dataset, run: Run) -> None:
    """Trains, evaluates on the test split once and writes the run."""
    import keras

    from autoencoders import baselines, losses, model
    from training import loop

    network = model.build(code=config.code, widths=config.widths)
    objective = functools.partial(losses.compute_loss, reconstruction=config.reconstruction)
    optimizer = keras.optimizers.Adam(config.learning_rate)
    history = loop.fit(network, objective, dataset, config, run, optimizer)

    terms = loop.evaluate(network, objective, dataset.test)
    metrics = {
        "test/mse": terms["mse"],
        "test/sse": terms["mse"] * dataset.test["image"][0].size,
        "test/psnr_db": baselines.psnr(terms["mse"]),
        "test/pca_mse": baselines.pca_mse(dataset, config.code),
    }
    run.finish(network, metrics, dataset.counts(), history)


if __name__ == "__main__":
    main("autoencoders.train", VARIANTS, load, train)

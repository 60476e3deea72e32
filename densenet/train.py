"""Train a DenseNet, or a plain or residual net of its size: `python -m densenet.train [variant] [--flags]`."""

from dataclasses import replace
from typing import Any

import numpy as np

from commands.train import main
from data import images
from data.dataset import Dataset, mean_and_deviation, pixels
from densenet.config import NETWORK, Config, make_objective
from training.run import Run
from training.settings import Variants

FIXED = Config()
BLOG = Config(stem_normalisation=False, momentum=0.99, weight_decay=0.0, decay=False, statistics="own")
BC = replace(FIXED, bottleneck=True, compression=0.5, width=14, stem_filters=28)
SAME_SIZE = replace(FIXED, width=36, stem_filters=36)
VARIANTS: Variants = {
    "blog": ("as the post: stem normalisation discarded, constant rate, own statistics", BLOG),
    "fixed": ("its slips mended: stem normalised, training statistics, decaying rate, weight decay", FIXED),
    "bc": ("DenseNet-BC: bottleneck and compression, growth rate 14", BC),
    "plain": ("no connections around units, equal size", replace(SAME_SIZE, connection="plain")),
    "hundred": ("100 layers, growth rate 2: whether depth by itself is hard to train", replace(
        FIXED, depth=33, width=2, stem_filters=8)),
    "hundred_plain": ("the same without connections, equal size", replace(
        FIXED, connection="plain", depth=33, width=16, stem_filters=16)),
    "augmented": ("wider, compressed, no weight decay; images shifted, averaged weights; --flip for clothes", replace(
        FIXED, depth=3, width=48, stem_filters=48, compression=0.5, dropout=0.0, weight_decay=0.0, epochs=30,
        batch_size=64, learning_rate=0.003, max_shift=2, average=0.999)),
    "residual": ("sums around two units, equal size", replace(SAME_SIZE, connection="residual")),
}  # fmt: skip
TINY = ("--depth", "4")  # how the tests run every variant
MAIN = ("blog", "fixed", "plain", "residual")  # what compare.py lays side by side when it is not told


def load(config: Config) -> Dataset:
    """Images in [0, 1], which the network standardises; with `own` statistics each split standardised by itself."""
    dataset = images.load(config.data, **config.loading)
    if config.statistics == "train":
        return dataset

    def standardise(_, split):
        mean, deviation = mean_and_deviation(split["image"])
        images = pixels(split["image"]) - np.float32(mean)
        images /= np.float32(deviation)
        return {**split, "image": images}

    training = {"standardised": mean_and_deviation(dataset.train["image"])}  # what a new picture is standardised with
    return dataset.map(standardise, provenance={**dataset.provenance, **training})


def train(config: Config, dataset: Dataset, run: Run) -> None:
    """Trains, evaluates on the test split once, after the last epoch, and writes the run."""
    from densenet import evaluate, model
    from training import loop

    images = dataset.train["image"]
    task: dict[str, Any] = {"image_shape": images.shape[1:], "classes": dataset.classes}
    task["statistics"] = mean_and_deviation(images) if config.statistics == "train" else None
    network = model.build(**task, augmentation=config.augmentation, **{name: getattr(config, name) for name in NETWORK})
    objective = make_objective(config)
    optimizer = make_optimizer(config, dataset.counts()["train"])
    history = loop.fit(network, objective, dataset, config, run, optimizer)
    run.finish(network, evaluate.test_metrics(network, dataset, config), dataset.counts(), history)


def make_optimizer(config: Config, examples: int):
    """Adam, its rate falling along a half cosine to 0 where the settings say so."""
    import keras

    steps = config.total_steps(examples)
    cosine = keras.optimizers.schedules.CosineDecay(config.learning_rate, steps)
    return keras.optimizers.Adam(cosine if config.decay else config.learning_rate, **config.averaging(steps))


if __name__ == "__main__":
    main("densenet.train", VARIANTS, load, train)

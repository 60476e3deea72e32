"""Train a CorrNet on the halves of images: `python -m corrnet.train [variant] [--flags]`."""

import dataclasses
import functools
from pathlib import Path

from commands.train import main
from corrnet.config import Config, TwoViews, make_objective
from data import images, tables, views
from data.dataset import Dataset
from training.run import Run
from training.settings import Variants

PAPER = Config()
BLOG = Config(epochs=100, shuffle=True, optimizer="adam", learning_rate=1e-3, tied=False, initial_scale=1.0,
              correlation_weight=0.01, reconstruction="mean_squared")  # fmt: skip
PRINTED = dataclasses.replace(BLOG, activate="before", code_units=10, batch_size=32, hidden_activation="relu",
                              output_activation="relu")  # fmt: skip
blog, paper = (functools.partial(dataclasses.replace, config) for config in (BLOG, PAPER))

VARIANTS: Variants = {
    "blog": ("the blog's text: Adam, squared error per pixel, lambda 0.01, untied decoder", BLOG),
    "blog_relu": ("blog with its code's ReLU", blog(hidden_activation="relu", output_activation="relu")),
    "printed": ("the blog's listing: ReLU per view, then the sum, 10 units, batch 32; only the sign mended", PRINTED),
    "printed_sign": ("the listing with its own sign, too", dataclasses.replace(PRINTED, correlation_weight=-0.01)),
    "sign_bug": ("blog with its code's sign: the correlation is added", blog(correlation_weight=-0.01)),
    "paper": ("the authors' program: tied, RMSprop, lambda 2, no shuffling", PAPER),
    "official": ("paper with the authors' own initial weights (seed 123)", paper(official_seed=123)),
    "lambda5": ("paper with lambda 5", paper(correlation_weight=5.0)),
    "multimodal": ("paper with lambda 0, a multimodal autoencoder: L1 + L2 + L3", paper(correlation_weight=0.0)),
    "l1": ("paper, L1 alone", paper(correlation_weight=0.0, single_weight=0.0)),
    "l1_corr": ("paper, L1 - correlation", paper(single_weight=0.0)),
    "l2_l3": ("paper, L2 + L3", paper(correlation_weight=0.0, both_weight=0.0)),
    "l2_l3_corr": ("paper, L2 + L3 - correlation", paper(both_weight=0.0)),
    "deep": ("500-300-50 encoders, one linear decoder layer, L2 + L3 - correlation", blog(
        epochs=40, optimizer="rmsprop", encoder_units=(500, 300), output_activation="linear",
        correlation_weight=0.02, both_weight=0.0)),
}  # fmt: skip
MAIN = ("blog", "paper", "multimodal", "deep")  # what compare.py lays side by side when it is not told


def load(config: TwoViews) -> Dataset:
    """Two views of a table, or halves of images.

    The validation split of data with a name is the last sixth of their training images, in file order.
    """
    if tables.is_table(config.data):
        return tables.two_views(Path(config.data), **config.reductions)
    pictures = images.load(config.data, split="ordered", labelled=config.views == "noisy", **config.loading)
    return views.PAIRS[config.views](pictures)


def train(config: Config, dataset: Dataset, run: Run) -> None:
    """Trains, evaluates on the test split once and writes the run."""
    import keras

    from corrnet import evaluate, losses, model
    from training import loop

    shapes = {f"{view}_shape": dataset.train[view].shape[1:] for view in ("left", "right")}
    layers = ("code_units", "encoder_units", "decoder_units", "tied", "hidden_activation", "output_activation",
              "initial_scale", "activate", "official_seed")  # fmt: skip
    network = model.build(**shapes, **{name: getattr(config, name) for name in layers})
    rmsprop = functools.partial(keras.optimizers.RMSprop, rho=0.9, epsilon=losses.EPSILON)
    optimizer = {"rmsprop": rmsprop, "adam": keras.optimizers.Adam}[config.optimizer](config.learning_rate)
    history = loop.fit(network, make_objective(config), dataset, config, run, optimizer)
    run.finish(network, evaluate.test_metrics(network, dataset, config), dataset.counts(), history)


if __name__ == "__main__":
    main("corrnet.train", VARIANTS, load, train)

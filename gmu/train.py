"""Train one gated multimodal unit on the post's synthetic data: `python -m gmu.train [variant] [--flags]`."""

import dataclasses
from pathlib import Path

from commands.train import main
from data import tables
from data.dataset import Dataset
from data.synthetic import TwoModalities, two_modalities
from gmu.config import Config, build_network, make_objective
from training.run import Run
from training.settings import Variants

MODERN = Config(scaling="standardize", units=8, epochs=300, cross_entropy="softmax")
OFFICIAL = Config(scaling="standardize", use_bias=False, gate_reads="projections", cross_entropy="softmax")
change = dataclasses.replace

VARIANTS: Variants = {
    "blog": ("as the post: D = 1, biases, centred inputs, 100 full-batch steps", Config()),
    "uncentered": ("the post without its centring (its cell 3 warns)", Config(scaling="none")),
    "equations": ("the post's equations to the letter: no biases", Config(use_bias=False)),
    "paper": (
        "the paper: modalities in R^2, no biases, softmax on h",
        change(OFFICIAL, dimensions=2, gate_reads="inputs"),
    ),
    "official": ("the paper's code: gate on the projections, no biases, standardised", OFFICIAL),
    "wide": ("standardised inputs, D = 8, softmax, 300 steps", MODERN),
    "best": ("the same with 0.3 x gated-expert loss", change(MODERN, expert_weight=0.3)),
    "feed_forward": ("one hidden layer; as many parameters as best", change(MODERN, fusion="feed_forward", units=15)),
    "concatenation": ("features side by side, no gate", change(MODERN, fusion="concatenation", units=9)),
    "sum": ("features added, no gate", change(MODERN, fusion="sum", units=12)),
    "mixture_of_experts": ("a gate over whole classifiers", change(MODERN, fusion="mixture_of_experts")),
}
MAIN = ("blog", "paper", "best", "concatenation")  # what compare.py lays side by side when it is not told


def load(config: Config) -> Dataset:
    """The modalities of a table, or the post's training sample with fresh validation and test samples."""
    if config.data != "synthetic":
        return tables.modalities(Path(config.data), config.scaling, **config.reductions)
    distribution = TwoModalities().along_diagonal(config.dimensions)
    return two_modalities(config.samples, config.data_seed, config.scaling, distribution=distribution)


def train(config: Config, dataset: Dataset, run: Run) -> None:
    """Trains, evaluates on the test split once and writes the run."""
    import keras

    from gmu import evaluate
    from training import loop

    network, compute_loss = build_network(config, dataset), make_objective(config)
    optimizer = keras.optimizers.Adam(config.learning_rate)
    history = loop.fit(network, compute_loss, dataset, config, run, optimizer)
    run.finish(network, evaluate.test_metrics(network, dataset, config), dataset.counts(), history)


if __name__ == "__main__":
    main("gmu.train", VARIANTS, load, train)

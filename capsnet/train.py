"""Train a capsule network or its convolutional baselines: `python -m capsnet.train [variant] [--flags]`."""

import dataclasses
import functools

from capsnet.config import Config, build_capsules, has_capsules, make_objective, make_optimizer
from commands.train import main
from data import images, multimnist
from data.dataset import Dataset
from training.run import Run
from training.settings import Variants

paper = functools.partial(dataclasses.replace, Config())
short = functools.partial(paper, epochs=5)  # the budget of the ablation, equal for all

VARIANTS: Variants = {
    "blog": ("as the post: 2 iterations, 0.0005 x mean squared error, no shifts, constant rate", paper(
        iterations=2, reconstruction="mean", max_shift=0, schedule="constant")),
    "paper": ("3 iterations, 0.0005 x summed squared error, shifts, decaying rate", paper()),
    "official": ("paper with the authors' program's 20 x reconstruction weight and initial weights", paper(
        reconstruction_weight=0.01, initial="official")),
    "best": ("paper with half the batch, longer, the rate falling to 0 along a cosine", paper(
        batch_size=64, epochs=14, schedule="cosine")),
    "efficient": ("Efficient-CapsNet: 161,824 parameters, affine augmentation, one cycle, averaged weights", paper(
        network="efficient", batch_size=64, epochs=30, learning_rate=2e-3, schedule="one_cycle", rotation=15.0,
        shear=0.15, scale=0.12, weight_decay=1e-4, average=0.999)),
    "routing_1": ("ablation: 1 routing iteration", short(iterations=1)),
    "routing_2": ("ablation: 2 iterations", short(iterations=2)),
    "routing_3": ("ablation: 3 iterations, the paper's recipe at the ablation's budget", short()),
    "routing_5": ("ablation: 5 iterations", short(iterations=5)),
    "routing_1_plain": ("ablation: 1 iteration, no decoder", short(iterations=1, reconstruction_weight=0.0)),
    "no_reconstruction": ("ablation: 3 iterations, no decoder", short(reconstruction_weight=0.0)),
    "last_gradient": ("ablation: gradients through the last of 3 iterations only", short(gradient="last")),
    "cnn_5x5": ("baseline: the paper's 5x5 layers, with stride", short(network="cnn_5x5")),
    "cnn_9x9": ("baseline: CapsNet's convolutions, averaged over positions", short(network="cnn_9x9")),
    "cnn_paper": ("baseline: the paper's, 35.4 million parameters", short(network="cnn_paper")),
    "multi_mnist": ("two overlapping digits per 36x36 image, both to be named and drawn", paper(
        epochs=1, train_examples=20_000, pairs=2, max_shift=0, batch_size=32, schedule="cosine")),
    "multi_efficient": ("the same by Efficient-CapsNet, from a million pairs that are drawn anew in every batch", paper(
        network="efficient", epochs=18, pairs=1, fresh_pairs=True, max_shift=0, batch_size=64, learning_rate=2e-3,
        schedule="one_cycle", weight_decay=1e-4, average=0.999)),
}  # fmt: skip
MAIN = ("blog", "paper", "best", "efficient")  # what compare.py lays side by side when it is not told
TINY = ("--filters", "8", "--primary-types", "2", "--no-compiled")  # how the tests run every variant


def load(config: Config) -> Dataset:
    """Images in [0, 1], or pairs of digits on one canvas; no more validation than training images.

    More of them would take longer after every epoch than the epoch itself.
    """
    dataset = images.load(config.data, **config.loading)
    held = {key: array[: dataset.counts()["train"]] for key, array in dataset.validation.items()}
    dataset = dataclasses.replace(dataset, validation=held)
    return multimnist.pair_up(dataset, config.pairs, fresh=config.fresh_pairs) if config.pairs else dataset


def train(config: Config, dataset: Dataset, run: Run) -> None:
    """Trains, evaluates on the test split once and writes the run."""
    from capsnet import baselines, evaluate
    from training import loop

    arrays = dataset.test
    shape = (*arrays["digits"].shape[1:3], 1) if config.pairs else arrays["image"].shape[1:]
    task = {"image_shape": shape, "classes": dataset.classes}
    if not has_capsules(config.network):
        network = baselines.build(config.network, **task, max_shift=config.max_shift, filters=config.filters)
    else:
        decoder = {} if config.reconstruction_weight else {"decoder_units": ()}
        network = build_capsules(config, **task, **decoder)
    steps = config.total_steps(dataset.counts()["train"])
    optimizer = make_optimizer(config, steps)
    history = loop.fit(network, make_objective(config), dataset, config, run, optimizer)
    metrics = evaluate.test_metrics(network, dataset, config, run)
    run.finish(network, metrics, dataset.counts(), history)


if __name__ == "__main__":
    main("capsnet.train", VARIANTS, load, train)

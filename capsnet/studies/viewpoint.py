"""Are capsules better at views that they were not trained on? `python -m capsnet.studies.viewpoint [variant]`.

The protocol of Sabour et al. 2017, section 5.2: digits at random places of a canvas of 40 x 40 are learned, and digits
that were turned, sheared and stretched besides are asked (affNIST; ours are drawn anew from the same ranges). All
networks have the same convolutions, as many numbers, the same data, steps and rate.
"""

import dataclasses
import functools
import itertools
from typing import ClassVar, Literal

import numpy as np

from commands.train import main
from data import images, multimnist, viewpoints
from data.dataset import Dataset
from training.run import Run
from training.settings import Settings, Variants, check_at_least

HEADS = {
    "efficient": "capsules with self-attention",
    "routed": "capsules with three iterations of routing",
    "max_pool": "max pooling and a hidden layer",
    "average_pool": "the average over all positions and a hidden layer",
}


@dataclasses.dataclass(frozen=True)
class Config(Settings):
    """Settings of one network of the comparison."""

    OWN_DATA: ClassVar[bool] = False

    head: Literal["efficient", "routed", "max_pool", "average_pool"] = "efficient"
    """What follows the convolutions."""
    epochs: int = 10
    """Passes over the training split (>= 1)."""
    batch_size: int = 64
    """Examples per optimizer step, over all devices (>= 1)."""
    margin: int = 6
    """Pixels by which the canvas is larger than the picture on every side (>= 0)."""
    max_shift: int = 6
    """Training images are moved by up to this many pixels in each axis, anew in every epoch (>= 0)."""
    equal_at: float = 2.0
    """Networks are compared where their validation error without deformation first falls to this (%, > 0)."""
    compiled: bool = True
    """Compile the routing with XLA."""

    def __post_init__(self):
        super().__post_init__()
        check_at_least(self, margin=0, max_shift=0, equal_at=0)


VARIANTS: Variants = {
    **{f"viewpoint_{head}": (f"40 x 40, any place: {text}", Config(head=head)) for head, text in HEADS.items()},
    **{
        f"few_{head}": (f"few images of 28 x 28, shifts of 2 pixels: {text}", Config(
            head=head, margin=0, max_shift=2, train_examples=1000, epochs=12, batch_size=32))
        for head, text in HEADS.items()
    },
}  # fmt: skip
TINY = ("--margin", "1", "--max-shift", "1", "--no-compiled")


def load(config: Config) -> Dataset:
    """Digits in the middle of their canvas to train on; elsewhere, and deformed too, to validate and test on."""
    dataset = images.load(config.data, **config.loading)
    streams = dict(zip(("validation", "test"), np.random.SeedSequence(40).spawn(2), strict=True))

    def change(name, split):
        if name == "validation":  # more of them than training images would take longer than the epoch itself
            split = {key: array[: dataset.counts()["train"]] for key, array in split.items()}
        if name in streams:
            return viewpoints.unseen_views(split, config.margin, np.random.default_rng(streams[name]))
        middle = multimnist.centre(split["image"], config.margin)
        return {**split, "image": middle, "affine": middle}  # all splits have the same names; not looked at in training

    places = " at random places," if config.margin else ","
    return dataset.map(change, title=f"{dataset.title}{places} deformed for testing")


def make_objective(config: Config):
    """Margin loss of capsules, cross-entropy of the others; beside training, the accuracy on deformed images."""
    from capsnet import losses
    from capsnet.studies.heads import CAPSULES

    capsules = config.head in CAPSULES
    compute = functools.partial(losses.compute_loss, reconstruction_weight=0) if capsules else losses.compute_cnn_loss

    def compute_loss(model, batch, training):
        loss, terms = compute(model, batch, training)
        if not training:
            moved = compute(model, {"image": batch["affine"], "label": batch["label"]}, training)[1]
            terms = {**terms, "affine_accuracy": moved["accuracy"]}
        return loss, terms

    return compute_loss


def at_equal_accuracy(history: list[dict], error: float) -> float:
    """Validation error on deformed images where that on plain ones first falls to `error`, %; linear in between.

    NaN when it never does, or is below it from the first epoch on.
    """
    plain = [100 * (1 - row["validation/accuracy"]) for row in history]
    affine = [100 * (1 - row["validation/affine_accuracy"]) for row in history]
    for (before, first), (after, second) in itertools.pairwise(zip(plain, affine, strict=True)):
        if before > error >= after:
            share = (before - error) / (before - after)
            return first + share * (second - first)
    return float("nan")


def train(config: Config, dataset: Dataset, run: Run) -> None:
    """Trains one network; the test split is asked once, at the last epoch."""
    import keras

    from capsnet.studies import heads
    from training import loop

    shape = dataset.test["image"].shape[1:]
    arguments = {"classes": dataset.classes, "max_shift": config.max_shift, "compiled": config.compiled}
    network = heads.build(config.head, image_shape=shape, **arguments)
    objective = make_objective(config)
    history = loop.fit(network, objective, dataset, config, run, keras.optimizers.Adam(config.learning_rate))
    terms = loop.evaluate(network, objective, dataset.test)
    metrics = {
        "test/error_percent": 100 * (1 - terms["accuracy"]),
        "test/affine_error_percent": 100 * (1 - terms["affine_accuracy"]),
    }
    equal = at_equal_accuracy(history, config.equal_at)
    if np.isfinite(equal):
        metrics["validation/affine_error_at_equal_percent"] = equal
    run.finish(network, metrics, dataset.counts(), history)


if __name__ == "__main__":
    main("capsnet.studies.viewpoint", VARIANTS, load, train)

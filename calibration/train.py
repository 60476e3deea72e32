"""Train a network on few images, then calibrate it in every way: `python -m calibration.train [variant] [--flags]`."""

import dataclasses
import functools
from typing import Any

from calibration.config import Config, make_objective
from commands.train import main
from data import images
from data.dataset import Dataset
from training.run import Run
from training.settings import Variants

BASE = Config()
change = functools.partial(dataclasses.replace, BASE)
GRID = tuple(round(0.5 * 2 ** (k / 4), 3) for k in range(21))  # 0.5 ... 16
VARIANTS: Variants = {
    "residual": ("11 layers, width 16, batch normalisation, weight decay 5e-4", BASE),
    "blog": ("residual, T found as by the post's TensorFlow code: 300 steps of Adam on T", change(solver="adam")),
    "learned_temperature": ("residual, T trained along with the network", change(learn_temperature=True)),
    "lenet": ("LeNet-5", change(network="lenet", learning_rate=0.02)),
    "densenet": ("DenseNet-BC of depth 3 x 2, growth rate 12", change(network="densenet")),
    "depth_7": ("1 unit per stage", change(units=1)),
    "depth_19": ("4 units per stage", change(units=4)),
    "width_4": ("a quarter of the channels", change(width=4)),
    "width_32": ("twice the channels", change(width=32)),
    "no_batch_normalisation": ("biases instead", change(batch_normalisation=False)),
    "decay_0": ("no weight decay", change(weight_decay=0.0)),
    "decay_5e-3": ("ten times the weight decay", change(weight_decay=5e-3)),
    "overfit": ("no weight decay, constant rate, the NLL at 21 temperatures per epoch", change(
        weight_decay=0.0, temperatures=GRID)),
}  # fmt: skip
MAIN = ("residual", "lenet", "densenet")  # what compare.py lays side by side when it is not told


def load(config: Config) -> Dataset:
    """Images in [0, 1]."""
    return images.load(config.data, **config.loading)


def train(config: Config, dataset: Dataset, run: Run) -> None:
    """Trains, calibrates on the validation split, measures on the test split once and writes the run."""
    import keras

    from calibration import evaluate, model
    from training import loop

    task: dict[str, Any] = {"image_shape": dataset.train["image"].shape[1:], "classes": dataset.classes}
    shape = ("network", "units", "width", "batch_normalisation", "learn_temperature")
    network = model.build(**task, augmentation=config.augmentation, **{name: getattr(config, name) for name in shape})
    steps = config.total_steps(dataset.counts()["train"])
    thirds = keras.optimizers.schedules.PiecewiseConstantDecay(
        [steps // 2, steps * 3 // 4], [config.learning_rate * factor for factor in (1.0, 0.1, 0.01)]
    )
    rate = config.learning_rate if config.temperatures else thirds
    optimizer = keras.optimizers.SGD(rate, momentum=0.9, nesterov=True, **config.averaging(steps))
    history = loop.fit(network, make_objective(config), dataset, config, run, optimizer)

    metrics = evaluate.test_metrics(network, dataset, config, run) | evaluate.overfitting(history)
    run.finish(network, metrics, dataset.counts(), history)


if __name__ == "__main__":
    main("calibration.train", VARIANTS, load, train)

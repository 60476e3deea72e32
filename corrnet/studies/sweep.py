"""What lambda does: the network trained with several weights of the correlation, `python -m corrnet.studies.sweep`."""

import dataclasses
import functools
from typing import ClassVar

from commands.train import main
from corrnet import evaluate
from corrnet.config import Config as TrainConfig
from corrnet.train import load
from data.dataset import Dataset
from training.run import Run
from training.settings import Variants, check


@dataclasses.dataclass(frozen=True)
class Config(TrainConfig):
    """Settings of the sweep; correlation_weight is replaced by each of `weights`."""

    OWN_DATA: ClassVar[bool] = False

    epochs: int = 20
    weights: tuple[float, ...] = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0)
    """The values of lambda (>= 0)."""

    def __post_init__(self):
        super().__post_init__()
        check(self.weights and min(self.weights) >= 0, "weights", "one or more numbers >= 0", self.weights)


VARIANTS: Variants = {"lambda_sweep": ("paper, 20 epochs, lambda from 0 to 20", Config())}
TINY = ("--weights", "0", "2")


def train(config: Config, dataset: Dataset, run: Run) -> None:
    """One training per lambda, each with its own checkpoints; metrics are named lambda_<value>/<metric>."""
    import keras

    from corrnet import losses, model
    from training import loop

    metrics, seconds = {}, [0.0] * config.epochs
    for weight in config.weights:
        keras.utils.set_random_seed(config.seed)  # the same initial weights for every lambda
        network = model.build(
            left_shape=dataset.train["left"].shape[1:], right_shape=dataset.train["right"].shape[1:],
            code_units=config.code_units,
        )  # fmt: skip
        objective = functools.partial(losses.compute_loss, correlation_weight=weight)
        optimizer = keras.optimizers.RMSprop(config.learning_rate, epsilon=losses.EPSILON)
        part = Run(run.path / f"lambda_{weight:g}")
        part.path.mkdir(exist_ok=True)
        history = loop.fit(network, objective, dataset, config, part, optimizer)
        seconds = [total + row["seconds"] for total, row in zip(seconds, history, strict=True)]
        train_codes, test_codes = (evaluate.encode_split(network, split) for split in (dataset.train, dataset.test))
        found = evaluate.code_metrics(train_codes, test_codes) | evaluate.transfer_metrics(test_codes)
        metrics |= {f"lambda_{weight:g}/{name}": float(value) for name, value in found.items()}
    rows = [{"epoch": epoch, "seconds": total} for epoch, total in enumerate(seconds, 1)]
    run.finish(None, metrics, dataset.counts(), rows)


if __name__ == "__main__":
    main("corrnet.studies.sweep", VARIANTS, load, train)

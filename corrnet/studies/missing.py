"""The blog's example, 10,000 pairs and 5,000 samples of each view alone: `python -m corrnet.studies.missing`."""

import dataclasses
import functools
from typing import ClassVar

import numpy as np

from commands.train import main
from corrnet import evaluate
from corrnet.config import Config as TrainConfig
from corrnet.train import load as load_views
from data.dataset import Dataset
from training.run import Run
from training.settings import SettingsError, Variants, check_at_least


@dataclasses.dataclass(frozen=True)
class Config(TrainConfig):
    """Settings of the missing-view study; the network is the paper's."""

    OWN_DATA: ClassVar[bool] = False

    shuffle: bool = True
    pairs: int = 10_000
    """Training samples with both views (>= 2)."""
    alone: int = 5_000
    """Training samples with only the left view, and as many with only the right one (>= 1)."""
    learn_from_unpaired: bool = True
    """Let the unpaired samples rebuild their own view during training."""

    def __post_init__(self):
        super().__post_init__()
        check_at_least(self, pairs=2, alone=1)


VARIANTS: Variants = {
    "missing_all": ("10,000 pairs and 2 x 5,000 unpaired samples", Config()),
    "missing_pairs": ("the 10,000 pairs only", Config(learn_from_unpaired=False)),
}
TINY = ("--pairs", "60", "--alone", "20")


def load(config: Config) -> Dataset:
    """Two views; pictures as float32."""
    return load_views(config).floats()  # type: ignore[arg-type]


def divide(dataset: Dataset, pairs: int, alone: int):
    """The first rows of the training split as pairs, the next as left-only and right-only samples.

    Returns:
        Three dictionaries with "left", "right" and "label"; of the last two, one view must be treated as missing.
    """
    if pairs + 2 * alone > dataset.counts()["train"]:
        raise SettingsError(
            f"--pairs {pairs} and twice --alone {alone} need {pairs + 2 * alone} training images, received "
            f"{dataset.counts()['train']}; lower them"
        )
    cuts = [slice(0, pairs), slice(pairs, pairs + alone), slice(pairs + alone, pairs + 2 * alone)]
    return [{key: array[cut] for key, array in dataset.train.items()} for cut in cuts]


def with_presence(dataset: Dataset, config: Config) -> Dataset:
    """The data set that training sees: views that are missing are zero and marked as absent."""
    from corrnet.estimator import join_unpaired

    paired, left_only, right_only = divide(dataset, config.pairs, config.alone)
    unpaired = (left_only["left"], right_only["right"]) if config.learn_from_unpaired else ()
    train = join_unpaired(paired["left"], paired["right"], *unpaired)
    held = {name: join_unpaired(split["left"], split["right"]) for name, split in
            (("validation", dataset.validation), ("test", dataset.test))}  # fmt: skip
    return dataclasses.replace(dataset, train=train, **held)


def train(config: Config, dataset: Dataset, run: Run) -> None:
    """Trains, completes the unpaired samples, and measures what the completions are worth."""
    import keras

    from corrnet import losses, model
    from training import loop

    network = model.build(
        left_shape=dataset.train["left"].shape[1:], right_shape=dataset.train["right"].shape[1:],
        code_units=config.code_units,
    )  # fmt: skip
    objective = functools.partial(losses.compute_loss, correlation_weight=config.correlation_weight)
    optimizer = keras.optimizers.RMSprop(config.learning_rate, epsilon=losses.EPSILON)
    history = loop.fit(network, objective, with_presence(dataset, config), config, run, optimizer)
    samples = divide(dataset, config.pairs, config.alone)
    metrics = generation_metrics(network, *samples) | downstream_metrics(network, dataset.test, *samples)
    test = evaluate.encode_split(network, dataset.test)
    errors = evaluate.reconstruction_metrics(dataset.test, evaluate.rebuild(network, test))
    run.finish(network, metrics | {f"test/{key}": value for key, value in errors.items()}, dataset.counts(), history)


def generation_metrics(network, paired, left_only, right_only):
    """Squared error per pixel of the generated missing views against the true ones; percent below the mean view's."""
    metrics = {}
    for missing, samples in (("right", left_only), ("left", right_only)):
        given = evaluate.OTHER[missing]
        generated = network.decode(network.encode(**{given: samples[given]}))[missing]
        mean = paired[missing].mean(axis=0)
        metrics[f"generated_mse_{missing}"] = float(np.mean(np.square(np.asarray(generated) - samples[missing])))
        mean_error = float(np.mean(np.square(mean - samples[missing])))
        metrics[f"generated_gain_{missing}_percent"] = 100 * (1 - metrics[f"generated_mse_{missing}"] / mean_error)
    return metrics


def downstream_metrics(network, test, paired, left_only, right_only):
    """Accuracy of a logistic regression on joint codes of complete test samples, in percent.

    It learns from the pairs; from the pairs and the unpaired samples completed by the network; completed by the mean
    view; and completed by the truth, which bounds what completion can bring.
    """

    def accuracy(complete):
        left, right, labels = [paired["left"]], [paired["right"]], [paired["label"]]
        for missing, samples in (("right", left_only), ("left", right_only)) if complete else ():
            views = {evaluate.OTHER[missing]: samples[evaluate.OTHER[missing]], missing: complete(missing, samples)}
            left.append(views["left"])
            right.append(views["right"])
            labels.append(samples["label"])
        codes = np.asarray(network.encode(left=np.concatenate(left), right=np.concatenate(right)))
        classifier = evaluate.fit_logistic_regression(codes, np.concatenate(labels))
        return evaluate.accuracy_percent(classifier, test_codes, test["label"])

    def generate(missing, samples):
        given = evaluate.OTHER[missing]
        return np.asarray(network.decode(network.encode(**{given: samples[given]}))[missing])

    def mean_view(missing, samples):
        return np.broadcast_to(paired[missing].mean(axis=0), samples[missing].shape)

    test_codes = np.asarray(network.encode(left=test["left"], right=test["right"]))
    fills = {"pairs_only": None, "completed": generate, "mean_filled": mean_view,
             "truth": lambda missing, samples: samples[missing]}  # fmt: skip
    found = {f"test/downstream_{name}_percent": accuracy(fill) for name, fill in fills.items()}
    gain = found["test/downstream_completed_percent"] - found["test/downstream_pairs_only_percent"]
    return found | {"test/downstream_gain_points": gain}


if __name__ == "__main__":
    main("corrnet.studies.missing", VARIANTS, load, train)

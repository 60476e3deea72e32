"""The methods CorrNet is compared with, in the same table: `python -m corrnet.studies.rivals [variant] [--flags]`."""

import dataclasses
import functools
import time
from collections.abc import Callable
from typing import ClassVar, Literal

import numpy as np

from commands.train import main
from corrnet import cca, evaluate
from corrnet.config import TwoViews
from corrnet.train import load as load_views
from data.dataset import Dataset
from training.run import Run
from training.settings import Variants, check, check_at_least


@dataclasses.dataclass(frozen=True)
class Config(TwoViews):
    """Settings of the rivals; epochs, batch size and learning rate concern the networks only."""

    OWN_DATA: ClassVar[bool] = False

    rival: Literal["raw_pixels", "mean_image", "linear_regression", "rank_one", "cca", "kcca", "dcca", "supervised"] = (
        "cca"
    )
    """Which method; a variant sets it."""
    components: int = 50
    """Size of the codes (>= 1)."""
    ridge: float = 1e-4
    """Added to the covariances of CCA (> 0)."""
    features: int = 2000
    """Random features per view of the kernel CCA (>= components)."""
    width: float = 1.0
    """Width of its Gaussian kernel, in units of the median distance of two samples (> 0)."""
    objective: Literal["canonical", "eckart_young"] = "canonical"
    """What deep CCA maximises: canonical correlations, or the Eckart-Young bound that inverts no matrix."""
    noise_weight: float = 0.0
    """Of the noise regularisation of deep CCA (>= 0)."""
    hidden_units: tuple[int, ...] = (1024, 1024)
    """Hidden layers of deep CCA."""
    dropout: float = 0.2
    """Of the hidden units of deep CCA, in [0, 1)."""
    input_dropout: float = 0.0
    """Of the pixels, in [0, 1)."""

    def __post_init__(self):
        super().__post_init__()
        check_at_least(self, components=1, features=self.components, dropout=0, input_dropout=0, noise_weight=0)
        check(self.ridge > 0, "ridge", "> 0", self.ridge)
        check(self.width > 0, "width", "> 0", self.width)
        check(max(self.dropout, self.input_dropout) < 1, "dropout and input_dropout", "below 1", self.dropout)


DCCA = Config(rival="dcca", epochs=20, batch_size=2000, learning_rate=2e-3, dropout=0.05)
dcca = functools.partial(dataclasses.replace, DCCA)

VARIANTS: Variants = {
    "cca": ("linear CCA in closed form, ridge 1e-4", Config(rival="cca")),
    "kcca": ("kernel CCA with random Fourier features", Config(rival="kcca", ridge=1e-2)),
    "dcca": ("deep CCA, the original objective", DCCA),
    "dcca_eckart_young": ("deep CCA, the Eckart-Young objective", dcca(objective="eckart_young")),
    "dcca_noise_regularised": ("deep CCA that keeps a view's correlation with noise", dcca(noise_weight=1.0)),
    "noisy_cca": ("noisy pairs of a class: linear CCA", Config(rival="cca", components=10, views="noisy", ridge=1e-2)),
    "noisy_dcca": ("noisy pairs: deep CCA", dcca(components=10, views="noisy")),
    "noisy_dcca_noise_regularised": ("noisy pairs: deep CCA that keeps a view's correlation with noise", dcca(
        components=10, views="noisy", noise_weight=1.0)),
    "rank_one": ("the cheat: 50 copies of the first CCA pair", Config(rival="rank_one")),
    "raw_pixels": ("no code: the pixels of each half", Config(rival="raw_pixels")),
    "mean_image": ("rebuilds every view as the mean training image", Config(rival="mean_image")),
    "linear_regression": ("ridge regression from one half to the other", Config(rival="linear_regression")),
    "supervised": ("the ceiling: one convolutional classifier per half, all labels", Config(
        rival="supervised", epochs=6, batch_size=100)),
}  # fmt: skip
TINY = ("--features", "60", "--hidden-units", "16")


def load(config: Config) -> Dataset:
    """Two views; pictures as float32."""
    return load_views(config).floats()  # type: ignore[arg-type]


def canonical_codes(dataset, fit):
    """Codes of the training and the test split in the space `fit(left, right)` finds, from flattened pixels."""
    transform = fit(flat(dataset.train["left"]), flat(dataset.train["right"]))
    return [
        evaluate.Codes(*transform(flat(split["left"]), flat(split["right"])), split["label"])
        for split in (dataset.train, dataset.test)
    ]


def cca_metrics(config, dataset, copies=None):
    """Linear CCA; with `copies`, that many copies of its first pair."""

    def fit(left, right):
        fitted = cca.fit_cca(left, right, config.components, config.ridge)
        if copies is None:
            return fitted.transform
        return lambda *views: [np.repeat(codes[:, :1], copies, axis=1) for codes in fitted.transform(*views)]

    return evaluate.evaluate(*canonical_codes(dataset, fit))


def kcca_metrics(config, dataset):
    """Kernel CCA: ridge CCA on random Fourier features of both views."""

    def features(view, x, seed):
        return cca.random_fourier_features(x, config.features, config.width * widths[view], seed)

    widths = {view: cca.median_distance(flat(dataset.train[view]), config.seed) for view in evaluate.OTHER}

    def both(left, right):
        return features("left", left, [config.seed, 0]), features("right", right, [config.seed, 1])

    def fit(left, right):
        fitted = cca.fit_cca(*both(left, right), config.components, config.ridge, standardise=True)
        return lambda *views: fitted.transform(*both(*views))

    return evaluate.evaluate(*canonical_codes(dataset, fit))


def raw_pixel_metrics(dataset):
    """The published protocol on pixels; left and right pixels do not correspond, so only `within` means something."""
    split = dataset.test
    codes = evaluate.Codes(flat(split["left"]), flat(split["right"]), split["label"])
    accuracies = evaluate.transfer_metrics(codes)
    return {f"test/{name}": value for name, value in accuracies.items() if name.startswith("within")}


def regression_metrics(dataset, penalty):
    """Cross reconstruction by ridge regression on pixels; an infinite penalty leaves the mean training image."""
    rebuilt = {}
    for given, wanted in evaluate.OTHER.items():
        x, y = flat(dataset.train[given]), flat(dataset.train[wanted])
        weights = np.zeros((x.shape[1], y.shape[1]))
        if np.isfinite(penalty):
            centred = x - x.mean(axis=0)
            weights = np.linalg.solve(
                centred.T @ centred + penalty * np.eye(x.shape[1]), centred.T @ (y - y.mean(axis=0))
            )
        predicted = (flat(dataset.test[given]) - x.mean(axis=0)) @ weights + y.mean(axis=0)
        rebuilt[given] = {given: dataset.test[given], wanted: predicted.reshape(dataset.test[wanted].shape)}
    errors = evaluate.reconstruction_metrics(dataset.test, rebuilt)
    return {f"test/{name}": value for name, value in errors.items() if name.startswith("cross")}


def train_dcca(config, dataset, run):
    """Deep CCA; its codes are compared after projection on their canonical directions."""
    import keras

    from corrnet import losses, model
    from training import loop

    shapes = (dataset.train[view].shape[1:] for view in evaluate.OTHER)
    network = model.DeepCCA(*shapes, config.components, config.hidden_units, config.dropout, config.input_dropout)
    objective = functools.partial(
        losses.compute_dcca_loss, objective=config.objective, noise_weight=config.noise_weight
    )
    steps = config.total_steps(dataset.counts()["train"])
    rate = keras.optimizers.schedules.CosineDecay(config.learning_rate, steps)
    history = loop.fit(network, objective, dataset, config, run, keras.optimizers.Adam(rate))
    metrics = evaluate.evaluate_network(network, dataset, project=True)
    return network, metrics | {"validation/canonical_lost": lost(history, f"validation/{config.objective}")}, history


def lost(history, name):
    """How far the canonical correlations of the validation split fell from their highest to the last epoch: collapse.

    Of the losses' negative totals; in the units of the objective.
    """
    values = [-row[name] for row in history]
    return max(values) - values[-1]


def train_supervised(config, dataset, run):
    """One small convolutional classifier per half, both trained in one go."""
    import keras

    from corrnet import losses, model
    from training import loop

    shapes = {view: dataset.train[view].shape[1:] for view in evaluate.OTHER}
    network = model.build_classifiers(**{f"{view}_shape": shape for view, shape in shapes.items()})
    steps = config.total_steps(dataset.counts()["train"])
    rate = keras.optimizers.schedules.CosineDecay(config.learning_rate, steps)
    history = loop.fit(network, losses.compute_classifier_loss, dataset, config, run, keras.optimizers.Adam(rate))
    terms = loop.evaluate(network, losses.compute_classifier_loss, dataset.test)
    names = {view: f"test/all_labels_within_{view}_percent" for view in evaluate.OTHER}
    return network, {names[view]: 100 * terms[f"accuracy_{view}"] for view in names}, history


CLOSED_FORM: dict[str, Callable] = {
    "cca": cca_metrics,
    "rank_one": functools.partial(cca_metrics, copies=50),
    "kcca": kcca_metrics,
    "raw_pixels": lambda config, dataset: raw_pixel_metrics(dataset),
    "mean_image": lambda config, dataset: regression_metrics(dataset, np.inf),
    "linear_regression": lambda config, dataset: regression_metrics(dataset, penalty=10.0),
}
NETWORKS: dict[str, Callable] = {"dcca": train_dcca, "supervised": train_supervised}


def train(config: Config, dataset: Dataset, run: Run) -> None:
    """Fits the rival, evaluates on the test split once and writes the run."""
    if config.rival in NETWORKS:
        network, metrics, history = NETWORKS[config.rival](config, dataset, run)
    else:
        start = time.perf_counter()
        network, metrics = None, CLOSED_FORM[config.rival](config, dataset)
        history = [{"epoch": 1, "seconds": round(time.perf_counter() - start, 3)}]
    run.finish(network, metrics, dataset.counts(), history)


def flat(images):
    """Images as rows (n, pixels), float64."""
    return images.reshape(len(images), -1).astype(np.float64)


if __name__ == "__main__":
    main("corrnet.studies.rivals", VARIANTS, load, train)

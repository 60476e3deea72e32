"""Many experiments at once: draw a sample for each, fit one classifier per sample, test it on fresh samples."""

import dataclasses
from typing import ClassVar, Literal

import numpy as np

from data.dataset import Split
from gmu import config as single
from gmu import evaluate
from gmu.config import build_network, make_objective
from training.run import write_atomic
from training.settings import LARGEST_SEED, check, check_at_least

MODALITIES = ("visual", "textual")


@dataclasses.dataclass(frozen=True)
class Config(single.Config):
    """Settings of a study: those of gmu.train, for many copies with a seed and a sample of their own."""

    OWN_DATA: ClassVar[bool] = False

    models: int = 1000
    """Copies (>= 1); copy k has data seed and initial weights k, offset by seed x models."""
    restarts: int = 1
    """Copies that share a sample; the one with the lowest training loss is kept (divides models)."""
    test_examples: int = 20_000
    """Fresh samples every copy is tested on (>= 1)."""
    fusion: Literal[
        "gmu", "feed_forward", "concatenation", "sum", "mixture_of_experts", "logistic_regression", "rbf_svm"
    ] = "gmu"
    """As in gmu.train, or a classifier of scikit-learn on both inputs side by side."""

    def __post_init__(self):
        super().__post_init__()
        check_at_least(self, models=1, restarts=1, test_examples=1)
        last = self.seeds()[-1]
        check(
            last <= LARGEST_SEED,
            "seed",
            f"so that seed x models stays below {LARGEST_SEED}",
            f"{self.seed} x {self.models}",
        )
        check(self.models % self.restarts == 0, "restarts", f"a divisor of {self.models} models", self.restarts)

    def seeds(self) -> range:
        """The seeds of the copies."""
        return range(self.seed * self.models, (self.seed + 1) * self.models)


def study_of(config, **changes) -> Config:
    """The settings of a variant of gmu.train as settings of a study."""
    return Config(**{**dataclasses.asdict(config), **changes})


def stack(splits: list[Split]) -> Split:
    """One split per copy -> arrays with a leading axis of copies, float32 and int32."""
    kinds = {name: np.float32 if name in MODALITIES else np.int32 for name in splits[0]}
    return {name: np.stack([split[name].astype(kind) for split in splits]) for name, kind in kinds.items()}


def scale(split: Split, sample: Split, scaling: str) -> Split:
    """Scales (S, n, d) arrays with the mean and standard deviation of each copy's own sample (S, samples, d)."""
    scaled = dict(split)
    for name in MODALITIES if scaling != "none" else ():
        values = sample[name].astype(np.float64)
        shift = values.mean((1, 2), keepdims=True)
        spread = values.std((1, 2), keepdims=True) if scaling == "standardize" else np.ones(())
        spread = np.where(spread > 0, spread, 1.0)  # one sample has no spread
        scaled[name] = ((split[name] - shift) / spread).astype(np.float32)
    return scaled


def fit(config: Config, sample: Split, test: Split, own: bool = False):
    """Fits one classifier per sample and scores each on its test samples.

    Args:
        config: the recipe.
        sample: arrays (S, samples, ...), not scaled.
        test: arrays (S, n, ...), not scaled.
        own: score each on its own sample, too, under the same names after `own/` (both sources must occur there).

    Returns:
        (scores, copies): metric -> array (S / restarts,), and a dict with `model` (its weights are copy 0's), `weights`
        and `losses` (steps, S / restarts); None for the classifiers of scikit-learn.
    """
    sample, test = scale(sample, sample, config.scaling), scale(test, sample, config.scaling)
    if config.fusion in ("logistic_regression", "rbf_svm"):
        errors = np.array(classical_errors(config.fusion, sample, test))  # (S, 2)
        return {"test/error_percent": errors[:, 0]} | ({"own/error_percent": errors[:, 1]} if own else {}), None
    from gmu.studies import population

    model = build_network(config)
    start = population.initial_weights(model, config.seeds())
    steps = {"steps": config.epochs, "learning_rate": config.learning_rate}
    weights, losses = population.train(model, make_objective(config), start, sample, **steps)

    kept = losses[-1].reshape(-1, config.restarts).argmin(1) + np.arange(0, len(losses[-1]), config.restarts)
    weights, losses = [values[kept] for values in weights], losses[:, kept]

    def score(split):
        chosen = {name: values[kept] for name, values in split.items()}
        return population.predict(
            model, weights, chosen, lambda outputs, data: evaluate.score(outputs, data, config.cross_entropy)
        )

    scores = score(test)
    if own:
        scores |= {f"own/{name.removeprefix('test/')}": values for name, values in score(sample).items()}
    population.set_copy(model, weights, 0)
    return scores, {"model": model, "weights": weights, "losses": losses}


def classical_errors(name: str, sample: Split, test: Split) -> list[tuple[float, float]]:
    """Errors in percent of scikit-learn's classifier with its default settings, on test and own sample, per copy."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.svm import SVC

    errors = []
    for copy in range(len(sample["label"])):
        inputs, fresh = (np.concatenate([part[name][copy] for name in MODALITIES], -1) for part in (sample, test))
        labels = sample["label"][copy]
        if labels.min() == labels.max():  # a tiny sample may hold one class only
            said, again = np.full(len(fresh), labels[0]), labels
        else:
            classifier = (LogisticRegression() if name == "logistic_regression" else SVC()).fit(inputs, labels)
            said, again = classifier.predict(fresh), classifier.predict(inputs)
        wrong, missed = said != test["label"][copy], again != labels
        errors.append((100 * float(wrong.mean()), 100 * float(missed.mean())))
    return errors


def history(copies, seconds: float) -> list[dict]:
    """One row per step: the mean loss over the copies; one row for a classifier without steps."""
    losses = copies["losses"] if copies else [[]]
    rows = [{"epoch": step + 1, "seconds": seconds / len(losses)} for step in range(len(losses))]
    for row, values in zip(rows, losses, strict=True):
        row |= {"train/loss": float(values.mean())} if copies else {}
    return rows


def save_copies(path, scores, copies) -> None:
    """Writes scores, losses and weights of all copies as one .npz, for the figures."""
    arrays = {f"weights_{index:02d}": values for index, values in enumerate(copies["weights"])}
    write_atomic(path, lambda file: np.savez_compressed(file, losses=copies["losses"], **arrays, **scores))


def load_copies(path) -> tuple[dict, list[np.ndarray]]:
    """(scores and `losses`, weights) as `save_copies` wrote them."""
    with np.load(path, allow_pickle=False) as archive:
        weights = [archive[name] for name in sorted(archive.files) if name.startswith("weights_")]
        return {name: archive[name] for name in archive.files if not name.startswith("weights_")}, weights

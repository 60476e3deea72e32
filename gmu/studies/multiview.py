"""Six real views of a numeral, some of them broken or missing: `python -m gmu.studies.multiview [variant] [--flags]`.

UCI Multiple Features. Whole samples are easy for everyone, so damage is where a gate must show what it is worth.
"""

import dataclasses
import functools
from typing import ClassVar, Literal

import numpy as np

from commands.train import main
from data import multiview
from data.dataset import Dataset, Split
from training.run import Run, write_json
from training.settings import Settings, Variants, check, check_at_least

LOOKED_AT = 2  # broken views per sample, where the gate is judged as their detector


@dataclasses.dataclass(frozen=True)
class Config(Settings):
    """Settings of the study of real views."""

    NAMED: ClassVar[tuple[str, ...]] = ("multiple_features", "digits")
    OWN_DATA: ClassVar[bool] = False

    data: str = "multiple_features"
    """multiple_features (UCI, six views; fetched once, with a checksum), or digits, a stand-in of four strips."""
    epochs: int = 20
    batch_size: int = 100
    most_broken: int = 4
    """Training samples have 0 to this many broken views, each number equally likely (>= 0); never all of them."""
    copies: int = 5
    """How often a training sample is taken, each time with other views broken (>= 1)."""
    fusion: Literal["gmu", "feed_forward", "concatenation", "sum", "mixture_of_experts", "logistic_regression"] = "gmu"
    """The gated multimodal unit, a baseline with at least as many parameters, or scikit-learn's linear classifier."""
    units: int = 32
    """Width D of the fused vector (>= 1); a baseline's width follows from the parameters."""
    encoder: int = 0
    """Units of a sub-network for each view, one layer with ReLU (>= 0); 0: the views as they are."""
    expert_weight: float = 0.3
    """Weight of the gated-expert loss (>= 0), for the unit only."""

    def __post_init__(self):
        super().__post_init__()
        unused = self.train_examples or self.held_examples
        check(not unused, "train_examples and held_examples", "0: all of the 2,000 numerals are used", unused)
        check_at_least(self, most_broken=0, copies=1, units=1, encoder=0, expert_weight=0)


def rival(fusion: str, **changes) -> Config:
    """A baseline at equal parameters."""
    return Config(fusion=fusion, expert_weight=0.0, **changes)


VARIANTS: Variants = {
    "multiview_gmu": ("the gated multimodal unit with the gated-expert loss", Config()),
    "multiview_gmu_plain": ("the same without the gated-expert loss", Config(expert_weight=0.0)),
    "multiview_feed_forward": ("all views into one hidden layer", rival("feed_forward")),
    "multiview_concatenation": ("a hidden layer for each view, side by side", rival("concatenation")),
    "multiview_sum": ("a hidden layer for each view, added", rival("sum")),
    "multiview_mixture_of_experts": ("a classifier for each view, gated", rival("mixture_of_experts")),
    "multiview_gmu_encoded": ("a sub-network for each view, then the unit", Config(encoder=64)),
    "multiview_concatenation_encoded": (
        "a sub-network for each view, side by side",
        rival("concatenation", encoder=64),
    ),
    "multiview_mixture_of_experts_encoded": (
        "a sub-network for each view, gated classifiers",
        rival("mixture_of_experts", encoder=64),
    ),
    "multiview_logistic_regression": ("a linear classifier of all numbers", rival("logistic_regression")),
}
TINY = ("--data", "digits", "--copies", "1")


def load(config: Config) -> Dataset:
    """Whole samples, standardised; what is broken is drawn by the study."""
    return multiview.load(config.data, config.data_dir)


def chosen(counts: np.ndarray, views: int, generator: np.random.Generator) -> np.ndarray:
    """Bool (n, views): in row n `counts[n]` views, drawn at random."""
    return generator.random((len(counts), views)).argsort(1).argsort(1) < counts[:, None]


def broken(split: Split, names: list[str], counts: np.ndarray, generator: np.random.Generator) -> Split:
    """The samples with `counts[n]` of their views broken: each number of a broken view is that of another sample.

    So a broken view has the values that its numbers have, one by one, and belongs to no numeral.

    Returns:
        The views, `label`, and `broken`, bool (n, K), in the order of `names`.
    """
    mask, views = chosen(counts, len(names), generator), {}
    for index, name in enumerate(names):
        view = split[name]
        others = view[generator.integers(len(view), size=view.shape), np.arange(view.shape[1])]
        views[name] = np.where(mask[:, index, None], others, view)
    return {**views, "label": split["label"], "broken": mask}


def missing(split: Split, names: list[str], counts: np.ndarray, generator: np.random.Generator) -> Split:
    """The samples without `counts[n]` of their views: zeros, which are the means, and `present` (n, K) says so."""
    present = ~chosen(counts, len(names), generator)
    views = {name: split[name] * present[:, index, None] for index, name in enumerate(names)}
    return {**views, "label": split["label"], "present": present}


def train_on(config: Config, dataset: Dataset, names: list[str]) -> Dataset:
    """The data with copies of the training samples, broken by a draw of the run's seed."""
    generator = np.random.default_rng([23, config.seed])
    most = min(config.most_broken, len(names) - 1)

    def change(name, split):
        times = config.copies if name == "train" else 1
        several = {key: np.tile(array, (times,) + (1,) * (array.ndim - 1)) for key, array in split.items()}
        return broken(several, names, generator.integers(most + 1, size=len(several["label"])), generator)

    return dataset.map(change)


def damaged(split: Split, names: list[str]) -> dict[str, Split]:
    """The test split with 0, 1, ... views broken or missing in every sample, the same for every network."""
    count, cases = len(split["label"]), {}
    for kind, damage in (("broken", broken), ("missing", missing)):
        for views in range(len(names)):
            cases[f"{kind}_{views}"] = damage(split, names, np.full(count, views), np.random.default_rng([29, views]))
    return cases


def build(config: Config, dataset: Dataset, names: list[str]):
    """The unit, or a baseline as wide as the unit's parameters allow; with sub-networks where they are asked for."""
    import keras

    from gmu import baselines, model

    shapes = {name: dataset.train[name].shape[1:] for name in names}
    settings = {"shapes": shapes, "classes": dataset.classes}

    def encoders():
        dense = {"units": config.encoder, "activation": "relu"}
        return {name: keras.layers.Dense(**dense, name=f"{name}_encoder") for name in names} if config.encoder else {}

    experts = config.expert_weight > 0
    unit = model.build(units=config.units, gate="softmax", experts=experts, encoders=encoders(), **settings)
    if config.fusion == "gmu":
        return unit
    return baselines.as_large_as(unit, getattr(baselines, f"build_{config.fusion}"), encoders=encoders, **settings)


def train(config: Config, dataset: Dataset, run: Run) -> None:
    """Trains, and tests once with whole, broken and missing views."""
    names = dataset.provenance["modalities"]
    training = train_on(config, dataset, names)
    if config.fusion == "logistic_regression":
        network, answers, history = linear(training, names)
        run.write_metrics(history)
    else:
        network, answers, history = neural(config, training, names, run)
    metrics, curves = {}, {"broken": [], "missing": []}
    for case, split in damaged(dataset.test, names).items():
        outputs = answers(split)
        kind, _, _ = case.partition("_")
        curves[kind].append(100 * float((outputs["logits"].argmax(1) != split["label"]).mean()))
        metrics[f"test/error_percent_{case}"] = curves[kind][-1]
        if "gates" in outputs and case == f"broken_{LOOKED_AT}":
            metrics["gate_auc"] = detector_auc(outputs["gates"].mean(-1), split["broken"])
    metrics["test/error_percent"] = metrics.pop("test/error_percent_broken_0")
    del metrics["test/error_percent_missing_0"]
    write_json(run.path / "damage.json", curves)
    run.finish(network, metrics, dataset.counts(), history)


def neural(config: Config, dataset: Dataset, names: list[str], run: Run):
    """(network, function from a split to its outputs, history) of a trained network."""
    import keras

    from gmu import losses
    from training import loop

    network = build(config, dataset, names)
    objective = functools.partial(losses.compute_loss, cross_entropy="softmax", expert_weight=config.expert_weight)
    history = loop.fit(network, objective, dataset, config, run, keras.optimizers.Adam(config.learning_rate))
    asked = (*names, "present") if config.fusion == "gmu" else names
    return network, lambda split: loop.predict(network, {key: split[key] for key in asked if key in split}), history


def linear(dataset: Dataset, names: list[str]):
    """The same for logistic regression on all numbers, with scikit-learn's default penalty; there is no network."""
    import time

    from sklearn.linear_model import LogisticRegression

    def inputs(split):
        return np.concatenate([split[name] for name in names], axis=1)

    start = time.perf_counter()
    classifier = LogisticRegression(max_iter=1000).fit(inputs(dataset.train), dataset.train["label"])
    history = [{"epoch": 1, "seconds": round(time.perf_counter() - start, 3)}]
    return None, lambda split: {"logits": classifier.decision_function(inputs(split))}, history


def detector_auc(gates: np.ndarray, mask: np.ndarray) -> float:
    """Mean over the views of the AUC of a small gate as the detector of a broken view; gates and mask (n, K)."""
    from gmu.evaluate import gate_auc

    return float(np.mean([gate_auc(-gates[:, view], mask[:, view]) for view in range(gates.shape[1])]))


if __name__ == "__main__":
    main("gmu.studies.multiview", VARIANTS, load, train)

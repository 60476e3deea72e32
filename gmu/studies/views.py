"""Views of an image through sub-networks, fused by a gate: `python -m gmu.studies.views [variant] [--flags]`."""

import dataclasses
from typing import ClassVar, Literal

import numpy as np

from commands.train import main
from data import images
from data.dataset import Dataset
from gmu.studies.view_data import CUTS, drop, one_good_view
from training.run import Run, write_atomic, write_json
from training.settings import Settings, Variants, check, check_at_least

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclasses.dataclass(frozen=True)
class Config(Settings):
    """Settings of the study of views."""

    OWN_DATA: ClassVar[bool] = False

    cut: Literal["halves", "thirds"] = "halves"
    """Two halves of the image, or three overlapping strips."""
    rate: float = 0.1
    """Share of the pixels of a corrupted view that are set to 0 or 1, in [0, 1]."""
    fusion: Literal["gmu", "feed_forward", "concatenation", "sum", "mixture_of_experts"] = "gmu"
    """The gated multimodal unit, or a baseline with at least as many parameters."""
    units: int = 64
    """Width D of the fused vector (>= 1); a baseline's width follows from the parameters."""
    expert_weight: float = 0.3
    """Weight of the gated-expert loss (>= 0), for the unit only."""

    def __post_init__(self):
        super().__post_init__()
        check_at_least(self, units=1, expert_weight=0)
        check(0 <= self.rate <= 1, "rate", "in [0, 1]", self.rate)


def rival(fusion: str, **changes) -> Config:
    """A baseline at equal parameters."""
    return Config(fusion=fusion, expert_weight=0.0, **changes)


VARIANTS: Variants = {
    "views_gmu": ("two halves, one of them corrupted; gated-expert loss", Config()),
    "views_gmu_plain": ("the same without the gated-expert loss", Config(expert_weight=0.0)),
    "views_feed_forward": ("encodings side by side into one hidden layer", rival("feed_forward")),
    "views_concatenation": ("a hidden layer for each encoding, side by side", rival("concatenation")),
    "views_sum": ("a hidden layer for each encoding, added", rival("sum")),
    "views_mixture_of_experts": ("a classifier for each view, gated", rival("mixture_of_experts")),
    "views_three": ("three strips, two of them corrupted; gated-expert loss", Config(cut="thirds")),
    "views_three_concatenation": ("three strips, side by side", rival("concatenation", cut="thirds")),
}


def load(config: Config) -> Dataset:
    """Views of the images, one of them good in every sample."""
    dataset = images.load(config.data, **config.loading)
    return one_good_view(dataset, config.cut, config.rate)


def build(config: Config):
    """A sub-network for each view, and the fusion; baselines are as wide as the unit's parameters allow."""
    from gmu import baselines, model
    from gmu.networks import build_view_encoder

    shapes = {name: (28, last - first, 1) for name, (first, last) in CUTS[config.cut].items()}

    def encoders():
        return {name: build_view_encoder(shape, name=f"{name}_encoder") for name, shape in shapes.items()}

    unit = model.build(
        shapes=shapes,
        encoders=encoders(),
        units=config.units,
        classes=10,
        gate="tied" if len(shapes) == 2 else "softmax",
        experts=config.expert_weight > 0,
    )
    if config.fusion == "gmu":
        return unit
    builder = getattr(baselines, f"build_{config.fusion}")
    return baselines.as_large_as(unit, builder, shapes=shapes, encoders=encoders, classes=10)


def train(config: Config, dataset: Dataset, run: Run) -> None:
    """Trains, tests once with all views and with dropped ones; writes the gates of the test split."""
    import functools

    import keras

    from gmu import losses
    from training import loop

    network = build(config)
    objective = functools.partial(losses.compute_loss, cross_entropy="softmax", expert_weight=config.expert_weight)
    history = loop.fit(network, objective, dataset, config, run, keras.optimizers.Adam(config.learning_rate))

    names, test = list(CUTS[config.cut]), dataset.test
    outputs = loop.predict(network, {name: test[name] for name in names})
    metrics = score(outputs, test)
    curves = dropped_errors(network, test, names)
    metrics |= {f"test/error_percent_{which}_view_dropped": errors[-1] for which, errors in curves.items()}
    write_json(run.path / "dropped.json", {"share": SHARES, **curves})
    if "gates" in outputs:
        save_gates(run, outputs["gates"].mean(-1), test, names)
    run.finish(network, metrics, dataset.counts(), history)


def dropped_errors(network, split, names) -> dict[str, list[float]]:
    """Errors in percent when each of SHARES of the samples loses a random or a corrupted view."""
    from training import loop

    curves = {}
    for which in ("random", "corrupted"):
        reduced = [drop(split, names, share, which, np.random.default_rng(5)) for share in SHARES]
        joined = {name: np.concatenate([part[name] for part in reduced]) for name in reduced[0]}
        wrong = loop.predict(network, joined)["logits"].argmax(1) != np.tile(split["label"], len(SHARES))
        curves[which] = (100 * wrong.reshape(len(SHARES), -1).mean(1)).tolist()
    return curves


def score(outputs, split) -> dict[str, float]:
    """Error, and how well the mean gates of K views find the source: accuracy of the largest, mean of K AUCs."""
    from gmu.evaluate import gate_auc

    scores = {"test/error_percent": 100 * float((outputs["logits"].argmax(1) != split["label"]).mean())}
    if "gates" in outputs:
        gates, source = outputs["gates"].mean(-1), split["source"]  # (n, K)
        areas = [gate_auc(gates[:, view], source == view) for view in range(gates.shape[1])]
        scores["gate_accuracy_percent"] = 100 * float((gates.argmax(1) == source).mean())
        scores["gate_auc"] = float(np.mean(areas))
    return scores


def save_gates(run: Run, gates, test, names, examples: int = 10) -> None:
    """Writes the mean gates (n, K), sources and a few views of the test split, for the figures."""
    arrays = {"gates": gates, "source": test["source"], "label": test["label"]}
    views = {f"view_{name}": test[name][:examples] for name in names}
    write_atomic(run.path / "gates.npz", lambda file: np.savez_compressed(file, **arrays, **views))


if __name__ == "__main__":
    main("gmu.studies.views", VARIANTS, load, train)

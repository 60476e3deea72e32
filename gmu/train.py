"""Train one gated multimodal unit on the post's synthetic data: `python -m gmu.train [variant] [--flags]`."""

import dataclasses
import functools
from typing import Literal

from data.dataset import Dataset
from data.synthetic import two_modalities
from training.command import main
from training.run import Run
from training.settings import Settings, Variants, check_at_least


@dataclasses.dataclass(frozen=True)
class Config(Settings):
    """Settings of the GMU; the defaults are the post's."""

    data: Literal["synthetic"] = "synthetic"
    """The two-modality distribution of the post."""
    samples: int = 400
    """Training samples drawn from it (>= 1)."""
    data_seed: int = 41
    """Seed of the training sample (>= 0); the post's is 41."""
    scaling: Literal["none", "center", "standardize"] = "center"
    """What is done to the two inputs, with statistics of the training sample."""
    epochs: int = 100
    batch_size: int = 400
    learning_rate: float = 0.1
    units: int = 1
    """Width D of the fused vector (>= 1)."""
    use_bias: bool = True
    """Biases in projections and gate; the paper's equations have none."""
    cross_entropy: Literal["sigmoid", "softmax"] = "sigmoid"
    """Loss of the two logits."""
    expert_weight: float = 0.0
    """Weight of the gated-expert loss (>= 0)."""

    def __post_init__(self):
        super().__post_init__()
        check_at_least(self, samples=1, data_seed=0, units=1, expert_weight=0)


VARIANTS: Variants = {
    "blog": ("as the post: D = 1, biases, centred inputs, 100 full-batch steps", Config()),
    "equations": ("the post's equations to the letter: no biases", Config(use_bias=False)),
    "best": (
        "standardised inputs, D = 8, 300 steps, gated-expert loss",
        Config(scaling="standardize", units=8, epochs=300, cross_entropy="softmax", expert_weight=0.3),
    ),
}


def load(config: Config) -> Dataset:
    """The training sample with fresh validation and test samples."""
    return two_modalities(config.samples, config.data_seed, config.scaling)


def train(config: Config, dataset: Dataset, run: Run) -> None:
    """Trains, evaluates on the test split once and writes the run."""
    import keras
    from sklearn.metrics import roc_auc_score

    from gmu import losses, model
    from training import loop

    network = model.build(
        units=config.units, use_bias=config.use_bias, experts=config.expert_weight > 0
    )  # fmt: skip
    objective = functools.partial(
        losses.compute_loss, cross_entropy=config.cross_entropy, expert_weight=config.expert_weight
    )
    optimizer = keras.optimizers.Adam(config.learning_rate)
    history = loop.fit(network, objective, dataset, config, run, optimizer)

    terms = loop.evaluate(network, objective, dataset.test)
    gates = loop.predict(network, dict(dataset.test))["gates"][:, 0].mean(-1)
    metrics = {
        "test/error_percent": 100 * (1 - terms["accuracy"]),
        "test/nll_nats": terms["cross_entropy"],
        "gate_accuracy_percent": 100 * float(((gates > 0.5) == dataset.test["source"]).mean()),
        "gate_auc": float(roc_auc_score(dataset.test["source"], gates)),
    }
    run.finish(network, metrics, dataset.counts(), history)


if __name__ == "__main__":
    main("gmu.train", VARIANTS, load, train)

"""Train one gated multimodal unit on the post's synthetic data: `python -m gmu.train [variant] [--flags]`."""

import dataclasses
from typing import Literal

from data.dataset import Dataset
from data.synthetic import TwoModalities, two_modalities
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
    dimensions: int = 1
    """Each modality is in R^dimensions (>= 1); the means keep their distances."""
    scaling: Literal["none", "center", "standardize"] = "center"
    """What is done to the two inputs, with statistics of the training sample."""
    epochs: int = 100
    batch_size: int = 400
    learning_rate: float = 0.1
    fusion: Literal["gmu", "feed_forward", "concatenation", "sum", "mixture_of_experts"] = "gmu"
    """The gated multimodal unit or one of gmu/baselines.py."""
    units: int = 1
    """Width D of the fused vector, or of the baseline's hidden layer (>= 1)."""
    gate_reads: Literal["inputs", "projections"] = "inputs"
    """What the gate sees: the inputs (the equations) or their projections (the official code)."""
    use_bias: bool = True
    """Biases in projections and gate; the paper's equations have none."""
    cross_entropy: Literal["sigmoid", "softmax"] = "sigmoid"
    """Loss of the two logits."""
    expert_weight: float = 0.0
    """Weight of the gated-expert loss (>= 0)."""

    def __post_init__(self):
        super().__post_init__()
        check_at_least(self, samples=1, data_seed=0, dimensions=1, units=1, expert_weight=0)


MODERN = Config(scaling="standardize", units=8, epochs=300, cross_entropy="softmax")
OFFICIAL = Config(scaling="standardize", use_bias=False, gate_reads="projections", cross_entropy="softmax")
change = dataclasses.replace

VARIANTS: Variants = {
    "blog": ("as the post: D = 1, biases, centred inputs, 100 full-batch steps", Config()),
    "uncentered": ("the post without its centring (its cell 3 warns)", Config(scaling="none")),
    "equations": ("the post's equations to the letter: no biases", Config(use_bias=False)),
    "paper": (
        "the paper: modalities in R^2, no biases, softmax on h",
        change(OFFICIAL, dimensions=2, gate_reads="inputs"),
    ),
    "official": ("the paper's code: gate on the projections, no biases, standardised", OFFICIAL),
    "wide": ("standardised inputs, D = 8, softmax, 300 steps", MODERN),
    "best": ("the same with 0.3 x gated-expert loss", change(MODERN, expert_weight=0.3)),
    "feed_forward": ("one hidden layer; as many parameters as best", change(MODERN, fusion="feed_forward", units=15)),
    "concatenation": ("features side by side, no gate", change(MODERN, fusion="concatenation", units=9)),
    "sum": ("features added, no gate", change(MODERN, fusion="sum", units=12)),
    "mixture_of_experts": ("a gate over whole classifiers", change(MODERN, fusion="mixture_of_experts")),
}


def load(config: Config) -> Dataset:
    """The training sample with fresh validation and test samples."""
    distribution = TwoModalities().along_diagonal(config.dimensions)
    return two_modalities(config.samples, config.data_seed, config.scaling, distribution=distribution)


def train(config: Config, dataset: Dataset, run: Run) -> None:
    """Trains, evaluates on the test split once and writes the run."""
    import keras

    from gmu import measures, recipe
    from training import loop

    network, compute_loss = recipe.build(config), recipe.objective(config)
    optimizer = keras.optimizers.Adam(config.learning_rate)
    history = loop.fit(network, compute_loss, dataset, config, run, optimizer)
    outputs = loop.predict(network, {name: dataset.test[name] for name in ("visual", "textual")})
    scores = measures.score(outputs, dataset.test, config.cross_entropy)
    run.finish(network, {name: float(value) for name, value in scores.items()}, dataset.counts(), history)


if __name__ == "__main__":
    main("gmu.train", VARIANTS, load, train)

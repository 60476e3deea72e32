"""The Sparse post's 1000-500-1000 network on random inputs: `python -m autoencoders.studies.random_inputs`."""

import dataclasses
from typing import ClassVar, Literal

import numpy as np

from commands.train import main
from data.dataset import Dataset
from training.run import Run
from training.settings import Settings, Variants, check_at_least

SPLITS = {"train": 20_000, "validation": 2_000, "test": 2_000}
FACTORS = 50  # hidden causes of inputs with structure


@dataclasses.dataclass(frozen=True)
class Config(Settings):
    """Settings of the study: the post states 1,000 inputs, 500 and "more" hidden units; the rest is ours."""

    NAMED: ClassVar[tuple[str, ...]] = ("synthetic",)
    OWN_DATA: ClassVar[bool] = False

    data: str = "synthetic"
    """synthetic: numbers drawn here."""
    inputs: Literal["random", "structured"] = "random"
    """1,000 independent uniform numbers, or as many that 50 hidden causes explain."""
    width: int = 1000
    """Inputs, and outputs (>= 1)."""
    code: int = 500
    """Hidden units (>= 1)."""
    l1: float = 0.0
    """Weight of the activity_regularizer (>= 0)."""
    epochs: int = 40
    learning_rate: float = 1e-4

    def __post_init__(self):
        super().__post_init__()
        check_at_least(self, width=1, code=1, l1=0)


VARIANTS: Variants = {
    "random_500": ("1000-500-1000 on independent random inputs", Config()),
    "structured_500": ("1000-500-1000 on inputs with structure", Config(inputs="structured")),
    "random_2000": ("more hidden units than inputs: 2,000", Config(code=2000)),
    "random_2000_sparse": ("2,000 hidden units with a sparsity constraint", Config(code=2000, l1=0.01)),
    "structured_2000_sparse": ("the same on inputs with structure", Config(inputs="structured", code=2000, l1=0.01)),
}
TINY = ("--width", "30", "--code", "8", "--batch-size", "4000")


def load(config: Config) -> Dataset:
    """Rows in (0, 1) as pictures of one column."""
    generator = np.random.default_rng([config.seed, 41])
    mixing = generator.standard_normal((FACTORS, config.width)) / FACTORS**0.5

    def draw(count):
        if config.inputs == "random":
            rows = generator.random((count, config.width))
        else:
            rows = 1 / (1 + np.exp(-2 * generator.standard_normal((count, FACTORS)) @ mixing))
        return {"image": rows.astype(np.float32)[:, :, None, None]}

    splits = {name: draw(count) for name, count in SPLITS.items()}
    title = f"{config.width:,} {config.inputs} inputs"
    return Dataset("synthetic", title, **splits, provenance={"source": "autoencoders.studies.random_inputs"})


def train(config: Config, dataset: Dataset, run: Run) -> None:
    """Trains the network; how much of the inputs' variance it and PCA explain, how many units answer."""
    import keras

    from autoencoders import baselines, evaluate, losses, model
    from training import loop

    network = model.build(
        image_shape=dataset.train["image"].shape[1:],
        network="dense",
        widths=(),
        code=config.code,
        kind="relu",
        l1=config.l1,
    )

    def objective(network, batch, training):
        return losses.compute_loss(network, batch, training, reconstruction="squared_error")

    history = loop.fit(network, objective, dataset, config, run, keras.optimizers.Adam(config.learning_rate))
    variance = float(np.var(dataset.test["image"], axis=0).mean())
    metrics = {"explained_percent": 100 * (1 - evaluate.reconstruction(network, dataset, 1)["test/mse"] / variance)}
    fitting = min(config.code, config.width)
    metrics["pca_explained_percent"] = 100 * (1 - baselines.pca_mse(dataset, fitting) / variance)
    metrics |= {name.removeprefix("test/"): value for name, value in evaluate.sparsity(network, dataset).items()}
    run.finish(None, metrics, dataset.counts(), history)


if __name__ == "__main__":
    main("autoencoders.studies.random_inputs", VARIANTS, load, train)

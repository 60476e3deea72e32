"""A linear autoencoder finds the plane of PCA: `python -m autoencoders.studies.linear`."""

import dataclasses
from typing import ClassVar

import numpy as np

from autoencoders.train import load as load_images
from commands.train import main
from data.dataset import Dataset, pixels
from training.run import Run
from training.settings import Settings, Variants, check_at_least


@dataclasses.dataclass(frozen=True)
class Config(Settings):
    """Settings of the study."""

    OWN_DATA: ClassVar[bool] = False

    epochs: int = 60
    batch_size: int = 250
    code: int = 8
    """Numbers of the code (>= 1)."""

    def __post_init__(self):
        super().__post_init__()
        check_at_least(self, code=1)

    def fixed_length(self):
        return "its rate falls to 0"


VARIANTS: Variants = {"linear_study": ("two linear layers, squared error, against PCA of the same size", Config())}


def load(config: Config) -> Dataset:
    """Images as rows, the mean training image taken away."""
    dataset = load_images(config)  # type: ignore[arg-type]
    mean = pixels(dataset.train["image"]).mean(axis=0).ravel()

    def centre(_, split):
        return {"row": pixels(split["image"]).reshape(len(split["image"]), -1) - mean}

    return dataset.map(centre, class_names=())


def train(config: Config, dataset: Dataset, run: Run) -> None:
    """Trains the two layers; how far their plane and their error are from PCA's."""
    import keras
    from keras import ops

    from training import loop

    width = dataset.train["row"].shape[1]
    layers = [keras.layers.Dense(units, use_bias=False) for units in (config.code, width)]
    network = keras.Sequential([keras.Input((width,)), *layers])

    def compute_loss(model, batch, training):
        error = ops.sum(ops.square(batch["row"] - model(batch["row"], training=training)), axis=-1)
        return ops.mean(error), {}

    steps = config.total_steps(dataset.counts()["train"])
    optimizer = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(config.learning_rate, steps))
    history = loop.fit(network, compute_loss, dataset, config, run, optimizer)
    rebuilt = loop.predict(network, dataset.test["row"])
    metrics = compare(dataset, np.asarray(layers[1].kernel), rebuilt)
    run.finish(None, metrics, dataset.counts(), history)


def compare(dataset: Dataset, decoder: np.ndarray, rebuilt: np.ndarray) -> dict[str, float]:
    """Against the first principal components of the training rows.

    Args:
        dataset: rows (n, width) of every split.
        decoder: kernel (code, width), whose rows span the plane that the network draws in.
        rebuilt: the test rows as the network rebuilds them.

    Returns:
        `test/sse` and `test/pca_sse`, squared error per row; `largest_angle_degrees` and `mean_angle_degrees`,
        principal angles between the two planes (0: the same, 90: a direction of one is missing in the other).
    """
    from scipy.linalg import subspace_angles
    from sklearn.decomposition import PCA

    test = dataset.test["row"]
    pca = PCA(len(decoder), svd_solver="covariance_eigh").fit(dataset.train["row"])
    angles = np.degrees(subspace_angles(decoder.T, pca.components_.T))
    projected = pca.inverse_transform(pca.transform(test))
    return {
        "test/sse": float(np.square(test - rebuilt).sum(axis=1).mean()),
        "test/pca_sse": float(np.square(test - projected).sum(axis=1).mean()),
        "largest_angle_degrees": float(angles.max()),
        "mean_angle_degrees": float(angles.mean()),
    }


if __name__ == "__main__":
    main("autoencoders.studies.linear", VARIANTS, load, train)

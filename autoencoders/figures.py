"""The figures of the autoencoder posts, drawn from a finished run."""

import numpy as np
from matplotlib.figure import Figure

from autoencoders import baselines
from data import images
from data.dataset import Dataset
from reporting import plots
from training.run import Run


def dataset_of(run: Run) -> Dataset:
    """The data set of a run, loaded again with its settings."""
    settings = run.config["settings"]
    return images.load(settings["data"], settings["data_dir"], train_examples=settings["train_examples"])


def first_of_each_class(labels: np.ndarray) -> np.ndarray:
    """Row of the first image of every class, in the order of the classes."""
    return np.array([np.flatnonzero(labels == label)[0] for label in np.unique(labels)])


def reconstructions(run: Run) -> Figure:
    """Test images above their reconstructions, as in the post, with a PCA row of equal code size."""
    from training.loop import predict

    dataset = dataset_of(run)
    rows = first_of_each_class(dataset.test["label"])
    shown = dataset.test["image"][rows]
    code = run.config["settings"]["code"]
    decoded = predict(run.load_model(), shown)["image"]
    figure = plots.image_rows(
        {
            "original": shown,
            "autoencoder": decoded,
            f"PCA, {code}": np.clip(baselines.pca_reconstruct(dataset.train["image"], shown, code), 0, 1),
        }
    )
    metrics = run.result["metrics"]
    return plots.caption(
        figure,
        f"First test image of each class, its reconstruction from {code} numbers, and PCA's from as many. "
        f"Test MSE {metrics['test/mse']:.4f}, PCA {metrics['test/pca_mse']:.4f}. {plots.describe(run)}.",
    )


def loss(run: Run) -> Figure:
    """Learning curves."""
    return plots.learning_curves(run, "mse", "mean squared error per pixel")


FIGURES = {"reconstructions": reconstructions, "loss": loss}

"""The figures of the GMU post, drawn from a finished run."""

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from data.dataset import Dataset
from reporting import plots
from training.run import Run

COLOURS = np.array(["tab:blue", "tab:red"])


def training_data(run: Run) -> Dataset:
    """The data set of a run, made again from its settings."""
    from data.synthetic import two_modalities

    settings = run.config["settings"]
    return two_modalities(settings["samples"], settings["data_seed"], settings["scaling"])


def scatter(axis, dataset: Dataset) -> None:
    """Training points coloured by class C, in the units the model sees."""
    split = dataset.train
    for value in (0, 1):
        rows = split["label"] == value
        axis.scatter(split["visual"][rows], split["textual"][rows], s=10, c=COLOURS[value], label=f"C = {value}")
    axis.set(xlabel="visual modality", ylabel="textual modality")
    axis.grid(False)


def data(run: Run) -> Figure:
    """The post's scatter of the training data."""
    figure, axis = plt.subplots(figsize=(5, 4))
    scatter(axis, training_data(run))
    axis.set_title("Four clusters, two classes")
    axis.legend()
    return plots.caption(figure, f"Training sample; {plots.describe(run)}.")


def loss(run: Run) -> Figure:
    """The post's loss curve."""
    return plots.learning_curves(run, "cross_entropy", "cross-entropy (nats)")


def maps(run: Run) -> Figure:
    """The post's last figure: which modality the gate attends to, and the predicted class, over the plane."""
    from training.loop import predict

    dataset = training_data(run)
    visual, textual = dataset.train["visual"], dataset.train["textual"]
    extent = [visual.min() - 1, visual.max() + 1, textual.min() - 1, textual.max() + 1]
    grid = np.meshgrid(np.linspace(*extent[:2], 200), np.linspace(*extent[2:], 200))
    points = {"visual": grid[0].reshape(-1, 1), "textual": grid[1].reshape(-1, 1)}
    outputs = predict(run.load_model(), points)
    gate = outputs["gates"][:, 0].mean(-1)
    odds = outputs["logits"][:, 1]
    if run.config["settings"]["cross_entropy"] == "softmax":
        odds = odds - outputs["logits"][:, 0]
    panels = {
        "Which modality the gate attends to": (gate, "gray", ("x_t", "x_v"), "gate z"),
        "Predicted class": (1 / (1 + np.exp(-odds)), "bwr", ("C = 0", "C = 1"), "P(C = 1)"),
    }
    figure, axes = plt.subplots(1, 2, figsize=(10, 4.2), sharey=True)
    for axis, (title, (values, colours, ends, label)) in zip(axes, panels.items(), strict=True):
        picture = axis.imshow(
            values.reshape(200, 200),
            origin="lower",
            extent=extent,
            aspect="auto",
            cmap=colours,
            alpha=0.6,
            vmin=0,
            vmax=1,
        )
        bar = figure.colorbar(picture, ax=axis, ticks=[0, 0.5, 1], label=label)
        bar.ax.set_yticklabels([f"0: {ends[0]}", "0.5", f"1: {ends[1]}"])
        scatter(axis, dataset)
        axis.set_title(title)
    return plots.caption(figure, f"Points: training sample; colour: the model. {plots.describe(run)}.")


FIGURES = {"data": data, "loss": loss, "maps": maps}

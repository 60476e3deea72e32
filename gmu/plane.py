"""Drawing a model over the plane of the post's two scalar modalities, in data units."""

import numpy as np

from data.synthetic import TwoModalities
from gmu.measures import bayes_log_odds, log_odds

COLOURS = ("tab:blue", "tab:red")
EXTENT = (-3.0, 21.0, 6.0, 23.0)  # visual from, to, textual from, to
RESOLUTION = 200
LAW = TwoModalities()


def scatter(axis, sample) -> None:
    """Training points coloured by class C."""
    for value in (0, 1):
        rows = sample["label"] == value
        points = sample["visual"][rows], sample["textual"][rows]
        axis.scatter(*points, s=12, c=COLOURS[value], edgecolors="black", linewidths=0.25)
    axis.set(xlabel="visual modality")
    axis.grid(False)


def grid() -> dict[str, np.ndarray]:
    """The points of the plane, as columns (RESOLUTION^2, 1), in data units."""
    visual, textual = np.meshgrid(np.linspace(*EXTENT[:2], RESOLUTION), np.linspace(*EXTENT[2:], RESOLUTION))
    return {"visual": visual.reshape(-1, 1), "textual": textual.reshape(-1, 1)}


def draw_map(axis, sample, values, colours: str, bayes) -> object:
    """Values in [0, 1] over the plane, the Bayes boundary, and the sample; returns the image for a colour bar."""
    picture = axis.imshow(
        values.reshape(RESOLUTION, RESOLUTION),
        origin="lower",
        extent=EXTENT,
        aspect="auto",
        cmap=colours,
        alpha=0.6,
        vmin=0,
        vmax=1,
    )
    boundary = bayes(grid()).reshape(RESOLUTION, RESOLUTION)
    axis.contour(boundary, [0], extent=EXTENT, colors="black", linestyles="dashed", linewidths=1)
    scatter(axis, sample)
    axis.set(xlim=EXTENT[:2], ylim=EXTENT[2:])
    return picture


def bayes_class(points):
    return bayes_log_odds(LAW, points["visual"], points["textual"])[0]


def bayes_source(points):
    return bayes_log_odds(LAW, points["visual"], points["textual"])[1]


def ask(model, shift, scale, cross_entropy: str):
    """Gate z and P(C = 1) of a model over the plane; z is None without gates."""
    from training.loop import predict

    inputs = {name: ((values - shift[name]) / scale[name]).astype(np.float32) for name, values in grid().items()}
    outputs = predict(model, inputs)
    gate = outputs["gates"][:, 0].mean(-1) if "gates" in outputs else None
    return gate, 1 / (1 + np.exp(-log_odds(outputs["logits"], cross_entropy)))

"""Figures: one style, a caption that says data, seed and epochs, saved atomically as PNG."""

import io
import os
import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path

os.environ.setdefault("MPLBACKEND", "Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib import ticker
from matplotlib.figure import Figure

from data.dataset import pixels
from training.run import Run, write_atomic

STYLE = {
    "figure.dpi": 120,
    "figure.constrained_layout.use": True,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": "medium",
    "font.size": 10,
    "legend.frameon": False,
}
plt.rcParams.update(STYLE)

GAP = 2  # pixels between the images of a grid
DrawFigure = Callable[[Run], Figure | None]


def describe(run: Run, epochs: int | None = None) -> str:
    """'variant plain, MNIST, seed 0, 10 epochs', for captions; `epochs`: if not one per row of metrics."""
    config = run.config
    settings = config["settings"]
    title = run.environment["data"]["title"]
    of, epochs = f"variant {config['variant']}, {title}, seed {settings['seed']}", epochs or run.result["epochs"]
    return f"{config['method']}, {of}, {epochs} epoch{'' if epochs == 1 else 's'}"


def caption(figure: Figure, text: str) -> Figure:
    """Writes `text` below the figure, wrapped to its width, and keeps it as the PNG's description."""
    figure.caption_text = text
    width = max(40, int(figure.get_figwidth() * 13))
    figure.supxlabel("\n".join(textwrap.wrap(text, width)), fontsize=8, color="0.35", ha="center")
    return figure


def as_png(figure: Figure) -> bytes:
    """The figure as a PNG with the caption in its metadata; closes it."""
    content = io.BytesIO()
    description = getattr(figure, "caption_text", "")
    figure.savefig(content, format="png", metadata={"Description": description, "Software": None})
    plt.close(figure)
    return content.getvalue()


def save(figure: Figure, path: Path) -> None:
    """Writes the PNG atomically, with the caption in its metadata, and closes the figure."""
    write_atomic(path, as_png(figure))


def draw(run: Run, figures: Mapping[str, DrawFigure]) -> list[Path]:
    """Draws every figure that fits the run into its folder `figures/`; returns the paths."""
    paths = []
    for name, draw_figure in figures.items():
        figure = draw_figure(run)
        if figure is not None:
            paths.append(run.path / "figures" / f"{name}.png")
            save(figure, paths[-1])
    return paths


def image_rows(rows: Mapping[str, np.ndarray], cell: float = 0.75, titles: list[str] | None = None) -> Figure:
    """Grid of images in [0, 1], on one scale: one labelled row per entry, arrays (columns, height, width[, 1 or 3]).

    Grey images are drawn dark on light, as ink on paper; colours as they are. `titles` stand above the columns.
    """
    columns = max(len(images) for images in rows.values())
    height, width = next(iter(rows.values())).shape[1:3]
    labels = 0.3 + 0.09 * max(map(len, rows))  # inches beside the images
    size = (max(3.4, cell * columns + labels), cell * height / width * len(rows) + 0.6)
    figure, axis = plt.subplots(figsize=size)
    axis.imshow(mosaic(list(rows.values()), columns), interpolation="nearest")
    axis.set_yticks([(height + GAP) * row + height / 2 for row in range(len(rows))], rows)
    axis.set_xticks([(width + GAP) * column + width / 2 for column in range(len(titles or []))], titles or [])
    axis.tick_params(length=0, labeltop=True, labelbottom=False)
    axis.tick_params(axis="x", labelsize=8)
    axis.grid(False)
    axis.set_frame_on(False)
    return figure


def mosaic(rows: list[np.ndarray], columns: int) -> np.ndarray:
    """Rows of images as one picture (height, width, 3) in [0, 1] on white, GAP pixels between them."""
    height, width = rows[0].shape[1:3]
    canvas = np.ones((len(rows) * (height + GAP) - GAP, columns * (width + GAP) - GAP, 3))
    for row, images in enumerate(rows):
        for column, image in enumerate(np.clip(pixels(images), 0, 1)):
            grey = image.ndim == 2 or image.shape[2] == 1
            shown = 1 - image.reshape(height, width, 1) if grey else image
            top, left = row * (height + GAP), column * (width + GAP)
            canvas[top : top + height, left : left + width] = shown
    return canvas


def plain_log_scale(axis, which: str = "y") -> None:
    """A logarithmic vertical axis (or `which`: "x", "xy") with its numbers written out: 1, 2, 5, 10, ..."""
    for name in which:
        axis.set(**{f"{name}scale": "log"})
        one = getattr(axis, f"{name}axis")
        one.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
        one.set_major_formatter("{x:g}")
        one.set_minor_locator(ticker.NullLocator())


def learning_curves(run: Run, term: str = "loss", label: str = "loss") -> Figure:
    """Training and validation means of a loss term over epochs."""
    rows = run.metrics()
    figure, axis = plt.subplots(figsize=(6, 3.6))
    for prefix in ("train", "validation"):
        values = [row.get(f"{prefix}/{term}", np.nan) for row in rows]
        axis.plot([row["epoch"] for row in rows], values, label=prefix)
    axis.set(xlabel="epoch", ylabel=label, title=f"Learning curves: {label}")
    axis.xaxis.get_major_locator().set_params(integer=True)
    axis.legend()
    return caption(figure, f"{describe(run)}; means over all examples of the split.")

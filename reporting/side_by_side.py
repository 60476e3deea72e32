"""Figures that put variants side by side: learning curves with bands over seeds, and one grid of images."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from reporting import plots
from reporting.methods import figures_of, part
from training.run import Run


def draw(runs: list[Run], out: Path, name: str) -> list[Path]:
    """Writes the figures that fit the finished `runs`; returns their paths."""
    figures = {"curves": curves(runs), "grid": grid(runs)}
    paths = []
    for kind, figure in figures.items():
        if figure is not None:
            paths.append(out / f"{name}-{kind}.png")
            plots.save(figure, paths[-1])
    return paths


def redraw(method: str, runs: list[Run]) -> None:
    """Draws the method's figures that compare runs again, now that all of them are there, for one seed of each variant.

    The first seed: every variant has it, so that its figure shows them all.
    """
    figures, names = figures_of(method)
    first_seeds = {run.path.parent: run for run in reversed(runs)}
    for run in first_seeds.values():
        plots.draw(run, {name: figures[name] for name in names})


def grouped(runs: Iterable[Run]) -> dict[str, list[Run]]:
    """'variant, data' -> its runs over seeds, in the order of `runs`; methods are named where there are several."""
    several = len({run.config["method"] for run in runs}) > 1
    groups = {}
    for run in runs:
        config = run.config
        prefix = f"{config['method']}:" if several else ""
        groups.setdefault(f"{prefix}{config['variant']}, {config['data']}", []).append(run)
    return groups


def curves(runs: list[Run]) -> Figure | None:
    """Validation loss over epochs: mean over seeds, band of one standard deviation; None without any."""
    figure, axis = plt.subplots(figsize=(7, 4.2))
    drawn = 0
    for label, group in grouped(runs).items():
        tables = [run.metrics() for run in group if (run.path / "metrics.csv").exists()]
        values = [[row.get("validation/loss", np.nan) for row in table] for table in tables]
        if not values or len({len(line) for line in values}) > 1 or np.isnan(values).all():
            continue
        epochs = [row["epoch"] for row in tables[0]]
        mean, sd = np.mean(values, axis=0), np.std(values, axis=0, ddof=min(1, len(values) - 1))
        (line,) = axis.plot(epochs, mean, label=f"{label} (n = {len(values)})", marker="." if len(epochs) < 15 else "")
        axis.fill_between(epochs, mean - sd, mean + sd, color=line.get_color(), alpha=0.2, linewidth=0)
        drawn += 1
    if not drawn:
        plt.close(figure)
        return None
    axis.set(xlabel="epoch", ylabel="validation loss", title="Learning curves")
    axis.xaxis.get_major_locator().set_params(integer=True)
    axis.legend(fontsize=8)
    text = "Mean over seeds of the validation loss; the band is one standard deviation. Losses of unlike terms differ."
    return plots.caption(figure, text)


def grid(runs: list[Run]) -> Figure | None:
    """Variants as rows, the same test images as columns, of one data set; None where the methods show no images.

    A method joins in with a function `grid_row(run) -> {label: images}` in its figures.py; equal labels are drawn once.
    """
    rows, first = {}, None
    for label, group in grouped(runs).items():
        run = group[0]
        show = getattr(part(run.config["method"], "figures"), "grid_row", None)
        data = run.environment["data"]["checksum"]
        if show is None or data != (first or data):
            continue
        first = data
        images = show(run)
        if images:
            *shared, own = images
            rows |= {name: images[name] for name in shared}
            rows[label] = images[own]
    if not rows:
        return None
    description = plots.describe(next(iter(grouped(runs).values()))[0])
    return plots.caption(
        plots.image_rows(rows), f"The same test images in every row; first seed. First row: {description}."
    )

"""Boxes and arrows: how the drawings of architectures and mechanisms are made."""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from reporting import plots  # noqa: F401  (sets the style)

# One colour for one thing in all drawings; all told apart by colour-blind readers (Okabe and Ito 2008), printed light.
COLOURS = {"data": "#e5e5e5", "layer": "#cfe3f4", "code": "#fbe3b5", "output": "#cdeade", "loss": "#f6d3cc"}


class Box(NamedTuple):
    """A box with a text; its centre is (x, y), in inches like its size."""

    x: float
    y: float
    text: str
    kind: str = "layer"
    width: float = 1.25
    height: float = 0.55


class Arrow(NamedTuple):
    """From one box to another, by their names; both ways where `both` is set."""

    start: str
    end: str
    text: str = ""
    both: bool = False
    bend: float = 0.0


def draw(boxes: dict[str, Box], arrows: Sequence[Arrow], size: tuple[float, float], title: str = "") -> Figure:
    """A figure of `size` inches with the boxes and the arrows between them."""
    figure, axis = plt.subplots(figsize=size)
    for box in boxes.values():
        corner = box.x - box.width / 2, box.y - box.height / 2
        axis.add_patch(
            FancyBboxPatch(corner, box.width, box.height, boxstyle="round,pad=0,rounding_size=0.06",
                           facecolor=COLOURS[box.kind], edgecolor="0.35", linewidth=0.8, zorder=2)
        )  # fmt: skip
        axis.text(box.x, box.y, box.text, ha="center", va="center", fontsize=8, zorder=3)
    for arrow in arrows:
        connect(axis, boxes[arrow.start], boxes[arrow.end], arrow)
    axis.set(xlim=(0, size[0]), ylim=(0, size[1]), aspect="equal", title=title)
    axis.axis("off")
    return figure


def connect(axis, start: Box, end: Box, arrow: Arrow) -> None:
    """An arrow from edge to edge, with its text beside the middle."""
    first, last = edge(start, end), edge(end, start)
    style = "<|-|>" if arrow.both else "-|>"
    path = f"arc3,rad={arrow.bend}"
    axis.add_patch(
        FancyArrowPatch(first, last, arrowstyle=style, mutation_scale=9, color="0.3", linewidth=0.9,
                        connectionstyle=path, shrinkA=1, shrinkB=1, zorder=1)
    )  # fmt: skip
    if arrow.text:
        x, y = (first[0] + last[0]) / 2, (first[1] + last[1]) / 2
        axis.text(x, y + 0.08 - 0.3 * arrow.bend * abs(last[0] - first[0]), arrow.text, ha="center", va="bottom",
                  fontsize=7.5, color="0.2")  # fmt: skip


def edge(box: Box, other: Box) -> tuple[float, float]:
    """Where the line from the centre of `box` to that of `other` leaves the box."""
    dx, dy = other.x - box.x, other.y - box.y
    scale = max(abs(dx) / (box.width / 2), abs(dy) / (box.height / 2)) or 1.0
    return box.x + dx / scale, box.y + dy / scale


def row(names: Sequence[tuple[str, str, str]], y: float, first: float, step: float, **more) -> dict[str, Box]:
    """Boxes side by side: (name, text, kind) each, from x = `first` on, `step` apart."""
    return {name: Box(first + step * k, y, text, kind, **more) for k, (name, text, kind) in enumerate(names)}


def chain(names: Sequence[str]) -> list[Arrow]:
    """Arrows from each box to the next."""
    return [Arrow(start, end) for start, end in itertools.pairwise(names)]

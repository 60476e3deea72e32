"""Codes of pairs, and the view that is missing: `python -m corrnet.predict RUN INPUT [--given left] [--out FILE]`.

INPUT is a table with the run's two views, or one of them; or whole pictures, of which `--given` hides a half.
"""

import dataclasses
from typing import Literal

import numpy as np

from commands.predict import Answer, Ask, Asked, inversion, main
from common import UserError
from data import asked as other_data
from data import tables

VIEWS = ("left", "right")


@dataclasses.dataclass(frozen=True)
class AskViews(Ask):
    """Encodes pairs of views or one view alone, and rebuilds both."""

    given: Literal["both", "left", "right"] = "both"
    """The views that the network sees; the other one is drawn."""


def read(run, options: AskViews):
    """(names, {"left", "right", "present" (n, 2)}) of tables or whole pictures."""
    trained = run.environment["data"]
    if all(tables.is_table(path) for path in options.inputs):
        names, found = other_data.read_tables(options.inputs, trained)
    else:
        shapes = trained["shapes"] if "shapes" in trained else dict.fromkeys(VIEWS, (28, 14, 1))
        left, right = (tuple(shapes[view]) for view in VIEWS)
        if len(left) != 3:
            raise UserError(f"{run.path} was trained on features {left} and {right}, expected a .csv or .npz table")
        whole = (left[0], left[1] + right[1], left[2])
        names, pictures = other_data.read_pictures(list(options.inputs), whole, inversion(trained, options))
        found = {"left": pictures[:, :, : left[1]], "right": pictures[:, :, left[1] :]}
        found["present"] = np.ones((len(pictures), 2), bool)
    if options.given != "both":
        found["present"] = found["present"] & (np.array(VIEWS) == options.given)
    if not found["present"].any(axis=1).all():
        raise UserError(f"some rows lack the {options.given} view, expected it in all; change --given")
    return names, found


def answer(network, asked: Asked) -> Answer:
    """The code of whatever views each row has, both views rebuilt from it, and their errors where the view is known."""
    if not hasattr(network, "decode"):
        raise UserError(f"{asked.run.path} has no decoder, expected a run of this method's train; use another run")
    views, present = asked.inputs, asked.inputs["present"]
    parts, order = [], []
    for pattern in np.unique(present, axis=0):
        rows = np.flatnonzero((present == pattern).all(axis=1))
        seen = {view: views[view][rows] for view, here in zip(VIEWS, pattern, strict=True) if here}
        parts.append(np.asarray(network.encode(**seen)))
        order.append(rows)
    codes = np.concatenate(parts)[np.argsort(np.concatenate(order))]
    rebuilt = {view: np.asarray(values) for view, values in network.decode(codes).items()}
    lines = []
    for row, name in enumerate(asked.names):
        given = [view for view, here in zip(VIEWS, present[row], strict=True) if here]
        line: dict[str, object] = {"row": name, "given": " and ".join(given)}
        for view in VIEWS:
            known = views[view][row].any()
            error = float(np.mean((rebuilt[view][row] - views[view][row]) ** 2))
            line[f"squared error of {view}"] = error if known else "unknown"
        line["code"] = " ".join(f"{number:.2f}" for number in codes[row][:5]) + " ..."
        lines.append(line)
    return Answer(lines, {"code": codes, **in_units(rebuilt, asked.trained)}, lambda: draw(asked, rebuilt))


def in_units(rebuilt: dict, trained: dict) -> dict[str, np.ndarray]:
    """Rebuilt views in the units of the run's table; pictures as they are."""
    scaling = trained.get("scaling", {})
    return {
        view: values * np.array(scaling[view][1]) + np.array(scaling[view][0]) if view in scaling else values
        for view, values in rebuilt.items()
    }


def draw(asked: Asked, rebuilt):
    """The first pictures: what was given, both views rebuilt, and the whole picture; None for features."""
    from reporting import plots

    if rebuilt["left"].ndim != 4:
        return None
    shown, present = slice(0, 10), asked.inputs["present"]
    given = [np.where(present[shown, k][:, None, None, None], asked.inputs[view][shown], 0.12)
             for k, view in enumerate(VIEWS)]  # fmt: skip
    whole = [asked.inputs[view][shown] for view in VIEWS]
    drawn = [rebuilt[view][shown] for view in VIEWS]
    rows = {"given": given, "rebuilt": drawn, "the picture": whole}
    pictures = {name: np.concatenate(halves, axis=2) for name, halves in rows.items()}
    return plots.caption(plots.image_rows(pictures), f"Grey: not given. {plots.describe(asked.run)}.")


if __name__ == "__main__":
    main("corrnet", AskViews, answer, read)

"""`python -m <method>.predict RUN INPUT...`: asks a trained network; what a prediction is, each method says itself."""

import csv
import dataclasses
import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
import tyro

from commands.evaluate import open_run
from data.asked import read_pictures, standardised
from data.images import NAMES
from training.run import Run, write_atomic
from training.settings import SettingsError, one_line_errors, run_cli

KINDS = (".csv", ".npz", ".png")
SHOWN = 40  # rows on the screen
UNSURE = 0.5  # a class supported by less than this is no answer


@dataclasses.dataclass(frozen=True)
class Ask:
    """Asks a trained network: a table on the screen, and files where `--out` names some."""

    run: Annotated[Path, tyro.conf.Positional]
    """Folder of a finished run."""
    inputs: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """Pictures, folders of pictures, arrays (.npz, .npy, IDX); tables (.csv, .npz) where the run was trained on one."""
    out: tuple[Path, ...] = ()
    """Files to write: .csv the table, .npz all arrays, .png a drawing."""
    invert: Literal["auto", "yes", "no"] = "auto"
    """Pictures dark on light to light on dark; auto: for runs on MNIST and its like, where the border is light."""


class Answer(NamedTuple):
    """What a network says: rows of a table, all arrays, and how to draw them."""

    rows: list[dict[str, Any]]
    arrays: dict[str, np.ndarray]
    draw: Callable[[], Any] | None = None


class Asked(NamedTuple):
    """What a method's `answer` gets: the run, its options, what the run knows of its data, and the inputs."""

    run: Run
    options: Any
    trained: dict[str, Any]
    names: list[str]
    inputs: Any


def read_inputs(run: Run, options: Ask) -> tuple[list[str], np.ndarray]:
    """(names, images as the run's network takes them) of picture files, folders and arrays."""
    trained = run.environment["data"]
    shape = trained["shapes"]["image"] if "shapes" in trained else (28, 28, 1)
    names, images = read_pictures(list(options.inputs), tuple(shape), inversion(trained, options))
    return names, standardised(images, trained)


def inversion(trained: dict[str, Any], options: Ask) -> str:
    """What to do with dark ink on light: `--invert`, where auto is "no" but for data with a name, all light on dark."""
    return "no" if options.invert == "auto" and trained.get("data") not in NAMES else options.invert


def is_blank(images: np.ndarray) -> np.ndarray:
    """bool (n,): whether all pixels of an image are the same, to a step of 8 bits."""
    flat = images.reshape(len(images), -1)
    return flat.max(axis=1) - flat.min(axis=1) < 1 / 255


def main(method: str, options_type: type, answer: Callable, read: Callable = read_inputs, argv=None) -> None:
    """The command line of `<method>.predict`.

    Args:
        method: name of the method.
        options_type: `Ask` or a subclass.
        answer: `(network, Asked) -> Answer`.
        read: `(run, options) -> (names, inputs)`, without TensorFlow.
        argv: arguments; default sys.argv[1:].
    """
    with one_line_errors(OSError):
        options = run_cli(options_type, f"python -m {method}.predict", sys.argv[1:] if argv is None else argv)
        for path in options.out:
            if path.suffix not in KINDS:
                raise SettingsError(f"--out {path} ends in '{path.suffix}', expected {', '.join(KINDS)}; rename it")
        run = open_run(options.run, method)
        if not options.inputs and not getattr(options, "samples", 0):
            raise SettingsError("no inputs given, expected one or more files or folders after the run; name them")
        names, inputs = read(run, options)
        from training.quiet import load_tensorflow

        load_tensorflow()
        network = run.load_model()
        found = answer(network, Asked(run, options, run.environment["data"], names, inputs))
        print(f"network {run.path}, trained on {run.environment['data']['title']}")
        print(as_text(found.rows))
        for path in options.out:
            save(path, found)
            print(f"wrote {path}")


def as_text(rows: list[dict[str, Any]]) -> str:
    """The rows as an aligned table; of many the first ones."""
    from tabulate import tabulate

    shown = [{name: f"{value:.3f}" if isinstance(value, float) else value for name, value in row.items()}
             for row in rows[:SHOWN]]  # fmt: skip
    more = f"\n... {len(rows) - SHOWN:,} more; all of them with --out FILE.csv" if len(rows) > SHOWN else ""
    return tabulate(shown, headers="keys", tablefmt="simple", disable_numparse=True) + more


def save(path: Path, found: Answer) -> None:
    """Writes the table, the arrays or the drawing, by the ending of the file's name; it appears whole or not at all."""
    if path.suffix == ".csv":
        text = io.StringIO()
        writer = csv.DictWriter(text, list(dict.fromkeys(name for row in found.rows for name in row)))
        writer.writeheader()
        writer.writerows(found.rows)
        write_atomic(path, text.getvalue())
    elif path.suffix == ".npz":
        write_atomic(path, lambda file: np.savez_compressed(file, **found.arrays))  # type: ignore[arg-type]
    else:
        from reporting import plots

        figure = found.draw() if found.draw else None
        if figure is None:
            raise SettingsError(f"there is no drawing of such a prediction, received --out {path}; use .csv or .npz")
        plots.save(figure, path)

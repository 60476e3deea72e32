"""`python -m <method>.evaluate RUN [--data PATH]`: what a trained network reaches on its own test data or others."""

import dataclasses
import importlib
import json
import math
import sys
from pathlib import Path
from typing import Annotated

import tyro
from tabulate import tabulate

from data.asked import with_test_split
from data.dataset import Dataset
from reporting.runs import config_of
from training.run import Run, RunError, write_json
from training.settings import one_line_errors, run_cli


@dataclasses.dataclass(frozen=True)
class Evaluate:
    """Measures a trained network on a test split, beside what its own run reports."""

    run: Annotated[Path, tyro.conf.Positional]
    """Folder of a finished run."""
    data: str = ""
    """Name or path of other data of the same shape and classes: its test split, or all of it; none: the run's own."""
    data_dir: str | None = None
    """Folder with the .npz files of data with a name."""
    image_size: tuple[int, int] | None = None
    """Height and width that own pictures of several sizes are fitted into."""
    metrics: str = ""
    """Show only metrics whose name contains this."""
    out: Path | None = None
    """Also write the metrics into this .json file."""


def open_run(path: Path, method: str) -> Run:
    """The finished run of this method in a folder.

    Raises:
        RunError: no such run, of another method, or without a model.
    """
    run = Run(path)
    if not run.finished or not (path / "model.keras").exists():
        raise RunError(f"{path} holds no trained model, expected the folder of a finished run, such as runs/{method}/"
                       f"<variant>/<data>/seed0; start with: python -m {method}.train")  # fmt: skip
    if run.config["method"] != method:
        other = run.config["method"]
        raise RunError(f"{path} is a run of {other}, expected one of {method}; use: python -m {other}.evaluate {path}")
    return run


def load_for(run: Run, options: Evaluate) -> tuple[object, Dataset]:
    """(settings, data): those of the run, its test split replaced by other data where the options name some."""
    config = config_of(run)
    dataset = importlib.import_module(f"{run.config['method']}.train").load(config)
    if options.data:
        dataset = with_test_split(dataset, options.data, options.data_dir, options.image_size)
    return config, dataset


def compare(own: dict[str, float], measured: dict[str, float], wanted: str) -> str:
    """A table: metric, measured now, what the run reports, and their difference."""
    lines = []
    for name in measured:
        if wanted in name:
            here, there = measured[name], own.get(name, math.nan)
            numbers = (value if math.isfinite(value) else None for value in (here, there, here - there))
            lines.append([name, *numbers])
    return tabulate(lines, ["metric", "here", "the run", "difference"], "simple", floatfmt=".5g", missingval="-")


def main(method: str, argv: list[str] | None = None) -> None:
    """The command line; exits 2 with one line where run or data cannot be used."""
    with one_line_errors():
        options = run_cli(Evaluate, f"python -m {method}.evaluate", sys.argv[1:] if argv is None else argv)
        run = open_run(options.run, method)
        config, dataset = load_for(run, options)
        from training.quiet import load_tensorflow

        load_tensorflow()
        network = run.load_model()
        print(f"{run.path} on {dataset.title}: {dataset.counts()['test']:,} test rows", flush=True)
        evaluate = importlib.import_module(f"{method}.evaluate")
        measured = {name: float(value) for name, value in evaluate.test_metrics(network, dataset, config).items()}
        print(compare(run.result["metrics"], measured, options.metrics))
        if options.out:
            record = {"run": str(run.path), "data": dict(dataset.provenance) | {"title": dataset.title}}
            write_json(options.out, json.loads(json.dumps(record, default=str)) | {"metrics": measured})
            print(f"wrote {options.out}")

"""`make bench`: runs every benchmark of this folder, prints a table, writes benchmarks/results.json.

`python -m benchmarks loop_and_fit` runs one; its rows replace those of the same name and hardware.
"""

import dataclasses
import importlib
import sys
from pathlib import Path

import tyro
from tabulate import tabulate

from common.options import closest
from training.device import keep_freed_memory
from training.environment import git_state, hardware
from training.run import read_json, write_json
from training.settings import SettingsError, check_at_least, one_line_errors, run_cli

FOLDER = Path(__file__).parent
RESULTS = FOLDER / "results.json"


@dataclasses.dataclass(frozen=True)
class Bench:
    """Measures speed as ratios against public baselines."""

    names: tyro.conf.Positional[tuple[str, ...]] = ()
    """Benchmarks to run; none given: all."""
    repeats: int = 7
    """Interleaved repetitions; medians are reported (>= 1)."""

    def __post_init__(self):
        check_at_least(self, repeats=1)


def available() -> list[str]:
    """Names of the modules with a `run(repeats) -> list[dict]`."""
    return sorted(path.stem for path in FOLDER.glob("*.py") if "\ndef run(" in path.read_text())


def main() -> None:
    """Runs, prints and saves."""
    with one_line_errors():
        options = run_cli(Bench, "python -m benchmarks", sys.argv[1:], description=__doc__)
        for name in options.names:
            if name not in available():
                raise SettingsError(f"unknown benchmark '{name}'{closest(name, available())}")
    keep_freed_memory()  # for the baselines too: they run in this process
    rows = []
    for name in options.names or available():
        print(f"{name} ...", flush=True)
        measured = importlib.import_module(f"benchmarks.{name}").run(options.repeats)
        rows += [{"benchmark": name, **row} for row in measured]
    state = {"hardware": hardware(), **git_state()}
    rows = [{**row, **state} for row in rows]
    columns = ("name", "ratio", "ours", "baseline", "unit", "repeats")
    print(tabulate([[row.get(key) for key in columns] for row in rows], columns, floatfmt=".3g"))
    old = read_json(RESULTS) if RESULTS.exists() else []
    merged = {(row["benchmark"], row["name"], row["hardware"]): row for row in old + rows}
    write_json(RESULTS, [merged[key] for key in sorted(merged)])


if __name__ == "__main__":
    main()

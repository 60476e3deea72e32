"""Variants side by side: `python compare.py METHOD --variants a b --seeds 0 1 --data mnist --save`.

Runs what is missing, then prints one table and draws learning curves; finished runs are not repeated. Several methods
that solve the same task are compared too: `python compare.py densenet capsnet --variants densenet:fixed capsnet:blog`.
Flags after `--` go to every run: `python compare.py gmu --variants blog best -- --epochs 50 --tag short`.
"""

import dataclasses
import importlib
import shlex
import sys
from pathlib import Path
from types import ModuleType
from typing import Literal

import tyro

from commands import jobs
from common.options import closest
from reporting import claims, side_by_side, tables
from reporting.adding import check_same
from reporting.methods import METHODS
from training.run import Run, RunError, write_atomic
from training.settings import SettingsError, check, check_at_least, fail, one_line_errors, run_cli


@dataclasses.dataclass(frozen=True)
class Compare:
    methods: tyro.conf.Positional[tuple[str, ...]]
    """A method (gmu: its train module) or a module (gmu.studies.seeds); several for one task."""
    variants: tuple[str, ...] = ()
    """Variants (`method:variant` where there are several methods), the first is the reference; `all` for every one;
    default: the method's main ones."""
    seeds: tuple[int, ...] = (0,)
    """Seeds, one run each."""
    data: tuple[str, ...] = ()
    """Data sets; none given: the variant's default."""
    metrics: tuple[str, ...] = ()
    """Metrics to show; none given: what --columns says."""
    columns: Literal["headline", "all"] = "headline"
    """Columns of the table: at most eight, those that the README shows first, or all."""
    jobs: int = 1
    """Runs at the same time (>= 1)."""
    backend: str = "loky"
    """joblib backend that runs them: loky, threading, or dask with --cluster."""
    cluster: str = ""
    """Address of a running Dask scheduler, for more machines (needs the package distributed)."""
    runs_dir: str = "runs"
    """Folder of the runs."""
    save: bool = False
    """Merge the rows into <method>/results.json, in place of those of the same variant and data."""
    add: bool = False
    """With --save: add the new seeds to those that such a row has, which must have the same settings."""
    out: str = "results/compare"
    """Folder for the table (Markdown, CSV) and the figures."""

    def __post_init__(self):
        check_at_least(self, jobs=1)
        check(self.save or not self.add, "add", "given with --save", "without")


def find_module(name: str) -> ModuleType:
    """The train module of a method, or the module itself."""
    method = name.partition(".")[0]
    if method not in METHODS:
        raise SettingsError(f"unknown method '{method}'{closest(method, list(METHODS))}, expected {', '.join(METHODS)}")
    module = name if "." in name else f"{name}.train"
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name not in (module, method):
            raise
        raise SettingsError(f"there is no module {module}") from None


def choose(modules: list[ModuleType], asked: tuple[str, ...]) -> list[tuple[ModuleType, str]]:
    """(module, variant) for each name asked for, in that order; the main variants when none was."""
    if asked in ((), ("all",)):
        return [
            (module, variant)
            for module in modules
            for variant in (module.VARIANTS if asked else getattr(module, "MAIN", module.VARIANTS))
        ]
    chosen = []
    for name in asked:
        method, colon, variant = name.rpartition(":")
        fitting = [m for m in modules if variant in m.VARIANTS and method in ("", m.__name__.split(".")[0])]
        if len(fitting) != 1:
            known = [f"{m.__name__.split('.')[0] + ':' if colon else ''}{v}" for m in modules for v in m.VARIANTS]
            problem = "unknown variant" if not fitting else "write method:variant for the ambiguous"
            raise SettingsError(f"{problem} '{name}'{closest(name, known)}, expected {', '.join(known)}")
        chosen.append((fitting[0], variant))
    return chosen


def make_tasks(chosen, options: Compare, flags: tuple[str, ...]) -> list[jobs.Task]:
    """One task per variant, data set and seed; `flags` go to every run."""
    tasks = []
    for module, variant in chosen:
        for data in options.data or (module.VARIANTS[variant][1].data,):
            minutes = tables.minutes_of(module.__name__.partition(".")[0], variant, data)
            job = jobs.Job(module.__name__, variant, data, options.seeds, flags, minutes=minutes)
            tasks += job.tasks("full", options.runs_dir)
    return tasks


def check_addable(tasks: list[jobs.Task]) -> None:
    """Refuses before any training what --add would refuse after it: a run with other settings than its row has."""
    files = {method: Path(method) / "results.json" for method in {task.method for task in tasks}}
    rows = {
        (method, row["variant"], row["data"]): row
        for method, path in files.items()
        if path.exists()
        for row in tables.read_results(path)
    }
    for task in tasks:
        config = task.settings[1]
        variant, data = task.run.path.parts[-3:-1]
        planned: tables.Row = {"variant": variant, "data": data, "settings": tables.recorded(config.as_json())}
        if task.module.endswith(".train"):  # a study counts its steps in its own way
            planned["epochs"] = config.epochs
        if row := rows.get((task.method, variant, data)):
            check_same(row, planned)


def finished_runs(tasks: list[jobs.Task]) -> dict[str, list[Run]]:
    """Method -> its finished runs."""
    methods = dict.fromkeys(task.method for task in tasks)
    return {method: [task.run for task in tasks if task.method == method and task.finished] for method in methods}


def columns(rows: list[tables.Row], methods: list[str], which: str) -> tuple[str, ...]:
    """Metrics of a table: all that some row has, or the at most eight that a README of the methods shows first."""
    if which == "all":
        return tuple(dict.fromkeys(name for row in rows for name in row["metrics"]))
    return tuple(tables.first_metrics(rows, [Path(method) / "README.md" for method in methods]))


def report(rows: dict[str, list[tables.Row]], chosen, options: Compare, runs: list[Run]) -> None:
    """Prints the table and the paired tests; writes Markdown, CSV and figures."""
    several = len(rows) > 1
    flat = [
        {**row, "variant": f"{method}:{row['variant']}"} if several else row for method in rows for row in rows[method]
    ]
    documents = {}
    for method in rows:
        prefix = f"{method}:" if several else ""
        documents |= {(prefix + key[0], *key[1:]): value for key, value in claims.documents_of(method).items()}
    texts = {
        f"{module.__name__.split('.')[0]}:{name}" if several else name: module.VARIANTS[name][0]
        for module, name in chosen
    }
    metrics = options.metrics or columns(flat, list(rows), options.columns)
    table = tables.markdown(flat, metrics, texts, documents)
    print(f"\n{table}\n")
    for line in tables.paired_tests(flat, metrics):
        print(line)
    out, name = Path(options.out), "-".join(options.methods)
    write_atomic(out / f"{name}.md", table + "\n")
    write_atomic(out / f"{name}.csv", tables.as_csv(flat, metrics))
    for path in side_by_side.draw(runs, out, name):
        print(f"wrote {path}")


def main(argv: list[str] | None = None) -> None:
    """Runs, tabulates, tests against the first variant, saves."""
    argv = sys.argv[1:] if argv is None else argv
    end = argv.index("--") if "--" in argv else len(argv)
    with one_line_errors():
        options = run_cli(Compare, "python compare.py", argv[:end], description=__doc__)
        chosen = choose([find_module(name) for name in options.methods], options.variants)
        tasks = make_tasks(chosen, options, tuple(argv[end + 1 :]))
        if options.add:
            check_addable(tasks)
        try:
            failures = jobs.execute_all(tasks, options.jobs, options.backend, options.cluster)
        except KeyboardInterrupt:
            print("\ninterrupted; finished runs are kept, the same command goes on.")
            raise SystemExit(130) from None
        runs = finished_runs(tasks)
        command = "python compare.py " + shlex.join(argv)
        rows = {method: tables.summarise(of_method, command) for method, of_method in runs.items()}
        report(rows, chosen, options, [run for of_method in runs.values() for run in of_method])
        for method, new in rows.items():
            if options.save:
                tables.save_results(method, new, Path(method) / "results.json", options.add)
            side_by_side.redraw(method, runs[method])
    if failures:
        fail(RunError("; ".join(failures)), 1)


if __name__ == "__main__":
    main()

"""Variants of a method side by side: `python compare.py METHOD --variants a b --seeds 0 1 --data mnist --save`.

Runs what is missing, then prints one table; finished runs are not repeated. Flags after `--` go to every run:
`python compare.py gmu --variants blog best -- --epochs 50 --tag short`.
"""

import dataclasses
import importlib
import shlex
import sys
from pathlib import Path
from typing import Annotated

import tyro

from reporting import jobs, tables
from training.run import RunError, write_atomic
from training.settings import SettingsError, closest, fail, run_cli

METHODS = ("autoencoders", "calibration", "capsnet", "corrmcnn", "corrnet", "densenet", "gmu")


@dataclasses.dataclass(frozen=True)
class Compare:
    method: Annotated[str, tyro.conf.Positional]
    """A method (gmu: its train module) or a module (gmu.seed_study)."""
    variants: tuple[str, ...] = ()
    """Variants to compare, the first is the reference; none given: all."""
    seeds: tuple[int, ...] = (0,)
    """Seeds, one run each."""
    data: tuple[str, ...] = ()
    """Data sets; none given: the variant's default."""
    metrics: tuple[str, ...] = ()
    """Metrics to show; none given: all that start with test/ and the ungrouped ones."""
    jobs: int = 1
    """Runs at the same time (>= 1)."""
    runs_dir: str = "runs"
    """Folder of the runs."""
    save: bool = False
    """Merge the rows into <method>/results.json."""
    out: str = "results/compare"
    """Folder for the table as CSV and Markdown."""


def find_module(name: str):
    """The train module of a method, or the module itself."""
    method = name.partition(".")[0]
    if method not in METHODS:
        raise SettingsError(f"unknown method '{method}'{closest(method, list(METHODS))}, expected {', '.join(METHODS)}")
    module = name if "." in name else f"{name}.train"
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError:
        raise SettingsError(f"there is no module {module} yet") from None


def make_tasks(module, options: Compare, flags: tuple[str, ...]) -> list[jobs.Task]:
    """One task per variant, data set and seed; `flags` go to every run."""
    unknown = [name for name in options.variants if name not in module.VARIANTS]
    if unknown:
        near = closest(unknown[0], list(module.VARIANTS))
        raise SettingsError(f"unknown variant '{unknown[0]}'{near}, expected {', '.join(module.VARIANTS)}")
    tasks = []
    for variant in options.variants or module.VARIANTS:
        for data in options.data or (module.VARIANTS[variant][1].data,):
            job = jobs.Job(module.__name__, variant, data, options.seeds, flags)
            tasks += job.tasks("full", options.runs_dir)
    return tasks


def main(argv: list[str] | None = None) -> None:
    """Runs, tabulates, tests against the first variant, saves."""
    argv = sys.argv[1:] if argv is None else argv
    end = argv.index("--") if "--" in argv else len(argv)
    try:
        options = run_cli(Compare, "python compare.py", argv[:end], description=__doc__)
        module = find_module(options.method)
        tasks = make_tasks(module, options, tuple(argv[end + 1 :]))
    except (SettingsError, RunError) as error:
        fail(error, 2)
    failures = jobs.execute_all(tasks, options.jobs)
    runs = [task.run for task in tasks if task.run.finished]
    rows = tables.summarise(runs, "python compare.py " + shlex.join(argv))
    metrics = options.metrics or tuple(dict.fromkeys(name for row in rows for name in row["metrics"]))
    texts = {name: text for name, (text, _) in module.VARIANTS.items()}
    table = tables.markdown(rows, metrics, texts)
    print(f"\n{table}\n")
    for line in tables.paired_tests(rows, metrics):
        print(line)
    method = module.__name__.partition(".")[0]
    write_atomic(Path(options.out) / f"{options.method}.md", table + "\n")
    write_atomic(Path(options.out) / f"{options.method}.csv", tables.as_csv(rows, metrics))
    if options.save and rows:
        tables.save_results(method, rows, Path(method) / "results.json")
    if failures:
        fail(RunError("; ".join(failures)), 1)


if __name__ == "__main__":
    main()

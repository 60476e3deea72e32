"""Every claim and figure of the documents: `python reproduce.py --size quick`, then open results/index.html."""

import contextlib
import dataclasses
import os
import shutil
import sys
import tomllib
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from commands import jobs
from common.options import closest
from reporting import claims, ledgers, page, side_by_side, statistics, tables
from reporting.methods import METHODS, ROOT, part
from training.run import RunError, write_json
from training.settings import SettingsError, check, check_at_least, fail, one_line_errors, run_cli


@dataclasses.dataclass(frozen=True)
class Reproduce:
    """Runs what is missing, judges every claim, draws the figures and writes the page."""

    size: Literal["committed", "finished", "quick", "full"] = "committed"
    """committed: judge the committed results.json, train nothing; quick: small runs; full: those of the tables;
    finished: those of them that are there, train nothing."""
    only: tuple[str, ...] = ()
    """Methods to reproduce; none given: all."""
    list: bool = False
    """Only list claims and runs."""
    jobs: int = 1 if shutil.which("nvidia-smi") else os.cpu_count() or 1
    """Runs at the same time (>= 1); default: one per processor core, or one where there is a GPU."""
    cluster: str = ""
    """Address of a running Dask scheduler whose workers share this folder, for more machines."""
    runs_dir: str = ""
    """Folder of the runs; default: runs, or runs_quick at quick size."""
    out: str = ""
    """Folder for claims.json, figures and the page; default: results/last, or results with --save."""
    save: bool = False
    """Write what git tracks: results/claims.json and, of full or finished runs, the rows in METHOD/results.json."""

    def __post_init__(self):
        check_at_least(self, jobs=1)
        check(
            not self.cluster or self.size in ("quick", "full"), "cluster", "given with --size quick or full", self.size
        )
        check(not self.save or self.size != "quick", "size", "committed, full or finished with --save", self.size)


def tasks_of(method: str, options: Reproduce, runs_dir: str) -> list[jobs.Task]:
    """The runs that the method's claims need at this size."""
    size = "quick" if options.size == "quick" else "full"
    return [task for job in part(method, "claims").RUNS for task in job.tasks(size, runs_dir)]


def judge(method: str, options: Reproduce, tasks: list[jobs.Task]) -> tuple[list[dict], list[tables.Row]]:
    """Judges the claims of a method by its runs that have finished; returns (entries of claims.json, rows)."""
    path = Path(method) / "results.json"
    if options.size == "committed":
        rows = tables.read_results(path) if path.exists() else []
    else:
        size = "quick" if options.size == "quick" else "full"
        runs = [task.run for task in tasks if task.finished]
        side_by_side.redraw(method, runs)
        rows = tables.summarise(runs, f"python reproduce.py --only {method} --size {size}")
        if options.save:
            tables.save_results(method, rows, path)
    evidence = claims.Evidence(method, rows, any_amount=options.size == "quick")
    ledger = part(method, "claims")
    kinds, why = getattr(ledger, "KINDS", {}), tomllib.loads((ROOT / "docs" / "why.toml").read_text())
    judged = [
        claims.judge(claim, evidence, kinds.get(claim.source, "document"), why.get(claim.id, ""))
        for claim in ledger.CLAIMS
    ]
    return judged, rows


def main(argv: list[str] | None = None) -> None:
    """Runs what the chosen methods need, then judges one after the other; one that fails does not stop the others."""
    with one_line_errors():
        options = run_cli(Reproduce, "python reproduce.py", sys.argv[1:] if argv is None else argv)
        for name in options.only:
            if name not in METHODS:
                raise SettingsError(f"unknown method '{name}'{closest(name, list(METHODS))}")
    runs_dir = options.runs_dir or ("runs_quick" if options.size == "quick" else "runs")
    methods = [name for name in METHODS if name in (options.only or METHODS) and part(name, "claims")]
    if options.list:
        list_claims(methods)
        return
    tasks, entries, rows = {}, [], {}
    for method in methods:
        with failure_as_row(method, entries):
            tasks[method] = tasks_of(method, options, runs_dir)
    if options.size in ("quick", "full"):
        wanted = [task for some in tasks.values() for task in some]
        for failure in jobs.execute_all(wanted, options.jobs, cluster=options.cluster):
            print(f"failed: {failure}", file=sys.stderr)
    for method in tasks:
        with failure_as_row(method, entries):
            judged, rows[method] = judge(method, options, tasks[method])
            entries += judged
    entries = statistics.adjust(entries)
    out = Path(options.out or ("results" if options.save else "results/last"))
    if options.size == "quick":
        entries = [{**entry, "size": "quick"} for entry in entries]
    write_json(out / "claims.json", entries)
    pictures = [] if options.size == "committed" else page.collect_figures(runs_dir, methods, out)
    page.copy_figures(pictures, out / "figures")
    path = page.write(out, entries, rows, page.select(pictures))
    for _, title, ledger in ledgers.ledgers(entries):
        counts = ledgers.count_verdicts(ledger)
        print(f"{title}: " + (", ".join(f"{count} {verdict}" for verdict, count in counts) or "none"))
    print(f"Open {path}")


@contextlib.contextmanager
def failure_as_row(method: str, entries: list[dict]) -> Iterator[None]:
    """What fails inside becomes a row of the ledger: this method could not be reproduced."""
    try:
        yield
    except Exception as error:
        traceback.print_exc()
        entries.append(failed_entry(method, error))


def failed_entry(method: str, error: Exception) -> dict:
    """The row of a method that could not be reproduced."""
    entry = dict.fromkeys(("source", "expected", "unit", "how"), "")
    return {
        **entry,
        "id": f"{method}-failed",
        "method": method,
        "claim": "this method can be reproduced",
        "measured": str(error),
        "verdict": "not run",
        "evidence": type(error).__name__,
        "kind": "document",
        "reading": None,
        "why": "",
    }


def list_claims(methods: list[str]) -> None:
    """Prints every claim and every run with its estimated minutes."""
    for method in methods:
        module = part(method, "claims")
        for claim in module.CLAIMS:
            print(f"{claim.id:<40} {claim.claim} ({claim.source})")
        for job in module.RUNS:
            print(f"  run {job.module} {job.variant} {job.data} x {len(job.seeds)} seeds, {job.minutes:g} min each")


if __name__ == "__main__":
    try:
        main()
    except RunError as error:
        fail(error, 1)

"""Runs that a table or a claim needs: what to start, what is finished, side by side as processes."""

import contextlib
import dataclasses
import functools
import importlib
import os
import subprocess
import sys
from collections.abc import Iterator

from commands.cluster import connected
from data import images
from training.run import Run, RunError
from training.settings import Settings, SettingsError, parse


@dataclasses.dataclass(frozen=True)
class Job:
    """One variant of a train module over seeds.

    Args:
        module: for example "gmu.train"; it has VARIANTS and is run with `python -m`.
        variant: a key of the module's VARIANTS.
        data: the --data flag.
        seeds: one run each.
        full: further flags at full size.
        quick: further flags at quick size; None leaves the job out of quick runs.
        minutes: how long one run takes at full size with all of 4 cores, for the estimate.
        quick_minutes: the same at quick size.
    """

    module: str
    variant: str
    data: str
    seeds: tuple[int, ...] = (0,)
    full: tuple[str, ...] = ()
    quick: tuple[str, ...] | None = ()
    minutes: float = 1.0
    quick_minutes: float = 0.125

    def tasks(self, size: str, runs_dir: str) -> list["Task"]:
        """The runs of this job; at quick size one seed only."""
        flags = self.full if size == "full" else self.quick
        if flags is None:
            return []
        seeds, minutes = (self.seeds, self.minutes) if size == "full" else (self.seeds[:1], self.quick_minutes)
        return [
            Task(
                self.module,
                [self.variant, "--data", self.data, "--seed", str(seed), "--runs-dir", runs_dir, *flags],
                minutes,
            )
            for seed in seeds
        ]


@dataclasses.dataclass(frozen=True)
class Task:
    """One process: `python -m module arguments`."""

    module: str
    arguments: list[str]
    minutes: float = 1.0

    @property
    def method(self) -> str:
        """The method's folder."""
        return self.module.partition(".")[0]

    @functools.cached_property
    def settings(self) -> tuple[str, Settings]:
        """Its variant, and the settings with its flags."""
        return parse(self.module, importlib.import_module(self.module).VARIANTS, self.arguments)

    @property
    def run(self) -> Run:
        """The run folder that this task fills."""
        variant, config = self.settings
        data = images.run_name(config.data, config.data_dir, **config.reductions)
        return Run.at(self.method, variant, config, data)

    @property
    def finished(self) -> bool:
        """Whether the run is there, made with the settings that the task has today."""
        run = self.run
        try:
            return run.answers(self.settings[1])
        except RunError:  # a damaged config.json; who reads the run says so
            return run.finished

    def execute(self, jobs: int = 1) -> str | None:
        """Runs the task, going on where it stopped, with its share of the processor when `jobs` run side by side.

        Returns:
            None, or the last line it printed when it failed.
        """
        if self.finished:
            return None
        resume = ["--resume"] if self.run.path.exists() else []
        command = [sys.executable, "-m", self.module, *self.arguments, *resume]
        threads = str(max(1, (os.cpu_count() or 1) // jobs))
        share = {"TF_NUM_INTRAOP_THREADS": threads, "OMP_NUM_THREADS": threads} if jobs > 1 else {}
        environment = share | dict(os.environ)  # what the user set wins
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, env=environment)
        if done.returncode == 0:
            return None
        lines = (done.stderr or done.stdout).strip().splitlines()
        return f"{' '.join(command)}: exit code {done.returncode}: {lines[-1] if lines else ''}"


def execute_all(tasks: list[Task], jobs: int = 1, backend: str = "loky", cluster: str = "") -> list[str]:
    """Runs the unfinished tasks, `jobs` at a time, as processes started by joblib's workers; returns the failures.

    Args:
        tasks: what to run; finished ones are skipped.
        jobs: workers (>= 1).
        backend: a joblib backend.
        cluster: address of a running Dask scheduler; then its workers, which share this folder, run the tasks.
    """
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True)
    waiting = [task for task in tasks if not task.finished]
    minutes = sum(task.minutes for task in waiting) * 4 / (os.cpu_count() or 1)  # side by side they share the cores
    skipped, unknown = len(tasks) - len(waiting), sum(not task.minutes for task in waiting)
    amount = f"about {minutes:.0f} min" if minutes >= 1 else "less than a minute"
    without = f", {unknown} of them of unknown length" if unknown else ""
    estimate = f" ({amount if minutes else 'time'}{without or ' in all' * (not minutes)})" if waiting else ""
    console.print(f"{len(waiting)} runs to do{estimate}, {skipped} finished already")
    failures = []
    for count, (task, failure) in enumerate(outcomes(waiting, jobs, backend, cluster), 1):
        console.print(f"[{count}/{len(waiting)}] {'FAILED' if failure else 'done'} {task.run.path}", markup=False)
        if failure:
            failures.append(failure)
    return failures


def attempt(task: Task, jobs: int) -> tuple[Task, str | None]:
    """The task, and what went wrong with it or None."""
    return task, task.execute(jobs)


def outcomes(tasks: list[Task], jobs: int, backend: str, cluster: str) -> Iterator[tuple[Task, str | None]]:
    """(task, what went wrong or None) for each task, as they end."""
    if not tasks:
        return
    import joblib

    with connected(cluster) if cluster else contextlib.nullcontext():
        try:
            configuration = joblib.parallel_config("dask" if cluster else backend, n_jobs=jobs)
        except ValueError as error:
            raise SettingsError(f"joblib has no backend '{backend}' here ({error}); use loky or threading") from None
        with configuration:
            calls = (joblib.delayed(attempt)(task, jobs) for task in tasks)
            yield from joblib.Parallel(return_as="generator_unordered")(calls)

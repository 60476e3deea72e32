"""Measuring for the benchmarks: interleaved repetitions, medians, peak memory."""

import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path


def interleaved(calls: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Median seconds of each call over `repeats` rounds in which every call runs once, after one unmeasured round."""
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for measured in range(repeats + 1):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            if measured:
                seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in seconds.items()}


def in_new_process(module: str, *arguments: object) -> list[float]:
    """The numbers in the last line that `python -m module arguments` prints."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [float(number) for number in printed.splitlines()[-1].split()]


def peak_memory() -> float:
    """MB that this process has held at most."""
    status = Path("/proc/self/status").read_text()  # getrusage's peak would include the process that started this one
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) / 1024


def smaller_is_better(name: str, ours: float, baseline: float, unit: str, repeats: int) -> dict:
    """A row of benchmarks/results.json: sizes or times, and their ratio (above 1: ours is smaller)."""
    return {
        "name": name,
        "ratio": baseline / ours,
        "ours": ours,
        "baseline": baseline,
        "unit": unit,
        "repeats": repeats,
    }


def row(name: str, ours: float, baseline: float, amount: float, unit: str, repeats: int) -> dict:
    """A row of benchmarks/results.json: speeds `amount` / seconds, and their ratio (above 1: ours is faster)."""
    return {
        **smaller_is_better(name, ours, baseline, unit, repeats),
        "ours": amount / ours,
        "baseline": amount / baseline,
    }

"""How long a command takes to its first training step, and the most memory a default run holds, beside our goals."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import timing

ROOT = Path(__file__).resolve().parents[1]
GOAL_SECONDS, GOAL_MB = 4.0, 1200.0
# Full data, a few batches of training, then all of validation, test and figures: what a default run holds at most.
SHORT = """
import runpy, sys
from training import loop
order = loop.epoch_order
loop.epoch_order = lambda examples, seed, epoch: order(examples, seed, epoch)[:{rows}]
sys.argv[0] = "{module}"
runpy.run_module("{module}", run_name="__main__", alter_sys=True)
"""
FIRST_STEP = """
import os, runpy, sys
from training import loop
call = loop.mean_terms
def first(*arguments, **more):
    call(*arguments, **more)
    os._exit(0)
loop.mean_terms = first
sys.argv[0] = "gmu.train"
runpy.run_module("gmu.train", run_name="__main__", alter_sys=True)
"""
DEFAULTS = {"autoencoders": "plain", "calibration": "residual", "capsnet": "blog", "corrmcnn": "blog",
            "corrnet": "blog", "densenet": "blog", "gmu": "blog"}  # fmt: skip


def child(*arguments: str) -> tuple[float, float]:
    """(seconds, peak resident MB) of a Python process."""
    start = time.perf_counter()
    process = subprocess.Popen([sys.executable, *arguments], cwd=ROOT, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"{arguments} ended with status {status}")
    return time.perf_counter() - start, usage.ru_maxrss / 1024


def run(repeats: int) -> list[dict]:
    """One row for the start, with the import's share in its name, and one per method for memory."""
    return [start(repeats), *(memory(method, variant) for method, variant in DEFAULTS.items())]


def start(repeats: int) -> dict:
    """Seconds from the command to the end of GMU's first step."""
    with tempfile.TemporaryDirectory() as runs:
        calls = {
            "ours": lambda: child("-c", FIRST_STEP, "blog", "--runs-dir", runs, "--epochs", "1", "--overwrite"),
            "import": lambda: child("-c", "import tensorflow, keras"),
        }
        seconds = timing.interleaved(calls, repeats)
    name = (
        f"gmu.train, command to first step (importing TensorFlow and Keras alone: {seconds['import']:.1f} s), vs goal"
    )
    return timing.smaller_is_better(name, seconds["ours"], GOAL_SECONDS, "s", repeats)


def memory(method: str, variant: str) -> dict:
    """Peak resident memory of a run of the default size, its training cut to a few batches."""
    module = f"{method}.train"
    with tempfile.TemporaryDirectory() as runs:
        _, peak = child("-c", SHORT.format(rows=640, module=module), variant, "--runs-dir", runs, "--epochs", "1")
    return timing.smaller_is_better(f"{module} {variant}, peak memory vs goal", peak, GOAL_MB, "MB", 1)

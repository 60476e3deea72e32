"""What half precision and XLA bring to the training step of each method on this processor, against float32 without.

`mixed_bfloat16` computes products in 8 bits of mantissa; `jit` compiles the whole step. Neither is a default: the rows
say where one would pay. Accuracy is compared where a README says so, not here.
"""

import keras

from benchmarks import timing
from benchmarks.loop_and_fit import CASES, Case
from benchmarks.steps import loop_epoch


def epoch(case: Case, jit: bool):
    """A call that trains for one epoch, compiled by XLA or not."""
    return loop_epoch(case.network, case.objective, case.arrays, case.batch_size, jit)


def run(repeats: int) -> list[dict]:
    """Two rows per method: examples/s in mixed_bfloat16, and compiled by XLA, against float32 without XLA."""
    rows = []
    for name, make in CASES.items():
        calls = {"float32": epoch(make(), jit=False), "XLA": epoch(make(), jit=True)}
        keras.mixed_precision.set_dtype_policy("mixed_bfloat16")
        try:
            calls["mixed_bfloat16"] = epoch(make(), jit=False)
            calls["mixed_bfloat16"]()  # traced while the policy holds
        finally:
            keras.mixed_precision.set_dtype_policy("float32")
        seconds = timing.interleaved(calls, repeats)
        count = len(next(iter(make().arrays.values())))
        for kind in ("mixed_bfloat16", "XLA"):
            title = f"{name} train step, {kind} vs float32 without XLA"
            rows.append(timing.row(title, seconds[kind], seconds["float32"], count, "examples/s", repeats))
    return rows

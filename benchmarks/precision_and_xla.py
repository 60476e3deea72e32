"""What half precision and XLA bring to the training step of each method on this processor, against float32 without.

`mixed_bfloat16` computes products in 8 bits of mantissa; `jit` compiles the whole step. Neither is a default: the rows
say where one would pay. Accuracy is compared where a README says so, not here.
"""

import keras
import numpy as np
import tensorflow as tf

from benchmarks import timing
from benchmarks.loop_and_fit import CASES, Case
from training import loop
from training.settings import Settings


def epoch(case: Case, jit: bool):
    """A call that trains for one epoch with this project's loop and Adam, compiled by XLA or not."""
    optimizer = keras.optimizers.Adam(1e-3)
    optimizer.build(case.network.trainable_variables)
    strategy = tf.distribute.get_strategy()
    steps = loop.Steps(case.network, case.objective, strategy, jit, optimizer)
    arrays, config = loop.on_device(case.arrays, strategy), Settings(batch_size=case.batch_size)
    order = np.arange(len(next(iter(case.arrays.values()))))
    return lambda: loop.mean_terms("train", steps.train, arrays, order, config, 1)


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

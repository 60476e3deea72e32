"""What the settings of memory bring: that a process keeps what its steps free, and the order in which XLA computes.

`python -m benchmarks.freed_memory kept 7` prints the seconds of a training step and the peak memory in MB with
`training.device.keep_freed_memory`, as trainings run; `returned`: without it; `frugal`: with it and with XLA's order
for little memory, in place of its order for much at the same time.
"""

import os
import statistics
import sys

from benchmarks import timing
from benchmarks.capsnet import BATCH, our_epoch
from training.device import keep_freed_memory

STEPS, ROUNDS = 3, 3
FRUGAL = "--xla_cpu_enable_concurrency_optimized_scheduler=false"


def run(repeats: int) -> list[dict]:
    """CapsNet's training step with each of the settings, in processes of their own, alternating."""
    measured = {"kept": [], "returned": [], "frugal": []}
    for _ in range(ROUNDS):
        for kind, values in measured.items():
            values.append(timing.in_new_process("benchmarks.freed_memory", kind, repeats))
    seconds, peak = ({kind: statistics.median(value[part] for value in values) for kind, values in measured.items()}
                     for part in (0, 1))  # fmt: skip
    names = {
        "returned": "freed memory kept by the process vs returned to the system",
        "frugal": f"as it is vs with XLA_FLAGS={FRUGAL}",
    }
    rows = []
    for kind, name in names.items():
        rows += [
            timing.row(f"capsnet train step, {name}, batch {BATCH}", seconds["kept"], seconds[kind], BATCH * STEPS,
                       "images/s", ROUNDS * repeats),
            timing.smaller_is_better(f"capsnet training, peak memory, {name}, batch {BATCH}", peak["kept"], peak[kind],
                                     "MB", ROUNDS),
        ]  # fmt: skip
    return rows


if __name__ == "__main__":
    if sys.argv[1] != "returned":
        keep_freed_memory()
    if sys.argv[1] == "frugal":
        os.environ["XLA_FLAGS"] = FRUGAL  # read when the first program is compiled
    print(timing.interleaved({"steps": our_epoch(STEPS * BATCH)}, int(sys.argv[2]))["steps"], timing.peak_memory())

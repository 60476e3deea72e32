"""What it brings that a process keeps the memory its steps free (`training.device.keep_freed_memory`).

`python -m benchmarks.freed_memory kept` prints the seconds of a training step with it, `returned` without.
"""

import statistics
import sys

from benchmarks import timing
from benchmarks.capsnet import BATCH, our_epoch
from training.device import keep_freed_memory

STEPS, ROUNDS = 3, 3


def run(repeats: int) -> list[dict]:
    """CapsNet's training step with memory kept and returned, each in processes of its own, alternating."""
    seconds = {"kept": [], "returned": []}
    for _ in range(ROUNDS):
        for kind, values in seconds.items():
            values.extend(timing.in_new_process("benchmarks.freed_memory", kind, repeats))
    kept, returned = map(statistics.median, seconds.values())
    name = f"capsnet train step, freed memory kept by the process vs returned to the system, batch {BATCH}"
    return [timing.row(name, kept, returned, BATCH * STEPS, "images/s", ROUNDS * repeats)]


if __name__ == "__main__":
    if sys.argv[1] == "kept":
        keep_freed_memory()
    print(timing.interleaved({"steps": our_epoch(STEPS * BATCH)}, int(sys.argv[2]))["steps"])

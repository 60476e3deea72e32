"""What it brings that a process keeps the memory its steps free (`training.device.keep_freed_memory`).

`python -m benchmarks.freed_memory kept` prints the seconds of a training step with it, `returned` without.
"""

import subprocess
import sys

from benchmarks import timing

STEPS = 3


def run(repeats: int) -> list[dict]:
    """CapsNet's training step with memory kept and returned, each in processes of its own, alternating."""

    def seconds(kind):
        command = [sys.executable, "-m", "benchmarks.freed_memory", kind, str(repeats)]
        return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[-1])

    rounds = [{kind: seconds(kind) for kind in ("kept", "returned")} for _ in range(3)]
    kept, returned = (sorted(each[kind] for each in rounds)[1] for kind in ("kept", "returned"))
    name = "capsnet train step, freed memory kept by the process vs returned to the system, batch 128"
    return [timing.row(name, kept, returned, 128 * STEPS, "images/s", 3 * repeats)]


if __name__ == "__main__":
    if sys.argv[1] == "kept":
        from training.device import keep_freed_memory

        keep_freed_memory()
    from benchmarks.capsnet import our_epoch

    print(timing.interleaved({"step": our_epoch(STEPS * 128)}, int(sys.argv[2]))["step"])

"""Fitting the temperature against scikit-learn and the recipes people copy, interleaved in one process.

`python -m benchmarks.calibration_solvers` prints the rows; `run(repeats)` returns them for `make bench`.
"""

import json

from benchmarks import timing
from calibration.studies.solvers import SOLVERS, measure, sample

SIZES = ((10_000, 10), (10_000, 100), (50_000, 1000))
OURS = next(iter(SOLVERS))
SMALL_ONLY = 2_000_000  # elements above which only scikit-learn is run against ours: the others take minutes


def run(repeats: int = 7) -> list[dict]:
    """One row for each size and rival: ratio of median fit times (above 1: ours is faster) and of errors of T."""
    rows = []
    for samples, classes in SIZES:
        logits, labels = sample(samples, classes)
        large = logits.size > SMALL_ONLY
        solvers = {name: SOLVERS[name] for name in (OURS, "scikit_learn")} if large else SOLVERS
        count = min(repeats, 3) if large else repeats
        table = measure(logits, labels, count, solvers)
        ours = table.pop(OURS)
        for name, rival in table.items():
            title = f"temperature fit {samples:,} x {classes:,} vs {name}"
            errors = {"error_ours": ours["relative_error"], "error_baseline": rival["relative_error"]}
            rows.append({**timing.smaller_is_better(title, ours["ms"], rival["ms"], "ms", count), **errors})
    return rows


if __name__ == "__main__":
    for row in run():
        print(json.dumps(row))

"""Throws random and damaged inputs at commands and library calls: `python tests/hostile/fuzz.py --count 2000 --seed 0`.

Every input must end in the right answer (an oracle says which) or in an error that is the user's to mend: one of our
own words from a library call, one line and exit code 2 from a command with nothing written. Prints a line for each that
does not, and the counts. A small slice of it runs in the suite (test_fuzz.py).
"""

import argparse
import sys
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from common import UserError
from tests.hostile.targets import TARGETS

USERS = (ValueError, TypeError)  # UserError is both
# Words of NumPy, SciPy and Keras for what should have been checked before it reached them.
NOT_OURS = (
    "broadcast", "cannot reshape", "could not convert", "not aligned", "ufunc", "object has no", "unsupported operand",
    "dtype('", "index out", "zero-size", "mismatch in its core", "setting an array element", "ambiguous",
    "cannot cast", "inhomogeneous", "unexpected keyword", "positional argument",
)  # fmt: skip


def run(count, seed, targets=TARGETS):
    """(outcomes: (target, "answered", "refused" or "FAILED") -> how many, lines of failures)."""
    outcomes, failures = Counter(), []
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for trial in range(count):
            target = targets[trial % len(targets)]
            random = np.random.default_rng([seed, trial])
            for path in Path(folder).iterdir():
                if path.is_file():
                    path.unlink()
            try:
                target(random, Path(folder))
                outcome = "answered"
            except Exception as error:
                accident = not str(error) or any(word in str(error) for word in NOT_OURS)
                ours = isinstance(error, UserError) or (isinstance(error, USERS) and not accident)
                outcome = "refused" if ours else "FAILED"
                if not ours:
                    failures.append(f"{target.__name__} trial {trial}: {type(error).__name__}: {str(error)[:200]}")
            outcomes[target.__name__, outcome] += 1
    return outcomes, failures


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="")
    asked = parser.parse_args()
    chosen = tuple(target for target in TARGETS if asked.only in target.__name__)
    start = time.perf_counter()
    outcomes, failures = run(asked.count, asked.seed, chosen)
    for (name, outcome), number in sorted(outcomes.items()):
        print(f"{name:<22} {outcome:<9} {number}")
    print("\n".join(failures))
    print(f"{asked.count} inputs, {len(failures)} failures, {time.perf_counter() - start:.0f} s")
    sys.exit(bool(failures))

"""A small slice of the fuzz run of fuzz.py."""

from tests.hostile.fuzz import run
from tests.hostile.targets import TARGETS, fuzz_probabilities


def test_random_and_damaged_inputs_are_answered_rightly_or_refused():
    outcomes, failures = run(120, seed=7)
    assert not failures and sum(outcomes.values()) == 120
    for target in TARGETS:  # each has seen inputs that it refuses; what is right there is answered always
        assert outcomes[target.__name__, "refused"] > 0 or target is fuzz_probabilities, target.__name__

"""Which verdicts rest on few seeds: every short run has three at least, or a reason that names a row."""

import fnmatch

import pytest

from reporting import few_seeds
from reporting.methods import METHODS, ROOT
from reporting.tables import read_results


@pytest.mark.parametrize("method", METHODS)
def test_a_short_run_has_three_seeds_or_a_reason(method):
    assert not [
        row["variant"]
        for row in few_seeds.few(method)
        if row["seconds"] < few_seeds.SHORT and not few_seeds.reason_of(method, row)
    ]


def test_every_reason_is_of_a_row_that_needs_it():
    named = [f"{method}/{row['variant']}/{row['data']}" for method in METHODS for row in few_seeds.few(method)]
    for pattern in few_seeds.reasons():
        assert fnmatch.filter(named, pattern), pattern


def test_a_trained_network_is_no_closed_form():
    (row,) = [row for row in read_results(ROOT / "corrnet" / "results.json") if row["variant"] == "dcca_eckart_young"
              and row["data"] == "mnist"]  # fmt: skip
    assert few_seeds.reason_of("corrnet", row) is None
    assert few_seeds.reason_of("corrnet", row | {"variant": "cca"}) == "solved in closed form: nothing is drawn"

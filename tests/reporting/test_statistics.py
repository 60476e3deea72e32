"""Effects, equivalence, corrections and power: hand-worked values and properties."""

import tomllib

import numpy as np
import pytest
from scipy import stats

from reporting import claims, statistics
from reporting.methods import ROOT
from training.run import read_json


def test_effect_of_three_differences_by_hand():
    found = statistics.effect([1.0, 2.0, 3.0])  # mean 2, sd 1, t(2, .975) = 4.302653
    assert found["difference"] == 2 and found["n"] == 3
    assert found["low"] == pytest.approx(2 - 4.302653 / 3**0.5, rel=1e-6)
    assert found["high"] == pytest.approx(2 + 4.302653 / 3**0.5, rel=1e-6)
    assert found["g"] == pytest.approx(2 * (1 - 3 / 7))
    # power of the two-sided one-sample t-test at the detectable difference, from the noncentral t distribution
    shift, limit = found["detectable"] * 3**0.5, stats.t.ppf(0.975, 2)
    power = stats.nct.sf(limit, 2, shift) + stats.nct.cdf(-limit, 2, shift)
    assert power == pytest.approx(0.8, abs=1e-4)


def test_one_difference_has_no_interval_and_equal_ones_no_spread():
    assert statistics.effect([1.0]) is None
    assert statistics.effect([2.0, 2.0]) == {"difference": 2, "low": 2, "high": 2, "n": 2, "g": None, "detectable": 0}


def test_equivalence_is_the_larger_of_two_one_sided_tests():
    values, margin = [0.1, -0.2, 0.15, 0.05], 0.5
    t = (np.mean(values) + np.array([margin, -margin])) / (np.std(values, ddof=1) / 2)
    expected = max(stats.t.sf(t[0], 3), stats.t.cdf(t[1], 3))
    assert statistics.equivalence_p(values, margin) == pytest.approx(expected)
    assert statistics.equivalence_p(values, 0.05) > 0.05 > statistics.equivalence_p(values, 1.0)
    assert statistics.equivalence_p([0.1, 0.1], 0.2) == 0 and statistics.equivalence_p([0.3, 0.3], 0.2) == 1


def entry(source, p):
    return {"source": source, "verdict": "replicated", "measured": {"p": p} if p is not None else 3.0}


def test_corrections_by_hand():
    given = [entry("a", 0.01), entry("a", 0.04), entry("b", 0.03), entry("b", None)]
    first, second, third, last = statistics.adjust(given)
    assert (first["p_holm"], second["p_holm"]) == (pytest.approx(0.02), pytest.approx(0.04))  # times 2, then times 1
    assert third["p_holm"] == pytest.approx(0.03)
    assert [e["p_bh"] for e in (first, second, third)] == pytest.approx([0.03, 0.04, 0.04])  # 3 p / rank, monotone
    assert "p_holm" not in last


@pytest.fixture
def evidence():
    def row(variant, values):
        return {"variant": variant, "data": "d", "seeds": [0, 1, 2, 3], "metrics": {"m": {"values": values}}}

    rows = [
        row("a", [1.0, 2.0, 3.0, 4.0]),
        row("b", [1.01, 1.98, 3.02, 4.0]),
        row("c", [2.0, 3.1, 4.0, 5.05]),
        row("d", [3.0, 0.0, 5.0, 2.1]),
    ]  # every seed two away, now above, now below
    return claims.Evidence("gmu", rows)


def test_as_good_as_needs_a_margin_and_is_refused_beyond_it(evidence):
    def verdict(other, margin):
        return claims.equivalent(("a", "d"), (other, "d"), "m", margin)(evidence).verdict

    assert verdict("b", 0.1) == "replicated" and verdict("b", 0.005) == "inconclusive"
    assert verdict("c", 0.5) == "not replicated" and verdict("c", 2.0) == "replicated"
    assert verdict("d", 0.5) == "inconclusive"


def test_a_comparison_says_how_large_and_how_sure(evidence):
    outcome = claims.better_than(("c", "d"), ("a", "d"), "m", "higher")(evidence)
    judged = statistics.adjust([{"source": "x", "verdict": outcome.verdict, "measured": outcome.measured}])[0]
    text = statistics.sentence(judged)
    assert outcome.verdict == "replicated" and "Difference 1.04, 95 % interval" in text and "4 seeds" in text
    assert "(Holm)" in text and "(Benjamini-Hochberg)" in text
    weak = claims.better_than(("b", "d"), ("a", "d"), "m", "higher")(evidence)
    text = statistics.sentence({"verdict": weak.verdict, "measured": weak.measured})
    assert weak.verdict == "inconclusive" and "four times in five" in text and "is ruled out" in text


def test_every_reason_belongs_to_a_claim():
    known = {entry["id"] for entry in read_json(ROOT / "results" / "claims.json")}
    assert set(tomllib.loads((ROOT / "docs" / "why.toml").read_text())) <= known

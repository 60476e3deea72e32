"""The comparison of solvers is fair: the rivals are right where they converge; rows and claims have their shape."""

import numpy as np
import pytest

from benchmarks import calibration_solvers
from calibration import claims
from calibration.studies import solvers
from reporting.claims import Evidence, judge
from reporting.tables import spread

LOGITS, LABELS = solvers.sample(2000, 6)


def test_loss_and_slope_are_each_others_derivative():
    double = LOGITS.astype(np.float64)
    up, down = (solvers.loss_and_slope(1.3 + step, double, LABELS)[0] for step in (1e-5, -1e-5))
    assert solvers.loss_and_slope(1.3, double, LABELS)[1] == pytest.approx((up - down) / 2e-5, rel=1e-6)


def test_every_recipe_is_right_where_it_is_given_the_time():
    exact = solvers.reference(LOGITS, LABELS)
    assert solvers.newton(LOGITS, LABELS) == pytest.approx(exact, rel=1e-7)
    assert solvers.bisection(LOGITS, LABELS) == pytest.approx(exact, rel=1e-5)
    assert solvers.scikit_learn(LOGITS, LABELS) == pytest.approx(exact, rel=1e-3)
    double = LOGITS.astype(np.float64)
    assert solvers.lbfgs(double, LABELS, 3000) == pytest.approx(exact, rel=2e-3)
    assert solvers.adam(double, LABELS, 1500) == pytest.approx(exact, rel=1e-4)
    assert abs(solvers.lbfgs(LOGITS, LABELS, 50) / exact - 1) > 0.01  # as copied it stops too early


def test_sample_has_the_temperature_it_was_drawn_with():
    logits, labels = solvers.sample(20000, 5, temperature=2.5)
    assert logits.dtype == np.float32
    assert solvers.newton(logits, labels) == pytest.approx(2.5, rel=0.05)


def test_measure_reports_every_solver_and_benchmark_rows_have_their_keys(monkeypatch):
    monkeypatch.setattr(calibration_solvers, "SIZES", ((300, 4), (400, 3)))
    monkeypatch.setattr(calibration_solvers, "SMALL_ONLY", 1200)
    rows = calibration_solvers.run(repeats=2)
    assert len(rows) == 2 * (len(solvers.SOLVERS) - 1)
    for row in rows:
        assert {"name", "ratio", "ours", "baseline", "unit", "repeats"} <= row.keys()
        assert row["ratio"] == pytest.approx(row["baseline"] / row["ours"])
        assert row["error_ours"] < 1e-9


def evidence(**metrics):
    """Rows as of five seeds for the three networks, every metric alike."""
    names = (*claims.NETWORKS, "overfit", "depth_7", "depth_19")
    spreads = {name: spread(values) for name, values in metrics.items()}
    row = {"data": claims.DATA, "seeds": [0, 1, 2], "metrics": spreads}
    return Evidence("calibration", [{"variant": name, **row} for name in names])


def claim(id_):
    return next(claim for claim in claims.CLAIMS if claim.id == f"calibration-{id_}")


def test_claims_follow_the_evidence():
    assert judge(claim("temperature"), Evidence("calibration", []))["verdict"] == "not run"
    better = {"temperature/ece_percent": [1.0, 1.2, 0.9], "test/ece_percent": [5.0, 5.5, 5.2]}
    assert judge(claim("temperature"), evidence(**better))["verdict"] == "replicated"
    worse = dict(zip(better, reversed(better.values()), strict=True))
    assert judge(claim("temperature"), evidence(**worse))["verdict"] == "not replicated"
    assert judge(claim("depth"), evidence(**better))["verdict"] == "inconclusive"
    methods = {f"{name}/ece_percent": [1.0 + place] * 3 for place, name in enumerate(claims.METHODS)}
    assert judge(claim("most-effective"), evidence(**methods))["verdict"] == "replicated"
    methods["vector/ece_percent"] = [0.5] * 3
    assert judge(claim("most-effective"), evidence(**methods))["verdict"] == "not replicated"


@pytest.mark.parametrize("id_", ["accuracy", "platt"])
def test_exact_claims_hold(id_):
    assert judge(claim(id_), Evidence("calibration", []))["verdict"] == "replicated"

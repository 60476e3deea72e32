"""The temperature solver: golden values, optimality, invariances, and every degenerate input by name."""

import os
import warnings
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from scipy.optimize import brentq

from calibration.methods.inputs import logits_from_probabilities
from calibration.methods.temperature import fit_temperature

FOLDER = Path(os.environ.get("RESEARCH_DATA_DIR", "no-data")) / "calibration"
needs_golden = pytest.mark.skipif(not FOLDER.is_dir(), reason="golden predictions are not in RESEARCH_DATA_DIR")

# file -> (NLL at T = 1, T on all 10,000, NLL there, T on the first 5,000)
GOLDEN = {
    "lenet-5-cifar-10": (1.36987, 1.396779, 1.31150, 1.3736),
    "wideresnet-16-4-cifar-10": (0.37817, 2.052549, 0.27449, 2.0592),
    "wideresnet-16-4-cifar-100": (0.95645, 1.111146, 0.94746, 1.1099),
    "densenet-bc-100-cifar-100": (1.22563, 2.117609, 0.87661, 2.1209),
}


def golden(name):
    with np.load(FOLDER / f"{name}.npz", allow_pickle=False) as archive:
        return archive["predictions"], archive["ground_truth"]


def sample(count=400, classes=5, temperature=2.0, seed=0, dtype=np.float64):
    """Logits whose calibrated temperature is about `temperature`, with labels drawn from them."""
    generator = np.random.default_rng(seed)
    calibrated = 2.0 * generator.normal(size=(count, classes))
    labels = (calibrated + generator.gumbel(size=calibrated.shape)).argmax(axis=1)
    return (temperature * calibrated).astype(dtype), labels


def slope_by_loops(beta, logits, labels):
    """d NLL / d beta = mean over samples of sum_k p_k z_k - z_label, one sample and class at a time."""
    total = 0.0
    for z, label in zip(logits.astype(np.float64), labels, strict=True):
        power = [np.exp(beta * (value - z.max())) for value in z]
        total += sum(p * value for p, value in zip(power, z, strict=True)) / sum(power) - z[label]
    return total / len(labels)


@needs_golden
@pytest.mark.parametrize("name", GOLDEN)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_golden_values_are_reproduced_from_float32_and_float64(name, dtype):
    probabilities, labels = golden(name)
    logits = logits_from_probabilities(probabilities).astype(dtype)
    nll_before, temperature, nll_after, half = GOLDEN[name]
    fit = fit_temperature(logits, labels)
    assert abs(fit.temperature / temperature - 1) <= 1e-6
    assert fit.nll_before == pytest.approx(nll_before, abs=6e-6)
    assert fit.nll_after == pytest.approx(nll_after, abs=6e-6)
    assert fit.standard_error / fit.temperature == pytest.approx(0.01, abs=0.006)
    assert fit_temperature(logits[:5000], labels[:5000]).temperature == pytest.approx(half, abs=6e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("count", [60, 400, 20000])
def test_root_of_the_slope_found_by_bisection(count, dtype):
    logits, labels = sample(count, dtype=dtype)
    double = logits.astype(np.float64)
    rows = np.arange(count)

    def slope(log_beta):
        scaled = np.exp(log_beta) * double
        p = np.exp(scaled - scaled.max(axis=1, keepdims=True))
        return ((p * double).sum(1) / p.sum(1) - double[rows, labels]).mean()

    expected = np.exp(-brentq(slope, -5, 5, xtol=1e-14))
    assert fit_temperature(logits, labels).temperature == pytest.approx(expected, rel=3e-7)
    if count == 60:
        assert slope_by_loops(1 / expected, logits, labels) == pytest.approx(0, abs=1e-10)


def test_hand_worked_value():
    # Two classes, gap 2, three of four right: sigmoid(2 / T) = 3 / 4, so T = 2 / log 3.
    logits = np.array([[2.0, 0.0], [2.0, 0.0], [0.0, 2.0], [2.0, 0.0]])
    fit = fit_temperature(logits, [0, 0, 1, 1])
    assert fit.temperature == pytest.approx(2 / np.log(3), rel=1e-12)
    assert fit.nll_after == pytest.approx(-0.75 * np.log(0.75) - 0.25 * np.log(0.25), rel=1e-12)
    assert fit.nll_before == pytest.approx(0.75 * np.log1p(np.exp(-2)) + 0.25 * np.log1p(np.exp(2)), rel=1e-12)
    # Slopes of the samples: 2 (3/4 - right), so the root of their summed squares over 4 is sqrt(3) / 4; the curvature
    # is 2^2 p (1 - p) = 3/4; se = T^2 * first / second.
    expected = (2 / np.log(3)) ** 2 * (np.sqrt(3) / 4) / (3 / 4)
    assert fit.standard_error == pytest.approx(expected, rel=1e-4)


def test_optimality_identities():
    logits, labels = sample(3000, 8)
    fit = fit_temperature(logits, labels)
    scaled = logits / fit.temperature
    log_p = scaled - np.log(np.exp(scaled).sum(axis=1, keepdims=True))
    p = np.exp(log_p)
    rows = np.arange(len(labels))
    assert logits[rows, labels].mean() == pytest.approx((p * logits).sum(axis=1).mean(), rel=1e-9)
    assert fit.nll_after == pytest.approx(-(p * log_p).sum(axis=1).mean(), rel=1e-9)
    assert fit.nll_after == pytest.approx(-log_p[rows, labels].mean(), rel=1e-9)
    assert fit.nll_after < fit.nll_before


@pytest.mark.parametrize("factor", [1e-30, 1e-3, 7.0, 1e4, 1e30])
def test_temperature_follows_the_scale_of_the_logits(factor):
    logits, labels = sample()
    expected = fit_temperature(logits, labels)
    fit = fit_temperature(factor * logits, labels)
    assert fit.temperature == pytest.approx(factor * expected.temperature, rel=1e-9)
    assert fit.standard_error == pytest.approx(factor * expected.standard_error, rel=1e-4)


def test_offsets_orders_and_layouts_do_not_matter():
    logits, labels = sample()
    expected = fit_temperature(logits, labels).temperature
    offset = 100 * np.random.default_rng(1).normal(size=(len(labels), 1))
    assert fit_temperature(logits + offset, labels).temperature == pytest.approx(expected, rel=1e-9)
    assert fit_temperature(logits[::-1], labels[::-1]).temperature == pytest.approx(expected, rel=1e-9)
    assert fit_temperature(logits[:, ::-1], 4 - labels).temperature == pytest.approx(expected, rel=1e-9)
    fortran = np.asfortranarray(logits)
    kept = fortran.copy()
    assert fit_temperature(fortran, labels).temperature == pytest.approx(expected, rel=1e-9)
    np.testing.assert_array_equal(fortran, kept)


def test_weights_count_samples():
    logits, labels = sample(200)
    times = np.random.default_rng(3).integers(0, 4, size=200)
    repeated = fit_temperature(np.repeat(logits, times, axis=0), np.repeat(labels, times))
    weighted = fit_temperature(logits, labels, sample_weight=times)
    assert weighted.temperature == pytest.approx(repeated.temperature, rel=1e-9)
    assert weighted.nll_after == pytest.approx(repeated.nll_after, rel=1e-9)


def test_standard_error_is_the_spread_over_samples():
    fits = [fit_temperature(*sample(1000, seed=seed)) for seed in range(200)]
    spread = np.std([fit.temperature for fit in fits])
    assert np.mean([fit.standard_error for fit in fits]) == pytest.approx(spread, rel=0.15)


@pytest.mark.parametrize("seed", range(20))
def test_far_starts_and_few_samples_converge(seed):
    generator = np.random.default_rng(seed)
    logits, labels = sample(int(generator.integers(30, 300)), int(generator.integers(2, 12)), 1.0, seed)
    logits = logits * 10.0 ** generator.uniform(-8, 8)
    logits[0] *= 1e6  # one enormous sample
    fit = fit_temperature(logits, labels)
    assert fit.converged and fit.temperature > 0 and np.isfinite(fit.temperature)


def degenerate():
    right, labels = np.eye(4)[[0, 1, 2, 3, 0]], np.array([0, 1, 2, 3, 0])
    return {
        "all_correct": (3 * right - 1, labels),
        "worse_than_chance": (-3 * right, labels),
        "constant_logits": (np.full((5, 4), 0.7), labels),
    }


@pytest.mark.parametrize("status", degenerate())
def test_no_optimum_is_named_and_warned_of(status):
    logits, labels = degenerate()[status]
    with pytest.warns(RuntimeWarning, match=status):
        fit = fit_temperature(logits, labels)
    assert (fit.status, fit.converged, fit.temperature) == (status, False, 1.0)
    assert np.isnan(fit.standard_error) and fit.nll_before == fit.nll_after


def test_one_mistake_is_enough_for_an_optimum():
    logits, labels = degenerate()["all_correct"]
    logits = np.vstack([logits, logits[0]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert fit_temperature(logits, [*labels, 1]).converged


Z, Y = sample(50, 4)
P = np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True)
BAD = {
    "probabilities": (P, Y, ValueError, "look like probabilities"),
    "NaN": (np.where(np.arange(50)[:, None] == 3, np.nan, Z), Y, ValueError, "NaN or infinity in 1 of 50"),
    "infinity": (np.where(Z > 0, np.inf, Z), Y, ValueError, "NaN or infinity"),
    "empty": (np.zeros((0, 4)), np.zeros(0, int), ValueError, "empty"),
    "no classes": (np.zeros((4, 0)), np.zeros(4, int), ValueError, "empty"),
    "one class in the labels": (Z, np.full(50, 2), ValueError, "every label is class 2"),
    "one sample": (Z[:1], Y[:1], ValueError, "every label"),
    "one logit": (Z[:, 0], Y % 2, ValueError, "np.stack"),
    "one column": (Z[:, :1], Y % 2, ValueError, "np.stack"),
    "three axes": (Z[None], Y, ValueError, r"\(n, classes\)"),
    "one-hot": (Z, np.eye(4)[Y], ValueError, "argmax"),
    "too long": (Z, np.append(Y, 0), ValueError, r"\(51,\), expected \(50,\)"),
    "labels from 1": (Z, np.where(Y == 0, 4, Y), ValueError, "subtract 1"),
    "negative labels": (Z, Y - 1, ValueError, "from -1"),
    "fractions": (Z, Y + 0.5, ValueError, "whole numbers"),
    "NaN labels": (Z, np.where(Y == 0, np.nan, Y), ValueError, "whole numbers"),
    "float16": (Z.astype(np.float16), Y, TypeError, "float16"),
    "text": (Z.astype(str), Y, TypeError, "real numbers"),
    "complex": (Z + 0j, Y, TypeError, "real numbers"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused_with_the_reason(case):
    logits, labels, error, words = BAD[case]
    with pytest.raises(error, match=words):
        fit_temperature(logits, labels)


@pytest.mark.parametrize("weight", [np.ones(49), -np.ones(50), np.zeros(50), np.full(50, np.nan), np.ones((50, 1))])
def test_bad_weights_are_refused(weight):
    with pytest.raises(ValueError, match="sample_weight"):
        fit_temperature(Z, Y, weight)


def test_bfloat16_is_refused():
    with pytest.raises(TypeError, match="bfloat16"):
        fit_temperature(Z.astype(ml_dtypes.bfloat16), Y)


def test_logits_from_probabilities_keep_the_softmax_and_survive_zeros():
    logits = logits_from_probabilities(P)
    np.testing.assert_allclose(np.exp(logits), P, rtol=1e-12)
    assert fit_temperature(logits, Y).temperature == pytest.approx(fit_temperature(Z, Y).temperature, rel=1e-9)
    zeros = logits_from_probabilities(np.array([[1.0, 0.0]], dtype=np.float32))
    assert np.isfinite(zeros).all() and zeros[0, 0] == 0
    with pytest.raises(ValueError, match="rows summing to 1"):
        logits_from_probabilities(Z)


def test_integers_are_logits_too():
    logits = np.round(Z).astype(np.int64)
    assert fit_temperature(logits, Y).temperature == fit_temperature(logits.astype(float), Y).temperature

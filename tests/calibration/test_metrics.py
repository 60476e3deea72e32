"""Every estimator against a loop-written definition, scikit-learn, a hand-worked value or an invariant."""

import itertools
import os
from pathlib import Path

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss, log_loss

from calibration.methods.inputs import logits_from_probabilities
from calibration.metrics import binned, uncertainty
from calibration.metrics.smooth import smooth_ece, smoothed_gap

FOLDER = Path(os.environ.get("RESEARCH_DATA_DIR", "no-data")) / "calibration"
needs_golden = pytest.mark.skipif(not FOLDER.is_dir(), reason="golden predictions are not in RESEARCH_DATA_DIR")
CONFIDENCE = np.array([0.0, 0.05, 0.35, 0.35, 0.6, 0.8, 0.95, 1.0])
CORRECT = np.array([0, 0, 1, 0, 1, 1, 1, 1.0])


def predictions(count=500, classes=4, seed=0, factor=2.0):
    """Over-confident logits with labels, by `factor`."""
    generator = np.random.default_rng(seed)
    calibrated = 1.5 * generator.normal(size=(count, classes))
    labels = (calibrated + generator.gumbel(size=calibrated.shape)).argmax(axis=1)
    return factor * calibrated, labels


def ece_by_loops(confidence, correct, edges):
    total = 0.0
    for number, (low, high) in enumerate(itertools.pairwise(edges)):
        members = [i for i, c in enumerate(confidence) if low < c <= high or (number == 0 and c == low)]
        if members:
            gap = np.mean([correct[i] for i in members]) - np.mean([confidence[i] for i in members])
            total += len(members) / len(confidence) * abs(gap)
    return total


@needs_golden
@pytest.mark.parametrize(
    ("name", "accuracy", "ece", "half", "before", "after"),
    [
        ("lenet-5-cifar-10", 0.5308, 0.1079, 1.3736, 0.1193, 0.0224),
        ("wideresnet-16-4-cifar-10", 0.9109, 0.0537, 2.0592, 0.0552, 0.0069),
        ("wideresnet-16-4-cifar-100", 0.7543, 0.0581, 1.1099, 0.0583, 0.0436),
        ("densenet-bc-100-cifar-100", 0.7541, 0.1422, 2.1209, 0.1447, 0.0137),
    ],
)
def test_golden_table(name, accuracy, ece, half, before, after):
    with np.load(FOLDER / f"{name}.npz", allow_pickle=False) as archive:
        logits, labels = logits_from_probabilities(archive["predictions"]), archive["ground_truth"]
    top = binned.top_one(logits, labels)
    assert top.correct.mean() == pytest.approx(accuracy, abs=1e-9)
    assert binned.ece(top.confidence, top.correct) == pytest.approx(ece, abs=5.1e-5)
    second = logits[5000:], labels[5000:]
    for divisor, expected in ((1.0, before), (half, after)):
        top = binned.top_one(second[0] / divisor, second[1])
        assert binned.ece(top.confidence, top.correct) == pytest.approx(expected, abs=5.1e-5)


def test_ece_by_hand_and_at_the_edges():
    # two bins (0, 0.5], (0.5, 1]: gaps sum to 0.75 - 1 and 3.35 - 4
    assert binned.ece(CONFIDENCE, CORRECT, [0, 0.5, 1]) == pytest.approx((0.25 + 0.65) / 8)
    index = binned.equal_width_index(np.array([0.0, 0.1, 0.2, 1 / 3, np.nextafter(1 / 3, 1), 1.0]), 15)
    assert index.tolist() == [0, 1, 2, 4, 5, 14]
    for count in (1, 2, 15, 100):  # an edge belongs to the bin below it
        edges = binned.equal_width_edges(count)
        assert binned.equal_width_index(edges[1:], count).tolist() == list(range(count))


@pytest.mark.parametrize("kind", ["width", "mass"])
@pytest.mark.parametrize("bins", [1, 7, 15])
def test_ece_against_loops(kind, bins):
    top = binned.top_one(*predictions())
    edges = binned.equal_width_edges(bins)
    if kind == "mass":
        edges = binned.equal_mass_edges(top.confidence, bins)
    assert binned.ece(*top[::2], edges) == pytest.approx(ece_by_loops(*top[::2], edges), abs=1e-12)
    order = np.random.default_rng(0).permutation(len(top.correct))
    shuffled = binned.ece(top.confidence[order], top.correct[order], edges)
    assert shuffled == pytest.approx(binned.ece(*top[::2], edges), abs=1e-12)


def test_equal_mass_bins_hold_equal_shares_and_keep_ties_together():
    values = np.random.default_rng(0).random(1000)
    count = np.bincount(binned.bin_index(values, binned.equal_mass_edges(values, 8)))
    assert count.tolist() == [125] * 8
    tied = np.repeat([0.2, 0.9, 1.0], [10, 100, 200])
    for order in (np.arange(310), np.random.default_rng(1).permutation(310)):
        edges = binned.equal_mass_edges(tied[order], 15)
        assert edges.tolist() == sorted(set(edges.tolist()))
        index = binned.bin_index(tied[order], edges)
        assert all(len(set(index[tied[order] == value])) == 1 for value in (0.2, 0.9, 1.0))


def test_reliability_table_agrees_with_scikit_learn():
    top = binned.top_one(*predictions())
    rows = [row for row in binned.reliability_table(*top[::2]) if row.count]
    accuracy, confidence = calibration_curve(top.correct, top.confidence, n_bins=15)
    np.testing.assert_allclose([row.accuracy for row in rows], accuracy, atol=1e-12)
    np.testing.assert_allclose([row.confidence for row in rows], confidence, atol=1e-12)
    assert sum(row.count for row in rows) == len(top.correct)
    worst = binned.mce(*top[::2])
    assert abs(worst.gap) == np.abs(confidence - accuracy).max() and worst.count > 0


def test_complement_of_the_confidence_has_no_cancellation():
    top = binned.top_one(np.array([[60.0, 0.0, -1.0]]), [0])
    assert top.confidence[0] == 1.0
    assert top.complement[0] == pytest.approx(np.exp(-60) + np.exp(-61), rel=1e-12)


def test_nll_and_brier_agree_with_scikit_learn_and_by_hand():
    logits, labels = predictions()
    probabilities = binned.softmax(logits)
    assert binned.nll(logits, labels).mean() == pytest.approx(log_loss(labels, probabilities), rel=1e-9)
    expected = brier_score_loss(labels, probabilities, scale_by_half=False)
    assert binned.brier(probabilities, labels).mean() == pytest.approx(expected, rel=1e-12)
    assert binned.brier([[0.7, 0.2, 0.1]], [1])[0] == pytest.approx(0.49 + 0.64 + 0.01)
    assert binned.nll(np.array([[1000.0, 0.0]]), [1])[0] == pytest.approx(1000.0)


def test_brier_decomposition_adds_up_and_knows_its_extremes():
    logits, labels = predictions()
    parts = binned.brier_decomposition(binned.softmax(logits), labels)
    total = parts["reliability"] - parts["resolution"] + parts["uncertainty"] + parts["within_bin"]
    assert total == pytest.approx(parts["brier"], abs=1e-12)
    share = np.bincount(labels) / len(labels)
    constant = binned.brier_decomposition(np.tile(share, (len(labels), 1)), labels)
    assert constant["reliability"] == pytest.approx(0, abs=1e-12)
    assert constant["resolution"] == pytest.approx(0, abs=1e-12)
    assert constant["brier"] == pytest.approx(constant["uncertainty"])


def test_debiased_errors_remove_the_noise_of_a_calibrated_model():
    plain, debiased, squared, rms = [], [], [], []
    for seed in range(40):
        top = binned.top_one(*predictions(1000, 4, seed, factor=1.0))
        table = [row for row in binned.reliability_table(*top[::2], binned.equal_mass_edges(top.confidence))]
        squared.append(sum(row.count * row.gap**2 for row in table) / 1000)
        plain.append(binned.ece(*top[::2]))
        debiased.append(binned.debiased_ece(*top[::2]))
        rms.append(binned.debiased_rms(*top[::2]) ** 2)
    assert np.mean(debiased) < 0.7 * np.mean(plain)
    assert np.mean(rms) < 0.6 * np.mean(squared)


def test_debiased_errors_by_hand():
    # one bin of 4, confidence 0.9, accuracy 0.5: gap 0.4, a (1 - a) / (n - 1) = 1/12
    confidence, correct = np.full(4, 0.9), np.array([1, 1, 0, 0.0])
    assert binned.debiased_rms(confidence, correct) == pytest.approx(np.sqrt(0.16 - 1 / 12))
    draws = np.abs(0.4 + 0.25 * np.random.default_rng(0).normal(size=400_000))  # sd sqrt(1/4 / 4)
    assert binned.debiased_ece(confidence, correct) == pytest.approx(0.8 - draws.mean(), abs=2e-3)


def test_sweep_takes_the_most_bins_that_stay_monotone():
    top = binned.top_one(*predictions(300))
    value, bins = binned.sweep_ece(*top[::2])

    def accuracies(number):
        edges = binned.equal_mass_edges(top.confidence, number)
        return [row.accuracy for row in binned.reliability_table(*top[::2], edges) if row.count]

    assert all(np.all(np.diff(accuracies(number)) >= 0) for number in range(1, bins + 1))
    assert np.any(np.diff(accuracies(bins + 1)) < 0)
    assert value == pytest.approx(binned.ece(*top[::2], binned.equal_mass_edges(top.confidence, bins)))
    assert binned.sweep_ece(np.full(9, 0.5), np.ones(9)) == (pytest.approx(0.5), 1)


def test_classwise_ece_against_loops():
    logits, labels = predictions(200)
    p = binned.softmax(logits)
    edges = binned.equal_width_edges()
    expected = np.mean([ece_by_loops(p[:, k], (labels == k) * 1.0, edges) for k in range(4)])
    assert binned.classwise_ece(p, labels) == pytest.approx(expected, abs=1e-12)


def reflected_by_images(t, position, width):
    """The Gaussian kernel reflected at 0 and 1, as a sum over mirror images."""
    images = [position + 2 * k for k in range(-6, 7)] + [-position + 2 * k for k in range(-6, 7)]
    return sum(np.exp(-0.5 * ((t - image) / width) ** 2) for image in images) / (width * np.sqrt(2 * np.pi))


@pytest.mark.parametrize("width", [0.02, 0.1, 0.7])
def test_smoothed_gap_is_the_sum_over_mirror_images(width):
    grid = np.linspace(0, 1, (1 << 14) + 1)
    expected = sum(
        (c - y) * reflected_by_images(grid, c, width) for c, y in zip(CONFIDENCE, CORRECT, strict=True)
    ) / len(CORRECT)
    np.testing.assert_allclose(smoothed_gap(CONFIDENCE, CORRECT, width), expected, atol=2e-5)
    integral = np.trapezoid(np.abs(expected), grid)
    assert smooth_ece(CONFIDENCE, CORRECT, bandwidth=width) == pytest.approx(integral, abs=1e-6)


def test_smooth_ece_of_a_model_over_confident_everywhere_is_its_mean_gap():
    generator = np.random.default_rng(0)
    confidence = np.concatenate([np.ones(800), 0.9 + 0.1 * generator.random(1200)])  # saturated at the border
    correct = np.tile([1, 0, 0, 1, 0], 400).astype(float)
    gap = confidence.mean() - correct.mean()
    assert smooth_ece(confidence, correct) == pytest.approx(gap, rel=1e-6)
    assert smooth_ece(confidence, correct, bandwidth=0.3) == pytest.approx(gap, rel=1e-9)


def test_smooth_ece_is_the_fixed_point_of_its_bandwidth_and_falls_with_it():
    top = binned.top_one(*predictions())
    value = smooth_ece(*top[::2])
    assert smooth_ece(*top[::2], bandwidth=value) == pytest.approx(value, abs=1e-6)
    widths = [0.001, 0.01, 0.1, 1.0]
    values = [smooth_ece(*top[::2], bandwidth=width) for width in widths]
    assert values == sorted(values, reverse=True)
    assert smooth_ece(np.ones(5), np.ones(5)) == pytest.approx(0, abs=1e-12)


def test_noise_floor_agrees_with_its_formula_and_calibrated_models_pass():
    p_values = []
    for seed in range(30):
        top = binned.top_one(*predictions(1500, 4, seed, factor=1.0))
        p_values.append(uncertainty.noise_floor(*top[::2], draws=200, seed=seed).p_value)
    floor = uncertainty.noise_floor(*top[::2], draws=1000, complement=top.complement)
    assert floor.mean == pytest.approx(uncertainty.expected_floor(top.confidence), rel=0.05)
    assert floor.mean < floor.q95
    assert 0.3 < np.mean(p_values) < 0.7 and np.mean(np.array(p_values) < 0.1) < 0.35
    wrong = binned.top_one(*predictions(1500, 4, 0, factor=3.0))
    assert uncertainty.noise_floor(*wrong[::2], draws=200).p_value == pytest.approx(1 / 201)


def test_expected_floor_by_hand():
    # one bin of 100 samples at 0.8: sqrt(2 / pi) / 100 * sqrt(100 * 0.16)
    value = uncertainty.expected_floor(np.full(100, 0.8))
    assert value == pytest.approx(np.sqrt(2 / np.pi) * 0.04)


def test_sample_columns_hold_the_metrics():
    logits, labels = predictions()
    p = binned.softmax(logits)
    top = binned.top_one(logits, labels)
    columns = uncertainty.sample_columns(p, labels)
    error, nll, brier, ece = uncertainty.metrics_of_means(columns.mean(axis=0))
    assert error == pytest.approx(1 - top.correct.mean())
    assert nll == pytest.approx(binned.nll(logits, labels).mean())
    assert brier == pytest.approx(binned.brier(p, labels).mean())
    assert ece == pytest.approx(binned.ece(*top[::2]))


def test_bootstrap_has_the_width_of_the_standard_error_and_pairing_narrows_it():
    logits, labels = predictions(2000)
    first = uncertainty.sample_columns(binned.softmax(logits), labels)
    second = uncertainty.sample_columns(binned.softmax(logits / 2), labels)
    interval = uncertainty.bootstrap(first, draws=400)["nll"]
    error = first[:, 1].std() / np.sqrt(2000)
    assert interval.low < interval.value < interval.high
    assert interval.high - interval.low == pytest.approx(2 * 1.96 * error, rel=0.2)
    paired = uncertainty.paired_bootstrap(first, second, draws=400)["nll"]
    assert paired.high < 0  # dividing by 2 mends these logits
    assert paired.value == pytest.approx(second[:, 1].mean() - first[:, 1].mean())
    assert uncertainty.paired_bootstrap(first, first, draws=20)["ece"] == (0.0, 0.0, 0.0)

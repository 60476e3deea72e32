"""The recalibration methods: one API, scikit-learn where it has the same thing, optimality, and bad input."""

import numpy as np
import pytest
from scipy.special import expit, log_softmax
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from calibration import evaluate
from calibration.methods import steps
from calibration.methods.beta import BetaCalibration
from calibration.methods.every import METHODS
from calibration.methods.inputs import check_logits, logits_from_probabilities
from calibration.methods.maps import (
    AdamTemperature,
    HistogramBinning,
    MatrixScaling,
    PlattScaling,
    VectorScaling,
    one_versus_rest,
)
from calibration.methods.temperature import fit_temperature
from calibration.metrics import binned


def sample(count=3000, classes=4, seed=0):
    """Logits too large by 2 and shifted by class, with labels."""
    generator = np.random.default_rng(seed)
    calibrated = 1.5 * generator.normal(size=(count, classes))
    labels = (calibrated + generator.gumbel(size=calibrated.shape)).argmax(axis=1)
    return 2.0 * calibrated + np.linspace(-1, 1, classes), labels


@pytest.fixture(scope="module")
def data():
    return sample(), sample(seed=1)


@pytest.mark.parametrize("name", METHODS)
def test_every_method_improves_a_held_out_set_and_gives_probabilities(name, data):
    validation, (logits, labels) = data
    probabilities = METHODS[name]().fit(*validation).predict_proba(logits)
    assert probabilities.shape == logits.shape and probabilities.min() > 0
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, rtol=1e-12)
    before = evaluate.basic_metrics(binned.softmax(logits), labels, "x")
    after = evaluate.basic_metrics(probabilities, labels, "x")
    assert after["x/nll_nats"] < before["x/nll_nats"]
    assert after["x/ece_percent"] < 0.5 * before["x/ece_percent"]


@pytest.mark.parametrize("name", METHODS)
def test_methods_ignore_the_order_of_samples_and_a_common_offset(name, data):
    (logits, labels), (test, _) = data
    expected = METHODS[name]().fit(logits, labels).predict_proba(test)
    offset = np.random.default_rng(2).normal(size=(len(labels), 1))
    order = np.random.default_rng(3).permutation(len(labels))
    fitted = METHODS[name]().fit(logits[order], labels[order])
    np.testing.assert_allclose(fitted.predict_proba(test), expected, atol=2e-4)
    if name not in ("vector", "matrix"):  # those two see the logits themselves
        fitted = METHODS[name]().fit(logits + offset, labels)
        np.testing.assert_allclose(fitted.predict_proba(test + offset), expected, atol=1e-6)


@pytest.mark.parametrize("name", METHODS)
def test_bad_input_is_refused(name, data):
    (logits, labels), _ = data
    with pytest.raises(ValueError, match="call fit first"):
        METHODS[name]().predict_proba(logits)
    fitted = METHODS[name]().fit(logits, labels)
    with pytest.raises(ValueError, match="fitted on 4 classes"):
        fitted.predict_proba(logits[:, :3])
    with pytest.raises(ValueError, match="look like probabilities"):
        fitted.predict_proba(binned.softmax(logits))
    with pytest.raises(ValueError, match="NaN"):
        METHODS[name]().fit(np.where(logits > 3, np.nan, logits), labels)
    with pytest.raises(TypeError, match="float16"):
        METHODS[name]().fit(logits.astype(np.float16), labels)


@pytest.mark.parametrize("name", METHODS)
def test_a_class_without_validation_samples_is_survived(name):
    logits, labels = sample(300)
    kept = labels != 2
    probabilities = METHODS[name]().fit(logits[kept], labels[kept]).predict_proba(logits)
    assert np.isfinite(probabilities).all()
    before = binned.softmax(logits)[:, 2].mean()
    assert (probabilities[:, 2].mean() < before) == (name != "temperature")


def test_temperature_keeps_the_predicted_class_and_its_result(data):
    (logits, labels), (test, _) = data
    fitted = METHODS["temperature"]().fit(logits, labels)
    np.testing.assert_array_equal(fitted.predict_proba(test).argmax(axis=1), test.argmax(axis=1))
    assert fitted.result.converged and fitted.result.temperature > 1.5


def test_matrix_scaling_is_scikit_learns_multinomial_regression(data):
    (logits, labels), (test, _) = data
    expected = LogisticRegression(C=np.inf, tol=1e-8, max_iter=1000).fit(logits, labels).predict_proba(test)
    np.testing.assert_allclose(MatrixScaling().fit(logits, labels).predict_proba(test), expected, atol=1e-4)


def test_vector_scaling_is_at_the_optimum(data):
    (logits, labels), _ = data
    fitted = VectorScaling().fit(logits, labels)
    error = fitted.predict_proba(logits) - np.eye(4)[labels]
    np.testing.assert_allclose((error * logits).mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(error.mean(axis=0), 0, atol=1e-4)


def test_one_versus_rest_is_the_log_odds():
    logits, _ = sample(50)
    p = np.exp(log_softmax(logits, axis=1))
    np.testing.assert_allclose(one_versus_rest(logits), np.log(p / (1 - p)), rtol=1e-9)
    np.testing.assert_allclose(one_versus_rest(np.array([[1.0, 4.0]])), [[-3.0, 3.0]])
    assert one_versus_rest(np.array([[80.0, 0.0, 0.0]]))[0, 0] == pytest.approx(80 - np.log(2), rel=1e-12)


def test_binary_platt_scaling_solves_its_equations():
    logits, labels = sample(400, 2)
    fitted = PlattScaling().fit(logits, labels)
    (slope, offset), z = fitted.coefficients[0], logits[:, 1] - logits[:, 0]
    target = np.where(labels == 1, (labels.sum() + 1) / (labels.sum() + 2), 1 / ((1 - labels).sum() + 2))
    error = expit(slope * z + offset) - target
    assert error.mean() == pytest.approx(0, abs=1e-5) and (error * z).mean() == pytest.approx(0, abs=1e-5)
    np.testing.assert_allclose(fitted.predict_proba(logits)[:, 1], expit(slope * z + offset), rtol=1e-12)


def test_platt_scaling_of_separable_classes_is_finite():
    logits = np.array([[2.0, 0.0], [1.0, 0.0], [0.0, 3.0], [0.0, 2.0]])
    assert np.isfinite(PlattScaling().fit(logits, [0, 0, 1, 1]).coefficients).all()


def test_histogram_binning_by_hand():
    p = np.array([0.7, 0.6, 0.9, 0.2])
    logits = np.stack([np.log(1 - p), np.log(p)], axis=1)
    fitted = HistogramBinning(bins=2).fit(logits, [1, 0, 1, 0])
    # class 1, upper bin: 2 of 3 positive, plus one sample at the mean 2.2 / 3; lower bin: 0 of 1, plus one at 0.2
    upper, lower = (2 + 2.2 / 3) / 4, (0 + 0.2) / 2
    np.testing.assert_allclose(fitted.frequency[1], [lower, upper])
    other = (1 + 0.8) / 2  # class 0 at 0.8 of the last sample
    assert fitted.predict_proba(logits)[3, 1] == pytest.approx(lower / (lower + other))


def test_isotonic_is_scikit_learns_for_two_classes():
    logits, labels = sample(500, 2)
    p = binned.softmax(logits)[:, 1]
    expected = IsotonicRegression(out_of_bounds="clip").fit(p, labels).predict(p)
    np.testing.assert_allclose(
        METHODS["isotonic"]().fit(logits, labels).predict_proba(logits)[:, 1], expected, atol=2e-3
    )


def test_evaluation_reports_every_method_and_both_temperatures(data):
    validation, test = data
    metrics = evaluate.every_method(validation, test) | evaluate.temperatures(sample(seed=5), validation, test)
    assert {f"{name}/ece_percent" for name in METHODS} <= metrics.keys()
    assert metrics["temperature/error_percent"] == pytest.approx(evaluate.uncalibrated(test)["test/error_percent"])
    assert metrics["temperature"] == pytest.approx(metrics["temperature_on_train"], rel=0.15)
    assert metrics["validation_size_2000/temperature"] == pytest.approx(metrics["temperature"], rel=0.1)
    assert "validation_size_5000/temperature" not in metrics


def test_overfitting_compares_the_epoch_of_lowest_nll_with_the_last():
    history = [
        {"epoch": number, "validation/cross_entropy": nll, "validation/accuracy": accuracy}
        for number, nll, accuracy in ((1, 0.9, 0.6), (2, 0.7, 0.7), (3, 0.8, 0.75))
    ]
    metrics = evaluate.overfitting(history)
    assert metrics["best_epoch"] == 2
    assert metrics["last_epoch/validation_nll_nats"] > metrics["best_epoch/validation_nll_nats"] == 0.7
    assert metrics["best_epoch/validation_error_percent"] == pytest.approx(30)
    assert metrics["last_epoch/validation_error_percent"] == pytest.approx(25)


@pytest.mark.parametrize("decimals", [1, 2, 3])
@pytest.mark.parametrize("classes", [2, 3, 10])
def test_rounded_probabilities_are_not_taken_for_logits(decimals, classes):
    random = np.random.default_rng(classes)
    p = np.round(binned.softmax(3 * random.normal(size=(400, classes))), decimals)
    labels = np.array([random.choice(classes, p=row / row.sum()) for row in p])
    with pytest.raises(ValueError, match="logits_from_probabilities"):
        fit_temperature(p, labels)
    assert np.isfinite(logits_from_probabilities(p)).all()
    if decimals > 1:  # their temperature is about that of the exact ones
        assert fit_temperature(logits_from_probabilities(p), labels).temperature == pytest.approx(1, abs=0.25)


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("low", [0.0, 1e-7, 1e-3, 0.01])
def test_clipped_probabilities_are_not_taken_for_logits(low, kind):
    p = np.clip(binned.softmax(8 * np.random.default_rng(0).normal(size=(400, 10))), low, 1 - low).astype(kind)
    with pytest.raises((ValueError, TypeError), match=r"logits_from_probabilities|float16"):
        fit_temperature(p, np.arange(400) % 10)


def test_logits_that_happen_to_be_small_are_still_logits():
    random = np.random.default_rng(0)
    for logits in (random.random((50, 3)), np.round(random.random((50, 3)), 1), random.random((50, 10)) / 5):
        check_logits(logits)
    whole = np.eye(3)[random.integers(0, 3, 50)]  # one-hot rows are probabilities
    with pytest.raises(ValueError, match="look like probabilities"):
        check_logits(whole)


def test_steps_of_adam_on_t_end_near_the_minimum_and_stop_short_of_a_far_one(data):
    validation, test = data
    fitted, exact = AdamTemperature().fit(*validation), fit_temperature(*validation).temperature
    assert 1.5 < fitted.temperature == pytest.approx(exact, rel=0.1)
    np.testing.assert_allclose(fitted.predict_proba(test[0]), binned.softmax(test[0] / fitted.temperature), rtol=1e-6)
    far = (8 * validation[0], validation[1])
    assert 1 + 300 * 0.01 + 0.1 > steps.adam(*far) < 0.8 * fit_temperature(*far).temperature  # 0.01 a step at most


def test_the_slope_that_the_steps_follow_is_the_derivative_of_the_loss(data):
    (logits, labels), _ = data
    up, down = (steps.loss_and_slope(1.5 + sign * 1e-6, logits.astype(float), labels)[0] for sign in (1, -1))
    assert steps.loss_and_slope(1.5, logits.astype(float), labels)[1] == pytest.approx((up - down) / 2e-6, rel=1e-4)


def two_classes(count, a, b, c, seed=0):
    """Logits (0, l) and labels drawn from the probability that beta calibration with (a, b, c) makes of l."""
    generator = np.random.default_rng(seed)
    odds = 2 * generator.normal(size=count)
    truth = expit(a * -np.logaddexp(0, -odds) + b * np.logaddexp(0, odds) + c)
    return np.stack([np.zeros(count), odds], axis=1), (generator.random(count) < truth).astype(int)


def test_beta_calibration_finds_the_map_that_made_the_labels():
    fitted = BetaCalibration().fit(*two_classes(200_000, 0.5, 1.5, -0.3))
    np.testing.assert_allclose(fitted.coefficients[0], [0.5, 1.5, -0.3], atol=0.04)


def test_beta_calibration_is_at_its_optimum_and_no_worse_than_platt():
    logits, labels = two_classes(2000, 0.4, 1.6, 0.2, seed=1)
    beta, platt = BetaCalibration().fit(logits, labels), PlattScaling().fit(logits, labels)

    def loss(probabilities):  # on Platt's soft targets, which both minimise
        high, low = (labels.sum() + 1) / (labels.sum() + 2), 1 / ((1 - labels).sum() + 2)
        target = np.where(labels == 1, high, low)
        return -np.mean(target * np.log(probabilities[:, 1]) + (1 - target) * np.log(probabilities[:, 0]))

    best, kept = loss(beta.predict_proba(logits)), beta.coefficients.copy()
    assert best < loss(platt.predict_proba(logits)) - 1e-4
    for place in range(3):
        for step in (-1e-3, 1e-3):
            beta.coefficients = kept.copy()
            beta.coefficients[0, place] += step
            assert loss(beta.predict_proba(logits)) > best


def test_beta_calibration_never_turns_the_order_around():
    logits, labels = two_classes(500, 1.0, 1.0, 0.0)
    fitted = BetaCalibration().fit(logits, 1 - labels)  # the opposite of what the logits say
    assert (fitted.coefficients[0, :2] >= 0).all()

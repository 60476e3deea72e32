"""Structured scaling: the published values, optimality, its limits, and what changes a prediction."""

import time

import numpy as np
import pytest

from calibration.methods.every import KEEPS_CLASSES, METHODS
from calibration.methods.inputs import logits_from_probabilities
from calibration.methods.maps import TemperatureScaling
from calibration.methods.structured import StructuredMatrixScaling, StructuredVectorScaling
from calibration.metrics import binned
from tests.calibration.test_methods import sample
from tests.calibration.test_methods_temperature import golden, needs_golden

# file -> test NLL with T, with SMS, and test error with SMS in per cent; fitted on the first half, read on the second
GOLDEN = {
    "wideresnet-16-4-cifar-10": (0.2704, 0.2322, 7.64),
    "lenet-5-cifar-10": (1.3260, 1.3107, None),
    "densenet-bc-100-cifar-100": (0.8666, 0.8629, None),
}


@needs_golden
@pytest.mark.parametrize("name", GOLDEN)
def test_golden_predictions(name):
    probabilities, labels = golden(name)
    logits, half = logits_from_probabilities(probabilities), len(labels) // 2
    with_t, with_sms, error = GOLDEN[name]
    start = time.perf_counter()
    fitted = StructuredMatrixScaling().fit(logits[:half], labels[:half])
    seconds = time.perf_counter() - start
    rows, found = np.arange(half), fitted.predict_proba(logits[half:])
    assert -np.log(found[rows, labels[half:]]).mean() == pytest.approx(with_sms, abs=6e-5)
    scaled = TemperatureScaling().fit(logits[:half], labels[:half]).predict_proba(logits[half:])
    assert -np.log(scaled[rows, labels[half:]]).mean() == pytest.approx(with_t, abs=6e-5)
    if error:
        assert 100 * (found.argmax(axis=1) != labels[half:]).mean() == pytest.approx(error, abs=5e-3)
    assert seconds < 60  # the README says how long; a test only guards against the absurd


def penalised(fitted, logits, labels):
    """The objective by its formula, one sum after the other."""
    samples, classes = logits.shape
    centred = (logits - logits.mean(axis=1, keepdims=True)) / fitted.temperature
    scores = centred @ (np.eye(classes) + fitted.excess).T + fitted.bias
    nll = np.mean([np.log(np.exp(z - z.max()).sum()) + z.max() - z[label]
                   for z, label in zip(scores, labels, strict=True)])  # fmt: skip
    diagonal = np.diag(fitted.excess)
    off = fitted.excess - np.diag(diagonal)
    small = classes / samples
    return nll + small * (fitted.bias**2).sum() + small * (diagonal**2).sum() + small * (classes - 1) * (off**2).sum()


@pytest.mark.parametrize("method", [StructuredMatrixScaling, StructuredVectorScaling])
def test_nothing_near_the_solution_is_better(method):
    logits, labels = sample(400)
    fitted = method().fit(logits, labels)
    best, random = penalised(fitted, logits, labels), np.random.default_rng(0)
    excess, bias = fitted.excess.copy(), fitted.bias.copy()
    for size in (1e-1, 1e-2, 1e-3):
        for _ in range(20):
            step = random.normal(size=excess.shape)
            step = np.diag(np.diag(step)) if method is StructuredVectorScaling else step
            fitted.excess, fitted.bias = excess + size * step, bias + size * random.normal(size=bias.shape)
            assert penalised(fitted, logits, labels) > best - 1e-9
    off = excess - np.diag(np.diag(excess))
    assert (np.abs(off).max() == 0) == (method is StructuredVectorScaling)


def test_a_strong_penalty_leaves_the_temperature_alone():
    logits, labels = sample(300)
    expected = TemperatureScaling().fit(logits, labels).predict_proba(logits)
    found = StructuredMatrixScaling(strength=1e9).fit(logits, labels).predict_proba(logits)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    with pytest.raises(ValueError, match="strength is 0"):
        StructuredMatrixScaling(strength=0)


def test_which_methods_may_change_a_prediction_is_marked():
    logits, labels = sample(3000)
    test, _ = sample(2000, seed=1)
    for name, method in METHODS.items():
        changed = (method().fit(logits, labels).predict_proba(test).argmax(axis=1) != test.argmax(axis=1)).any()
        assert changed == (name not in KEEPS_CLASSES), name
    assert np.isfinite(binned.softmax(test)).all()

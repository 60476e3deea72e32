"""Calibrated probabilities around classifiers of scikit-learn."""

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.svm import LinearSVC
from sklearn.utils.estimator_checks import parametrize_with_checks

from calibration.estimator import CalibratedClassifier
from calibration.methods.every import METHODS
from calibration.methods.temperature import fit_temperature


@pytest.mark.slow  # run with: python -m pytest -m slow
@parametrize_with_checks([CalibratedClassifier()])
def test_it_holds_what_scikit_learn_asks_of_classifiers(estimator, check):
    check(estimator)


FOREST = RandomForestClassifier(n_estimators=20, random_state=0)


@pytest.mark.parametrize(
    ("base", "load"), [(LinearSVC(), load_digits), (LinearSVC(), load_breast_cancer), (FOREST, load_digits)]
)
def test_the_temperature_keeps_the_classes_and_lowers_the_loss(base, load):
    x, y = load(return_X_y=True)
    x, held, y, truth = train_test_split(x / x.max(axis=0).clip(1), y, random_state=0)
    model = CalibratedClassifier(base).fit(x, y)
    chances = model.predict_proba(held)
    np.testing.assert_allclose(chances.sum(axis=1), 1)
    np.testing.assert_array_equal(model.predict(held), model.estimator_.predict(held))
    logits = model._logits(held)
    plain = np.exp(logits - logits.max(axis=1, keepdims=True))
    plain = plain / plain.sum(axis=1, keepdims=True)
    rows = np.arange(len(truth))
    assert -np.log(chances[rows, truth]).mean() < -np.log(plain[rows, truth]).mean()


def test_prefit_uses_all_rows_to_calibrate():
    x, y = load_breast_cancer(return_X_y=True)
    base = LogisticRegression(max_iter=5000).fit(x[:300], y[:300])
    model = CalibratedClassifier(base, prefit=True).fit(x[300:], y[300:])
    z = base.decision_function(x[300:])
    expected = fit_temperature(np.stack([0 * z, z], axis=1), y[300:]).temperature
    assert model.method_.result.temperature == pytest.approx(expected) and model.estimator_ is base


@pytest.mark.parametrize("method", METHODS)
def test_every_method_takes_labels_of_any_kind(method):
    x, y = load_digits(return_X_y=True)
    names = np.array(["one", "two", "three"])[y[y < 3]]
    model = CalibratedClassifier(method=method).fit(x[y < 3], names)
    assert model.score(x[y < 3], names) > 0.95 and list(model.classes_) == ["one", "three", "two"]


def test_unknown_methods_are_named():
    with pytest.raises(ValueError, match="did you mean temperature"):
        CalibratedClassifier(method="temperatur").fit(np.eye(4), [0, 1, 0, 1])

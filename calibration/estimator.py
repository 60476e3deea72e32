"""Calibrated probabilities around any classifier of scikit-learn: `CalibratedClassifier(estimator, "temperature")`."""

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from calibration.methods.every import METHODS
from calibration.methods.inputs import logits_from_probabilities
from common.options import one_of


class CalibratedClassifier(ClassifierMixin, MetaEstimatorMixin, BaseEstimator):
    """Any classifier with `decision_function` or `predict_proba`, its probabilities calibrated on rows it never saw.

    Logits are the decision function's (a single column z counts as 0 and z), or the logarithm of the probabilities.

    Args:
        estimator: a classifier; None: logistic regression. Fitted or not, see `prefit`.
        method: "temperature" (never changes the predicted class), "platt", "vector", "matrix", "structured_vector",
            "structured_matrix" (the lowest loss in most cases), "histogram" or "isotonic".
        prefit: the estimator is fitted already, and all rows given to `fit` calibrate it; otherwise a copy of it is
            fitted on the rest.
        share: of the rows that calibrate, drawn class by class, in (0, 1).
        seed: of that draw.

    Attributes (after fit):
        estimator_, method_: the fitted classifier and the fitted method (`method_.result.temperature` is T).
        classes_: labels, sorted.

    Example:
        model = CalibratedClassifier(SVC(), "temperature").fit(X, y)
        chances = model.predict_proba(X_test)
    """

    def __init__(self, estimator=None, method="temperature", prefit=False, share=0.25, seed=0):
        self.estimator = estimator
        self.method = method
        self.prefit = prefit
        self.share = share
        self.seed = seed

    def fit(self, X, y):
        """Fits the classifier, unless it is, and then the method.

        Raises:
            ValueError: an unknown method, fewer than two classes or too few rows of one, or what the method refuses.
        """
        one_of("method", self.method, METHODS)
        X, y = validate_data(self, X, y, ensure_all_finite=False)
        check_classification_targets(y)
        self.classes_ = np.unique(y)
        if len(self.classes_) < 2:
            raise ValueError(f"y has 1 class ({self.classes_[0]!r}), expected two or more; give rows of another class")
        if self.prefit:
            self.estimator_, calibrating, labels = self.estimator, X, y
            self.classes_ = self.estimator.classes_
        else:
            rows, calibrating, seen, labels = train_test_split(
                X, y, test_size=self.share, random_state=self.seed, stratify=y
            )  # fmt: skip
            self.estimator_ = clone(LogisticRegression() if self.estimator is None else self.estimator).fit(rows, seen)
        numbers = np.searchsorted(self.classes_, labels)
        self.method_ = METHODS[self.method]().fit(self._logits(calibrating), numbers)
        return self

    def predict_proba(self, X):
        """Calibrated probabilities (n, classes), in the order of `classes_`; rows sum to 1."""
        check_is_fitted(self, "method_")
        X = validate_data(self, X, ensure_all_finite=False, reset=False)
        return self.method_.predict_proba(self._logits(X))

    def predict(self, X):
        """Labels (n,): the most probable class."""
        check_is_fitted(self, "method_")
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    def _logits(self, X):
        if hasattr(self.estimator_, "decision_function"):
            logits = np.asarray(self.estimator_.decision_function(X), np.float64)
            return np.stack([np.zeros_like(logits), logits], axis=1) if logits.ndim == 1 else logits
        return logits_from_probabilities(self.estimator_.predict_proba(X))

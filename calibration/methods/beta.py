"""Beta calibration: Platt scaling that may bend the two ends of a probability differently (Kull et al. 2017)."""

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from calibration.methods.maps import Method, normalise, one_versus_rest


class BetaCalibration(Method):
    """log q / (1 - q) = a log p - b log(1 - p) + c with a, b >= 0, of each class one versus rest, then normalised.

    p = sigmoid(l_k) with the log-odds l_k of `one_versus_rest`. With a = b it is Platt scaling; with a = b = 1, c = 0
    it leaves p alone. Targets are Platt's (N+ + 1) / (N+ + 2) and 1 / (N- + 2), so that separable classes have a
    finite fit. Made for two classes; predicted classes may change where there are more. `coefficients` holds (a, b, c)
    of every class.
    """

    def _fit(self, logits, labels):
        odds = one_versus_rest(logits)
        columns = [1] if self.classes == 2 else range(self.classes)
        self.coefficients = np.array([self._bend(odds[:, k], labels == k) for k in columns])  # (classes or 1, 3)

    @staticmethod
    def _bend(odds, positive) -> np.ndarray:
        target = np.where(positive, (positive.sum() + 1) / (positive.sum() + 2), 1 / ((~positive).sum() + 2))
        features = ends(odds)
        scale = np.abs(features).mean(axis=0) + 1e-300  # so that the solver sees numbers of size 1
        features = features / scale

        def objective(parameters):
            value = features @ parameters[:2] + parameters[2]
            slope = (expit(value) - target) / len(odds)
            loss = np.mean(np.logaddexp(0.0, value) - target * value)
            return loss, np.array([*(slope @ features), slope.sum()])

        bounds = [(0.0, None), (0.0, None), (None, None)]
        found = minimize(objective, [1.0, 1.0, 0.0], jac=True, bounds=bounds, method="L-BFGS-B",
                         options={"ftol": 1e-14, "gtol": 1e-9, "maxiter": 1000})  # fmt: skip
        return found.x / np.array([*scale, 1.0])

    def _predict(self, logits):
        odds = one_versus_rest(logits)
        if self.classes == 2:
            positive = self._apply(odds[:, 1], self.coefficients[0])
            return np.stack([1.0 - positive, positive], axis=1)
        columns = [self._apply(odds[:, k], self.coefficients[k]) for k in range(self.classes)]
        return normalise(np.stack(columns, axis=1), logits)

    @staticmethod
    def _apply(odds, coefficients) -> np.ndarray:
        return expit(ends(odds) @ coefficients[:2] + coefficients[2])


def ends(odds: np.ndarray) -> np.ndarray:
    """log p and -log(1 - p) of p = sigmoid(odds), (n, 2); finite for any odds."""
    return np.stack([-np.logaddexp(0.0, -odds), np.logaddexp(0.0, odds)], axis=1)

"""Vector and matrix scaling that lean on the temperature where data are few (Berta et al. 2025, SVS and SMS).

After the temperature T is fitted,

    p = softmax((I + D + M) z / T + b),   D diagonal, M zero on its diagonal,

with D, M and b at the minimum of

    NLL + a k/n |b|^2 + a k/n |D|^2 + a k (k - 1)/n |M|^2,      k classes, n samples, a the strength (1).

The problem is convex, and the penalties grow with the parameters that a sample has to pay for: few samples leave the
temperature alone. Logits are centred for each sample, which changes no softmax. Predicted classes may change.
"""

import numpy as np

from calibration.methods.maps import Method, cross_entropy, minimise, safe_temperature
from calibration.metrics.binned import softmax


class StructuredMatrixScaling(Method):
    """SMS: the whole matrix I + D + M; `excess` is D + M, (classes, classes), and `bias` is b.

    Args:
      strength: a > 0.
    """

    def __init__(self, strength: float = 1.0):
        if not 0 < strength < float("inf"):
            raise ValueError(f"strength is {strength}, expected a positive number")
        self.strength = strength

    def _fit(self, logits, labels):
        samples, classes = logits.shape
        self.temperature = safe_temperature(logits, labels)
        scaled = self._scaled(logits)
        slight = self.strength * classes / samples  # of b and D
        penalties = slight * self._penalties(classes)

        def objective(parameters):
            excess, bias = parameters[:-1], parameters[-1]
            scores = self._apply(scaled, excess)
            scores += bias
            loss, error = cross_entropy(scores, labels)
            slope = self._slope(error, scaled) + 2 * penalties * excess
            penalty = (penalties * excess**2).sum() + slight * bias @ bias
            return loss + penalty, np.vstack([slope, error.sum(axis=0) + 2 * slight * bias])

        doubt = softmax(scaled)
        doubt *= 1 - doubt  # p (1 - p): what a score's second derivative is, in the mean, before anything is fitted
        curvature = np.vstack(
            [self._slope(doubt, scaled**2) / samples + 2 * penalties, doubt.mean(axis=0) + 2 * slight]
        )
        found = minimise(objective, np.zeros_like(curvature), 1 / np.sqrt(curvature))
        self.excess, self.bias = self._matrix(found[:-1]), found[-1]

    def _scaled(self, logits):
        """z / T, centred for each sample."""
        return (logits - logits.mean(axis=1, keepdims=True)) / self.temperature

    def _predict(self, logits):
        scaled = self._scaled(logits)
        return softmax(scaled + scaled @ self.excess.T + self.bias)

    def _penalties(self, classes):
        """Of every free number of D + M, in units of that of b."""
        return np.where(np.eye(classes, dtype=bool), 1.0, classes - 1.0)

    def _apply(self, scaled, excess):
        """(I + D + M) z / T of all samples."""
        return scaled @ (np.eye(len(excess)) + excess).T

    def _slope(self, error, scaled):
        """The sum over samples of error (n, classes) times what its free numbers multiply."""
        return error.T @ scaled

    def _matrix(self, excess):
        """The free numbers as D + M, (classes, classes)."""
        return excess


class StructuredVectorScaling(StructuredMatrixScaling):
    """SVS: the diagonal alone, M = 0."""

    def _penalties(self, classes):
        return np.ones((1, classes))

    def _apply(self, scaled, excess):
        return scaled * (1.0 + excess)

    def _slope(self, error, scaled):
        return np.einsum("nk,nk->k", error, scaled)[None]

    def _matrix(self, excess):
        return np.diag(excess[0])

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

    diagonal = False

    def __init__(self, strength: float = 1.0):
        if not 0 < strength < float("inf"):
            raise ValueError(f"strength is {strength}, expected a positive number")
        self.strength = strength

    def _fit(self, logits, labels):
        samples, classes = logits.shape
        self.temperature = safe_temperature(logits, labels)
        scaled, targets = self._scaled(logits), np.eye(classes)[labels]
        unit = np.eye(classes, dtype=bool)
        slight = self.strength * classes / samples  # of b and D
        penalties = np.where(unit, slight, slight * (classes - 1))
        free = unit.astype(float) if self.diagonal else 1.0  # what of D + M is not held at 0

        def objective(parameters):
            excess, bias = parameters[:-1] * free, parameters[-1]
            loss, error = cross_entropy(scaled + scaled @ excess.T + bias, targets)
            slope = (error.T @ scaled + 2 * penalties * excess) * free
            penalty = (penalties * excess**2).sum() + slight * bias @ bias
            return loss + penalty, np.vstack([slope, error.sum(axis=0) + 2 * slight * bias])

        found = minimise(objective, np.zeros((classes + 1, classes)))
        self.excess, self.bias = found[:-1], found[-1]

    def _scaled(self, logits):
        """z / T, centred for each sample."""
        return (logits - logits.mean(axis=1, keepdims=True)) / self.temperature

    def _predict(self, logits):
        scaled = self._scaled(logits)
        return softmax(scaled + scaled @ self.excess.T + self.bias)


class StructuredVectorScaling(StructuredMatrixScaling):
    """SVS: the diagonal alone, M = 0."""

    diagonal = True

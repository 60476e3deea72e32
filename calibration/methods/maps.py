"""Recalibration methods with one API: `fit(logits, labels)`, then `predict_proba(logits)`.

Each is fitted on a held-out validation set and works on logits (n, classes); softmax outputs become logits through
`logits_from_probabilities` of `inputs.py`. Temperature scaling never changes the predicted class, the others may.
"""

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, logsumexp
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits  # scikit-learn depends on it

from calibration.methods.inputs import check_fit, check_logits
from calibration.methods.steps import adam
from calibration.methods.temperature import TemperatureFit, fit_temperature
from calibration.metrics.binned import BINS, equal_width_edges, equal_width_index, softmax


class Method:
    """What the methods share: checked input, and the classes seen in `fit`.

    Raises (in both functions):
      TypeError, ValueError: unusable logits or labels, see `calibration.methods.inputs`; other classes than in `fit`;
        `predict_proba` before `fit`.
    """

    classes: int = 0

    def _fit(self, logits: np.ndarray, labels: np.ndarray) -> None:
        """What a method learns from float64 logits (n, classes) and checked labels (n,)."""
        raise TypeError(f"{type(self).__name__} is only the frame of a method; use one of METHODS")

    def _predict(self, logits: np.ndarray) -> np.ndarray:
        """Calibrated probabilities of float64 logits, after `_fit`."""
        raise TypeError(f"{type(self).__name__} is only the frame of a method; use one of METHODS")

    def fit(self, logits, labels) -> "Method":
        """Fits on validation logits (n, classes) and labels (n,); returns itself."""
        logits, labels = check_fit(logits, labels)
        self.classes = logits.shape[1]
        self._fit(logits.astype(np.float64), labels)
        return self

    def predict_proba(self, logits) -> np.ndarray:
        """Calibrated probabilities (n, classes) float64, rows summing to 1."""
        logits = check_logits(logits)
        if logits.shape[1] != self.classes:
            state = f"fitted on {self.classes} classes" if self.classes else "not fitted yet: call fit first"
            raise ValueError(f"{type(self).__name__} is {state}, received logits of shape {logits.shape}.")
        return self._predict(logits.astype(np.float64))


class TemperatureScaling(Method):
    """softmax(z / T) with one T > 0 that minimises the NLL (Guo et al. 2017, Eq. 9); `result` holds the fit."""

    result: TemperatureFit

    def _fit(self, logits, labels):
        self.result = fit_temperature(logits, labels)

    def _predict(self, logits):
        return softmax(logits / self.result.temperature)


class AdamTemperature(Method):
    """softmax(z / T) with the T of `calibration.methods.steps.adam`; `temperature` holds it."""

    temperature: float

    def _fit(self, logits, labels):
        self.temperature = adam(logits, labels)

    def _predict(self, logits):
        return softmax(logits / self.temperature)


class PlattScaling(Method):
    """sigmoid(a_k l_k + b_k) of each class's log-odds l_k, one versus rest, then normalised (Platt 1999; Guo Eq. 2).

    l_k = z_k - log sum over j != k of exp(z_j), which for two classes is z_1 - z_0 and the method is plain Platt
    scaling. Targets are Platt's (N+ + 1) / (N+ + 2) and 1 / (N- + 2), so that separable classes have a finite fit.
    """

    def _fit(self, logits, labels):
        odds = one_versus_rest(logits)
        columns = [1] if self.classes == 2 else range(self.classes)
        self.coefficients = np.array([self._sigmoid(odds[:, k], labels == k) for k in columns])  # (classes or 1, 2)

    @staticmethod
    def _sigmoid(odds, positive) -> tuple[float, float]:
        high, low = (positive.sum() + 1) / (positive.sum() + 2), 1 / ((~positive).sum() + 2)
        target = np.where(positive, high, low)
        scale = np.abs(odds).mean()  # so that the solver sees numbers of size 1
        features = np.tile(odds / scale, 2)[:, None]  # a soft target is one row of each class, weighted
        classes = np.repeat([1, 0], len(odds))
        solver = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-8)
        solver.fit(features, classes, sample_weight=np.concatenate([target, 1 - target]))
        return float(solver.coef_[0, 0] / scale), float(solver.intercept_[0])

    def _predict(self, logits):
        odds = one_versus_rest(logits)
        if self.classes == 2:
            slope, offset = self.coefficients[0]
            positive = expit(slope * odds[:, 1] + offset)
            return np.stack([1.0 - positive, positive], axis=1)
        return normalise(expit(odds * self.coefficients[:, 0] + self.coefficients[:, 1]), logits)


class VectorScaling(Method):
    """softmax(w * z + b) with a weight and a bias for each class (Guo et al. 2017, Section 4.2)."""

    def _fit(self, logits, labels):
        start = np.zeros((2, self.classes))
        start[0] = 1.0 / safe_temperature(logits, labels)

        def objective(parameters):
            weight, bias = parameters
            loss, error = cross_entropy(weight * logits + bias, labels)
            return loss, np.stack([(error * logits).sum(axis=0), error.sum(axis=0)])

        self.weight, self.bias = minimise(objective, start)

    def _predict(self, logits):
        return softmax(self.weight * logits + self.bias)


class MatrixScaling(Method):
    """softmax(W z + b) with a full matrix (Guo et al. 2017, Section 4.2); over-fits where classes are many.

    The solver works on decorrelated logits, where it needs tens instead of thousands of iterations.
    """

    def _fit(self, logits, labels):
        self.mean = logits.mean(axis=0)
        variance, directions = np.linalg.eigh(np.cov(logits, rowvar=False))
        kept = variance > 1e-10 * variance.max()  # logits that are log p span one dimension less
        self.whiten = directions[:, kept] / np.sqrt(variance[kept])  # (classes, directions)
        features = np.column_stack([(logits - self.mean) @ self.whiten, np.ones(len(logits))])
        back = np.linalg.pinv(self.whiten) / safe_temperature(logits, labels)
        start = np.vstack([back, np.zeros(self.classes)])  # the temperature's solution, up to a bias

        def objective(matrix):
            loss, error = cross_entropy(features @ matrix, labels)
            return loss, features.T @ error

        self.matrix = minimise(objective, start)  # (directions + 1, classes)

    def _predict(self, logits):
        return softmax((logits - self.mean) @ self.whiten @ self.matrix[:-1] + self.matrix[-1])


class HistogramBinning(Method):
    """Each class's probability becomes the class's frequency in its bin, one versus rest, then normalised.

    (Zadrozny and Elkan 2001.) Bins are of equal width. Every bin counts one more sample at its mean probability, which
    settles empty bins and keeps probabilities, and so the NLL, away from 0.

    Args:
      bins: number of bins (>= 1).
    """

    def __init__(self, bins: int = BINS):
        self.bins = bins

    def _fit(self, logits, labels):
        self.frequency = np.stack([self._column(p, labels == k) for k, p in enumerate(softmax(logits).T)])

    def _column(self, probability, positive):
        index = equal_width_index(probability, self.bins)
        count = np.bincount(index, minlength=self.bins)
        edges = equal_width_edges(self.bins)
        centre = (edges[:-1] + edges[1:]) / 2
        total = np.bincount(index, weights=probability, minlength=self.bins)
        mean = np.divide(total, count, out=centre, where=count > 0)
        return (np.bincount(index, weights=positive, minlength=self.bins) + mean) / (count + 1)

    def _predict(self, logits):
        index = equal_width_index(softmax(logits), self.bins)  # (n, classes)
        return normalise(self.frequency[np.arange(self.classes), index], logits)


class Isotonic(Method):
    """A non-decreasing step function of each class's probability, one versus rest, then normalised.

    (Zadrozny and Elkan 2002; scikit-learn's solver.) Values stay within 1 / (n classes) of 0 and 1, so that the
    NLL is finite.
    """

    def _fit(self, logits, labels):
        margin = 1.0 / logits.size
        self.steps = [
            IsotonicRegression(y_min=margin, y_max=1 - margin, out_of_bounds="clip").fit(p, labels == k)
            for k, p in enumerate(softmax(logits).T)
        ]

    def _predict(self, logits):
        columns = [step.predict(p) for step, p in zip(self.steps, softmax(logits).T, strict=True)]
        return normalise(np.stack(columns, axis=1), logits)


def one_versus_rest(logits) -> np.ndarray:
    """log p_k / (1 - p_k) of every class; (n, classes) -> (n, classes), no cancellation near p = 1."""
    rest = np.stack([logsumexp(np.delete(logits, k, axis=1), axis=1) for k in range(logits.shape[1])], axis=1)
    return logits - rest


def normalise(columns, logits) -> np.ndarray:
    """Divides rows by their sum; a row of zeros falls back to the uncalibrated softmax."""
    total = columns.sum(axis=1, keepdims=True)
    return np.where(total > 0, columns / np.where(total > 0, total, 1.0), softmax(logits))


def safe_temperature(logits, labels) -> float:
    """The fitted T as a starting point, 1 where there is none; T itself says why when it is asked for."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return fit_temperature(logits, labels).temperature


def cross_entropy(logits, labels) -> tuple[float, np.ndarray]:
    """Mean NLL of float64 logits (n, classes), and its gradient (p - y) / n, which is written over the logits."""
    rows = np.arange(len(labels))
    logits -= logits.max(axis=1, keepdims=True)
    right = logits[rows, labels].mean()
    np.exp(logits, out=logits)
    total = logits.sum(axis=1, keepdims=True)
    logits /= len(labels) * total
    logits[rows, labels] -= 1.0 / len(labels)
    return float(np.log(total).mean() - right), logits


@threadpool_limits.wrap(limits=1)  # of many small products, other threads only wait
def minimise(objective, start, scale=1.0) -> np.ndarray:
    """Minimum of a convex function of an array, which is given with its gradient, by L-BFGS.

    The solver works on parameters divided by `scale`; near 1 / sqrt(second derivative) it needs the fewest steps.
    """

    def flat(parameters):
        loss, gradient = objective(scale * parameters.reshape(start.shape))
        return loss, (scale * gradient).ravel()

    options = {"maxiter": 300, "ftol": 1e-9, "gtol": 1e-6}
    found = minimize(flat, (start / scale).ravel(), jac=True, method="L-BFGS-B", options=options).x
    return scale * found.reshape(start.shape)

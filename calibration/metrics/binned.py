"""How far a classifier's confidence is from its accuracy: the estimators, in NumPy and float64.

Everywhere `confidence` is (n,) in [0, 1] and `correct` is (n,) of 0 or 1. Errors are fractions in [0, 1], not per cent.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import erf

BINS = 15


class TopOne(NamedTuple):
    """The predicted class of each sample with its confidence."""

    confidence: np.ndarray  # (n,)
    complement: np.ndarray  # (n,) 1 - confidence, without cancellation near confidence 1
    correct: np.ndarray  # (n,) 0.0 or 1.0


class Bin(NamedTuple):
    """One row of a reliability table; `lower` is outside the bin, `upper` inside: (lower, upper]."""

    lower: float
    upper: float
    count: int  # type: ignore[assignment]  # also a method of tuples
    confidence: float  # mean over the bin's samples, NaN where there are none
    accuracy: float
    gap: float  # confidence - accuracy, positive where the model is over-confident


def softmax(logits) -> np.ndarray:
    """softmax over the last axis in float64; (n, classes) -> (n, classes)."""
    power = np.exp(_shifted(logits))
    return power / power.sum(axis=-1, keepdims=True)


def top_one(logits, labels) -> TopOne:
    """Confidence of the predicted class and whether it is right; 1 - confidence is the sum of the other classes.

    Args:
      logits: (n, classes).
      labels: (n,) integers.
    """
    probabilities = softmax(logits)
    rows, predicted = np.arange(len(probabilities)), np.argmax(logits, axis=-1)
    confidence = probabilities[rows, predicted]
    probabilities[rows, predicted] = 0.0
    correct = (predicted == np.asarray(labels)).astype(np.float64)
    return TopOne(confidence, probabilities.sum(axis=-1), correct)


def nll(logits, labels) -> np.ndarray:
    """Negative log-likelihood in nats of each sample: logsumexp(z) - z_label; (n, classes), (n,) -> (n,)."""
    shifted = _shifted(logits)
    return np.log(np.exp(shifted).sum(axis=-1)) - shifted[np.arange(len(shifted)), labels]


def brier(probabilities, labels) -> np.ndarray:
    """Brier score of each sample: sum over classes of (p_k - y_k)^2, in [0, 2]; (n, classes), (n,) -> (n,)."""
    difference = np.array(probabilities, dtype=np.float64)
    difference[np.arange(len(difference)), labels] -= 1.0
    return np.square(difference).sum(axis=-1)


def brier_decomposition(probabilities, labels, bins: int = BINS) -> dict[str, float]:
    """Murphy's decomposition of the mean Brier score, summed over classes.

    brier = reliability - resolution + uncertainty + within_bin. Each class's probability is put in `bins` equal-width
    bins; `within_bin` is what the spread of p inside a bin adds (Stephenson et al. 2008), so the sum is exact.

    Returns:
      dict with `brier`, `reliability`, `resolution`, `uncertainty`, `within_bin`.
    """
    probabilities = np.asarray(probabilities, dtype=np.float64)
    names = ("reliability", "resolution", "uncertainty", "within_bin")
    parts = dict.fromkeys(names, 0.0)
    for column in range(probabilities.shape[1]):
        p, y = probabilities[:, column], (np.asarray(labels) == column).astype(np.float64)
        index = equal_width_index(p, bins)
        share = np.bincount(index, minlength=bins) / len(p)
        p_mean, y_mean = _bin_means(index, p, bins), _bin_means(index, y, bins)
        base, inner_p, inner_y = y.mean(), p - p_mean[index], y - y_mean[index]
        parts["reliability"] += share @ (p_mean - y_mean) ** 2
        parts["resolution"] += share @ (y_mean - base) ** 2
        parts["uncertainty"] += base * (1.0 - base)
        parts["within_bin"] += np.mean(inner_p**2) - 2.0 * np.mean(inner_p * inner_y)
    return {"brier": float(brier(probabilities, labels).mean()), **{name: float(parts[name]) for name in names}}


def equal_width_edges(bins: int = BINS) -> np.ndarray:
    """(bins + 1,) edges 0, 1/bins, ..., 1."""
    return np.linspace(0.0, 1.0, bins + 1)


def equal_mass_edges(confidence, bins: int = BINS) -> np.ndarray:
    """Edges that put nearly equal numbers of samples in each bin; equal confidences always share one.

    Returns:
      (m + 1,) increasing edges from 0 to 1, with m <= bins where ties make bins coincide.
    """
    ordered = np.sort(np.asarray(confidence, dtype=np.float64))
    last = np.round(np.arange(1, bins) * len(ordered) / bins).astype(int) - 1  # last sample of each bin but one
    cuts = ordered[np.maximum(last, 0)]
    return np.unique(np.concatenate([[0.0], cuts[cuts < ordered[-1]], [1.0]]))


def bin_index(values, edges) -> np.ndarray:
    """Bin of each value among (edge, next edge]; the first bin also holds values at or below its lower edge."""
    return np.searchsorted(edges[1:-1], values, side="left")


def equal_width_index(values, bins: int = BINS) -> np.ndarray:
    """Bin of each value among `bins` equal-width bins (a, b]; 0 belongs to the first, 1 to the last."""
    return bin_index(values, equal_width_edges(bins))


def reliability_table(confidence, correct, edges: Sequence[float] | np.ndarray | None = None) -> list[Bin]:
    """Count, mean confidence and accuracy of every bin: what a reliability diagram draws.

    Args:
      confidence: (n,) in [0, 1].
      correct: (n,) of 0 or 1.
      edges: increasing, from 0 to 1; 15 bins of equal width when None.

    Returns:
      One `Bin` for each interval, empty ones included.
    """
    bounds = equal_width_edges() if edges is None else np.asarray(edges)
    bins = len(bounds) - 1
    index = bin_index(confidence, bounds)
    count = np.bincount(index, minlength=bins)
    mean, accuracy = _bin_means(index, confidence, bins, np.nan), _bin_means(index, correct, bins, np.nan)
    columns = (bounds[:-1], bounds[1:], count, mean, accuracy, mean - accuracy)
    return [Bin(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]


def ece(confidence, correct, edges: Sequence[float] | np.ndarray | None = None) -> float:
    """Expected calibration error: sum over bins of (count / n) |accuracy - confidence| (Guo et al. 2017, Eq. 3).

    Args:
      confidence, correct: (n,).
      edges: 15 equal-width bins (a, b] when None; see `equal_mass_edges` for the other usual choice.
    """
    edges = equal_width_edges() if edges is None else edges
    return float(np.abs(bin_sums(confidence, correct, edges)).sum() / len(confidence))


def bin_sums(confidence, correct, edges) -> np.ndarray:
    """Sum over each bin's samples of confidence - correct; (bins,)."""
    gap = np.asarray(confidence, np.float64) - correct
    return np.bincount(bin_index(confidence, edges), weights=gap, minlength=len(edges) - 1)


def mce(confidence, correct, edges: Sequence[float] | np.ndarray | None = None) -> Bin:
    """Maximum calibration error (Guo et al. 2017, Eq. 5): the bin of the largest |gap|, with its count.

    A bin of few samples often wins by chance, so the count belongs to the number.
    """
    filled = [row for row in reliability_table(confidence, correct, edges) if row.count]
    return max(filled, key=lambda row: abs(row.gap))


def debiased_ece(confidence, correct, edges: Sequence[float] | np.ndarray | None = None) -> float:
    """ECE less much of the bias that sampling noise adds (after Kumar et al. 2019, Section 5, for the absolute error).

    Each bin's accuracy is taken as Gaussian around the observed one with variance a (1 - a) / count; the excess of
    its expected |gap| over the observed |gap| is subtracted. May be slightly negative.
    """
    table = [row for row in reliability_table(confidence, correct, edges) if row.count]
    count, accuracy, gap = (np.array([getattr(row, name) for row in table]) for name in ("count", "accuracy", "gap"))
    deviation = np.sqrt(accuracy * (1.0 - accuracy) / count)
    ratio = np.divide(gap, deviation, out=np.full(len(gap), np.inf), where=deviation > 0)
    folded = np.sqrt(2 / np.pi) * deviation * np.exp(-0.5 * ratio**2) + np.abs(gap) * erf(np.abs(ratio) / np.sqrt(2))
    return float(count @ (2.0 * np.abs(gap) - folded) / count.sum())


def debiased_rms(confidence, correct, bins: int = BINS) -> float:
    """Root of the debiased squared calibration error over equal-mass bins (Kumar et al. 2019, Definition 5.1).

    sum over bins of (count / n) [gap^2 - accuracy (1 - accuracy) / (count - 1)], 0 where that is negative; bins of
    one sample are left out.
    """
    table = reliability_table(confidence, correct, equal_mass_edges(confidence, bins))
    table = [row for row in table if row.count > 1]
    total = sum(row.count * (row.gap**2 - row.accuracy * (1 - row.accuracy) / (row.count - 1)) for row in table)
    return float(np.sqrt(max(total / len(confidence), 0.0)))


def sweep_ece(confidence, correct) -> tuple[float, int]:
    """ECE over the most equal-mass bins whose accuracies still rise with confidence (Roelofs et al. 2022, ECE-sweep).

    Returns:
      The error and the number of bins.
    """
    best = equal_mass_edges(confidence, 1)
    for bins in range(2, len(confidence) + 1):
        edges = equal_mass_edges(confidence, bins)
        accuracy = [row.accuracy for row in reliability_table(confidence, correct, edges) if row.count]
        if np.any(np.diff(accuracy) < 0):
            break
        if len(edges) < len(best):
            break
        best = edges
    return ece(confidence, correct, best), len(best) - 1


def classwise_ece(probabilities, labels, bins: int = BINS) -> float:
    """Mean over classes of the ECE of "is it class k?" at confidence p_k (Kull et al. 2019), equal-width bins."""
    probabilities, labels = np.asarray(probabilities, np.float64), np.asarray(labels)
    edges = equal_width_edges(bins)
    return float(np.mean([ece(p, labels == k, edges) for k, p in enumerate(probabilities.T)]))


def _shifted(logits) -> np.ndarray:
    logits = np.asarray(logits, dtype=np.float64)
    return logits - logits.max(axis=-1, keepdims=True)


def _bin_means(index, values, bins: int, empty: float = 0.0) -> np.ndarray:
    count = np.bincount(index, minlength=bins)
    total = np.bincount(index, weights=values, minlength=bins)
    return np.divide(total, count, out=np.full(bins, empty), where=count > 0)

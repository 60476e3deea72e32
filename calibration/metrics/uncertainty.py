"""How much of a calibration error is chance: the noise floor of a perfect model, and bootstrap intervals."""

from typing import NamedTuple

import numpy as np

from calibration.metrics import binned


class Floor(NamedTuple):
    """The ECE that a perfectly calibrated model with these confidences would still show."""

    mean: float
    q95: float  # 95th percentile
    p_value: float  # chance that a perfect model shows at least the observed ECE


class Interval(NamedTuple):
    """A value with its bootstrap percentile interval."""

    value: float
    low: float
    high: float


def expected_floor(confidence, edges=None, complement=None) -> float:
    """E[ECE] of a perfect model, Gaussian form: sqrt(2 / pi) / n * sum over bins of sqrt(sum of c (1 - c)).

    Args:
      confidence: (n,) in [0, 1].
      edges: 15 equal-width bins when None.
      complement: (n,) 1 - c where known without cancellation.
    """
    edges = binned.equal_width_edges() if edges is None else edges
    complement = 1.0 - np.asarray(confidence) if complement is None else complement
    index = binned.bin_index(confidence, edges)
    variance = np.bincount(index, weights=confidence * complement)
    return float(np.sqrt(2.0 / np.pi) * np.sqrt(variance).sum() / len(confidence))


def noise_floor(confidence, correct, edges=None, draws: int = 1000, seed: int = 0, complement=None) -> Floor:
    """Mean, 95th percentile and p-value of the ECE under perfect calibration, by simulation.

    Every draw makes each prediction right with probability equal to its confidence and computes the ECE again.

    Args:
      confidence, correct: (n,).
      edges: 15 equal-width bins when None.
      draws: simulated label sets (>= 1).
      seed: of the simulation.
      complement: (n,) 1 - confidence where known without cancellation.
    """
    edges = binned.equal_width_edges() if edges is None else edges
    confidence = np.asarray(confidence, np.float64)
    complement = 1.0 - confidence if complement is None else np.asarray(complement)
    generator = np.random.default_rng(seed)
    order = np.argsort(binned.bin_index(confidence, edges), kind="stable")
    index = binned.bin_index(confidence, edges)[order]
    starts = np.flatnonzero(np.diff(index, prepend=-1))  # first sample of every bin that is not empty
    wrong_below = complement[order].astype(np.float32)
    expected_wrong = np.add.reduceat(complement[order], starts)
    simulated = np.empty(draws)
    for draw in range(draws):
        wrong = generator.random(len(index), dtype=np.float32) < wrong_below
        excess = np.add.reduceat(wrong, starts, dtype=np.int64) - expected_wrong
        simulated[draw] = np.abs(excess).sum() / len(index)
    observed = binned.ece(confidence, correct, edges)
    p_value = (1 + np.count_nonzero(simulated >= observed)) / (1 + draws)
    return Floor(float(simulated.mean()), float(np.quantile(simulated, 0.95)), p_value)


def sample_columns(probabilities, labels, bins: int = binned.BINS) -> np.ndarray:
    """What each sample adds to its metrics: error, NLL, Brier, then its gap in the column of its ECE bin.

    Args:
      probabilities: (n, classes), rows summing to 1.
      labels: (n,) integers.

    Returns:
      (n, 3 + bins); a weighted mean over rows gives the metrics of `metrics_of_means`.
    """
    probabilities = np.asarray(probabilities, np.float64)
    rows = np.arange(len(labels))
    correct = probabilities.argmax(axis=1) == labels
    confidence = probabilities.max(axis=1)
    columns = np.zeros((len(labels), 3 + bins))
    columns[:, 0] = ~correct
    columns[:, 1] = -np.log(np.maximum(probabilities[rows, labels], np.finfo(np.float64).tiny))
    columns[:, 2] = binned.brier(probabilities, labels)
    columns[rows, 3 + binned.equal_width_index(confidence, bins)] = confidence - correct
    return columns


METRICS = ("error", "nll", "brier", "ece")


def metrics_of_means(means: np.ndarray) -> np.ndarray:
    """(..., 3 + bins) means of `sample_columns` -> (..., 4) values of METRICS."""
    return np.concatenate([means[..., :3], np.abs(means[..., 3:]).sum(axis=-1, keepdims=True)], axis=-1)


def bootstrap(columns, draws: int = 1000, seed: int = 0, level: float = 0.95) -> dict[str, Interval]:
    """Percentile intervals of error, NLL, Brier and ECE over resampled test sets.

    The ECE's interval describes the plug-in estimate, whose bias resampling increases: read it with the noise floor.

    Args:
      columns: (n, 3 + bins) of `sample_columns`; two models are compared by `paired_bootstrap`.
    """
    values = metrics_of_means(columns.mean(axis=0))
    return _intervals(values, metrics_of_means(_resampled_means([columns], draws, seed)[0]), level)


def paired_bootstrap(first, second, draws: int = 1000, seed: int = 0, level: float = 0.95) -> dict[str, Interval]:
    """Percentile intervals of second - first for two models on the same samples, resampled together."""
    values = metrics_of_means(second.mean(axis=0)) - metrics_of_means(first.mean(axis=0))
    a, b = (metrics_of_means(means) for means in _resampled_means([first, second], draws, seed))
    return _intervals(values, b - a, level)


def _resampled_means(tables: list[np.ndarray], draws: int, seed: int) -> list[np.ndarray]:
    """Means over resampled rows, the same rows for every table; each (draws, columns)."""
    generator = np.random.default_rng(seed)
    count = len(tables[0])
    stacked = np.concatenate(tables, axis=1)
    means = np.empty((draws, stacked.shape[1]))
    for draw in range(draws):
        times = np.bincount(generator.integers(count, size=count), minlength=count)
        means[draw] = times @ stacked / count
    return np.split(means, len(tables), axis=1)


def _intervals(values, samples, level: float) -> dict[str, Interval]:
    low, high = np.quantile(samples, [(1 - level) / 2, (1 + level) / 2], axis=0)
    rows = np.stack([values, low, high], axis=1).tolist()
    return {name: Interval(*row) for name, row in zip(METRICS, rows, strict=True)}

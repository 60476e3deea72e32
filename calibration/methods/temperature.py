"""The temperature of a classifier by Newton's method in log(1/T)."""

import warnings
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from calibration.methods.inputs import check_fit

_WARM_START_ROWS = 1000
_BLOCK_ELEMENTS, _BLOCK_ROWS = 1 << 18, (512, 16_384)  # memory of one step of a pass: fits the caches
_FEW_ELEMENTS = 50_000  # below this float64 costs nothing; above it float32 rounding averages out
_START = 4.0  # beta of gaps of mean size 1, as of a usual network
_LARGEST_STEP = 2.0  # of log(1/T)

_MOST_PASSES = 60

_MEANING = {
    "all_correct": "every sample is classified correctly, so the NLL falls for ever as T -> 0",
    "worse_than_chance": "the true class has no higher logit than the average class, so no positive T helps",
    "constant_logits": "the logits of each sample are all equal, so every T gives the same NLL",
    "not_converged": "Newton's method did not settle",
}


@dataclass(frozen=True)
class TemperatureFit:
    """What `fit_temperature` found.

    Attributes:
      temperature: T > 0; 1.0 (leave the logits alone) unless `status` is "converged".
      standard_error: of T, robust (sandwich) form; NaN unless converged.
      nll_before: mean NLL in nats at T = 1.
      nll_after: mean NLL in nats at `temperature`.
      iterations: Newton passes over all samples (those of the warm start on a subset not counted).
      status: "converged", "all_correct", "worse_than_chance", "constant_logits" or "not_converged".
    """

    temperature: float
    standard_error: float
    nll_before: float
    nll_after: float
    iterations: int
    status: str

    @property
    def converged(self) -> bool:
        return self.status == "converged"


def fit_temperature(logits, labels, sample_weight=None) -> TemperatureFit:
    """The T > 0 that minimises the mean NLL of softmax(logits / T) (Guo et al. 2017, Section 4.2).

    The NLL is convex in beta = 1/T (not in T). With gaps s = z - max z <= 0 of each sample, its derivative
    is mean(E_p[s] - s_true) and its second derivative mean(Var_p[s]), p = softmax(beta z). Newton's
    steps (with Halley's third-derivative term) are taken in log beta, bracketed, first on about 1,000 rows, then on
    all of them. At the optimum the mean true-class logit equals the mean expected logit, and the NLL equals the
    mean entropy.

    Sums over samples are float64. Exponentials are float64 up to 50,000 logits and float32, six times as fast,
    above: their rounding averages out over so many, and the relative error of T stays below 1e-7.

    Args:
      logits: (n, classes) float32 or float64, from a validation set the network was not trained on.
      labels: (n,) integers in 0 .. classes - 1.
      sample_weight: (n,) non-negative weights of the samples, all equal when None.

    Returns:
      A `TemperatureFit`. Where no finite optimum exists its `status` names the reason, T stays 1.0 and
      a RuntimeWarning says so.

    Raises:
      TypeError: half-precision or non-numeric logits.
      ValueError: empty, NaN or infinite input, wrong shapes, one-hot or out-of-range labels, labels of
        one class only, probabilities instead of logits, or invalid weights.
    """
    logits, labels = check_fit(logits, labels)
    weights = _check_weights(sample_weight, len(labels))
    samples = _Samples.from_logits(logits, labels, weights)
    nll_before = samples.nll(samples.scale)  # beta = 1 for the logits as received
    status = samples.status()
    passes, relative_error = 0, float("nan")
    if status == "converged":
        few = samples.thinned(_WARM_START_ROWS)
        start = _newton(few, _START, tolerance=0.1)[0] if few.status() == "converged" else _START
        beta, nll_after, relative_error, passes = _newton(samples, start, tolerance=1e-4)
        status = "converged" if np.isfinite(relative_error) else "not_converged"
    if status != "converged":
        warnings.warn(f"temperature left at 1.0 ({status}): {_MEANING[status]}.", RuntimeWarning, stacklevel=2)
        return TemperatureFit(1.0, float("nan"), nll_before, nll_before, passes, status)
    temperature = samples.scale / beta
    return TemperatureFit(temperature, temperature * relative_error, nll_before, nll_after, passes, status)


def _check_weights(sample_weight, samples: int) -> np.ndarray:
    """Weights (samples,) float64 that sum to 1."""
    if sample_weight is None:
        return np.full(samples, 1.0 / samples)
    weights = np.asarray(sample_weight, dtype=np.float64)
    if weights.shape != (samples,) or not np.isfinite(weights).all() or weights.min() < 0 or weights.sum() == 0:
        raise ValueError(
            f"sample_weight must be ({samples},) finite, non-negative numbers that are not all 0, "
            f"got shape {weights.shape}."
        )
    return weights / weights.sum()


class _Point(NamedTuple):
    """The mean NLL at one beta and its derivatives in beta."""

    nll: float
    slope: float
    curvature: float
    third: float
    slope_error: float  # standard error of `slope` over the samples


class _Samples(NamedTuple):
    """The logits as gaps to the largest of each sample, laid out so that sums over classes run along memory."""

    gaps: np.ndarray  # (classes, n): (z - max z) / scale <= 0, float64, or float32 where there are many
    true_gap: np.ndarray  # (n,) float64: the gap of the true class
    mean_gap: np.ndarray  # (n,) float64: the mean over classes
    weight: np.ndarray  # (n,) float64, sums to 1
    scale: float  # the mean gap, so that logits of any magnitude start equally near their optimum
    work: np.ndarray  # (classes, rows) memory of one block of a pass, allocated once

    @classmethod
    def from_logits(cls, logits, labels, weight) -> "_Samples":
        work = np.float64 if logits.size <= _FEW_ELEMENTS else np.float32
        gaps = np.array(logits.T, dtype=np.result_type(logits, work), order="C")  # (classes, n)
        gaps -= gaps.max(axis=0)
        mean_gap = gaps.mean(axis=0).astype(np.float64)
        scale = -float(mean_gap.mean()) or 1.0
        gaps /= scale
        true_gap = gaps[labels, np.arange(len(labels))].astype(np.float64)
        rows = min(len(labels), int(np.clip(_BLOCK_ELEMENTS // len(gaps), *_BLOCK_ROWS)))
        memory = np.empty((len(gaps), rows), work)
        return cls(gaps.astype(work, copy=False), true_gap, mean_gap / scale, weight, scale, memory)

    def thinned(self, rows: int) -> "_Samples":
        """Every so many-th sample, about `rows` of them."""
        pick = slice(None, None, max(1, len(self.weight) // rows))
        gaps = np.ascontiguousarray(self.gaps[:, pick])
        weight = self.weight[pick] / (self.weight[pick].sum() or 1.0)
        return _Samples(gaps, self.true_gap[pick], self.mean_gap[pick], weight, self.scale, np.empty_like(gaps))

    def status(self) -> str:
        """Whether a finite, positive optimum exists: the slope is negative at beta = 0 and positive at infinity."""
        at_infinity = -(self.weight @ self.true_gap)
        if not self.mean_gap.any():
            return "constant_logits"
        if at_infinity == 0.0:
            return "all_correct"
        return "worse_than_chance" if at_infinity + self.weight @ self.mean_gap >= 0.0 else "converged"

    def powers(self, beta: float):
        """Yields block by block, so that the work stays in the cache: rows, their gaps s, exp(beta s), its sum."""
        beta = self.gaps.dtype.type(min(beta, 1e37))
        size = self.work.shape[1]
        for start in range(0, len(self.weight), size):
            rows = slice(start, start + size)
            gaps = self.gaps[:, rows]  # (classes, rows)
            power = np.multiply(gaps, beta, out=self.work[:, : gaps.shape[1]])
            np.exp(power, out=power)
            yield rows, gaps, power, power.sum(axis=0)

    def nll(self, beta: float) -> float:
        """Mean NLL of softmax(beta s)."""
        shifted = sum(self.weight[rows] @ np.log(total) for rows, _, _, total in self.powers(beta))
        return float(shifted - beta * (self.weight @ self.true_gap))

    def derivatives(self, beta: float) -> _Point:
        """Mean NLL with its derivatives: E_p[s] - s_true and the second and third cumulants of s under p."""
        totals = np.zeros(5)
        for rows, gaps, power, total in self.powers(beta):
            true_gap, weight = self.true_gap[rows], self.weight[rows]
            moments = np.empty((3, len(weight)))
            for moment in moments:
                power *= gaps
                np.divide(power.sum(axis=0), total, out=moment)
            mean, square, cube = moments
            nll = np.log(total) - beta * true_gap
            variance = square - mean * mean
            skew = cube - mean * (3.0 * square - 2.0 * mean * mean)
            slope = weight * (mean - true_gap)
            totals += weight @ nll, slope.sum(), weight @ variance, weight @ skew, slope @ slope
        return _Point(*totals[:4].tolist(), float(np.sqrt(totals[4])))


def _newton(samples: _Samples, beta: float, tolerance: float) -> tuple[float, float, float, int]:
    """Solves slope(beta) = 0 in log beta, kept inside the bracket of the signs seen.

    Returns:
      beta, the NLL there, the relative standard error of beta (NaN when not settled), and the number of passes.
    """
    low, high = 0.0, np.inf
    for passes in range(1, _MOST_PASSES + 1):
        point = samples.derivatives(beta)
        low, high = (beta, high) if point.slope < 0 else (low, beta)
        step = _log_step(point, beta)
        change = beta * float(np.expm1(step))
        settled = abs(step) < tolerance
        bounded = low > 0.0 and high < np.inf
        if bounded and not settled and (abs(step) == _LARGEST_STEP or not low < beta + change < high):
            change = float(np.sqrt(low) * np.sqrt(high)) - beta  # between two bounds halving is safer than a jump
        beta += change
        if settled:
            nll = point.nll + change * (point.slope + change * (point.curvature / 2 + change * point.third / 6))
            return beta, nll, point.slope_error / (beta * point.curvature), passes
    return beta, point.nll, float("nan"), passes


def _log_step(point: _Point, beta: float) -> float:
    """The change of log beta: Newton's -f / f', with Halley's third-derivative correction where that is near 1."""
    first = beta * point.curvature  # the derivative of the slope f in log beta
    if first <= 0.0:
        return float(np.copysign(_LARGEST_STEP, -point.slope))
    newton = -point.slope / first
    correction = 1.0 + 0.5 * newton * (first + beta * beta * point.third) / first
    return float(np.clip(newton / correction if 0.5 < correction < 2.0 else newton, -_LARGEST_STEP, _LARGEST_STEP))

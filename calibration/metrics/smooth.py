"""Smooth calibration error: no bins, and the bandwidth chosen by the data (Blasiok and Nakkiran 2023)."""

import numpy as np
from scipy.fft import dct, idct
from scipy.optimize import brentq

GRID = 1 << 14


def smooth_ece(confidence, correct, bandwidth: float | None = None, complement=None) -> float:
    """smECE_s = integral over t in [0, 1] of |mean_i (confidence_i - correct_i) K_s(t, confidence_i)|.

    K_s is the Gaussian of standard deviation s reflected at 0 and 1 without end, which is the heat kernel of
    [0, 1]: its cosine coefficients are exp(-(pi k s)^2 / 2). Every K_s integrates to 1, so nothing leaks
    out at the borders, and a model that is over-confident everywhere has smECE = |mean confidence - accuracy|
    exactly. With `bandwidth` None the s at which smECE_s = s is taken (the paper's smECE).

    Confidences are shared between the two nearest of 2^14 + 1 grid points in proportion to their distance, which
    keeps all sums exact and widens s by at most 4e-5.

    Args:
      confidence, correct: (n,).
      bandwidth: s > 0, or None.
      complement: (n,) 1 - confidence where known without cancellation; computed when None.

    Returns:
      The error as a fraction.
    """
    coefficients = _cosine_coefficients(np.asarray(confidence, np.float64), np.asarray(correct, np.float64), complement)
    if bandwidth is not None:
        return _smoothed(coefficients, bandwidth)
    smallest = 1.0 / GRID
    if _smoothed(coefficients, smallest) <= smallest:
        return _smoothed(coefficients, smallest)
    return _smoothed(coefficients, brentq(lambda s: _smoothed(coefficients, s) - s, smallest, 1.0, xtol=1e-7))


def smoothed_gap(confidence, correct, bandwidth: float) -> np.ndarray:
    """The signed density mean_i (confidence_i - correct_i) K_s(t, confidence_i) at t = 0, 1/2^14, ..., 1."""
    return _density(_cosine_coefficients(np.asarray(confidence), np.asarray(correct), None), bandwidth)


def _cosine_coefficients(confidence, correct, complement) -> np.ndarray:
    """Cosine transform of the gaps confidence - correct, laid on the grid."""
    complement = 1.0 - confidence if complement is None else complement
    gap = np.where(correct > 0, -complement, confidence) / len(confidence)
    position = np.clip(confidence, 0.0, 1.0) * GRID
    left = np.minimum(position.astype(int), GRID - 1)
    right_share = position - left
    mass = np.bincount(left, weights=gap * (1.0 - right_share), minlength=GRID + 1)
    mass += np.bincount(left + 1, weights=gap * right_share, minlength=GRID + 1)
    mass[[0, -1]] = 2.0 * mass[[0, -1]]  # a DCT-I counts its two end points half
    return dct(mass, type=1) / 2.0


def _density(coefficients, bandwidth: float) -> np.ndarray:
    frequency = np.pi * np.arange(GRID + 1)
    return idct(coefficients * np.exp(-0.5 * (frequency * bandwidth) ** 2), type=1) * 2.0 * GRID


def _smoothed(coefficients, bandwidth: float) -> float:
    """Integral of |density| by the trapezoidal rule, which is exact for the cosines where the sign is constant."""
    size = np.abs(_density(coefficients, bandwidth))
    return float((size.sum() - 0.5 * (size[0] + size[-1])) / GRID)

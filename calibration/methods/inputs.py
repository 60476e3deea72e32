"""Checks every part of the folder makes on logits and labels, with one clear error each."""

import numpy as np

from common import UserError, UserTypeError

_TOO_COARSE = ("float16", "bfloat16")


def check_logits(logits, allow_probabilities: bool = False) -> np.ndarray:
    """Returns the logits as a floating-point array, or says why they cannot be used.

    Args:
      logits: (n, classes), any real dtype of at least 32 bits.
      allow_probabilities: accept rows that look like a softmax output (only a report of finished
        probabilities wants this).

    Returns:
      (n, classes), float32 or float64 as received, integers as float64.

    Raises:
      TypeError: half-precision or non-numeric input.
      ValueError: wrong shape, no samples, one column, NaN or infinity, or probabilities instead of logits.
    """
    logits = np.asarray(logits)
    if logits.dtype.name in _TOO_COARSE:
        raise UserTypeError(
            f"logits are {logits.dtype.name}, whose rounding (0.1 % or more) shifts the temperature. Expected float32 "
            "or float64. Fix: compute the last layer in float32 and save that; casting afterwards is too late."
        )
    if logits.dtype.kind not in "fiu":
        raise UserTypeError(f"logits must be real numbers, got dtype {logits.dtype}. Fix: pass a float32 array.")
    if logits.ndim == 1 or (logits.ndim == 2 and logits.shape[1] == 1):
        raise UserError(
            f"logits have shape {logits.shape}: one number per sample. Expected (n, classes) with classes >= 2. Fix: "
            "for a binary model with one logit z pass np.stack([np.zeros_like(z), z], axis=1)."
        )
    if logits.ndim != 2:
        raise UserError(f"logits must have shape (n, classes), got {logits.shape}. Fix: flatten the batch axes.")
    if logits.size == 0:
        raise UserError(f"logits are empty: shape {logits.shape}. Expected at least one sample. Fix: check the split.")
    if logits.dtype.kind in "iu":
        logits = logits.astype(np.float64)
    if not np.isfinite(logits).all():
        bad = int((~np.isfinite(logits)).any(axis=1).sum())
        raise UserError(
            f"logits hold NaN or infinity in {bad} of {len(logits)} samples. Expected finite numbers. Fix: find the "
            "diverged model, or use logits_from_probabilities(p) where a probability of 0 became log(0)."
        )
    if not allow_probabilities and looks_like_probabilities(logits):
        raise UserError(
            "these look like probabilities (all within [0, 1], every row sums to 1), and scaling them as logits gives "
            "a meaningless temperature of about 0.2. Expected logits. Fix: pass logits_from_probabilities(p) (on the "
            "command line --probabilities), or the output of the layer before the softmax."
        )
    return logits


def check_labels(labels, samples: int, classes: int) -> np.ndarray:
    """Returns labels as int64 (samples,), or says why they cannot be used.

    Args:
      labels: (samples,) or (samples, 1) integers in 0 .. classes - 1.
      samples: number of rows of the logits.
      classes: number of columns of the logits.

    Returns:
      (samples,) int64.

    Raises:
      ValueError: one-hot labels, a wrong length or range, fractions or NaN.
    """
    labels = np.asarray(labels)
    if labels.shape == (samples, 1):
        labels = labels[:, 0]
    if labels.ndim == 2 and labels.shape[1] == classes:
        raise UserError(
            f"labels have shape {labels.shape}, which is one-hot. Expected class indices of shape ({samples},). Fix: "
            "pass labels.argmax(axis=1)."
        )
    if labels.shape != (samples,):
        raise UserError(
            f"labels have shape {labels.shape}, expected ({samples},): one class index for each row of the logits."
        )
    if labels.dtype.kind not in "iuf" or not np.array_equal(labels, np.floor(labels)):
        raise UserError(f"labels must be whole numbers, got dtype {labels.dtype} with fractions or NaN.")
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= classes:
        hint = "subtract 1: they seem to start at 1" if low == 1 and high == classes else "check the label encoding"
        raise UserError(f"labels run from {low} to {high}, expected 0 to {classes - 1}. Fix: {hint}.")
    return labels.astype(np.int64)


def check_fit(logits, labels) -> tuple[np.ndarray, np.ndarray]:
    """Both checks for a calibration fit, which also needs at least two classes among the labels.

    Raises:
      TypeError: see `check_logits`.
      ValueError: see `check_logits` and `check_labels`; every label the same class.
    """
    logits = check_logits(logits)
    labels = check_labels(labels, *logits.shape)
    if (labels == labels[0]).all():
        raise UserError(
            f"every label is class {labels[0]} ({len(labels)} samples): one class cannot calibrate a classifier. "
            "Expected a validation set with at least two classes. Fix: shuffle before splitting."
        )
    return logits, labels


def looks_like_probabilities(values: np.ndarray) -> bool:
    """True when all is within [0, 1] and every row sums to 1, within 1e-3 or what was rounded or clipped away."""
    if values.min() < 0.0 or values.max() > 1.001:
        return False
    classes = values.shape[1]
    tolerance = max(1e-3, 0.51 * classes * rounding_step(values), classes * clipping(values))
    return bool(np.abs(values.sum(axis=1, dtype=np.float64) - 1.0).max() <= tolerance)


def rounding_step(values: np.ndarray) -> float:
    """10^-d where every value has at most d <= 4 decimals (and some have one), else 0."""
    for decimals in range(1, 5):
        scaled = values.astype(np.float64) * 10**decimals
        if np.abs(scaled - np.round(scaled)).max() < 1e-3:
            return 10.0**-decimals if np.abs(values - np.round(values)).max() > 0 else 0.0
    return 0.0


def clipping(values: np.ndarray) -> float:
    """What probabilities were raised to: the smallest value where it is small and stands many times, else 0."""
    low = float(values.min())
    return low if 0.0 < low <= 0.05 and np.mean(values == values.min()) > 0.05 else 0.0


def logits_from_probabilities(probabilities) -> np.ndarray:
    """log p, a valid set of logits for the same softmax; probabilities of 0 become the smallest positive number.

    Where all are rounded to a few decimals, 0 stands for anything below half a step and becomes half of that. Adding a
    constant such as 1e-7 inside the logarithm instead would shift the temperature by several per cent.

    Args:
      probabilities: (n, classes) in [0, 1], rows summing to 1.

    Returns:
      (n, classes) float64.

    Raises:
      ValueError: the rows are not probabilities.
    """
    probabilities = np.asarray(probabilities)
    if probabilities.ndim != 2 or probabilities.size == 0 or not looks_like_probabilities(probabilities):
        raise UserError(f"expected probabilities (n, classes) with rows summing to 1, got shape {probabilities.shape}.")
    if not np.issubdtype(probabilities.dtype, np.floating):
        probabilities = probabilities.astype(np.float64)
    tiny = max(float(np.finfo(probabilities.dtype).tiny), rounding_step(probabilities) / 4)
    return np.log(np.maximum(probabilities, tiny).astype(np.float64))

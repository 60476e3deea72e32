"""Canonical correlation analysis in closed form, and what it says about a pair of codes. NumPy only.

Correlational networks report the sum of the correlations of unit k with unit k. That number does not notice copies:
fifty copies of one good pair of features score almost fifty. Canonical correlations and the effective rank do notice.
"""

from dataclasses import dataclass

import numpy as np

RIDGE = 1e-4  # of the canonical correlations that are reported, on units of variance 1


@dataclass(frozen=True)
class CanonicalCorrelation:
    """A fitted CCA: two affine maps into the space of the canonical pairs.

    Attributes:
        left_mean, right_mean: (left_size,), (right_size,) training means.
        left_weights, right_weights: (left_size, components), (right_size, components).
        correlations: (components,) training canonical correlations (shrunk by the ridge), descending.
    """

    left_mean: np.ndarray
    right_mean: np.ndarray
    left_weights: np.ndarray
    right_weights: np.ndarray
    correlations: np.ndarray

    def transform(self, left, right):
        """Canonical variates (n, components) of the left and of the right samples, paired or not."""
        return (left - self.left_mean) @ self.left_weights, (right - self.right_mean) @ self.right_weights


def fit_cca(left, right, components=50, ridge=RIDGE, standardise=False):
    """Ridge CCA: singular vectors of (C_ll + r I)^-1/2 C_lr (C_rr + r I)^-1/2 (Hotelling 1936, Vinod 1976).

    Args:
        left, right: (n, left_size) and (n, right_size), row i of one belongs to row i of the other.
        components: how many canonical pairs to keep; at most min(left_size, right_size).
        ridge: r, in units of the features' variance; keeps near-constant features from exploding.
        standardise: divide each feature by its training standard deviation first, so that r acts on all alike.

    Returns:
        CanonicalCorrelation.

    Raises:
        ValueError: different numbers of rows, fewer than two rows, or values that are not finite.
    """
    left, right = (view.reshape(len(view), -1) for view in check_pairs(left, right))
    left_scale, right_scale = (_scales(x) if standardise else np.ones(x.shape[1]) for x in (left, right))
    left_mean, right_mean = left.mean(axis=0, dtype=np.float64), right.mean(axis=0, dtype=np.float64)
    a, b = (left - left_mean) / left_scale, (right - right_mean) / right_scale
    whiten_left, whiten_right = _inverse_root(_covariance(a, a), ridge), _inverse_root(_covariance(b, b), ridge)
    u, correlations, vt = np.linalg.svd(whiten_left @ _covariance(a, b) @ whiten_right)
    return CanonicalCorrelation(
        left_mean,
        right_mean,
        (whiten_left @ u[:, :components]) / left_scale[:, None],
        (whiten_right @ vt[:components].T) / right_scale[:, None],
        correlations[:components],
    )


def canonical_correlations(train, test, ridge=RIDGE):
    """Canonical correlations fitted on the training codes and read on the test codes.

    Args:
        train, test: pairs (left, right) of codes (n, units).

    Returns:
        (units,): the correlation of each fitted pair of directions on the test codes, in the order of the fit.
    """
    units = min(train[0].shape[1], train[1].shape[1])
    fitted = fit_cca(*train, components=units, ridge=ridge, standardise=True)
    return unit_correlations(*fitted.transform(*test))


def unit_correlations(left, right):
    """Pearson correlation of unit k of one view with unit k of the other; 0 where either is constant.

    Args:
        left, right: (n, units).

    Returns:
        (units,) in [-1, 1].
    """
    a, b = (np.asarray(x, np.float64) - np.mean(x, axis=0, dtype=np.float64) for x in (left, right))
    norms = np.sqrt((a * a).sum(axis=0) * (b * b).sum(axis=0))
    # codes are float32: below this a unit moves only by rounding
    alive = (norms > 0) & ~_constant(left) & ~_constant(right)
    return np.where(alive, (a * b).sum(axis=0) / np.where(alive, norms, 1.0), 0.0)


def effective_rank(codes):
    """exp(entropy of the eigenvalues of the correlation matrix, normalised to sum 1) (Roy and Vetterli 2007).

    Args:
        codes: (n, units).

    Returns:
        Between 1 (all units move together) and `units` (no two do); 0 when every unit is constant.
    """
    alive = np.asarray(codes, np.float64)[:, ~_constant(codes)]
    if alive.shape[1] == 0:
        return 0.0
    eigenvalues = np.linalg.eigvalsh(np.atleast_2d(np.corrcoef(alive, rowvar=False)))
    shares = np.clip(eigenvalues, 0.0, None) / eigenvalues.sum()
    shares = shares[shares > 0]
    return float(np.exp(-(shares * np.log(shares)).sum()))


def random_fourier_features(x, count, width, seed):
    """sqrt(2 / count) cos(x W / width + phase): inner products approach exp(-|x - y|^2 / (2 width^2)).

    Rahimi and Recht 2007. CCA on such features is a kernel CCA without the n x n kernel matrix.

    Args:
        x: (n, size).
        count: number of features.
        width: width of the Gaussian kernel, in the units of x.
        seed: of W (standard normal) and of the phases (uniform over the circle).

    Returns:
        (n, count) float32.
    """
    generator = np.random.default_rng(seed)
    directions = generator.standard_normal((x.shape[1], count)).astype("float32") / np.float32(width)
    phases = generator.uniform(0.0, 2.0 * np.pi, count).astype("float32")
    return np.float32(np.sqrt(2.0 / count)) * np.cos(np.asarray(x, "float32") @ directions + phases)


def median_distance(x, seed, pairs=2000):
    """Median Euclidean distance between random samples of x (n, size): the usual width of a Gaussian kernel."""
    first, second = np.random.default_rng(seed).integers(0, len(x), (2, pairs))
    distances = np.linalg.norm(np.asarray(x)[first] - np.asarray(x)[second], axis=1)
    return float(np.median(distances[first != second]))


def draw_correlated_views(correlations, n, left_size, right_size, seed):
    """Linear-Gaussian views whose population canonical correlations are exactly `correlations`, then zeros.

    Independent standard normal pairs with the given correlations, padded with independent noise, then mixed within
    each view by a random invertible matrix, which leaves canonical correlations as they are.

    Returns:
        left (n, left_size), right (n, right_size), float64.
    """
    correlations = np.asarray(correlations, np.float64)
    generator = np.random.default_rng(seed)
    left = generator.standard_normal((n, left_size))
    right = generator.standard_normal((n, right_size))
    k = len(correlations)
    right[:, :k] = correlations * left[:, :k] + np.sqrt(1.0 - correlations**2) * right[:, :k]
    return left @ generator.standard_normal((left_size,) * 2), right @ generator.standard_normal((right_size,) * 2)


def check_pairs(left, right):
    """The two views as arrays (n, ...) of the same n >= 2 finite samples, or a ValueError that says what is wrong."""
    left, right = check_view("left", left), check_view("right", right)
    if len(left) != len(right):
        raise ValueError(
            f"The views do not pair up: expected the same number of rows, received {len(left)} left and "
            f"{len(right)} right. Row i of each must be the same sample."
        )
    if len(left) < 2:
        raise ValueError(f"A correlation needs at least 2 samples, received {len(left)}. Pass more rows.")
    return left, right


def check_view(name, view):
    """`view` as an array (n, ...) of finite numbers, or a ValueError that names the view."""
    view = np.asarray(view)
    if view.ndim < 2 or not np.issubdtype(view.dtype, np.number):
        raise ValueError(
            f"The {name} view must be numbers of shape (n, features), received {view.dtype} of shape {view.shape}. "
            "Give one row per sample."
        )
    finite = np.isfinite(view).reshape(len(view), -1).all(axis=1)
    if not finite.all():
        raise ValueError(
            f"The {name} view must be finite, received NaN or infinity in {(~finite).sum()} of {len(view)} rows. "
            "Fill these values, or pass the other view of these rows as unpaired samples."
        )
    return view


def _constant(x):
    x = np.asarray(x, np.float64)
    return x.std(axis=0) <= 1e-7 * np.maximum(1.0, np.abs(x).max(axis=0))


def _scales(x):
    return np.where(_constant(x), 1.0, x.std(axis=0, dtype=np.float64))


def _covariance(a, b):
    return a.T @ b / (len(a) - 1)


def _inverse_root(covariance, ridge):
    eigenvalues, vectors = np.linalg.eigh(covariance + ridge * np.eye(len(covariance)))
    return (vectors / np.sqrt(np.maximum(eigenvalues, 1e-12))) @ vectors.T

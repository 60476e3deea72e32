"""Canonical correlation analysis in closed form, and what it says about a pair of codes. NumPy only.

Correlational networks report the sum of the correlations of unit k with unit k. That number does not notice copies:
fifty copies of one good pair of features score almost fifty. Canonical correlations and the effective rank do notice.
"""

from dataclasses import dataclass

import numpy as np

RIDGE = 1e-4  # of the canonical correlations that are reported, on units of variance 1
NOTHING = 1e-9  # a canonical correlation below it is rounding: finite samples of unrelated views give far more
ROUNDINGS = 8  # a column that moves by fewer steps of its dtype's precision is constant


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
        """Canonical variates (n, components) of the left and of the right samples, paired or not.

        Samples are flattened as in the fit.

        Raises:
            ValueError: samples of another size than in the fit, no sample, or values that are not finite.
        """
        pairs = {
            "left": (left, self.left_mean, self.left_weights),
            "right": (right, self.right_mean, self.right_weights),
        }
        variates = []
        for name, (view, mean, weights) in pairs.items():
            rows = _rows(check_view(name, view))
            if rows.shape[1] != len(mean):
                raise ValueError(
                    f"The {name} view has {rows.shape[1]} numbers per sample, expected {len(mean)} as in the fit. Pass "
                    "samples of the same shape."
                )
            variates.append(np.concatenate([part @ weights for part in _parts(rows, mean)]))
        return tuple(variates)


def fit_cca(left, right, components=50, ridge=RIDGE, standardise=False):
    """Ridge CCA: singular vectors of (C_ll + r I)^-1/2 C_lr (C_rr + r I)^-1/2 (Hotelling 1936, Vinod 1976).

    Views are centred and divided by their scale first, so that neither units nor offsets matter.

    Args:
        left, right: (n, left_size) and (n, right_size), row i of one belongs to row i of the other; samples of more
            axes are flattened.
        components: how many canonical pairs to keep; at most min(left_size, right_size).
        ridge: r >= 0, as a share of the mean variance of a view's features; keeps near-constant features from
            exploding, and makes the answer unique where there are fewer samples than features.
        standardise: divide each feature by its own training standard deviation, so that r acts on all alike and each
            feature may have a unit of its own; otherwise a view has one scale.

    Returns:
        CanonicalCorrelation; its correlations lie in [0, 1].

    Raises:
        ValueError: different numbers of rows, fewer than two rows, values that are not finite, a negative ridge, or
            a ridge of 0 where the correlations are not determined: as many features as samples, or dependent ones.
    """
    left, right = (_rows(view) for view in check_pairs(left, right))
    if not ridge >= 0:
        raise ValueError(f"ridge is {ridge}, expected 0 or more.")
    left_scale, right_scale = (scales(x, each=standardise) for x in (left, right))
    left_mean, right_mean = left.mean(axis=0, dtype=np.float64), right.mean(axis=0, dtype=np.float64)
    a, b = (left, left_mean, left_scale), (right, right_mean, right_scale)
    covariances = [_covariance(x, x) for x in (a, b)]
    if ridge == 0:
        views = {"left": (covariances[0], left), "right": (covariances[1], right)}
        for name, (covariance, view) in views.items():
            check_determined(name, covariance[np.ix_(~_constant(view), ~_constant(view))])
    whiten_left, whiten_right = (_inverse_root(covariance, ridge) for covariance in covariances)
    u, correlations, vt = np.linalg.svd(whiten_left @ _covariance(a, b) @ whiten_right)
    left_pairs, right_pairs = whiten_left @ u[:, :components], whiten_right @ vt[:components].T
    correlations = np.clip(correlations[:components], 0.0, 1.0)  # rounding
    for pairs in (left_pairs, right_pairs):  # what is left where views have no further direction is rounding
        pairs[:, : len(correlations)] *= correlations > NOTHING
        pairs[:, len(correlations) :] = 0.0
    return CanonicalCorrelation(
        left_mean,
        right_mean,
        left_pairs / left_scale[:, None],
        right_pairs / right_scale[:, None],
        correlations,
    )


def check_determined(name, covariance):
    """Raises ValueError where a view's covariance (size, size) has no inverse: rounding would decide."""
    rank = np.linalg.matrix_rank(covariance, hermitian=True)
    if rank < len(covariance):
        raise ValueError(
            f"The {name} view has {len(covariance)} features of which {rank} are independent in these samples, so its "
            "canonical correlations are not determined. Pass more samples, fewer features, or a ridge above 0."
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
    same_units(left, right)
    alive = ~_constant(left) & ~_constant(right)
    a, b = ((np.asarray(x, np.float64) - np.mean(x, axis=0, dtype=np.float64)) / scales(x) for x in (left, right))
    norms = np.sqrt((a * a).sum(axis=0) * (b * b).sum(axis=0))
    alive &= norms > 0
    return np.clip(np.where(alive, (a * b).sum(axis=0) / np.where(alive, norms, 1.0), 0.0), -1.0, 1.0)


def same_units(left, right):
    """Raises ValueError unless both are codes (n, units) of the same shape: nothing is broadcast."""
    shapes = np.shape(left), np.shape(right)
    if shapes[0] != shapes[1] or len(shapes[0]) != 2:
        raise ValueError(f"Codes of both views need one shape (n, units), received {shapes[0]} and {shapes[1]}.")


def effective_rank(codes):
    """exp(entropy of the eigenvalues of the correlation matrix, normalised to sum 1) (Roy and Vetterli 2007).

    Args:
        codes: (n, units).

    Returns:
        Between 1 (all units move together) and `units` (no two do); 0 when every unit is constant.
    """
    alive = np.asarray(codes)[:, ~_constant(codes)]
    if alive.shape[1] == 0:
        return 0.0
    scaled = (alive - alive.mean(axis=0, dtype=np.float64)) / scales(alive)
    eigenvalues = np.linalg.eigvalsh(np.atleast_2d(np.corrcoef(scaled, rowvar=False)))
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


def check_pairs(left, right, least=2):
    """The views as arrays (n, ...) of the same n >= `least` finite samples, or a ValueError that says what is wrong."""
    left, right = check_view("left", left), check_view("right", right)
    if len(left) != len(right):
        raise ValueError(
            f"The views do not pair up: expected the same number of rows, received {len(left)} left and "
            f"{len(right)} right. Row i of each must be the same sample."
        )
    if len(left) < least:
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
    if len(view) == 0:
        raise ValueError(f"The {name} view is empty: expected at least one row, received shape {view.shape}.")
    finite = np.isfinite(view).reshape(len(view), -1).all(axis=1)
    if not finite.all():
        raise ValueError(
            f"The {name} view must be finite, received NaN or infinity in {(~finite).sum()} of {len(view)} rows. "
            "Fill these values, or pass the other view of these rows as unpaired samples."
        )
    return view


def _rows(view):
    """Samples (n, ...) as (n, size)."""
    return view.reshape(len(view), -1)


def _constant(x):
    """(size,): which columns of x (n, size) move by no more than the rounding of their dtype, whatever their unit."""
    x = np.asarray(x)
    rounding = np.finfo(x.dtype).eps if np.issubdtype(x.dtype, np.floating) else 0.0
    return _spread(x) <= ROUNDINGS * rounding * _largest(x)


def _spread(x):
    """Standard deviations (size,) of the columns of x, also where their squares would leave the range of float64."""
    x, largest = np.asarray(x), _largest(x)
    unit = np.where(largest > 0, largest, 1.0)
    mean = sum(part.sum(axis=0) for part in _parts(x, scale=unit)) / len(x)
    return unit * np.sqrt(sum(np.square(part - mean).sum(axis=0) for part in _parts(x, scale=unit)) / len(x))


def _largest(x):
    """Largest magnitude (size,) of each column of x, float64."""
    ends = [np.asarray(end(x, axis=0, initial=0), np.float64) for end in (np.max, np.min)]
    return np.maximum(*np.abs(ends))


def scales(x, each=True):
    """What the columns of x (n, size) are divided by, (size,): their deviations, or their common one; 1 for none."""
    spread = np.where(_constant(x), 0.0, _spread(x))
    if not each:
        largest = spread.max(initial=0.0)
        spread = np.full(len(spread), largest * np.sqrt(np.mean(np.square(spread / largest))) if largest else 0.0)
    return np.where(spread > 0, spread, 1.0)


def _parts(x, mean=0.0, scale=1.0, rows=4000):
    """The rows of (x - mean) / scale in float64, some at a time: all at once would need much memory."""
    return ((x[first : first + rows] - np.float64(mean)) / scale for first in range(0, len(x), rows))


def _covariance(*views):
    """Of two views (x, mean, scale), each (x - mean) / scale."""
    pairs = zip(*(_parts(*view) for view in views), strict=True)
    return sum(a.T @ b for a, b in pairs) / (len(views[0][0]) - 1)


def _inverse_root(covariance, ridge):
    """(covariance + ridge I)^-1/2; directions whose variance is rounding get the weight 0."""
    eigenvalues, vectors = np.linalg.eigh(covariance)
    alive = eigenvalues > 1e-12 * eigenvalues.max(initial=0.0)
    return (vectors * np.where(alive, 1.0 / np.sqrt(np.where(alive, eigenvalues + ridge, 1.0)), 0.0)) @ vectors.T

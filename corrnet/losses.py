"""What CorrNet minimises: three reconstructions minus the correlation of the two one-view codes.

L = L1(from both) + L2(from left) + L3(from right) - lambda * corr(h(x), h(y))   (CorrNet, Chandar et al. 2016, Sec. 2)

Every term is computed in float32, whatever the precision of the network.
"""

import math

import keras
from keras import ops

from common.measures import accuracy
from common.options import one_of
from common.replicas import alone, moments, total
from common.shapes import class_labels, same_shape

EPSILON = 1e-8  # inside each root of the correlation, as in the authors' program
RIDGE = 1e-3  # of deep CCA: added to both covariance matrices of a batch


def summed_squared_error(targets, predictions):
    """sum over pixels of (t - p)^2, PyTorch's MSELoss(reduction="sum") per sample; (n, ...) twice -> (n,) float32."""
    return ops.sum(ops.square(_difference(targets, predictions)), axis=1)


def half_squared_error(targets, predictions):
    """sum over pixels of (t - p)^2 / 2, the authors' reconstruction error.

    Args:
        targets, predictions: (n, ...), same shape.

    Returns:
        (n,) float32, summed over everything but the batch.
    """
    return summed_squared_error(targets, predictions) / 2.0


def mean_squared_error(targets, predictions):
    """mean over pixels of (t - p)^2, the blog's reconstruction error; (n, ...) twice -> (n,) float32."""
    return ops.mean(ops.square(_difference(targets, predictions)), axis=1)


def mean_absolute_error(targets, predictions):
    """mean over pixels of |t - p|, the blog's alternative; (n, ...) twice -> (n,) float32."""
    return ops.mean(ops.abs(_difference(targets, predictions)), axis=1)


RECONSTRUCTION = {
    "half_squared": half_squared_error,
    "summed_squared": summed_squared_error,
    "mean_squared": mean_squared_error,
    "mean_absolute": mean_absolute_error,
}


def reconstruction_from_both(outputs, batch, error=half_squared_error):
    """L1: both views rebuilt from the joint code; (n,) float32, error(left) + error(right), 0 for unpaired samples."""
    left, right = presence(batch, "left"), presence(batch, "right")
    return left * right * _pair_error(outputs["both"], batch, error)


def reconstruction_from_left(outputs, batch, error=half_squared_error):
    """L2: both views rebuilt from the left code; (n,) float32, only over views that are present."""
    return presence(batch, "left") * _pair_error(outputs["left"], batch, error)


def reconstruction_from_right(outputs, batch, error=half_squared_error):
    """L3: both views rebuilt from the right code; (n,) float32, only over views that are present."""
    return presence(batch, "right") * _pair_error(outputs["right"], batch, error)


def correlation(left, right, weights=None):
    """Pearson correlation of each unit over the batch, CorrNet Eq. 4.

    corr_k = sum_i a_ik b_ik / (sqrt(sum_i a_ik^2 + 1e-8) sqrt(sum_i b_ik^2 + 1e-8)), a and b centred over the batch.
    A constant unit gives 0, and so does a batch of one sample: never NaN.

    Args:
        left, right: (n, units) codes of the same n samples.
        weights: optional (n,), 0 or more; a sample counts as often as its weight says.

    Returns:
        (units,) float32 in [-1, 1].
    """
    left, right = ops.cast(left, "float32"), ops.cast(right, "float32")
    same_shape("left codes", left, "right codes", right)
    weights = ops.ones_like(left[:, :1]) if weights is None else ops.cast(weights, "float32")[:, None]  # (n, 1)
    left, right = _centre(left, weights), _centre(right, weights)
    numerator = total(ops.sum(left * right, axis=0))
    left_norm = ops.sqrt(total(ops.sum(left * left, axis=0)) + EPSILON)
    right_norm = ops.sqrt(total(ops.sum(right * right, axis=0)) + EPSILON)
    return numerator / (left_norm * right_norm)


def sum_correlation(left, right, weights=None):
    """Sum over units of `correlation`: scalar float32 in [-units, units]. It does not ask units to differ."""
    return ops.sum(correlation(left, right, weights))


def canonical_correlation_loss(left, right, ridge=RIDGE, pairing=None):
    """Minus the total canonical correlation of a batch, Andrew et al. 2013, Eq. 10.

    -(sum of the singular values of A^-1 C_lr B^-T), with A A^T = C_ll + r I and B B^T = C_rr + r I (Cholesky; any
    root gives the same singular values).

    Args:
        left, right: (n, units), n well above units.
        ridge: r > 0.
        pairing: (n, n), how much the right code of sample j counts as the other half of sample i; the identity if None.

    Returns:
        Scalar float32 in [-units, 0].
    """
    left_covariance, right_covariance, cross = _covariances(left, right, pairing)
    unit = ops.eye(left.shape[1], dtype="float32")
    a, b = ops.cholesky(left_covariance + ridge * unit), ops.cholesky(right_covariance + ridge * unit)
    whitened = ops.solve_triangular(a, cross, lower=True)  # A^-1 C
    whitened = ops.solve_triangular(b, ops.transpose(whitened), lower=True)  # B^-1 C^T A^-T
    return -ops.sum(ops.svd(whitened, compute_uv=False))


def eckart_young_loss(left, right):
    """The Eckart-Young loss, Chapman et al. 2024, Eq. 8: -2 tr(C_lr + C_rl) + tr((C_ll + C_rr)^2).

    No matrix is inverted. Its minimum over all codes is minus the sum of the squared canonical correlations.

    Args:
        left, right: (n, units).

    Returns:
        Scalar float32; covariances divide by n - 1.
    """
    left_covariance, right_covariance, cross = _covariances(left, right)
    total = left_covariance + right_covariance
    return -4.0 * ops.trace(cross) + ops.sum(total * total)  # tr(M M) = sum of squares, M symmetric


OBJECTIVES = {"canonical": canonical_correlation_loss, "eckart_young": eckart_young_loss}


def presence(batch, view):
    """(n,) float32: 1 where the sample has this view, from the optional batch entry `<view>_present`."""
    key = f"{view}_present"
    return ops.cast(batch[key], "float32") if key in batch else ops.ones_like(flatten(batch[view])[:, 0])


def _pair_error(rebuilt, batch, error):
    return sum(presence(batch, view) * error(batch[view], rebuilt[view]) for view in ("left", "right"))


def _centre(codes, weights):
    mean = total(ops.sum(weights * codes, axis=0)) / ops.maximum(total(ops.sum(weights)), EPSILON)
    return ops.sqrt(weights) * (codes - mean)


def weighted(error, weights):
    """`error` (targets, predictions) -> (n,) times the weights (n,) of the samples; itself without weights."""
    return error if weights is None else lambda targets, predictions: weights * error(targets, predictions)


def _difference(targets, predictions):
    """(n, pixels) float32; samples are flattened first, and both must have as many pixels."""
    targets, predictions = flatten(targets), flatten(predictions)
    same_shape("targets", targets, "predictions", predictions)
    return targets - predictions


def flatten(x):
    """(n, ...) -> (n, pixels) float32."""
    return ops.reshape(ops.cast(x, "float32"), (ops.shape(x)[0], -1))


def _covariances(left, right, pairing=None):
    """C_ll, C_rr and C_lr of a batch, (units, units) float32 each; C_lr = left^T pairing right / (n - 1)."""
    if pairing is not None and not alone():
        raise ValueError("a pairing needs the whole batch, expected a single replica; train without --strategy")
    left, right = (x - moments(x)[0] for x in (ops.cast(left, "float32"), ops.cast(right, "float32")))
    rows = total(ops.cast(ops.shape(left)[0], "float32"))
    partners = right if pairing is None else ops.matmul(pairing, right)
    pairs = (left, left), (right, right), (left, partners)
    return tuple(total(ops.matmul(ops.transpose(x), y)) / ops.maximum(rows - 1.0, 1.0) for x, y in pairs)


def compute_classifier_loss(model, batch, training):
    """Softmax cross-entropy of one classifier per view, added; terms "accuracy_left" and "accuracy_right" in [0, 1]."""
    logits = model({"left": batch["left"], "right": batch["right"]}, training=training)
    loss, terms = 0.0, {}
    for view in ("left", "right"):
        scores = ops.cast(logits[view], "float32")
        labels = class_labels(batch["label"], scores)
        loss += ops.mean(ops.sparse_categorical_crossentropy(labels, scores, from_logits=True))
        terms[f"accuracy_{view}"] = accuracy(labels, scores)
    return loss, terms


def noise_regularisation(view, code, noise, noise_code, directions):
    """How far a tower changes the correlation of a view with independent noise (NR-DCCA, He et al. 2024).

        | corr(f(x), f(a)) - corr(x P, a P) |,   corr: sum of the canonical correlations of a batch

    A tower of low rank loses directions, and with them the chance correlation that n samples of noise always have. The
    paper compares with the whole view; a code has fewer directions than a view, so we compare with as many random ones.

    Args:
        view, noise: x and a, (n, ...) each, a standard normal.
        code, noise_code: f(x) and f(a), (n, units).
        directions: P, (pixels, units), any of full rank.

    Returns:
        Scalar float32, 0 or more.
    """
    kept = -canonical_correlation_loss(code, noise_code)
    before = -canonical_correlation_loss(ops.matmul(flatten(view), directions), ops.matmul(flatten(noise), directions))
    return ops.abs(kept - before)


def compute_dcca_loss(model, batch, training, *, objective="canonical", noise_weight=0.0):
    """One of OBJECTIVES on the codes of a batch; in training plus `noise_weight` times `noise_regularisation`.

    Returns:
        Scalar loss and its terms: the objective under its name, and "sum_correlation" of the batch.
    """
    one_of("objective", objective, OBJECTIVES)
    outputs = model({"left": batch["left"], "right": batch["right"]}, training=training)
    left, right = outputs["left"]["code"], outputs["right"]["code"]
    loss = OBJECTIVES[objective](left, right)
    terms = {objective: loss, "sum_correlation": sum_correlation(left, right)}
    if noise_weight and training:
        for view, code in (("left", left), ("right", right)):
            noise = keras.random.normal(ops.shape(batch[view]), seed=model.generator)
            pixels = math.prod(batch[view].shape[1:])
            directions = keras.random.normal((pixels, code.shape[1]), seed=model.generator)
            noise_code = model.encode(**{view: noise})  # statistics of the data: noise must not move them
            loss = loss + noise_weight * noise_regularisation(batch[view], code, noise, noise_code, directions)
    return loss, terms


def compute_loss(model, batch, training, *, correlation_weight=2.0, both_weight=1.0, left_weight=1.0,
                 right_weight=1.0, reconstruction="half_squared"):  # fmt: skip
    """Weighted reconstructions minus correlation_weight times the sum over units of the correlation.

    Args:
        model: CorrNet.
        batch: "left" and "right" views (n, ...); optionally "left_present" and "right_present" (n,) in {0, 1} for
            unpaired samples, whose missing view may hold anything finite, and "sample_weight" (n,), 0 or more.
        training: passed to the model.
        correlation_weight: lambda; a negative value adds the correlation, as the blog's code does.
        both_weight, left_weight, right_weight: weights of L1, L2, L3.
        reconstruction: key of RECONSTRUCTION.

    Returns:
        Scalar loss and its terms, each the mean over the batch: "reconstruction_from_both", "..._left",
        "..._right" (unweighted) and "sum_correlation" (over the paired samples of the batch).
    """
    one_of("reconstruction", reconstruction, RECONSTRUCTION)
    error = weighted(RECONSTRUCTION[reconstruction], batch.get("sample_weight"))
    outputs = model({"left": batch["left"], "right": batch["right"]}, training=training)
    paired = presence(batch, "left") * presence(batch, "right") * batch.get("sample_weight", 1.0)
    terms = {
        "reconstruction_from_both": ops.mean(reconstruction_from_both(outputs, batch, error)),
        "reconstruction_from_left": ops.mean(reconstruction_from_left(outputs, batch, error)),
        "reconstruction_from_right": ops.mean(reconstruction_from_right(outputs, batch, error)),
        "sum_correlation": sum_correlation(outputs["left"]["code"], outputs["right"]["code"], paired),
    }
    weights = (both_weight, left_weight, right_weight, -correlation_weight)
    return sum(weight * term for weight, term in zip(weights, terms.values(), strict=True)), terms

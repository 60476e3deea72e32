"""What CorrMCNN minimises: L1 + L2 + L3 + L4 + L5 - L6 - L7 (the slides; Bhatt et al. 2017).

The slides start their sum at L0, which does not exist: a slip. L is the squared error, and the slides do not say
whether its mean or its sum over the pixels of a view (the units of a layer): ERRORS has both, and either is passed as
`error`. The errors of the two views, and those of several layers, are added. Everything is a mean over the batch, in
float32 whatever the precision of the network. `outputs` is what `CorrMCNN` returns.
"""

from keras import ops

from common.options import one_of
from common.replicas import moments, total
from common.shapes import same_shape
from corrnet.losses import (
    EPSILON,
    OBJECTIVES,
    RIDGE,
    flatten,
    mean_squared_error,
    reconstruction_from_both,
    reconstruction_from_left,
    reconstruction_from_right,
    sum_correlation,
    summed_squared_error,
    weighted,
)

ERRORS = {"mean": mean_squared_error, "sum": summed_squared_error}

VIEWS = ("left", "right")
STEPS = ("single", "paired")
FAR = 1e6  # squared distance that an image is given from itself, above any between two images


def l1_reconstruction_from_both(outputs, error=mean_squared_error):
    """L1 = L(z, g(h(z))): error of both views rebuilt from both; scalar."""
    return ops.mean(reconstruction_from_both(outputs, outputs["views"], error))


def l2_reconstruction_from_left(outputs, error=mean_squared_error):
    """L2 = L(z, g(h(x))): error of both views rebuilt from the left one; scalar."""
    return ops.mean(reconstruction_from_left(outputs, outputs["views"], error))


def l3_reconstruction_from_right(outputs, error=mean_squared_error):
    """L3 = L(z, g(h(y))): error of both views rebuilt from the right one; scalar."""
    return ops.mean(reconstruction_from_right(outputs, outputs["views"], error))


def step_pairs(outputs, decoder_steps="single"):
    """The hidden layers that L4 and L7 compare: those of the encoders, then those of the decoders.

    Encoder: h(x^k) with h(y^k); a view's layers are the same in every pass. Decoder: what "single" and "paired" mean.

    Args:
        decoder_steps: "single": layer k of both decoders, side by side, in the pass from x alone with the same in the
            pass from y alone (the slides' formulas); "paired": layer k of the left decoder with that of the right one,
            both in the pass from both views.

    Returns:
        List of pairs of (n, units).
    """
    pairs = list(zip(outputs["steps"]["left"], outputs["steps"]["right"], strict=True))
    if decoder_steps == "paired":
        steps = outputs["both"]["steps"]
        return pairs + list(zip(steps["left"], steps["right"], strict=True))
    single = (outputs[view]["steps"] for view in VIEWS)
    from_left, from_right = (
        [ops.concatenate(layers, axis=1) for layers in zip(*(steps[view] for view in VIEWS), strict=True)]
        for steps in single
    )
    return pairs + list(zip(from_left, from_right, strict=True))


def l4_step_difference(pairs, error=mean_squared_error):
    """L4 = sum over layers k of L(h(x^k), h(y^k)): squared error over the units, mean over the batch; scalar."""
    return sum((ops.mean(error(left, right)) for left, right in pairs), 0.0)


def l5_reconstruction_difference(outputs, error=mean_squared_error):
    """L5 = L(g(h(x)), g(h(y))): squared error between what either view alone rebuilds, added over both; scalar."""
    return sum(ops.mean(error(outputs["left"][view], outputs["right"][view])) for view in VIEWS)


def global_correlation(left, right):
    """One correlation of all units together, sum_ik a_ik b_ik / sqrt(sum_ik a_ik^2 sum_ik b_ik^2), a and b centred.

    The slides' formula read for whole vectors; a scalar in [-1, 1], so lambda acts about as many times weaker as there
    are units.

    Args:
        left, right: (n, units); each unit is centred over the batch.

    Returns:
        Scalar float32; 0 where either is constant.
    """
    left, right = (ops.cast(x, "float32") for x in (left, right))
    same_shape("left codes", left, "right codes", right)
    left, right = (x - moments(x)[0] for x in (left, right))
    norms = [ops.sqrt(total(ops.sum(x * x)) + EPSILON) for x in (left, right)]
    return total(ops.sum(left * right)) / (norms[0] * norms[1])


# corr(left, right) -> scalar: the sum over units of their correlations (CorrNet, the official code), or one for all.
CORRELATIONS = {"per_unit": sum_correlation, "global": global_correlation}


def l6_code_correlation(outputs, correlation="per_unit"):
    """corr(h(X), h(Y)) of the two one-view codes, without its lambda; scalar in [-units, units] or [-1, 1]."""
    return CORRELATIONS[correlation](outputs["left"]["code"], outputs["right"]["code"])


def l7_step_correlations(pairs, correlation="per_unit"):
    """corr(h(X^k), h(Y^k)) of every hidden layer k, without its lambda_k; list of scalars."""
    return [CORRELATIONS[correlation](left, right) for left, right in pairs]


def neighbour_pairing(views, neighbours, share):
    """Which halves belong together when an image and its nearest neighbours in the batch are taken for one thing.

    P = (1 - share) I + share (N + N^T) / 2, with N_ij = 1 / neighbours for the images j nearest to image i in squared
    distance over the pixels of both halves (more of them at a tie, each with less). Codes that correlate under P
    change little between similar images: neighbours as positive pairs (Dwibedi et al. 2021), in the closed form of
    Laplacian eigenmaps (Belkin and Niyogi 2003).

    Args:
        views: {"left": (n, ...), "right": (n, ...)}.
        neighbours: at least 1; all other images where n is smaller.
        share: in [0, 1].

    Returns:
        (n, n) float32 without gradient; symmetric, its entries add up to n.
    """
    whole = ops.concatenate([flatten(views[view]) for view in VIEWS], axis=1)  # (n, pixels)
    norms = ops.sum(whole * whole, axis=1)
    unit = ops.eye(ops.shape(whole)[0], dtype="float32")
    nearness = 2.0 * ops.matmul(whole, ops.transpose(whole)) - norms[:, None] - norms - FAR * unit  # -(distance^2)
    count = ops.minimum(ops.maximum(ops.shape(whole)[0] - 1, 1), neighbours)
    worst = ops.top_k(nearness, count)[0][:, -1:]
    near = ops.cast(nearness >= worst, "float32")
    near = near / ops.sum(near, axis=1, keepdims=True)
    return ops.stop_gradient((1.0 - share) * unit + share * (near + ops.transpose(near)) / 2.0)


def compute_loss(model, batch, training, *, both_weight=1.0, single_weight=1.0, step_weight=1.0,
                 difference_weight=1.0, correlation_weight=0.02, step_correlation_weights=(0.003, 0.05),
                 correlation="per_unit", decoder_steps="single", canonical_weight=0.0, ridge=RIDGE,
                 neighbours=5, neighbour_share=0.0, pixel_error="mean", step_error="mean"):  # fmt: skip
    """L1 + ... + L5 - lambda corr(codes) - sum_k lambda_k corr(layer k) - w canonical(codes).

    Args:
        model: CorrMCNN.
        batch: "left" and "right" views (n, height, width, channels) in [0, 1]; optionally "sample_weight" (n,), 0 or
            more, of the errors; correlations are those of the whole batch.
        training: passed to the model.
        both_weight: of L1.
        single_weight: of L2 and L3.
        step_weight: of L4.
        difference_weight: of L5.
        correlation_weight: lambda of L6.
        step_correlation_weights: lambda_k of L7, encoder layers first; layers beyond its end count 0.
        correlation: key of CORRELATIONS.
        decoder_steps: see `step_pairs`.
        canonical_weight: w, of the total canonical correlation of the batch (see `corrnet.losses`), which unlike L6
            cannot be raised by copies of a unit; the batch should be far larger than the code.
        ridge: of the canonical correlation.
        neighbours, neighbour_share: the canonical correlation is that of `neighbour_pairing`; share 0: of true pairs.
        pixel_error, step_error: keys of ERRORS, for the pixels (L1, L2, L3, L5) and for the hidden layers (L4).

    Returns:
        Scalar loss and its unweighted terms: "reconstruction_from_both", "..._left", "..._right", "step_difference",
        "reconstruction_difference", "sum_correlation" (of the codes, always per unit), "step_correlation_<k>", and,
        where it has a weight, "canonical" (of the batch, under its pairing).
    """
    for name, value, known in (("correlation", correlation, CORRELATIONS), ("decoder_steps", decoder_steps, STEPS),
                               ("pixel_error", pixel_error, ERRORS), ("step_error", step_error, ERRORS)):  # fmt: skip
        one_of(name, value, known)
    outputs = model({"left": batch["left"], "right": batch["right"]}, training=training)
    weights_of_samples = batch.get("sample_weight")
    pairs, pixels = step_pairs(outputs, decoder_steps), weighted(ERRORS[pixel_error], weights_of_samples)
    terms = {
        "reconstruction_from_both": l1_reconstruction_from_both(outputs, pixels),
        "reconstruction_from_left": l2_reconstruction_from_left(outputs, pixels),
        "reconstruction_from_right": l3_reconstruction_from_right(outputs, pixels),
        "step_difference": l4_step_difference(pairs, weighted(ERRORS[step_error], weights_of_samples)),
        "reconstruction_difference": l5_reconstruction_difference(outputs, pixels),
    }
    weights = (both_weight, single_weight, single_weight, step_weight, difference_weight)
    loss = sum(weight * term for weight, term in zip(weights, terms.values(), strict=True))
    loss -= correlation_weight * l6_code_correlation(outputs, correlation)
    steps = l7_step_correlations(pairs, correlation)
    loss -= sum((weight * step for weight, step in zip(step_correlation_weights, steps, strict=False)), 0.0)
    terms["sum_correlation"] = l6_code_correlation(outputs)
    terms |= {f"step_correlation_{k}": value for k, value in enumerate(steps, start=1)}
    if canonical_weight:
        pairing = neighbour_pairing(outputs["views"], neighbours, neighbour_share) if neighbour_share else None
        codes = (outputs[view]["code"] for view in VIEWS)
        terms["canonical"] = -OBJECTIVES["canonical"](*codes, ridge, pairing)
        loss -= canonical_weight * terms["canonical"]
    return loss, terms

"""What autoencoders minimise: one value per image; `compute_loss` takes means over the batch."""

import math

from keras import ops

from common.options import one_of
from common.replicas import moments
from common.shapes import agree, same_shape

LOG_2PI = math.log(2 * math.pi)


def binary_cross_entropy(images, logits):
    """- sum over pixels of x log p + (1 - x) log(1 - p), p = sigmoid(logits); nats per image.

    Computed as max(l, 0) - x l + log(1 + exp(-|l|)), which never overflows. Grey pixels
    (0 < x < 1) put a floor under it, the entropy of the image itself: see `bernoulli_entropy`.

    Args:
        images: (..., height, width, channels) in [0, 1].
        logits: same shape, any real number.

    Returns:
        (...) float32, summed over pixels and channels.
    """
    images, logits = ops.cast(images, "float32"), ops.cast(logits, "float32")
    check_drawn(images, logits)
    pixels = ops.relu(logits) - images * logits + ops.log1p(ops.exp(-ops.abs(logits)))
    return ops.sum(pixels, axis=(-3, -2, -1))


def check_drawn(images, logits):
    """Raises ValueError unless logits (..., height, width, channels) are those of the images, or of draws of each."""
    rank = len(images.shape)
    if rank < 3 or len(logits.shape) < rank or not agree(images.shape, logits.shape[-rank:]):
        raise ValueError(
            f"images have shape {tuple(images.shape)} and logits {tuple(logits.shape)}, expected the same (n, height, "
            "width, channels); reshape one of them"
        )


def bernoulli_entropy(images):
    """- sum over pixels of x log x + (1 - x) log(1 - x): the least binary cross-entropy any model can reach.

    Args:
        images: (n, height, width, channels) in [0, 1]. 0 log 0 counts as 0.

    Returns:
        (n,) float32 nats per image, summed over pixels and channels.
    """
    images = ops.cast(images, "float32")
    tiny = 1e-30
    pixels = -images * ops.log(images + tiny) - (1.0 - images) * ops.log(1.0 - images + tiny)
    return ops.sum(pixels, axis=(-3, -2, -1))


def squared_error(images, reconstructions):
    """Sum over pixels of (x - y)^2.

    Args:
        images: (n, height, width, channels) in [0, 1].
        reconstructions: same shape.

    Returns:
        (n,) float32, summed over pixels and channels.
    """
    same_shape("images", images, "reconstructions", reconstructions)
    difference = ops.cast(images, "float32") - ops.cast(reconstructions, "float32")
    return ops.sum(ops.square(difference), axis=(-3, -2, -1))


def gaussian_kl(mean, log_variance):
    """KL(N(mean, variance) || N(0, 1)) = 1/2 sum over units of mean^2 + variance - log variance - 1; nats.

    Kingma & Welling 2014, Appendix B.

    Args:
        mean, log_variance: (n, latent).

    Returns:
        (n,) float32, summed over units, >= 0.
    """
    mean, log_variance = ops.cast(mean, "float32"), ops.cast(log_variance, "float32")
    return 0.5 * ops.sum(ops.square(mean) + ops.exp(log_variance) - log_variance - 1.0, axis=-1)


def bernoulli_kl(code, target):
    """Sum over units of KL(Bernoulli(target) || Bernoulli(mean activation)) (Ng 2011, "Sparse autoencoder").

    Args:
        code: (n, units) activations in (0, 1); the mean over the batch is compared with the target.
        target: rho in (0, 1), the wished-for mean activation.

    Returns:
        Scalar float32, >= 0.
    """
    mean = ops.clip(moments(ops.cast(code, "float32"))[0], 1e-6, 1.0 - 1e-6)
    on = target * ops.log(target / mean)
    off = (1.0 - target) * ops.log((1.0 - target) / (1.0 - mean))
    return ops.sum(on + off)


def code_bits(code):
    """Upper bound on the bits of rounded codes: sum over units of 1/2 log2(2 pi e (variance + 1/12)).

    A normal distribution has the largest entropy of all with its variance (Cover & Thomas, Theorem 8.6.5);
    1/12 is the variance that rounding adds. It needs no model of the codes, only their variance over the
    batch.

    Args:
        code: (n, units), in quantisation steps, n >= 2.

    Returns:
        Scalar float32, bits per image.
    """
    _, variance = moments(ops.cast(code, "float32"))
    return ops.sum(0.5 * ops.log2(2 * math.pi * math.e * (variance + 1.0 / 12.0)))


def standard_normal(code):
    """log N(code; 0, 1) summed over the last axis: (..., latent) -> (...) float32, nats."""
    return -0.5 * ops.sum(ops.square(ops.cast(code, "float32")) + LOG_2PI, axis=-1)


def divergence(code, mean, log_variance, log_prior):
    """log q(z | x) - log p(z) of one draw: an unbiased estimate of KL(q || p) where no closed form is known.

    Args:
        code: (..., latent), drawn from N(mean, exp(log_variance)).
        mean, log_variance: of a shape that broadcasts with `code`.
        log_prior: function of codes (..., latent) to log densities (...).

    Returns:
        (...) float32, nats; its expectation is >= 0.
    """
    code, mean, log_variance = (ops.cast(each, "float32") for each in (code, mean, log_variance))
    noise = (code - mean) * ops.exp(-0.5 * log_variance)
    log_posterior = -0.5 * ops.sum(ops.square(noise) + LOG_2PI + log_variance, axis=-1)
    return log_posterior - log_prior(code)


def importance_weights(images, logits, code, mean, log_variance, log_prior=standard_normal):
    """log p(x | z) + log p(z) - log q(z | x) for each drawn code; Burda et al. 2016 (IWAE), Eq. 8.

    Args:
        images: (n, height, width, channels) in {0, 1}.
        logits: (k, n, height, width, channels), decoded from `code`.
        code: (k, n, latent), drawn from N(mean, exp(log_variance)).
        mean, log_variance: (n, latent).
        log_prior: see `divergence`.

    Returns:
        (k, n) float32, nats.
    """
    return -divergence(code, mean, log_variance, log_prior) - binary_cross_entropy(images, logits)


def importance_sampled_nll(weights):
    """- log (1/k sum over k of exp(weight)): a bound on - log p(x) that tightens as k grows.

    Args:
        weights: (k, n), see `importance_weights`.

    Returns:
        (n,) float32, nats per image.
    """
    return math.log(weights.shape[0]) - ops.logsumexp(weights, axis=0)


def importance_weighted_bound(model, outputs, samples, training):
    """Burda et al. 2016, Eq. 8: minus the log of the mean of `samples` weights, drawn from the posterior; (n,) nats.

    Args:
        model: a `VariationalAutoencoder`.
        outputs: of its call; their draw is the first of the samples.
        samples: k, 1 or more; with 1 its expectation is that of the evidence lower bound.
        training: passed to the decoder.
    """
    target, mean, log_variance = (outputs[name] for name in ("target", "mean", "log_variance"))
    code, logits = outputs["code"][None], outputs["logits"][None]
    if samples > 1:
        more = model.sampling(ops.repeat(mean[None], samples - 1, axis=0), log_variance)
        drawn = model.decoder(ops.reshape(more, (-1, mean.shape[-1])), training=training)
        code = ops.concatenate([code, more])
        logits = ops.concatenate([logits, ops.reshape(drawn, (samples - 1, -1, *target.shape[1:]))])
    return importance_sampled_nll(importance_weights(target, logits, code, mean, log_variance, model.log_prior))


RECONSTRUCTION = {
    "cross_entropy": lambda outputs: binary_cross_entropy(outputs["target"], outputs["logits"]),
    "squared_error": lambda outputs: squared_error(outputs["target"], outputs["image"]),
}


def compute_loss(
    model,
    batch,
    training,
    *,
    reconstruction="cross_entropy",
    kl_weight=1.0,
    sparsity_weight=0.0,
    sparsity_target=0.05,
    rate_weight=0.0,
    importance_samples=1,
):
    """Reconstruction of the clean images plus the penalties that the variant asks for.

    Args:
        model: an `Autoencoder`.
        batch: {"image": (n, height, width, channels) in [0, 1]}, and "label" where the model is told the class.
        training: whether training-time randomness is on.
        reconstruction: "cross_entropy" (nats) or "squared_error"; both sum over pixels.
        kl_weight: weight of `gaussian_kl`, for a `VariationalAutoencoder`; 1 is the evidence lower bound.
        sparsity_weight: weight of `bernoulli_kl` towards `sparsity_target`; 0 leaves it out.
        rate_weight: weight of `code_bits`; 0 leaves it out.
        importance_samples: above 1 a `VariationalAutoencoder` is trained on `importance_weighted_bound` in place of
            reconstruction and divergence; outside training the evidence lower bound is measured all the same.

    Returns:
        The loss, and its terms as means over the batch: "reconstruction"; "mse" (mean over pixels of the squared
        error in [0, 1]); and, where they apply, "kl_nats", "activity" (Keras' activity regulariser), "sparsity" and
        "bits".
    """
    one_of("reconstruction", reconstruction, RECONSTRUCTION)
    outputs = model(model.inputs_of(batch), training=training)
    loss = ops.mean(RECONSTRUCTION[reconstruction](outputs))
    pixels = math.prod(outputs["image"].shape[1:])
    terms = {
        "reconstruction": loss,
        "mse": ops.mean(squared_error(outputs["target"], outputs["image"])) / pixels,
    }
    if "log_variance" in outputs:
        terms["kl_nats"] = ops.mean(model.own_loss(outputs))
        loss = loss + kl_weight * terms["kl_nats"]
        if importance_samples > 1 and training:
            loss = ops.mean(importance_weighted_bound(model, outputs, importance_samples, training))
    if model.losses:
        terms["activity"] = ops.sum(ops.cast(ops.stack(model.losses), "float32"))
        loss = loss + terms["activity"]
    if sparsity_weight:
        terms["sparsity"] = bernoulli_kl(outputs["code"], sparsity_target)
        loss = loss + sparsity_weight * terms["sparsity"]
    if rate_weight:
        terms["bits"] = code_bits(outputs["code"])
        loss = loss + rate_weight * terms["bits"]
    return loss, terms

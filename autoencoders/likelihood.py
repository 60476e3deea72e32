"""Importance-sampled likelihood of a variational autoencoder (Burda et al. 2016), computed inside the graph."""

import math

import numpy as np
import tensorflow as tf

from autoencoders import losses


def negative_log_likelihood(model, images: np.ndarray, samples: int, chunk: int = 250, batch: int = 20) -> np.ndarray:
    """- log (1/k sum over k draws z of p(x | z) p(z) / q(z | x)), an upper bound of - log p(x).

    Args:
        model: a `VariationalAutoencoder`; its sampling layer draws.
        images: (n, height, width, channels) in {0, 1}.
        samples: k draws per image, a multiple of `chunk`.
        chunk: draws decoded at once per image.
        batch: images at once.

    Returns:
        (n,) nats per image.

    Raises:
        ValueError: `samples` is no multiple of `chunk`.
    """
    if samples < 1 or samples % chunk:
        raise ValueError(f"samples is {samples}, expected a positive multiple of chunk = {chunk}")

    @tf.function(reduce_retracing=True)
    def of_batch(images):
        mean, log_variance = model.posterior(images)  # (n, latent)
        total = tf.fill([tf.shape(images)[0]], -np.inf)
        for _ in tf.range(samples // chunk):
            code = model.sampling(tf.tile(mean[None], [chunk, 1, 1]), log_variance)  # (chunk, n, latent)
            logits = model.decoder(tf.reshape(code, [-1, code.shape[-1]]))
            logits = tf.reshape(logits, [chunk, -1, *images.shape[1:]])
            weights = losses.importance_weights(images, logits, code, mean, log_variance, model.log_prior)
            total = tf.reduce_logsumexp([total, tf.reduce_logsumexp(weights, 0)], 0)
        return math.log(samples) - total

    parts = [of_batch(tf.constant(images[first : first + batch])) for first in range(0, len(images), batch)]
    return np.concatenate([part.numpy() for part in parts])

"""A prior of the codes that is learned with the network: a mixture of normal distributions."""

import math

import keras
from keras import layers, ops

from autoencoders.layers import PACKAGE


@keras.saving.register_keras_serializable(package=PACKAGE)
class MixturePrior(layers.Layer):
    """p(z) = sum over k of softmax(weights)_k N(z; mean_k, exp(log_variance_k)), every number trained.

    The "MoG" prior of Tomczak & Welling 2018 ("VAE with a VampPrior", Sec. 3): a learned distribution comes closer to
    the codes of all images together than N(0, 1) does, which the evidence lower bound pays for image by image.

    Args:
        components: K, normal distributions in the mixture (>= 1).
        latent: numbers in a code (>= 1).

    A call takes codes (..., latent) to log p(z), (...) float32, nats.
    """

    def __init__(self, components, latent, **kwargs):
        super().__init__(**kwargs)
        self.components, self.latent = components, latent
        spread = keras.initializers.RandomNormal(stddev=1.0)
        self.mean = self.add_weight((components, latent), spread, name="mean")
        self.log_variance = self.add_weight((components, latent), "zeros", name="log_variance")
        self.logits = self.add_weight((components,), "zeros", name="component_logits")
        self.built = True

    def call(self, code):
        code = ops.cast(code, "float32")
        share = ops.log_softmax(self.logits)
        precision = ops.exp(-self.log_variance)  # (K, latent); the square is multiplied out: two matrix products
        square = ops.matmul(ops.square(code), ops.transpose(precision))
        cross = ops.matmul(code, ops.transpose(self.mean * precision))
        constant = ops.sum(ops.square(self.mean) * precision + self.log_variance + math.log(2 * math.pi), axis=-1)
        return ops.logsumexp(share - 0.5 * (square - 2.0 * cross + constant), axis=-1)

    def draw(self, count, seed=None):
        """`count` codes (count, latent) drawn from the mixture."""
        chosen = keras.random.categorical(self.logits[None], count, seed=seed)[0]
        mean, deviation = (
            ops.take(self.mean, chosen, axis=0),
            ops.exp(0.5 * ops.take(self.log_variance, chosen, axis=0)),
        )
        return mean + deviation * keras.random.normal((count, self.latent), seed=seed)

    def get_config(self):
        return super().get_config() | {"components": self.components, "latent": self.latent}

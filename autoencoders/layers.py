"""Small layers: corruptions of the input, binarisation, what turns features into a code, and a prior of codes.

Every random layer owns a `SeedGenerator`, whose state is saved and restored with the model's variables.
"""

import math

import keras
from keras import layers, ops

PACKAGE = "autoencoders"


class RandomLayer(layers.Layer):
    """A layer that keeps the shape of its input and draws from its own generator.

    Args:
        seed: seed of the generator; None draws one from Keras' global seed.
    """

    def __init__(self, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.seed = seed
        self.generator = keras.random.SeedGenerator(seed)
        self.built = True  # there are no weights to build

    def uniform(self, like):
        """Independent draws from [0, 1), one per element of `like`, float32."""
        return keras.random.uniform(ops.shape(like), dtype="float32", seed=self.generator)

    def normal(self, like):
        """Independent standard normal draws, one per element of `like`, in its dtype."""
        return keras.random.normal(ops.shape(like), dtype=like.dtype, seed=self.generator)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return super().get_config() | {"seed": self.seed}


class Corruption(RandomLayer):
    """Corrupts images (n, height, width, channels) in [0, 1] during training; passes them on otherwise.

    What it does to them is the method `corrupt` of the layers below; each call draws new noise.

    Args:
        amount: how much: a probability in [0, 1], or a standard deviation >= 0 (`AddGaussian`).
        seed: see `RandomLayer`.

    Raises:
        ValueError: `amount` is outside its range.
    """

    largest = 1.0

    def __init__(self, amount, **kwargs):
        super().__init__(**kwargs)
        if not 0 <= amount <= self.largest:
            raise ValueError(
                f"{type(self).__name__} got amount {amount}, expected 0 to {self.largest}; "
                "give a share of pixels or, for AddGaussian, a standard deviation"
            )
        self.amount = amount

    def call(self, images, training=None):
        return self.corrupt(images) if training else images

    def get_config(self):
        return super().get_config() | {"amount": self.amount}


@keras.saving.register_keras_serializable(package=PACKAGE)
class MaskPixels(Corruption):
    """Sets each value to 0 with probability `amount`."""

    def corrupt(self, images):
        return ops.where(self.uniform(images) < self.amount, ops.zeros_like(images), images)


@keras.saving.register_keras_serializable(package=PACKAGE)
class SaltAndPepper(Corruption):
    """Sets each value to 0 or to 1, equally likely, with probability `amount`."""

    def corrupt(self, images):
        draw = self.uniform(images)
        noisy = ops.where(draw < self.amount / 2, ops.zeros_like(images), images)
        return ops.where((draw >= self.amount / 2) & (draw < self.amount), ops.ones_like(images), noisy)


@keras.saving.register_keras_serializable(package=PACKAGE)
class AddGaussian(Corruption):
    """Adds normal noise of standard deviation `amount`, then clips to [0, 1]."""

    largest = float("inf")

    def corrupt(self, images):
        return ops.clip(images + ops.cast(self.amount, images.dtype) * self.normal(images), 0, 1)


CORRUPTIONS = {"masking": MaskPixels, "salt_and_pepper": SaltAndPepper, "gaussian": AddGaussian}


@keras.saving.register_keras_serializable(package=PACKAGE)
class Binarize(RandomLayer):
    """Draws each pixel in {0, 1} with its grey value as probability; leaves images of 0 and 1 as they are.

    Fresh draws at each call, in training and outside: "dynamic binarisation" (Salakhutdinov & Murray 2008).
    """

    def call(self, images):
        return ops.cast(self.uniform(images) < ops.cast(images, "float32"), images.dtype)


@keras.saving.register_keras_serializable(package=PACKAGE)
class Sampling(RandomLayer):
    """z = mean + exp(log_variance / 2) noise, noise ~ N(0, 1) (Kingma & Welling 2014, Eq. 10)."""

    def call(self, mean, log_variance):
        return mean + ops.exp(0.5 * log_variance) * self.normal(mean)

    def compute_output_shape(self, mean_shape, log_variance_shape):
        return mean_shape


@keras.saving.register_keras_serializable(package=PACKAGE)
class CropLike(layers.Layer):
    """Cuts images (n, height, width, c) about their centre to the size of others, known when it runs."""

    def call(self, images, like):
        for axis in (1, 2):
            wanted = ops.shape(like)[axis]
            first = (ops.shape(images)[axis] - wanted) // 2
            images = ops.take(images, first + ops.arange(wanted), axis=axis)
        return images

    def compute_output_shape(self, images_shape, like_shape):
        return (*like_shape[:3], images_shape[-1])


@keras.saving.register_keras_serializable(package=PACKAGE)
class KeepTopK(layers.Layer):
    """Keeps the `k` largest features of each example, sets the others to 0 (Makhzani & Frey 2014).

    Args:
        k: how many features (n, units) keep their value, 1 <= k <= units. Ties at the k-th value are all
            kept.
    """

    def __init__(self, k, **kwargs):
        super().__init__(**kwargs)
        self.k = k

    def build(self, input_shape):
        if not 1 <= self.k <= input_shape[-1]:
            raise ValueError(
                f"KeepTopK got k = {self.k} for {input_shape[-1]} units, expected 1 to {input_shape[-1]}; "
                "lower k or widen the code"
            )

    def call(self, features):
        smallest_kept = ops.top_k(features, self.k).values[..., -1:]  # (n, 1)
        return ops.where(features >= smallest_kept, features, ops.zeros_like(features))

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return super().get_config() | {"k": self.k}


@keras.saving.register_keras_serializable(package=PACKAGE)
class KeepWinners(layers.Layer):
    """Keeps, of each unit, its largest values over the batch, sets the others to 0 (Makhzani & Frey 2015, FC-WTA).

    In training only; otherwise features pass through. Every unit wins somewhere, so that none dies.

    Args:
        share: of the examples of a batch in which a unit (n, units) keeps its value, in (0, 1]; at least one. Ties at
            the last place are all kept.
    """

    def __init__(self, share, **kwargs):
        super().__init__(**kwargs)
        if not 0 < share <= 1:
            raise ValueError(f"KeepWinners got share = {share}, expected above 0 and at most 1; 0.05 is the paper's")
        self.share = share

    def call(self, features, training=None):
        if not training:
            return features
        count = ops.cast(ops.ceil(self.share * ops.cast(ops.shape(features)[0], "float32")), "int32")
        ranked = ops.sort(features, axis=0)
        least = ops.take(ranked, ops.shape(features)[0] - count, axis=0)  # (units,)
        return ops.where(features >= least, features, ops.zeros_like(features))

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return super().get_config() | {"share": self.share}


@keras.saving.register_keras_serializable(package=PACKAGE)
class Quantize(RandomLayer):
    """Rounds features to integers; in training adds uniform noise in [-1/2, 1/2) instead.

    The noise is the differentiable stand-in for rounding of Balle, Laparra & Simoncelli 2017, Sect. 3.
    """

    def call(self, features, training=None):
        if training:
            return features + ops.cast(self.uniform(features) - 0.5, features.dtype)
        return ops.round(features)


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
        super().__init__(**{"dtype": "float32", **kwargs})  # under every precision policy: it is a density
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

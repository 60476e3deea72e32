"""Efficient-CapsNet (Mazzia, Salvetti and Chiaberge 2021, arXiv 2101.12491): capsules with self-attention routing.

161,824 trainable parameters against CapsNet's 6.8 million without decoder. No iterations: an input capsule's vote
counts as much as it agrees with all votes for that class.
"""

import math

import keras
from keras import layers, ops

from capsnet.layers import Length, Mask
from capsnet.routing import safe_length
from common.augment import RandomAffine
from common.shapes import image_of

register = keras.saving.register_keras_serializable(package="capsnet")


def squash_exponential(vectors):
    """(1 - exp(-|s|)) s / |s| over the last axis: the paper's squash, steeper for short vectors (its Eq. 4).

    Args:
        vectors: (..., d).

    Returns:
        float32 (..., d), lengths in [0, 1); zero and its gradient finite at zero.
    """
    vectors = ops.cast(vectors, "float32")
    length = safe_length(vectors)
    return -ops.expm1(-length) / length * vectors


@register
class DepthwiseCapsules(layers.Layer):
    """Primary capsules from a depthwise convolution as large as the feature map: one number per channel.

        u = squash_exponential(reshape(K * x + bias, (channels / size, size)))

    Args:
        size: numbers per capsule (paper: 8); divides the channels.

    Call arguments:
        (n, height, width, channels), height and width known -> (n, channels / size, size).
    """

    def __init__(self, size=8, **kwargs):
        super().__init__(**kwargs)
        self.size = size

    def build(self, input_shape):
        _, height, width, channels = input_shape
        if channels % self.size:
            raise ValueError(f"DepthwiseCapsules: {channels} channels cannot be divided into capsules of {self.size}.")
        # Glorot's limit for a depthwise kernel: each output sums height x width numbers.
        draw = keras.initializers.RandomUniform(*(sign * math.sqrt(3 / (height * width)) for sign in (-1, 1)))
        self.kernel = self.add_weight(name="kernel", shape=(height, width, channels), initializer=draw)
        self.bias = self.add_weight(name="bias", shape=(channels,), initializer="zeros")

    def call(self, maps):
        numbers = ops.sum(maps * self.kernel, axis=(1, 2)) + self.bias  # (n, channels)
        return squash_exponential(ops.reshape(numbers, (-1, numbers.shape[-1] // self.size, self.size)))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], input_shape[-1] // self.size, self.size)

    def get_config(self):
        return {**super().get_config(), "size": self.size}


@register
class AttentionCapsules(layers.Layer):
    """Output capsules by self-attention over the votes (the paper's Eq. 5 to 8; float32).

        u_ki = W_ki u_i                                          votes: class k, input capsule i
        c_ki = softmax over classes k of (u_ki . sum_j u_kj) / sqrt(D)  + b_ki
        v_k  = squash_exponential(sum_i c_ki u_ki)

    b is added after the softmax, as in the authors' program, so couplings need not sum to 1.

    Args:
        capsules: classes, C.
        size: numbers per output capsule, D.

    Call arguments:
        (n, I, d) -> (n, C, D), lengths in [0, 1).
    """

    def __init__(self, capsules=10, size=16, **kwargs):
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        self.capsules, self.size = capsules, size

    def build(self, input_shape):
        _, inputs, depth = input_shape
        shape = (self.capsules, inputs, depth, self.size)
        self.kernel = self.add_weight(name="kernel", shape=shape, initializer="he_normal")
        self.bias = self.add_weight(name="bias", shape=(self.capsules, inputs), initializer="zeros")

    def votes(self, inputs):
        """(n, C, I, D) of input capsules (n, I, d)."""
        return ops.einsum("nid,cide->ncie", ops.cast(inputs, "float32"), self.kernel)  # e: output numbers

    def attend(self, votes):
        """Couplings (n, C, I) of votes (n, C, I, D)."""
        agreement = ops.einsum("ncie,nce->nci", votes, ops.sum(votes, axis=2)) / math.sqrt(self.size)
        return ops.softmax(agreement, axis=1) + self.bias

    def call(self, inputs):
        votes = self.votes(inputs)
        return squash_exponential(ops.einsum("nci,ncie->nce", self.attend(votes), votes))

    def couplings(self, inputs):
        """Couplings as those of routing are laid out, (1, n, I, C); one pass instead of iterations."""
        return ops.transpose(self.attend(self.votes(inputs)), (0, 2, 1))[None]

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.capsules, self.size)

    def get_config(self):
        return {**super().get_config(), "capsules": self.capsules, "size": self.size}


def convolutions(features, first_stride=1):
    """The network's four convolutions, each ReLU then batch normalisation: (n, 28, 28, 1) to (n, 9, 9, 128)."""
    for filters, size, stride in ((32, 5, first_stride), (64, 3, 1), (64, 3, 1), (128, 3, 2)):
        features = layers.Conv2D(filters, size, stride, activation="relu", kernel_initializer="he_normal")(features)
        features = layers.BatchNormalization()(features)
    return features


def build(*, image_shape=(28, 28, 1), classes=10, capsule_size=16, decoder_units=(512, 1024), **augmentation):
    """Efficient-CapsNet; 161,824 trainable and 162,400 parameters for MNIST, without its decoder.

    Four convolutions without padding, each ReLU then batch normalisation, He-normal kernels: 32 of 5x5, 64 of 3x3, 64
    of 3x3, 128 of 3x3 with stride 2; `DepthwiseCapsules`; `AttentionCapsules`; and the decoder of `capsnet.model`.

    Args:
        image_shape: (height, width, channels), at least 11 pixels a side.
        classes, capsule_size: of the output capsules.
        decoder_units: widths of the decoder's hidden layers; empty: no decoder.
        augmentation: arguments of `RandomAffine`, for training.

    Returns:
        A model with the inputs and outputs of `capsnet.model.build`.
    """
    from capsnet.model import build_decoder

    image_of(image_shape, 11, "Efficient-CapsNet")
    image = keras.Input(image_shape, name="image")
    seen = RandomAffine(**augmentation, name="augmentation")(image)
    primary = DepthwiseCapsules(name="primary")(convolutions(seen))
    digit = AttentionCapsules(classes, capsule_size, name="digit")(primary)
    outputs = {"lengths": Length(name="length")(digit), "capsules": digit, "seen": seen}
    if decoder_units:
        decoder = build_decoder(
            image_shape=image_shape, classes=classes, capsule_size=capsule_size, units=decoder_units
        )
        outputs["reconstruction"] = decoder(Mask(name="mask")(digit))
    return keras.Model(image, outputs, name="efficient_capsnet")

"""Capsule layers for any Keras model: primary capsules, routed capsules, length, mask, and a random shift."""

import functools
from itertools import pairwise

import keras
import tensorflow as tf
from keras import initializers, layers, ops

from capsnet.fast import compile_with_xla, strided_convolution
from capsnet.routing import route, safe_length, squash, vote, vote_and_route
from common.options import one_of
from common.shapes import class_labels

register = keras.saving.register_keras_serializable(package="capsnet")


def shift_at_random(images, most, generator):
    """Images (n, height, width, channels), each moved by up to `most` whole pixels in each axis; zeros come in."""
    height, width = images.shape[1:3]
    corner = keras.random.randint((ops.shape(images)[0], 2), 0, 2 * most + 1, seed=generator)
    padded = ops.pad(images, ((0, 0), (most, most), (most, most), (0, 0)))
    rows = tf.gather(padded, corner[:, :1] + ops.arange(height), axis=1, batch_dims=1)
    return tf.gather(rows, corner[:, 1:] + ops.arange(width), axis=2, batch_dims=1)


def pair_at_random(digits, labels, most, generator):
    """MultiMNIST in the graph: every digit of a batch with one of another class, both moved at random.

    Args:
        digits: (n, height, width, 1), each in the middle of its canvas, at least `most` pixels from its edges.
        labels: (n, 1) integers.
        most: pixels a digit is moved by at most, in each axis (the paper: 4).
        generator: `keras.random.SeedGenerator` of all draws.

    Returns:
        (digits (n, height, width, 2), labels (n, 2)). The partner is uniform over the batch's digits of other classes;
        a batch of one class only is paired within it.
    """
    other = ops.not_equal(labels, ops.transpose(labels))  # (n, n)
    partner = keras.random.categorical(ops.where(other, 0.0, -1e9), 1, seed=generator)[:, 0]
    pairs = [(digits, labels), (ops.take(digits, partner, axis=0), ops.take(labels, partner, axis=0))]
    moved = [shift_at_random(images, most, generator) for images, _ in pairs]
    return ops.concatenate(moved, axis=-1), ops.concatenate([classes for _, classes in pairs], axis=-1)


@register
class RandomShift(layers.Layer):
    """Shifts every image by up to `max_shift` pixels in each axis, filling with zeros; only in training.

    Args:
        max_shift: 0 switches it off; the paper has 2.
        seed: of the layer's own random stream.
    """

    def __init__(self, max_shift=2, seed=None, **kwargs):
        kwargs.setdefault("dtype", "float32")  # what it returns is the target of the reconstruction
        super().__init__(**kwargs)
        self.max_shift, self.seed = max_shift, seed
        self.generator = keras.random.SeedGenerator(seed)

    def call(self, image, training=False):
        """Image (n, height, width, channels), shifted by whole pixels drawn uniformly per image and axis."""
        return shift_at_random(image, self.max_shift, self.generator) if training and self.max_shift else image

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "max_shift": self.max_shift, "seed": self.seed}


@register
class StridedConv2D(layers.Conv2D):
    """Keras' convolution without padding, as `strided_convolution`; for equal comparisons."""

    def convolution_op(self, inputs, kernel):
        return strided_convolution(inputs, kernel, self.strides[0])


@register
class PrimaryCapsules(layers.Layer):
    """A convolution whose channels are read as capsules at every position, squashed.

        u = squash(scale * (K * image) + bias)

    Args:
        types: capsules per position (paper: 32).
        size: numbers per capsule, `d` (paper: 8).
        kernel_size, stride: of the convolution, without padding (paper: 9, 2).
        scale: 1; 1 / types in the authors' program, where every capsule is routed to with couplings of 1 / types.
        kernel_initializer, bias_initializer: as in Keras.
    """

    def __init__(self, types=32, size=8, kernel_size=9, stride=2, scale=1.0, kernel_initializer="glorot_uniform",
                 bias_initializer="zeros", **kwargs):  # fmt: skip
        super().__init__(**kwargs)
        self.types, self.size, self.kernel_size, self.stride, self.scale = types, size, kernel_size, stride, scale
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)

    def build(self, input_shape):
        positions = self.positions(input_shape)
        if min(positions) < 1:
            raise ValueError(
                f"PrimaryCapsules cannot place a {self.kernel_size}x{self.kernel_size} kernel on an image of shape "
                f"{tuple(input_shape[1:])}; expected at least {self.kernel_size} rows and columns: give larger images "
                "or a smaller kernel_size"
            )
        filters = self.types * self.size
        shape = (self.kernel_size, self.kernel_size, input_shape[-1], filters)
        self.kernel = self.add_weight(name="kernel", shape=shape, initializer=self.kernel_initializer)
        self.bias = self.add_weight(name="bias", shape=(filters,), initializer=self.bias_initializer)
        self.built = True

    def positions(self, image_shape):
        """Rows and columns of capsules that an image of shape (n, height, width, channels) gives."""
        return [(side - self.kernel_size) // self.stride + 1 for side in image_shape[1:3]]

    def call(self, image):
        """Image (n, height, width, channels) to capsules (n, rows * columns * types, size); squashed in float32."""
        maps = strided_convolution(image, self.kernel, self.stride)
        maps = ops.cast(self.scale * maps + self.bias, "float32")
        capsules = squash(ops.reshape(maps, self.compute_output_shape((-1, *image.shape[1:]))))
        return ops.cast(capsules, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        rows, columns = self.positions(input_shape)
        return (input_shape[0], rows * columns * self.types, self.size)

    def get_config(self):
        return {
            **super().get_config(),
            "types": self.types,
            "size": self.size,
            "kernel_size": self.kernel_size,
            "stride": self.stride,
            "scale": self.scale,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
        }


@register
class DigitCapsules(layers.Layer):
    """Capsules routed by agreement: every input capsule votes for every output capsule.

    Computes in float32 whatever the precision policy. Compiled, it computes parts of the batch side by side: the votes
    of a few images fit into a processor's cache.

    Args:
        capsules: output capsules, C; one per class.
        size: numbers per output capsule, D.
        iterations: of the routing, at least 1 (blog: 2, paper: 3).
        gradient: `all`: through every iteration; `last`: only through the last one.
        use_bias: adds a bias to s_j, as the authors' program.
        kernel_initializer: sees the shape (I, C, d, D): of Glorot's, fan in d and fan out D, each times I * C.
        bias_initializer: as in Keras.
        compiled: compile votes and routing alone with XLA.
        parts: into which a batch is divided when compiled.
    """

    def __init__(self, capsules=10, size=16, iterations=3, gradient="all", use_bias=False, compiled=True, parts=16,
                 kernel_initializer="glorot_uniform", bias_initializer="zeros", **kwargs):  # fmt: skip
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        if iterations < 1:
            raise ValueError(f"DigitCapsules: iterations is {iterations}, expected at least 1; 1 means no routing")
        one_of("gradient", gradient, ("all", "last"))
        self.capsules, self.size, self.iterations, self.gradient = capsules, size, iterations, gradient
        self.use_bias, self.compiled, self.parts = use_bias, compiled, parts
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.compute = functools.partial(vote_and_route, capsules=capsules, iterations=iterations, gradient=gradient)
        self.compute_compiled = compile_with_xla(self.compute)

    def build(self, input_shape):
        if len(input_shape) != 3 or None in input_shape[1:]:
            raise ValueError(
                f"DigitCapsules received inputs of shape {tuple(input_shape)}, expected (batch, capsules, size) with "
                "the last two known; use PrimaryCapsules or Reshape before it"
            )
        inputs, depth = input_shape[1:]

        def initial_kernel(shape, dtype=None):
            values = self.kernel_initializer((inputs, self.capsules, depth, self.size), dtype)
            return ops.reshape(ops.transpose(values, (0, 2, 1, 3)), shape)

        shape = (inputs, depth, self.capsules * self.size)
        self.kernel = self.add_weight(name="kernel", shape=shape, initializer=initial_kernel)
        self.bias = 0.0
        if self.use_bias:
            bias_shape = (self.capsules, self.size)
            self.bias = self.add_weight(name="bias", shape=bias_shape, initializer=self.bias_initializer)
        self.built = True

    def call(self, inputs):
        """Input capsules (n, I, d) to output capsules (n, C, D), float32, lengths in [0, 1)."""
        kernel, bias = tf.convert_to_tensor(self.kernel), tf.convert_to_tensor(self.bias)
        if not self.compiled:
            return self.compute(inputs, kernel, bias)
        count = ops.shape(inputs)[0]
        bounds = [count * part // self.parts for part in range(self.parts + 1)]
        parts = [inputs[first:last] for first, last in pairwise(bounds)]
        return ops.concatenate([self.compute_compiled(part, kernel, bias) for part in parts], axis=0)

    def couplings(self, inputs):
        """Coupling coefficients of every iteration, (iterations, n, I, C); those of an input capsule sum to 1."""
        votes = vote(ops.cast(inputs, "float32"), self.kernel, self.capsules)
        history = route(votes, self.bias, iterations=self.iterations)[1]
        return ops.transpose(history, (0, 2, 1, 3))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.capsules, self.size)

    def get_config(self):
        return {
            **super().get_config(),
            "capsules": self.capsules,
            "size": self.size,
            "iterations": self.iterations,
            "gradient": self.gradient,
            "use_bias": self.use_bias,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
            "compiled": self.compiled,
            "parts": self.parts,
        }


@register
class Length(layers.Layer):
    """Lengths of capsules, (n, C, D) to (n, C): how sure the network is that each class is there; float32."""

    def __init__(self, **kwargs):
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)

    def call(self, capsules):
        """Euclidean length of every capsule; its gradient at a zero capsule is zero."""
        return safe_length(capsules)[..., 0]

    def compute_output_shape(self, input_shape):
        return input_shape[:-1]


@register
class Mask(layers.Layer):
    """Sets all capsules but one to zero, (n, C, D) to (n, C, D): the labelled one, or the longest without labels."""

    def __init__(self, **kwargs):
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)

    def call(self, capsules, label=None):
        """Keeps capsule `label`, (n,) or (n, 1) int, of every image; without it the longest.

        Raises:
            ValueError: labels of another shape.
        """
        lengths = safe_length(capsules)[..., 0]  # (n, C)
        label = ops.argmax(lengths, axis=-1) if label is None else class_labels(label, lengths)
        kept = ops.one_hot(label, capsules.shape[1], dtype=capsules.dtype)  # (n, C)
        return capsules * kept[..., None]

    def compute_output_shape(self, capsules_shape, label_shape=None):
        return capsules_shape

"""Layers of Keras with the same results and weights, computed in another way where TensorFlow is slow on CPUs."""

import keras
import tensorflow as tf
from keras import layers, ops

from common import processor

PACKAGE = "corrmcnn"


def steps_aside() -> bool:
    """Whether Keras' own layers are the faster ones here: with AVX-512, and on a GPU."""
    return processor.has("avx512f") or bool(tf.config.list_physical_devices("GPU"))


@keras.saving.register_keras_serializable(package=PACKAGE)
class MaxPooling(layers.MaxPooling2D):
    """2x2 max-pooling whose gradient is one compiled pass on CPUs without AVX-512.

    There TensorFlow searches window by window (1.9 times slower measured); with AVX-512 its own gradient is the faster
    one (1.5 times), and is taken.
    """

    def call(self, inputs):
        plain = tuple(self.pool_size) == tuple(self.strides) == (2, 2) and self.data_format == "channels_last"
        if not plain or steps_aside():
            return super().call(inputs)
        return max_pool(inputs, self.padding)


def max_pool(x, padding):
    """(n, height, width, channels) -> maxima of 2x2 windows, padding "valid" or "same"."""

    @tf.custom_gradient
    def pool(x):
        y = tf.nn.max_pool2d(x, 2, 2, padding.upper())
        return y, lambda upstream: max_pool_gradient(x, y, upstream)

    return pool(x)


@tf.function(jit_compile=True)
def max_pool_gradient(x, y, upstream):
    """What reaches x of `upstream`, the gradient of y = max_pool(x): all of it the first maximum of its window."""
    height, width, channels = x.shape[1:]
    rows, columns = y.shape[1:3]
    x = x[:, : 2 * rows, : 2 * columns]  # "valid" leaves a last odd row out, "same" adds one
    x = tf.pad(
        x, [[0, 0], [0, 2 * rows - x.shape[1]], [0, 2 * columns - x.shape[2]], [0, 0]], constant_values=-float("inf")
    )
    windows = tf.reshape(x, (-1, rows, 2, columns, 2, channels))
    free, parts = tf.ones_like(y, dtype="bool"), []
    for i in range(2):
        for j in range(2):
            largest = (windows[:, :, i, :, j] == y) & free
            free &= ~largest
            parts.append(tf.where(largest, upstream, tf.zeros_like(upstream)))
    stacked = tf.stack([tf.stack(parts[:2], axis=3), tf.stack(parts[2:], axis=3)], axis=2)
    gradient = tf.reshape(stacked, (-1, 2 * rows, 2 * columns, channels))[:, :height, :width]
    left_out = [[0, 0], [0, height - gradient.shape[1]], [0, width - gradient.shape[2]], [0, 0]]
    return tf.pad(gradient, left_out)


@keras.saving.register_keras_serializable(package=PACKAGE)
class Deconvolution(layers.Conv2DTranspose):
    """Transposed convolution, stride 1, padding "valid", as one matrix product and a sum of shifted pictures.

    out[i, j] = bias + sum over (p, q) of x[i - p, j - q] K[p, q]: with few channels a convolution is mostly overhead.
    With AVX-512 TensorFlow's own is the faster one (1.4 times measured), and is taken, as for pooling.
    """

    def __init__(self, filters, kernel_size, activation=None, **kwargs):
        super().__init__(filters, kernel_size, activation=activation, **kwargs)
        if tuple(self.strides) != (1, 1) or self.padding != "valid" or self.data_format != "channels_last":
            raise ValueError(
                f"expected strides 1, padding 'valid' and channels last, received {self.strides}, '{self.padding}' and "
                f"'{self.data_format}'; use keras.layers.Conv2DTranspose"
            )

    def call(self, x):
        if steps_aside():
            return super().call(x)
        high, wide = self.kernel_size
        kernel = ops.reshape(self.kernel, (high * wide * self.filters, -1))  # Keras: (high, wide, out, in)
        n, height, width, _ = ops.shape(x)
        shares = ops.reshape(ops.matmul(x, ops.transpose(kernel)), (n, height, width, high * wide, self.filters))
        total = 0.0
        for k, share in enumerate(ops.unstack(shares, high * wide, axis=3)):
            p, q = divmod(k, wide)
            total += ops.pad(share, ((0, 0), (p, high - 1 - p), (q, wide - 1 - q), (0, 0)))
        if self.use_bias:
            total += self.bias
        return self.activation(total)

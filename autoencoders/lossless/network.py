"""The network that foresees a pixel from those before it: rows above, and to the left, as reading goes."""

import math

import keras
import numpy as np
from keras import layers, ops

from common.shapes import same_shape

PACKAGE = "autoencoders"
RADIUS = 4  # pixels that are seen to the left, above, and to the right in the rows above
BINS = 32  # at most: a row or column of a large picture shares its number with its neighbours
LEVELS = 256  # values of a pixel
RATE = 3e-3  # largest learning rate that the network is trained with


def bins_of(length):
    """Number of the place of each of `length` rows or columns, (length,) integers from 0, at most BINS of them."""
    return np.arange(length) * min(length, BINS) // length


@keras.saving.register_keras_serializable(package=PACKAGE)
class CausalNeighbours(layers.Layer):
    """A linear map of what a decoder knows when it comes to a pixel.

    Pixels follow each other row by row, the channels of one pixel first to last. Of each the map sees the RADIUS rows
    above (2 RADIUS + 1 pixels each), the RADIUS pixels to the left and the earlier channels of the pixel itself, as
    values and as ink (1 where the value is above 0), and the place: row, column and channel, one-hot. Outside the image
    all is 0.

    Args:
        units: of the output (>= 1).

    Input (n, height, width, channels) in [0, 1]; output (n, height, width, channels, units).
    """

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, shape):
        _, height, width, channels = shape
        seen = RADIUS * (2 * RADIUS + 2) * 2 * channels + 3
        normal = keras.initializers.RandomNormal(stddev=math.sqrt(2 / seen))  # He et al. 2015
        above = (RADIUS, 2 * RADIUS + 1, 2 * channels, self.units)
        self.above = self.add_weight(name="above", shape=above, initializer=normal)
        self.left = self.add_weight(name="left", shape=(1, RADIUS, 2 * channels, self.units), initializer=normal)
        self.row = self.add_weight(name="row", shape=(min(height, BINS), self.units), initializer="zeros")
        self.column = self.add_weight(name="column", shape=(min(width, BINS), self.units), initializer="zeros")
        self.channel = self.add_weight(name="channel", shape=(channels, self.units), initializer="zeros")
        own = (2 * channels, self.units)  # of the earlier channels of the same pixel, as values, as ink
        self.own = self.add_weight(name="own", shape=own, initializer="zeros") if channels > 1 else None
        self.places = bins_of(height), bins_of(width)

    def call(self, images):
        seen = ops.concatenate([images, ops.cast(images > 0, images.dtype)], axis=-1)
        above = ops.pad(seen, [[0, 0], [RADIUS, 0], [RADIUS, RADIUS], [0, 0]])[:, :-1]
        left = ops.pad(seen, [[0, 0], [0, 0], [RADIUS, 0], [0, 0]])[:, :, :-1]
        x = ops.conv(above, self.above, padding="valid") + ops.conv(left, self.left, padding="valid")
        x = x + ops.take(self.row, self.places[0], axis=0)[:, None] + ops.take(self.column, self.places[1], axis=0)
        x = x[..., None, :] + self.channel  # (n, height, width, channels, units)
        if self.own is None:
            return x
        mask = ops.convert_to_tensor(earlier(images.shape[-1])[..., None], x.dtype)
        return x + ops.einsum("nhwe,ceu->nhwcu", seen, mask * self.own)

    def compute_output_shape(self, shape):
        return (*shape, self.units)

    def get_config(self):
        return super().get_config() | {"units": self.units}


def earlier(channels):
    """(channels, 2 channels): 1 where channel e, as value or as ink, comes before channel c."""
    return np.tile(np.tri(channels, channels, -1), 2)


def build(*, image_shape=(28, 28, 1), units=(128, 128, 32)):
    """From images in [0, 1] to the logits of every pixel, (n, height, width, channels, 256).

    Args:
        image_shape: (height, width, channels).
        units: of the hidden layers, each with a ReLU. A narrow last one keeps the 256 columns behind it short, and the
            file small.
    """
    images = keras.Input(image_shape, name="image")
    x = layers.ReLU()(CausalNeighbours(units[0], name="neighbours")(images))
    for index, width in enumerate(units[1:], 2):
        x = layers.Dense(width, activation="relu", kernel_initializer="he_normal", name=f"hidden_{index}")(x)
    return keras.Model(images, layers.Dense(LEVELS, name="logits")(x), name="foresight")


def pixel_bits(images, logits):
    """- log2 softmax(logits)[value of the pixel]: what an ideal coder spends on each value.

    Args:
        images: (n, height, width, channels) in [0, 1], multiples of 1 / 255.
        logits: (n, height, width, channels, 256).

    Returns:
        (n, height, width, channels) float32 bits, >= 0.
    """
    same_shape("images", images, "logits[..., 0]", logits[..., 0])
    values = ops.cast(ops.round(255.0 * ops.cast(images, "float32")), "int32")
    losses = keras.losses.sparse_categorical_crossentropy(values, ops.cast(logits, "float32"), from_logits=True)
    return losses / math.log(2)


def compute_loss(model, batch, training):
    """Bits per value, mean over pixels, channels and batch; `loop.fit` minimises it."""
    bits = ops.mean(pixel_bits(batch["image"], model(batch["image"], training=training)))
    return bits, {"bits_per_pixel": bits}

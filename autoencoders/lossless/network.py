"""The network that foresees a pixel from those before it: rows above, and to the left, as reading goes."""

import math

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

from autoencoders.config import cosine_adam

PACKAGE = "autoencoders"
RADIUS = 4  # pixels that are seen to the left, above, and to the right in the rows above
BINS = 32  # at most: a row or column of a large picture shares its number with its neighbours
LEVELS = 256  # values of a pixel
RATE = 3e-3  # largest learning rate that the network is trained with
STEP, HIDDEN_STEP = 1 / 32, 1 / 16  # of weights in a file: of the first and the last layer, of those between
FREE = 3 / 4  # of the training goes by before weights count as the nearest multiples of their step


def bins_of(length):
    """Number of the place of each of `length` rows or columns, (length,) integers from 0, at most BINS of them."""
    return np.arange(length) * min(length, BINS) // length


def contexts(images):
    """What a decoder knows when it comes to a value, (n, height, width, channels, inputs).

    Pixels follow each other row by row, the channels of one pixel first to last. Known of each are the RADIUS rows
    above (2 RADIUS + 1 pixels each), the RADIUS pixels to the left and, where there are several channels, the earlier
    ones of the pixel itself (0 for the others). Outside the image all is 0.

    Args:
        images: (n, height, width, channels).
    """
    _, height, width, channels = images.shape
    padded = ops.pad(images, [[0, 0], [RADIUS, 0], [RADIUS, RADIUS], [0, 0]])
    known = [padded[:, y : y + height, x : x + width] for y in range(RADIUS) for x in range(2 * RADIUS + 1)]
    known += [padded[:, RADIUS:, x : x + width] for x in range(RADIUS)]
    around = ops.concatenate(known, axis=-1)[..., None, :]
    if channels == 1:
        return around
    earlier = images[..., None, :] * ops.convert_to_tensor(np.tri(channels, channels, -1), images.dtype)
    around = ops.broadcast_to(around, (*ops.shape(earlier)[:-1], around.shape[-1]))
    return ops.concatenate([around, earlier], axis=-1)


def rows_of(shape):
    """Rows of `Known.place` that belong to each place of an image, int32 (height, width, channels, 3)."""
    rows, columns = bins_of(shape[0]), bins_of(shape[1])
    parts = rows, rows[-1] + 1 + columns, rows[-1] + columns[-1] + 2 + np.arange(shape[2])
    return np.stack(np.meshgrid(*parts, indexing="ij"), axis=-1).astype(np.int32)


@keras.saving.register_keras_serializable(package=PACKAGE)
class Known(layers.Layer):
    """A linear map of a context, as values and as ink (1 where a value is above 0), and of the place, one-hot.

    Args:
        units: of the output (>= 1).
        places: rows, columns and channels together, see `rows_of`.

    Input: context (n, inputs) in [0, 1] and rows (n, 3); output (n, units).
    """

    def __init__(self, units, places, **kwargs):
        super().__init__(**kwargs)
        self.units, self.places = units, places

    def build(self, shapes):
        inputs = 2 * shapes[0][-1]
        normal = keras.initializers.RandomNormal(stddev=math.sqrt(2 / (inputs + 3)))  # He et al. 2015
        self.pixel = self.add_weight(name="pixel", shape=(inputs, self.units), initializer=normal)
        self.place = self.add_weight(name="place", shape=(self.places, self.units), initializer="zeros")

    def call(self, known):
        context, rows = known
        seen = ops.concatenate([context, ops.cast(context > 0, context.dtype)], axis=-1)
        return ops.matmul(seen, self.pixel) + ops.sum(ops.take(self.place, rows, axis=0), axis=1)

    def compute_output_shape(self, shapes):
        return shapes[0][0], self.units

    def get_config(self):
        return super().get_config() | {"units": self.units, "places": self.places}


def build(*, image_shape=(28, 28, 1), units=(128, 128, 32)):
    """From contexts (n, inputs) and their rows (n, 3) to the logits of the 256 values.

    Args:
        image_shape: (height, width, channels).
        units: of the hidden layers, each with a ReLU. A narrow last one keeps the 256 columns behind it short, and the
            file small.
    """
    height, width, channels = image_shape
    inputs = RADIUS * (2 * RADIUS + 2) * channels + channels * (channels > 1)
    known = keras.Input((inputs,), name="context"), keras.Input((3,), dtype="int32", name="rows")
    places = min(height, BINS) + min(width, BINS) + channels
    x = layers.ReLU(name="hidden_1")(Known(units[0], places, name="known")(known))
    for index, width in enumerate(units[1:], 2):
        x = layers.Dense(width, activation="relu", kernel_initializer="he_normal", name=f"hidden_{index}")(x)
    return keras.Model(known, layers.Dense(LEVELS, name="logits")(x), name="foresight")


def pixel_bits(images, logits_of):
    """- log2 softmax(logits)[value]: what an ideal coder spends on each value of images.

    Contexts without ink are looked at once per place, not once per image: in pictures on black they are half of all.

    Args:
        images: (n, height, width, channels) in [0, 1], multiples of 1 / 255.
        logits_of: maps contexts (m, inputs) and their rows (m, 3) to logits (m, 256).

    Returns:
        (n, height, width, channels) float32 bits, >= 0.
    """
    known, rows = contexts(images), tf.constant(rows_of(images.shape[1:]))
    drawn = tf.reduce_any(known > 0, axis=-1)
    blank = tf.reduce_any(~drawn, axis=0)  # places where an image has nothing to go by
    blank_rows = tf.boolean_mask(rows, blank)
    context = tf.concat([tf.boolean_mask(known, drawn), tf.zeros([len_of(blank_rows), known.shape[-1]])], axis=0)
    drawn_rows = tf.gather_nd(rows, tf.where(drawn)[:, 1:])
    logits = logits_of([context, tf.concat([drawn_rows, blank_rows], axis=0)])
    which = tf.where(drawn, numbers(drawn), len_of(drawn_rows) + numbers(blank))  # of the logits, each value has
    values = ops.cast(ops.round(255.0 * images), "int32")
    losses = tf.nn.log_softmax(tf.cast(logits, tf.float32))
    return -tf.gather_nd(losses, tf.stack([which, values], axis=-1)) / math.log(2)


def len_of(rows):
    """Rows of a tensor, as a tensor."""
    return tf.shape(rows)[0]


def numbers(mask):
    """Which of the True ones each True is, from 0, in the shape of `mask`."""
    return tf.reshape(tf.cumsum(tf.cast(tf.reshape(mask, [-1]), tf.int32)) - 1, tf.shape(mask))


def step_of(weight):
    """What a file holds a weight in multiples of."""
    return HIDDEN_STEP if "hidden" in weight.path else STEP


def nearest(weight):
    """The nearest multiple of its step."""
    return step_of(weight) * tf.round(weight / step_of(weight))


def weight_bits(weights):
    """About what a file takes for weights: sum over arrays of n log2(1 + 2e mean|w| / step).

    2e mean|w| is the exponential of the entropy of a Laplace distribution (Cover and Thomas 2006, table 17.1), in
    steps; the 1 makes an array of zeros cost nothing.

    Args:
        weights: Keras variables.
    """
    costs = [math.prod(each.shape) * tf.math.log1p(2 * math.e * tf.reduce_mean(tf.abs(each)) / step_of(each))
             for each in weights]  # fmt: skip
    return tf.add_n(costs) / math.log(2)


def make_training(steps, values):
    """Optimizer and `compute_loss` of a network for a file of `values` values, trained for `steps` steps.

    The rate ends at 0: weights near the middle between two multiples go to and fro with every step else.
    """
    optimizer = cosine_adam(RATE, steps, last=0.0)
    return optimizer, make_objective(optimizer, steps, values)


def make_objective(optimizer, steps, values):
    """What a file of `values` values takes, in bits per value: minimum description length (Rissanen 1978).

    Bits of the pixels, mean over pixels, channels and batch, and in training the share of each in the bits of the
    weights. In the last quarter of the training each weight counts as its nearest multiple, as in the file; gradients
    pass the rounding as if it were not there (straight-through, Bengio et al. 2013), and the network learns to live
    with it. Rounded from the first step on, it would learn less.

    Args:
        optimizer: that trains with it; its `iterations` say how far the training is.
        steps: of the whole training.
        values: pixels times channels of the images that the file will hold.
    """
    free = round(FREE * steps)

    def compute_loss(model, batch, training):
        variables = model.trainable_variables
        late = tf.cast(optimizer.iterations >= free, tf.float32)
        weights = [each + late * tf.stop_gradient(nearest(each) - each) for each in variables]
        bits = pixel_bits(batch["image"], lambda known: model.stateless_call(weights, [], known, training=training)[0])
        bits = tf.reduce_mean(bits)
        return bits + weight_bits(variables) / values if training else bits, {"bits_per_pixel": bits}

    return compute_loss

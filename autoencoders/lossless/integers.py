"""The network in integers: the same probabilities on every machine, bit for bit.

Weights are integers, and so is what one layer hands to the next. Every sum stays below 2^24, where float32 still holds
each integer: a matrix product is exact in any order, with any number of threads, fused or not. What follows is
integer arithmetic, and the one table of an exponential is built from Python's integers.
"""

import dataclasses

import keras
import numpy as np

from autoencoders.lossless import network as foresight
from autoencoders.lossless.network import RADIUS, rows_of, step_of

EXACT = (1 << 24) - 1  # the largest integer below which float32 holds all
PIXEL = 255  # an input of 1 in integers
PRECISION = 20  # frequencies of the 256 values sum to 2^20
SCALE = 30  # bits behind the point in the table of exponentials
FINEST = 1 / 64  # nats: largest step between neighbours in the table; the smallest is half of it
LARGEST_RATIO = int(0.9923 * 2**SCALE)  # just above e^(-FINEST / 2): no file makes the table longer


class TooLargeError(ValueError):
    """Weights with which sums of integers would not be exact."""


@dataclasses.dataclass(frozen=True)
class Layer:
    """One layer: `inputs @ kernel + one * bias`, its sums divided by 2^shift, downwards, for the next.

    Args:
        kernel: integers (inputs, units).
        bias: integers (units,).
        one: the integer that stands for 1 in the inputs.
        shift: >= 0.
    """

    kernel: np.ndarray
    bias: np.ndarray
    one: int
    shift: int

    @property
    def largest_input(self):
        """The largest input with which a sum, and every part of it, is an integer that float32 holds."""
        weights = np.maximum(np.abs(self.kernel).sum(axis=0), 1)
        return int(((EXACT - self.one * np.abs(self.bias)) // weights).min())


@dataclasses.dataclass(frozen=True)
class Integers:
    """A network in integers for images of one size.

    Args:
        shape: (height, width, channels).
        layers: `Layer`s; the rows of the first: pixels (see `contexts`) as values, the same as ink, then rows, columns
            and channels.
        ratio: e^(-nats of one step of the last layer's result), times 2^SCALE.
    """

    shape: tuple[int, int, int]
    layers: tuple[Layer, ...]
    ratio: int

    def __post_init__(self):
        sound = all(0 <= layer.shift < 32 and 0 < layer.one <= EXACT for layer in self.layers)
        if not (sound and 0 < self.ratio <= LARGEST_RATIO):
            raise ValueError("a ratio, shift or unit outside the range that a network in integers can have")
        if self.layers[0].largest_input < PIXEL or min(layer.largest_input for layer in self.layers) < 1:
            raise TooLargeError("the weights are too large for sums below 2^24")
        object.__setattr__(self, "table", exponentials(self.ratio))
        object.__setattr__(self, "rows", rows_of(self.shape))

    def frequencies(self, context, place):
        """How often each value is to be expected, of 2^PRECISION.

        Args:
            context: uint8 (n, inputs), see `contexts`.
            place: (row, column, channel) of the pixel.

        Returns:
            int32 (n, 256), each >= 1, rows sum to 2^PRECISION.
        """
        first, *others = self.layers
        pixels = context.shape[1]
        inputs = np.concatenate([context, np.where(context > 0, np.uint8(PIXEL), np.uint8(0))], axis=1)
        here = PIXEL * first.kernel[2 * pixels + self.rows[place]].sum(axis=0) + first.one * first.bias
        sums = product(inputs, first.kernel[: 2 * pixels]) + here.astype(np.float32)
        shift = first.shift
        for layer in others:
            handed = np.clip(np.floor(sums * np.float32(0.5**shift)), 0, layer.largest_input)  # a ReLU, too
            sums = product(handed, layer.kernel) + (layer.one * layer.bias).astype(np.float32)
            shift = layer.shift
        return shares_of(sums.astype(np.int32), shift, self.table)


def shares_of(sums, shift, table):
    """Frequencies in proportion to `table` at the distance of each sum from the largest of its row.

    Floating point is used where each single operation has one right result (IEEE 754), and for sums of integers that
    it holds exactly; no result depends on an order.

    Args:
        sums: int32 (n, values), below 2^24.
        shift: distances are divided by 2^shift.
        table: float32 (steps,), integers.

    Returns:
        int32 (n, values), each >= 1, rows sum to 2^PRECISION.
    """
    every, top, total = np.arange(len(sums)), sums.argmax(axis=1), 1 << PRECISION
    steps = (sums[every, top][:, None] - sums) >> shift
    shares = table.take(np.minimum(steps, len(table) - 1, out=steps))
    shares *= ((total - sums.shape[1]) / shares.sum(axis=1, dtype=np.float64)).astype(np.float32)[:, None]
    counts = shares.astype(np.int32)  # downwards
    counts += 1
    counts[every, top] += total - counts.sum(axis=1, dtype=np.int32)
    return counts


def product(inputs, kernel):
    """The matrix product of integers as float32, exact because no part of a sum reaches 2^24."""
    return inputs.astype(np.float32) @ kernel.astype(np.float32)


def exponentials(ratio):
    """floor(2^PRECISION (ratio / 2^SCALE)^i) for i = 0, 1, ... down to the first 0, float32; made of integers only."""
    value, table = 1 << (PRECISION + SCALE), []
    while value >> SCALE:
        table.append(value >> SCALE)
        value = value * ratio >> SCALE
    return np.array([*table, 0], np.float32)


def contexts(padded, place, channels):
    """What is known at a place, uint8 (n, inputs): rows above, to the left, earlier channels of the pixel.

    Args:
        padded: uint8 (n, height + RADIUS, width + 2 RADIUS, channels), zeros around the images; pixels that are not
            known yet are not read.
        place: (row, column, channel) of the pixel in the image.
    """
    y, x, channel = place
    above = padded[:, y : y + RADIUS, x : x + 2 * RADIUS + 1]
    left = padded[:, y + RADIUS, x : x + RADIUS]
    own = np.zeros((len(padded), channels * (channels > 1)), np.uint8)
    own[:, :channel] = padded[:, y + RADIUS, x + RADIUS, :channel]
    return np.concatenate([above.reshape(len(padded), -1), left.reshape(len(padded), -1), own], axis=1)


def from_network(network, images):
    """A trained network in integers: its weights in their steps.

    Args:
        network: a Keras model of `network.build`.
        images: uint8 (n, height, width, channels), some of those to be coded: their largest activations say how
            finely a layer may hand over its sums.

    Raises:
        TooLargeError: weights so large that sums would not be exact.
    """
    known = network.get_layer("known")
    pairs = [(in_steps(known.weights), np.zeros(known.units, np.int64))]
    dense = [layer for layer in network.layers if isinstance(layer, keras.layers.Dense)]
    pairs += [(in_steps([layer.kernel]), in_steps([layer.bias])) for layer in dense]
    steps = [step_of(layer.weights[0]) for layer in (known, *dense)]
    largest = largest_activations(network, images)
    one, shift, layers = PIXEL, 0, []
    for index, ((kernel, bias), step) in enumerate(zip(pairs, steps, strict=True)):
        scale = one / step  # what stands for 1 in the sums
        if index + 1 < len(pairs):
            shift = handover(scale, 1.25 * largest[index], *pairs[index + 1])
        else:
            shift = max(0, int(np.floor(np.log2(FINEST * scale))))
        layers.append(Layer(kernel, bias, one, shift))
        one = round(scale / 2**shift)
    return Integers(images.shape[1:], tuple(layers), round(np.exp(-steps[-1] * 2**shift / layers[-1].one) * 2**SCALE))


def in_steps(weights):
    """Weights of a layer, one below the other, in steps, int64."""
    return np.concatenate([np.round(np.asarray(each, np.float64) / step_of(each)) for each in weights]).astype(np.int64)


def handover(scale, largest, kernel, bias):
    """The smallest shift with which `largest`, in sums of `scale`, fits into the exact sums of the next layer."""
    shift = 0
    while largest * scale / 2**shift > Layer(kernel, bias, round(scale / 2**shift), 0).largest_input:
        shift += 1
        if scale < 2**shift:
            raise TooLargeError("the weights are too large for sums below 2^24")
    return shift


def largest_activations(network, images):
    """The largest output of each hidden layer for uint8 images, one by one: contexts take 80 times as much."""
    outputs = keras.Model(network.input, [layer.output for layer in network.layers if "hidden" in layer.name])
    rows = keras.ops.convert_to_tensor(rows_of(images.shape[1:]).reshape(-1, 3))
    found = []
    for image in images:
        known = foresight.contexts(keras.ops.convert_to_tensor(image[None] / np.float32(PIXEL)))
        known = keras.ops.reshape(known, (len(rows), -1))
        found.append([float(np.max(each)) for each in keras.tree.flatten(outputs([known, rows], training=False))])
    return np.max(found, axis=0)

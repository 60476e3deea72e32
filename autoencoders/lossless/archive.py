"""Images in a file without loss: `python -m autoencoders.lossless compress IN OUT.aep`, `decompress OUT.aep BACK.npz`.

The file holds the network in integers and the entropy-coded pixels. All images of a part are decoded side by side,
pixel after pixel: the network says from the pixels already known what to expect of the next. Layout: magic, SHA-256 of
the rest, length of the header, header (JSON), two coded tables per layer, then states and words of each part. Nothing
is ever unpickled.
"""

import itertools
import math
import struct
import zlib

import numpy as np
from threadpoolctl import threadpool_limits  # scikit-learn depends on it

from autoencoders.codec import entropy
from autoencoders.codec.archive import CodecError, cut, opened, seal, unsealed
from autoencoders.lossless import coder
from autoencoders.lossless.integers import Integers, Layer, TooLargeError, contexts, from_network
from autoencoders.lossless.network import RADIUS

MAGIC = b"AEP\x02"
MOST_HEADER = 1 << 20  # bytes
PART = 10_000  # images that are coded side by side
MOST_VALUES = 1 << 30  # pixels times channels of an archive that is read
TABLE_LANES = 8  # states of the entropy coder of weights: tables are short
SAMPLE = 400_000  # values whose largest activations are looked at


def to_bytes(images, integers):
    """The content of a file with `images`, uint8 (n, height, width, channels), and the network in integers."""
    tables = tables_of(integers)
    parts = [encode(images[first : first + PART], integers) for first in range(0, len(images), PART)]
    header = {
        "images": len(images),
        "shape": integers.shape,
        "ratio": integers.ratio,
        "layers": [[*layer.kernel.shape, layer.one, layer.shift] for layer in integers.layers],
        "tables": [len(table) for table in tables],
        "parts": [len(part) for part in parts],
    }
    return seal(MAGIC, header, [*tables, *parts])


def tables_of(integers):
    """Kernel and bias of each layer, entropy-coded."""
    arrays = [each for layer in integers.layers for each in (layer.kernel, layer.bias)]
    return [entropy.encode(each.reshape(-1, 1), TABLE_LANES) for each in arrays]


def from_bytes(data):
    """The images of a file, uint8 (n, height, width, channels).

    Raises:
        CodecError: another kind of file, or one that is truncated or damaged (by its checksum).
    """
    integers, parts, sizes = read(data)
    try:
        return np.concatenate([decode(part, n, integers) for part, n in zip(parts, sizes, strict=True)])
    except ValueError as error:
        raise CodecError(f"an .aep file of another kind ({error}); compress the images again") from None


def read(data):
    """The network in a file, its coded parts, and the number of images in each; raises as `from_bytes` does."""
    body = unsealed(data, MAGIC, ".aep")
    try:
        header, rest = opened(body, MOST_HEADER)
        count, shape = int(header["images"]), tuple(map(int, header["shape"]))
        if not (len(shape) == 3 and min(count, *shape) >= 1 and count * math.prod(shape) <= MOST_VALUES):
            raise ValueError(f"{count} images of {shape}")
        pieces = cut(rest, [*header["tables"], *header["parts"]])
        layers, tables = [], [entropy.decode(piece, TABLE_LANES)[:, 0] for piece in pieces[: len(header["tables"])]]
        for (inputs, units, one, shift), kernel, bias in zip(header["layers"], tables[::2], tables[1::2], strict=True):
            layers.append(Layer(kernel.reshape(inputs, units), bias, int(one), int(shift)))
        sizes = [min(PART, count - first) for first in range(0, count, PART)]
        return Integers(shape, tuple(layers), int(header["ratio"])), pieces[len(header["tables"]) :], sizes
    except (struct.error, zlib.error, ValueError, KeyError, TypeError, IndexError) as error:
        raise CodecError(f"an .aep file of another kind or version ({error}); compress the images again") from None


def in_integers(network, images):
    """The trained network in integers, for a file of these images; raises CodecError where they cannot hold it."""
    try:
        return from_network(network, images[: max(1, SAMPLE // images[0].size)])
    except TooLargeError:
        raise CodecError(
            "the network's weights are too large to be exact in integers; train it for fewer epochs"
        ) from None


def places(shape):
    """(row, column, channel) of all values of an image, in the order in which they are coded."""
    return itertools.product(*map(range, shape))


def padded(images):
    """`images` with the zeros around them that `contexts` reads."""
    return np.pad(images, [(0, 0), (RADIUS, 0), (RADIUS, RADIUS), (0, 0)])


def expected(canvas, place, integers):
    """Frequencies (distributions, 256) at a place, and which of them each image has, (n,).

    Images whose context is empty share the first one: in pictures on black they are many.
    """
    context = contexts(canvas, place, integers.shape[2])
    drawn = context.any(axis=1)
    rows = np.where(drawn, np.cumsum(drawn), 0)
    return integers.frequencies(np.concatenate([np.zeros_like(context[:1]), context[drawn]]), place), rows


@threadpool_limits.wrap(limits=1)  # of many small products, other threads only wait
def foreseen(images, integers):
    """Per place: the frequencies before each image's value and its own, (n,)."""
    canvas = padded(images)
    found = []
    for place in places(integers.shape):
        counts, rows = expected(canvas, place, integers)
        values = images[:, place[0], place[1], place[2]]
        widths = counts[rows, values]
        found.append((np.cumsum(counts, axis=1, dtype=np.int32)[rows, values] - widths, widths))
    return found


def encode(images, integers):
    """States and words of images (n, height, width, channels), as bytes."""
    states, words = coder.push(foreseen(images, integers))
    return states.astype("<u8").tobytes() + words.astype("<u4").tobytes()


@threadpool_limits.wrap(limits=1)
def decode(data, count, integers):
    """Inverse of `encode`: `count` images."""
    lanes = coder.lanes_for(count)
    reader = coder.Reader(np.frombuffer(data, "<u8", lanes), np.frombuffer(data, "<u4", offset=8 * lanes))
    images = np.zeros((count, *integers.shape), np.uint8)
    canvas = padded(images)
    for y, x, channel in places(integers.shape):
        counts, rows = expected(canvas, (y, x, channel), integers)
        canvas[:, y + RADIUS, x + RADIUS, channel] = reader.pop(counts, rows)
    reader.check_end()
    return canvas[:, RADIUS:, RADIUS:-RADIUS].copy()

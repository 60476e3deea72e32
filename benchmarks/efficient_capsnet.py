"""Efficient-CapsNet's training against the layers of its public program, written with Keras' own, in `Model.fit`.

There the primary capsules are a grouped convolution with one group per channel, and the couplings come from the whole
matrix of agreements between votes, which is then summed.
"""

import functools

import keras
from keras import layers, ops

from benchmarks import timing
from benchmarks.capsnet import WEIGHT, data, fit_epoch
from benchmarks.steps import loop_epoch
from capsnet import efficient, losses
from capsnet.efficient import squash_exponential
from capsnet.layers import Length, Mask
from capsnet.model import build_decoder

BATCH, STEPS = 64, 10


class Capsules(layers.Layer):
    """A grouped convolution's channels as capsules of 8."""

    def build(self, shape):
        self.convolution = layers.Conv2D(shape[-1], shape[1], groups=shape[-1])

    def call(self, maps):
        return squash_exponential(ops.reshape(self.convolution(maps), (-1, maps.shape[-1] // 8, 8)))


class Attention(layers.Layer):
    """Self-attention over votes through the matrix of all agreements."""

    def build(self, shape):
        self.kernel = self.add_weight(shape=(10, shape[1], shape[2], 16), initializer="he_normal")
        self.bias = self.add_weight(shape=(10, shape[1], 1), initializer="zeros")

    def call(self, inputs):
        votes = ops.einsum("...ji,kjiz->...kjz", inputs, self.kernel)
        agreement = ops.sum(ops.einsum("...ij,...kj->...ik", votes, votes), axis=-1, keepdims=True) / 4.0
        return squash_exponential(ops.sum(votes * (ops.softmax(agreement, axis=1) + self.bias), axis=-2))


def naive():
    """The network with two inputs, image and label, as Keras' fit takes it."""
    image, label = keras.Input((28, 28, 1), name="image"), keras.Input((), dtype="int32", name="label")
    digit = Attention()(Capsules()(efficient.convolutions(image)))
    decoder = build_decoder(image_shape=(28, 28, 1), classes=10, capsule_size=16)
    outputs = {"lengths": Length()(digit), "reconstruction": decoder(Mask()(digit, label))}
    return keras.Model({"image": image, "label": label}, outputs)


def run(repeats: int) -> list[dict]:
    """Images per second of training."""
    examples = BATCH * STEPS
    objective = functools.partial(losses.compute_loss, reconstruction_weight=WEIGHT)
    calls = {
        "ours": loop_epoch(efficient.build(), objective, data(examples), BATCH),
        "naive": fit_epoch(naive(), examples, BATCH),
    }
    seconds = timing.interleaved(calls, repeats)
    title = f"Efficient-CapsNet train step vs its program's layers in Model.fit, batch {BATCH}"
    return [timing.row(title, seconds["ours"], seconds["naive"], examples, "images/s", repeats)]

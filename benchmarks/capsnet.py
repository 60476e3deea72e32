"""CapsNet's training against `keras.Model.fit` and the two usual formulations of the capsule layer.

In processes of their own, `python -m benchmarks.capsnet memory ours` prints the peak memory of one kind of training,
`python -m benchmarks.capsnet block 7` the seconds of the two capsule layers without `keep_freed_memory`.
"""

import functools
import sys

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from benchmarks import timing
from benchmarks.steps import forward_and_backward, loop_epoch
from capsnet import losses, model
from capsnet.fast import strided_convolution
from capsnet.layers import DigitCapsules, Length, Mask
from capsnet.routing import squash
from training.device import keep_freed_memory

BATCH, STEPS = 128, 2
GFLOP_PER_IMAGE = 1.203  # forward 0.406; forward and backward of all matrix products and convolutions
WEIGHT = 5e-4  # of the summed reconstruction error


class MapFnCapsules(DigitCapsules):
    """The formulation of many Keras ports: a map over images, output capsules leading, also in the weights."""

    def build(self, input_shape):
        shape = (self.capsules, input_shape[1], self.size, input_shape[2])
        self.kernel = self.add_weight(name="kernel", shape=shape, initializer=self.kernel_initializer)
        self.built = True

    def call(self, inputs):
        kernel = tf.convert_to_tensor(self.kernel)  # (C, I, D, d)
        tiled = tf.tile(inputs[:, None], (1, self.capsules, 1, 1))  # (n, C, I, d)
        votes = tf.map_fn(lambda u: tf.linalg.matvec(kernel, u), tiled)  # (n, C, I, D)
        logits = tf.zeros_like(votes[..., 0])
        for iteration in range(self.iterations):
            capsules = squash(tf.linalg.matvec(votes, tf.nn.softmax(logits, axis=1), transpose_a=True))
            if iteration < self.iterations - 1:
                logits += tf.linalg.matvec(votes, capsules)
        return capsules


class TileCapsules(DigitCapsules):
    """The formulation of the authors' program: inputs and outputs tiled, multiplied, summed."""

    def call(self, inputs):
        count, width = inputs.shape[1], self.capsules * self.size
        products = tf.tile(inputs[..., None], (1, 1, 1, width)) * self.kernel  # (n, I, d, C D)
        votes = tf.reshape(tf.reduce_sum(products, axis=2), (-1, count, self.capsules, self.size))
        logits = tf.zeros_like(votes[..., 0])
        for iteration in range(self.iterations):
            capsules = squash(tf.reduce_sum(tf.nn.softmax(logits)[..., None] * votes, axis=1))
            if iteration < self.iterations - 1:
                logits += tf.reduce_sum(votes * tf.tile(capsules[:, None], (1, count, 1, 1)), axis=-1)
        return capsules


class Squash(layers.Layer):
    """The non-linearity as a layer."""

    def call(self, capsules):
        return squash(capsules)


def port():
    """The network as ports write it: Keras' convolutions, map_fn capsules, the label as second input."""
    image, label = keras.Input((28, 28, 1), name="image"), keras.Input((), dtype="int32", name="label")
    features = layers.Conv2D(256, 9, activation="relu")(image)
    primary = Squash()(layers.Reshape((-1, 8))(layers.Conv2D(256, 9, strides=2)(features)))
    digit = MapFnCapsules()(primary)
    decoder = model.build_decoder(image_shape=(28, 28, 1), classes=10, capsule_size=16)
    outputs = {"lengths": Length()(digit), "reconstruction": decoder(Mask()(digit, label))}
    return keras.Model({"image": image, "label": label}, outputs)


def data(examples):
    """Random images and labels: speed does not depend on what is in them."""
    random = np.random.default_rng(0)
    return {
        "image": random.random((examples, 28, 28, 1), np.float32),
        "label": random.integers(0, 10, examples).astype(np.int32),
    }


def our_epoch(examples):
    """A call that trains on `examples` images with this project's loop."""
    objective = functools.partial(losses.compute_loss, reconstruction_weight=WEIGHT)
    return loop_epoch(model.build(), objective, data(examples), BATCH)


def fit_epoch(network, examples, batch=BATCH):
    """A call that trains a two-input network on `examples` images with keras.Model.fit."""
    error = functools.partial(losses.reconstruction_loss, form="sum")
    network.compile(
        keras.optimizers.Adam(1e-3),
        loss={"lengths": losses.margin_loss, "reconstruction": error},
        loss_weights={"lengths": 1.0, "reconstruction": WEIGHT},
    )
    inputs = data(examples)
    targets = {"lengths": np.eye(10, dtype=np.float32)[inputs["label"]], "reconstruction": inputs["image"]}
    return lambda: network.fit(inputs, targets, batch, epochs=1, verbose=0)


def train_step_rows(repeats) -> list[dict]:
    """Images per second of training, and the share of the processor's matrix-product peak."""
    examples = STEPS * BATCH
    matrix = tf.random.normal((4096, 4096))
    product = tf.function(lambda: tf.matmul(matrix, matrix))
    calls = {
        "ours": our_epoch(examples),
        "fit": fit_epoch(model.with_label(model.build()), examples),
        "map_fn": fit_epoch(port(), examples),
        "peak": lambda: product().numpy()[0, 0],
    }
    seconds = timing.interleaved(calls, repeats)
    rows = [
        timing.row(f"capsnet train step vs {text}, batch {BATCH}", seconds["ours"], seconds[name], examples,
                   "images/s", repeats)
        for name, text in (("fit", "keras.Model.fit on the same network"), ("map_fn", "the map_fn port in model.fit"))
    ]  # fmt: skip
    peak = 2 * 4096**3 / 1e9 / seconds["peak"]
    ours = GFLOP_PER_IMAGE * examples / seconds["ours"]
    name = "capsnet train step, arithmetic of the direct form against the float32 matrix-product peak"
    return [*rows, {"name": name, "ratio": ours / peak, "ours": ours, "baseline": peak, "unit": "GFLOP/s",
                    "repeats": repeats}]  # fmt: skip


def block_rows(repeats) -> list[dict]:
    """The capsule layer alone, forward and backward, against the map_fn and the tile formulation.

    `keep_freed_memory` speeds map_fn up too, which its users do not have; so once more without it, for both.
    """
    not_kept = timing.in_new_process("benchmarks.capsnet", "block", repeats)
    seconds = {
        "map_fn": block_seconds(MapFnCapsules, repeats),
        "map_fn, both with the C library's memory settings": not_kept,
        "tile": block_seconds(TileCapsules, repeats),
    }
    return [
        timing.row(
            f"capsule layer forward + backward vs {name}, batch {BATCH}", ours, baseline, BATCH, "images/s", repeats
        )
        for name, (ours, baseline) in seconds.items()
    ]


def block_seconds(kind, repeats) -> list[float]:
    """Seconds of our capsule layer and of one of `kind`, forward and backward."""
    inputs = tf.random.stateless_normal((BATCH, 1152, 8), (0, 0), stddev=0.3)
    layer, other = DigitCapsules(), kind()
    for built in (layer, other):
        built.build(inputs.shape)
    calls = {"ours": forward_and_backward(layer, inputs), "theirs": forward_and_backward(other, inputs)}
    return list(timing.interleaved(calls, repeats).values())


def convolution_row(repeats) -> dict:
    """The primary convolution, forward and both gradients, against TensorFlow's."""
    image = tf.random.stateless_normal((BATCH, 20, 20, 256), (0, 0))
    kernel = tf.random.stateless_normal((9, 9, 256, 256), (0, 1), stddev=0.01)
    ours = forward_and_backward(lambda x, w: strided_convolution(x, w, 2), image, kernel)
    theirs = forward_and_backward(lambda x, w: tf.nn.conv2d(x, w, 2, "VALID"), image, kernel)
    seconds = timing.interleaved({"ours": ours, "theirs": theirs}, repeats)
    name = f"primary convolution forward + backward vs tf.nn.conv2d, batch {BATCH}"
    return timing.row(name, seconds["ours"], seconds["theirs"], BATCH, "images/s", repeats)


def memory_row() -> dict:
    """Peak memory of a process that trains for a few steps at batch 128, against the map_fn port."""
    kinds = ("ours", "map_fn")
    peaks = {kind: timing.in_new_process("benchmarks.capsnet", "memory", kind)[0] for kind in kinds}
    name = f"capsnet training, peak memory of the process vs the map_fn port, batch {BATCH}"
    return timing.smaller_is_better(name, peaks["ours"], peaks["map_fn"], "MB", repeats=1)


def run(repeats: int) -> list[dict]:
    """All rows; tests show that the formulations agree in value and gradient."""
    return [*train_step_rows(repeats), *block_rows(repeats), convolution_row(repeats), memory_row()]


def peak_memory(kind) -> float:
    """MB that this process needs at most for a few steps of `ours` or of the port."""
    if kind == "ours":
        keep_freed_memory()  # as `capsnet.train` does
    (our_epoch(STEPS * BATCH) if kind == "ours" else fit_epoch(port(), STEPS * BATCH))()
    return timing.peak_memory()


if __name__ == "__main__":
    _, what, argument = sys.argv
    print(peak_memory(argument) if what == "memory" else "{} {}".format(*block_seconds(MapFnCapsules, int(argument))))

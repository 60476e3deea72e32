"""The training loop against `keras.Model.fit` on the same network, data, batch size and optimizer."""

import dataclasses

import numpy as np

from benchmarks import timing


@dataclasses.dataclass(frozen=True)
class Case:
    """A network and its batch size: a tiny one shows the overhead per step, a convolutional one the compute."""

    name: str
    examples: int
    batch_size: int
    convolutional: bool


CASES = (Case("dense 784-32-784", 20_000, 128, False), Case("convolutions 16-32", 4_000, 128, True))


def run(repeats: int) -> list[dict]:
    """One row per case: images/s of a training epoch, validation left out."""
    return [measure(case, repeats) for case in CASES]


def build(case: Case):
    """A small autoencoder of images."""
    import keras
    from keras import layers

    inputs = x = keras.Input((28, 28, 1))
    if case.convolutional:
        for filters in (16, 32):
            x = layers.MaxPooling2D(2)(layers.Conv2D(filters, 3, padding="same", activation="relu")(x))
    x = layers.Dense(32)(layers.Flatten()(x))
    x = layers.Reshape((28, 28, 1))(layers.Dense(784, activation="sigmoid")(x))
    return keras.Model(inputs, x)


def measure(case: Case, repeats: int) -> dict:
    """Times one epoch of each, interleaved."""
    import keras
    from keras import ops

    from benchmarks.steps import loop_epoch

    images = np.random.default_rng(0).random((case.examples, 28, 28, 1), np.float32)
    ours, theirs = build(case), build(case)
    theirs.compile(keras.optimizers.Adam(1e-3), "mse")

    def compute_loss(model, batch, training):
        loss = ops.mean((model(batch["image"], training=training) - batch["image"]) ** 2)
        return loss, {"mse": loss}

    def their_epoch():
        theirs.fit(images, images, case.batch_size, epochs=1, verbose=0)

    our_epoch = loop_epoch(ours, compute_loss, {"image": images}, case.batch_size)
    seconds = timing.interleaved({"ours": our_epoch, "keras": their_epoch}, repeats)
    name = f"training loop vs keras.Model.fit, {case.name}, batch {case.batch_size}"
    return timing.row(name, seconds["ours"], seconds["keras"], case.examples, "images/s", repeats)

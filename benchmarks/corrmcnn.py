"""A training step of the slides' CorrMCNN against the same network with Keras' pooling and transposed convolution."""

from unittest import mock

import keras
import numpy as np
import tensorflow as tf

from benchmarks import timing
from benchmarks.steps import forward_and_backward, loop_epoch
from corrmcnn import fast, layers, losses, model

STEPS, BATCH = 10, 64


def run(repeats: int = 7) -> list[dict]:
    """Pairs per second of a train step, and of pooling's gradient alone; tests show that both give the same.

    No rows where ours step aside: both would be Keras' own layers.
    """
    if fast.steps_aside():
        return []
    with mock.patch.multiple(layers, MaxPooling=keras.layers.MaxPooling2D, Deconvolution=keras.layers.Conv2DTranspose):
        baseline = make_epoch()
    seconds = timing.interleaved({"ours": make_epoch(), "baseline": baseline}, repeats)
    title = "CorrMCNN train step vs Keras' MaxPooling2D and Conv2DTranspose"
    rows = [timing.row(title, seconds["ours"], seconds["baseline"], STEPS * BATCH, "pairs/s", repeats)]
    pictures = tf.random.stateless_normal((BATCH, 26, 12, 128), (0, 0))
    poolings = {"ours": fast.MaxPooling(2), "baseline": keras.layers.MaxPooling2D(2)}
    seconds = timing.interleaved(
        {name: forward_and_backward(layer, pictures) for name, layer in poolings.items()}, repeats
    )
    title = "2x2 max-pooling of 26 x 12 x 128, forward + backward, vs Keras' MaxPooling2D"
    return [*rows, timing.row(title, seconds["ours"], seconds["baseline"], BATCH, "images/s", repeats)]


def make_epoch():
    """A call that trains the slides' network on STEPS batches of random halves."""
    keras.utils.set_random_seed(0)
    network = model.build(left_shape=(28, 14, 1), right_shape=(28, 14, 1))
    random = np.random.default_rng(0)
    halves = {view: random.random((STEPS * BATCH, 28, 14, 1), np.float32) for view in model.VIEWS}
    return loop_epoch(network, losses.compute_loss, halves, BATCH)

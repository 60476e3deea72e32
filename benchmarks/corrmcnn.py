"""A training step of the slides' CorrMCNN against the same network with Keras' pooling and transposed convolution."""

from unittest import mock

import keras
import numpy as np
import tensorflow as tf

from benchmarks import timing
from corrmcnn import fast, layers, losses, model
from training import loop
from training.settings import Settings

STEPS, BATCH = 10, 64


def run(repeats: int = 7) -> list[dict]:
    """Pairs per second of a train step, and of pooling's gradient alone; tests show that both give the same."""
    with mock.patch.multiple(layers, MaxPooling=keras.layers.MaxPooling2D, Deconvolution=keras.layers.Conv2DTranspose):
        baseline = make_epoch()
    seconds = timing.interleaved({"ours": make_epoch(), "baseline": baseline}, repeats)
    title = "CorrMCNN train step vs Keras' MaxPooling2D and Conv2DTranspose"
    rows = [timing.row(title, seconds["ours"], seconds["baseline"], STEPS * BATCH, "pairs/s", repeats)]
    seconds = timing.interleaved(
        {"ours": pool(fast.MaxPooling(2)), "baseline": pool(keras.layers.MaxPooling2D(2))}, repeats
    )
    title = "2x2 max-pooling of 26 x 12 x 128, forward + backward, vs Keras' MaxPooling2D"
    return [*rows, timing.row(title, seconds["ours"], seconds["baseline"], BATCH, "images/s", repeats)]


def make_epoch():
    """A call that trains the slides' network on STEPS batches of random halves."""
    keras.utils.set_random_seed(0)
    network = model.build(left_shape=(28, 14, 1), right_shape=(28, 14, 1))
    optimizer = keras.optimizers.Adam(0.001)
    optimizer.build(network.trainable_variables)
    strategy = tf.distribute.get_strategy()
    steps = loop.Steps(network, losses.compute_loss, strategy, optimizer=optimizer)
    random = np.random.default_rng(0)
    halves = {view: random.random((STEPS * BATCH, 28, 14, 1), np.float32) for view in model.VIEWS}
    arrays, order = loop.on_device(halves, strategy), np.arange(STEPS * BATCH)
    return lambda: loop.mean_terms("train", steps.train, arrays, order, Settings(batch_size=BATCH), 1)


def pool(layer):
    """A call that pools a batch and computes the gradient."""
    pictures = tf.Variable(tf.random.stateless_normal((BATCH, 26, 12, 128), (0, 0)))

    @tf.function
    def call():
        with tf.GradientTape() as tape:
            total = tf.reduce_sum(layer(tf.convert_to_tensor(pictures)) ** 2)
        return total, tape.gradient(total, pictures)

    return lambda: float(call()[0])

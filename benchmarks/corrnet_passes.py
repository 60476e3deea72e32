"""One CorrNet training step against the guide's way: the whole network run three times, twice with a view of zeros."""

import numpy as np

from benchmarks import timing

STEPS, BATCH = 50, 100


def run(repeats: int = 7) -> list[dict]:
    """Images per second of a train step of the paper's network and of the deep one, ours against three passes."""
    rows = []
    for name, encoder_units in (("392-50", ()), ("392-500-300-50", (500, 300))):
        ours, baseline = (make_epoch(encoder_units, outputs) for outputs in (shared_passes, separate_passes))
        seconds = timing.interleaved({"ours": ours, "baseline": baseline}, repeats)
        title = f"CorrNet {name} train step vs three runs of the network"
        rows.append(timing.row(title, seconds["ours"], seconds["baseline"], STEPS * BATCH, "images/s", repeats))
    return rows


def shared_passes(model, left, right):
    """The three passes of `CorrNet.call`, each view encoded once."""
    return model({"left": left, "right": right}, training=True)


def separate_passes(model, left, right):
    """The guide's way: the network applied to both views, and to each view beside zeros."""
    from keras import ops

    zeros = ops.zeros_like(left)
    given = {"both": (left, right), "left": (left, zeros), "right": (zeros, right)}
    codes = {name: model.encode(*views) for name, views in given.items()}
    return {name: {"code": code} | model.decode(code) for name, code in codes.items()}


def make_epoch(encoder_units, outputs_of):
    """A compiled function that trains STEPS batches of random halves."""
    import keras
    import tensorflow as tf

    from corrnet import losses, model

    keras.utils.set_random_seed(0)
    shape = (28, 14, 1)
    network = model.build(left_shape=shape, right_shape=shape, encoder_units=encoder_units, tied=False)
    optimizer = keras.optimizers.RMSprop(0.001)
    optimizer.build(network.trainable_variables)
    views = [tf.constant(np.random.default_rng(k).random((STEPS, BATCH, *shape), np.float32)) for k in range(2)]

    def loss_of(left, right):
        outputs, batch = outputs_of(network, left, right), {"left": left, "right": right}
        errors = (
            losses.reconstruction_from_both(outputs, batch)
            + losses.reconstruction_from_left(outputs, batch)
            + losses.reconstruction_from_right(outputs, batch)
        )
        return tf.reduce_mean(errors) - losses.sum_correlation(outputs["left"]["code"], outputs["right"]["code"])

    @tf.function
    def epoch():
        for step in tf.range(STEPS):
            with tf.GradientTape() as tape:
                loss = loss_of(views[0][step], views[1][step])
            optimizer.apply(tape.gradient(loss, network.trainable_variables), network.trainable_variables)
        return loss

    return lambda: epoch().numpy()

"""CorrNet against the guide's way: the whole network run three times, twice with a view of zeros; and its own model."""

import numpy as np

from benchmarks import timing

STEPS, BATCH, EXAMPLES = 50, 100, 10_000


def run(repeats: int = 7) -> list[dict]:
    """Images per second of a train step of the paper's network and of the deep one, ours against three passes."""
    rows = []
    for name, encoder_units in (("392-50", ()), ("392-500-300-50", (500, 300))):
        ours, baseline = (make_epoch(encoder_units, outputs) for outputs in (shared_passes, separate_passes))
        seconds = timing.interleaved({"ours": ours, "baseline": baseline}, repeats)
        title = f"CorrNet {name} train step vs three runs of the network"
        rows.append(timing.row(title, seconds["ours"], seconds["baseline"], STEPS * BATCH, "images/s", repeats))
    seconds = timing.interleaved({"ours": our_epoch(), "baseline": guide_epoch()}, repeats)
    title = "CorrNet 392-50, an epoch of our loop vs the guide's seven-output model in model.fit"
    return [*rows, timing.row(title, seconds["ours"], seconds["baseline"], EXAMPLES, "images/s", repeats)]


def halves():
    """Random views of EXAMPLES images."""
    return [np.random.default_rng(k).random((EXAMPLES, 392), np.float32) for k in range(2)]


def our_epoch():
    """One epoch of the network in the project's loop."""
    from benchmarks.steps import loop_epoch
    from corrnet import losses, model

    network = model.build(left_shape=(392,), right_shape=(392,), tied=False)
    return loop_epoch(network, losses.compute_loss, dict(zip(("left", "right"), halves(), strict=True)), BATCH)


def guide_epoch():
    """One epoch as in the guide's listing: six reconstructions and the correlation as outputs, with made-up targets."""
    import keras
    from keras import layers, ops

    from corrnet import losses

    x, y = keras.Input((392,)), keras.Input((392,))
    encoders, decoders = [layers.Dense(50) for _ in "xy"], [layers.Dense(392, "sigmoid") for _ in "xy"]

    def code(*views):
        return layers.Activation("sigmoid")(
            layers.Add()([layer(view) for layer, view in zip(encoders, views, strict=True)])
        )

    zeros = layers.Lambda(ops.zeros_like)
    codes = code(x, y), code(x, zeros(y)), code(zeros(x), y)
    summed = layers.Lambda(lambda pair: ops.broadcast_to(losses.sum_correlation(*pair), (ops.shape(pair[0])[0], 1)))
    outputs = [decode(each) for each in codes for decode in decoders] + [summed([codes[1], codes[2]])]
    model = keras.Model([x, y], outputs)
    model.compile("rmsprop", loss=[*["mse"] * 6, lambda _, correlation: -0.01 * ops.mean(correlation, axis=-1)])
    views = halves()
    return lambda: model.fit(views, [*views * 3, np.zeros((EXAMPLES, 1))], BATCH, epochs=1, verbose=0)


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

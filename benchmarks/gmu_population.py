"""Many small models as one computation against training them one after another in Keras."""

import functools

import numpy as np

from benchmarks import timing

MODELS, STEPS = 200, 100


def run(repeats: int = 7) -> list[dict]:
    """Models per second of the post's recipe (400 points, 100 steps): all at once, and one by one in a tf.function."""
    import keras
    import tensorflow as tf

    from data.synthetic import two_modalities
    from gmu.losses import compute_loss
    from gmu.model import build
    from gmu.studies import population

    model = build()
    sets = [two_modalities(data_seed=seed, test_examples=10).train for seed in range(MODELS)]
    data = {name: np.stack([split[name] for split in sets]) for name in ("visual", "textual", "label")}
    start = population.initial_weights(model, range(MODELS))
    optimizer = keras.optimizers.Adam(0.1)
    optimizer.build(model.trainable_variables)

    @tf.function
    def descend(batch):
        for _ in tf.range(STEPS):
            with tf.GradientTape() as tape:
                loss = compute_loss(model, batch, training=True)[0]
            optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)

    def one_by_one():
        for copy in range(MODELS):
            population.set_copy(model, start, copy)
            descend({name: tf.constant(values[copy]) for name, values in data.items()})

    together = functools.partial(population.train, model, compute_loss, start, data, steps=STEPS, learning_rate=0.1)
    seconds = timing.interleaved({"ours": together, "baseline": one_by_one}, repeats)
    title = f"{MODELS} GMUs of the post as one computation (traced anew) vs one by one (traced once)"
    return [timing.row(title, seconds["ours"], seconds["baseline"], MODELS, "models/s", repeats)]

"""What XLA and determinism can do together."""

import textwrap

POOLED = """
    import numpy as np, keras, tensorflow as tf
    from keras import layers, ops
    from training import device, loop
    from training.settings import Settings

    settings = Settings(jit=True, batch_size=10)
    strategy, _ = device.configure(settings)
    data = loop.on_device({"image": np.random.default_rng(0).random((20, 8, 8, 1), np.float32)}, strategy)

    def compute_loss(model, batch, training):
        return ops.mean(ops.square(model(batch["image"], training=training) - 1)), {}

    ends = []
    for _ in range(2):
        keras.utils.set_random_seed(0)
        network = keras.Sequential([keras.Input((8, 8, 1)), layers.Conv2D(4, 3, activation="relu"),
                                    layers.MaxPooling2D(2), layers.Flatten(), layers.Dense(1)])
        optimizer = keras.optimizers.Adam(0.01)
        optimizer.build(network.trainable_variables)
        start = [weight.numpy().tobytes() for weight in network.weights]
        steps = loop.Steps(network, compute_loss, strategy, True, optimizer)
        loop.mean_terms("train", steps.train, data, np.arange(20), settings, 1)
        ends.append([weight.numpy().tobytes() for weight in network.weights])
    assert ends[0] == ends[1] != start
"""


def test_max_pooling_trains_compiled_by_xla_to_the_same_bits_twice(fresh):
    """XLA has no gradient of max-pooling for the case that TensorFlow was told to be deterministic."""
    fresh("-c", textwrap.dedent(POOLED), check=0)

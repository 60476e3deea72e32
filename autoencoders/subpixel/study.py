"""Transposed and sub-pixel convolution trained in lockstep: `python -m autoencoders.subpixel.study`."""

import dataclasses
import time
from typing import ClassVar

import numpy as np

from autoencoders.train import load
from commands.train import main
from data.dataset import Dataset, pixels
from training.run import Run, write_json
from training.settings import Settings, Variants, check_at_least


@dataclasses.dataclass(frozen=True)
class Config(Settings):
    """Settings of the study."""

    OWN_DATA: ClassVar[bool] = False

    epochs: int = 1
    steps: int = 100
    """Optimizer steps that both decoders take together (>= 1)."""
    repeats: int = 20
    """Timed steps of each decoder (>= 1)."""

    def __post_init__(self):
        super().__post_init__()
        check_at_least(self, steps=1, repeats=1)


VARIANTS: Variants = {"subpixel_study": ("plain and its exact sub-pixel form, trained in lockstep", Config())}
TINY = ("--steps", "3", "--repeats", "1")


def train(config: Config, dataset: Dataset, run: Run) -> None:
    """Trains both from the same start on the same batches, then times forward and backward of both decoders."""
    import keras

    from autoencoders import model
    from autoencoders.subpixel import layers

    start = time.perf_counter()
    first = model.build()
    second = model.Autoencoder(keras.models.clone_model(first.encoder), layers.convert_model(first.decoder))
    second.encoder.set_weights(first.encoder.get_weights())
    networks = {"transpose": first, "subpixel": second}
    losses = {name: train_steps(network, dataset, config) for name, network in networks.items()}
    write_json(run.path / "lockstep.json", losses)
    one, other = (np.array(values) for values in losses.values())
    test = pixels(dataset.test["image"][:500])
    decoded = [np.asarray(network.reconstruct(test)) for network in networks.values()]
    times = time_decoders({name: network.decoder for name, network in networks.items()}, config)
    metrics = {
        "lockstep/largest_relative_loss_difference": float(np.max(np.abs(one - other) / one)),
        "lockstep/largest_pixel_difference": float(np.abs(decoded[0] - decoded[1]).max()),
        **{f"milliseconds/{name}": value for name, value in times.items()},
    }
    history = [{"epoch": 1, "seconds": round(time.perf_counter() - start, 3)}]
    run.finish(None, metrics, dataset.counts(), history)


def train_steps(network, dataset: Dataset, config: Config) -> list[float]:
    """Losses of `config.steps` steps of Adam over batches that depend only on the seed."""
    import keras
    import tensorflow as tf

    from autoencoders import losses

    optimizer = keras.optimizers.Adam(config.learning_rate)
    optimizer.build(network.trainable_variables)

    @tf.function
    def step(images):
        with tf.GradientTape() as tape:
            loss, _ = losses.compute_loss(network, {"image": images}, training=True)
        optimizer.apply(tape.gradient(loss, network.trainable_variables), network.trainable_variables)
        return loss

    random = np.random.default_rng(config.seed)
    images = dataset.train["image"]
    size = min(config.batch_size, len(images))
    return [float(step(pixels(images[random.choice(len(images), size, replace=False)]))) for _ in range(config.steps)]


def time_decoders(decoders: dict, config: Config) -> dict[str, float]:
    """Median milliseconds of one forward and backward pass, the decoders taking turns."""
    import tensorflow as tf

    def make(decoder):
        @tf.function
        def step(codes):
            with tf.GradientTape() as tape:
                loss = tf.reduce_sum(tf.square(decoder(codes, training=True)))
            return tape.gradient(loss, decoder.trainable_variables)

        return step

    codes = tf.random.normal([config.batch_size, 32], seed=config.seed)
    steps = {name: make(decoder) for name, decoder in decoders.items()}
    seconds = {name: [] for name in steps}
    for turn in range(config.repeats + 1):  # the first turn traces and is not counted
        for name, step in steps.items():
            start = time.perf_counter()
            step(codes)[0].numpy()
            if turn:
                seconds[name].append(time.perf_counter() - start)
    return {name: 1000 * float(np.median(values)) for name, values in seconds.items()}


if __name__ == "__main__":
    main("autoencoders.subpixel.study", VARIANTS, load, train)

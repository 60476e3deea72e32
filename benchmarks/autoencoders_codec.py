"""The entropy coder of the .aez files against bz2 and xz; sub-pixel against transposed convolution."""

import bz2
import lzma

import numpy as np

from benchmarks import timing

CODES = (60_000, 32)
BATCH = 128


def run(repeats: int = 7) -> list[dict]:
    """Speed and size of coding rounded normal codes; forward and backward of the plain decoder in both forms."""
    return [*coding_rows(repeats), decoder_row(repeats)]


def coding_rows(repeats: int) -> list[dict]:
    """Codes per second of our coder against each compressor, and bytes (ratio above 1: ours are fewer)."""
    from autoencoders.codec import entropy

    spread = np.linspace(1, 12, CODES[1])
    codes = np.round(np.random.default_rng(0).normal(0, spread, CODES)).astype(np.int64)
    raw = codes.astype(np.int8).tobytes()
    others = {"bz2": lambda: bz2.compress(raw, 9), "xz": lambda: lzma.compress(raw, preset=9)}
    seconds = timing.interleaved({"ours": lambda: entropy.encode(codes), **others}, repeats)
    rows, size = [], len(entropy.encode(codes))
    for name, compress in others.items():
        title = f"autoencoders entropy coding vs {name}"
        rows.append(timing.row(title, seconds["ours"], seconds[name], codes.size, "codes/s", repeats))
        bits, other = 8 * size / codes.size, 8 * len(compress()) / codes.size
        rows.append(
            timing.smaller_is_better(f"autoencoders size of coded codes vs {name}", bits, other, "bits/code", 1)
        )
    return rows


def decoder_row(repeats: int) -> dict:
    """Images per second, forward and backward, of the plain decoder with sub-pixel against transposed convolutions."""
    import tensorflow as tf

    from autoencoders import model
    from autoencoders.subpixel import layers

    decoder = model.build().decoder
    codes = tf.random.normal([BATCH, 32], seed=0)

    def make(network):
        @tf.function
        def step():
            with tf.GradientTape() as tape:
                loss = tf.reduce_sum(tf.square(network(codes, training=True)))
            return tape.gradient(loss, network.trainable_variables)

        return lambda: [gradient.numpy() for gradient in step()]

    calls = {"ours": make(layers.convert_model(decoder)), "baseline": make(decoder)}
    seconds = timing.interleaved(calls, repeats)
    title = "autoencoders decoder, sub-pixel vs transposed convolution"
    return timing.row(title, seconds["ours"], seconds["baseline"], BATCH, "images/s", repeats)

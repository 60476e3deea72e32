"""The training loop against `keras.Model.fit` at its best, on the networks of six methods.

`fit` is tried compiled by XLA or not, with 1, 32 and 100 steps per execution, on arrays and on tf.data; the fastest of
those settings is then measured in turns with the loop. Its default (one step per execution, arrays) stands beside it.
"""

import functools
import itertools
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from benchmarks import timing

STEPS = (1, 32, 100)


class Case(NamedTuple):
    """What is trained: by the loop `network`, `objective`, `arrays`; by fit `plain` on `inputs`, `targets`.

    Attributes:
        network, objective, arrays: see `training.loop.fit`.
        plain: the same network for Keras' fit.
        inputs, targets: of `plain.fit`; targets None where the model has its own loss.
        compiled: arguments of `plain.compile`.
        batch_size: of both.
    """

    network: Any
    objective: Callable
    arrays: dict
    plain: Any
    inputs: Any
    targets: Any
    compiled: dict
    batch_size: int


def images(count: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(0).random((count, *shape), np.float32)


def gmu() -> Case:
    """The post's unit, 100 batches of 400 points."""
    import gmu.losses as losses
    import gmu.model as model

    points = {name: images(40_000, 1) for name in ("visual", "textual")}
    labels = (np.arange(40_000) % 2).astype(np.int32)
    network = model.build()
    loss = {"logits": losses.sigmoid_cross_entropy}
    arrays = {**points, "label": labels, "source": labels}
    return Case(network, losses.compute_loss, arrays, network, points, {"logits": labels}, {"loss": loss}, 400)


def corrnet() -> Case:
    """392-50, batches of 100."""
    import corrnet.losses as losses
    import corrnet.model as model

    views = {view: images(10_000, 28, 14, 1) for view in ("left", "right")}
    network = model.build(left_shape=(28, 14, 1), right_shape=(28, 14, 1))
    return Case(network, losses.compute_loss, views, network, views, None, {}, 100)


def autoencoder() -> Case:
    """The convolutional one of the first post, batches of 128."""
    import autoencoders.losses as losses
    import autoencoders.model as model

    pictures, network = images(2_560, 28, 28, 1), model.build()
    return Case(network, losses.compute_loss, {"image": pictures}, network, pictures, None, {}, 128)


def corrmcnn() -> Case:
    """The slides' network, batches of 64."""
    import corrmcnn.losses as losses
    import corrmcnn.model as model

    views = {view: images(1_280, 28, 14, 1) for view in ("left", "right")}
    network = model.build(left_shape=(28, 14, 1), right_shape=(28, 14, 1))
    return Case(network, losses.compute_loss, views, network, views, None, {}, 64)


def capsnet() -> Case:
    """A quarter of the paper's filters and capsules, batches of 64."""
    import capsnet.losses as losses
    import capsnet.model as model

    pictures, labels = images(640, 28, 28, 1), (np.arange(640) % 10).astype(np.int32)
    network = model.build(filters=64, primary_types=8)
    arrays = {"image": pictures, "label": labels}
    error = functools.partial(losses.reconstruction_loss, form="sum")
    compiled = {
        "loss": {"lengths": losses.margin_loss, "reconstruction": error},
        "loss_weights": {"lengths": 1.0, "reconstruction": 5e-4},
    }
    targets = {"lengths": np.eye(10, dtype=np.float32)[labels], "reconstruction": pictures}
    objective = functools.partial(losses.compute_loss, reconstruction_weight=5e-4)
    return Case(network, objective, arrays, model.with_label(network), arrays, targets, compiled, 64)


def densenet() -> Case:
    """The post's network, batches of 64."""
    import densenet.losses as losses
    import densenet.model as model

    pictures, labels = images(640, 28, 28, 1), (np.arange(640) % 10).astype(np.int32)
    network = model.build()
    arrays = {"image": pictures, "label": labels}
    return Case(network, losses.compute_loss, arrays, network, pictures, labels, {"loss": losses.cross_entropy}, 64)


CASES = {"GMU": gmu, "CorrNet": corrnet, "convolutional autoencoder": autoencoder, "CorrMCNN": corrmcnn,
         "CapsNet": capsnet, "DenseNet": densenet}  # fmt: skip


def run(repeats: int) -> list[dict]:
    """Two rows per method: examples/s of a training epoch against fit at its best and by default."""
    return [row for name, make in CASES.items() for row in measure(name, make, repeats)]


def measure(name: str, make: Callable[[], Case], repeats: int) -> list[dict]:
    """Finds fit's best setting, then measures loop, best and default in turns."""
    from benchmarks.steps import loop_epoch

    case = make()
    settings = itertools.product((False, True), STEPS, ("arrays", "tf.data"))
    tried = {setting: one_epoch(fit_epoch(make(), *setting)) for setting in settings}
    best = min(tried, key=tried.__getitem__)
    calls = {
        "ours": loop_epoch(case.network, case.objective, case.arrays, case.batch_size),
        "best": fit_epoch(make(), *best),
        "default": fit_epoch(make(), False, 1, "arrays"),
    }
    seconds, count = timing.interleaved(calls, repeats), len(next(iter(case.arrays.values())))
    words = f"{'XLA' if best[0] else 'no XLA'}, {best[1]} steps per execution, {best[2]}"
    titles = {"best": f"training loop vs Model.fit at its best ({words}), {name}",
              "default": f"training loop vs Model.fit by default, {name}"}  # fmt: skip
    return [
        timing.row(title, seconds["ours"], seconds[key], count, "examples/s", repeats) for key, title in titles.items()
    ]


def one_epoch(call: Callable[[], object], times: int = 3) -> float:
    """Seconds of the fastest of several epochs after a first one, which traces."""
    call()
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def fit_epoch(case: Case, jit: bool, steps: int, source: str) -> Callable[[], object]:
    """A call that trains for one epoch by `Model.fit`."""
    import keras
    import tensorflow as tf

    case.plain.compile(keras.optimizers.Adam(1e-3), **case.compiled, jit_compile=jit, steps_per_execution=steps)
    if source == "arrays":
        return lambda: case.plain.fit(case.inputs, case.targets, case.batch_size, epochs=1, verbose=0)
    parts = (case.inputs,) if case.targets is None else (case.inputs, case.targets)
    count = len(next(iter(case.arrays.values())))
    data = tf.data.Dataset.from_tensor_slices(parts).shuffle(count).batch(case.batch_size).prefetch(tf.data.AUTOTUNE)
    return lambda: case.plain.fit(data, epochs=1, verbose=0)

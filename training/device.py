"""Where a run computes: device, memory growth, precision, determinism, tf.distribute strategy."""

import contextlib
import ctypes
import os
import sys
from typing import Any

from training.quiet import load_tensorflow
from training.settings import Settings, SettingsError


def configure(config: Settings) -> tuple[Any, str]:
    """Sets TensorFlow up for `config`; call once, before the first tensor.

    Returns:
        The tf.distribute strategy whose scope the model is built in (the default one for `none`), and one
        line that says what runs where.

    Raises:
        SettingsError: a GPU was asked for and there is none, or the strategy cannot be set up.
    """
    keep_freed_memory()
    tf = load_tensorflow()
    import keras

    gpus = tf.config.list_physical_devices("GPU")
    if config.device == "gpu" and not gpus:
        raise SettingsError("--device gpu was asked for, but TensorFlow sees no GPU; use --device auto or cpu")
    if config.device == "cpu":
        with contextlib.suppress(RuntimeError):  # devices were initialised by an earlier run in this process
            tf.config.set_visible_devices([], "GPU")
        gpus = []
    for gpu in gpus:
        with contextlib.suppress(RuntimeError):
            tf.config.experimental.set_memory_growth(gpu, True)
    keras.mixed_precision.set_global_policy(config.precision)
    if not config.jit:  # XLA would refuse the gradient of max-pooling; on a CPU it is repeatable without
        tf.config.experimental.enable_op_determinism()
    strategy = choose_strategy(config, tf)
    where = f"{len(gpus)} GPU" if gpus else f"CPU ({os.cpu_count()} cores)"
    line = f"{where}, {config.precision}, {'XLA' if config.jit else 'no XLA'}, strategy {config.strategy}"
    return strategy, f"{line} with {strategy.num_replicas_in_sync} replica(s), TensorFlow {tf.__version__}"


def keep_freed_memory():
    """Lets the C library keep the memory that a step frees for the next step, instead of returning it to the system.

    A step's large tensors are otherwise new pages each time, which the system clears and maps one by one. Does nothing
    where the library is not glibc.
    """
    arenas, trim_above, most_mappings = -8, -1, -4  # M_ARENA_MAX, M_TRIM_THRESHOLD, M_MMAP_MAX of glibc's malloc.h
    if sys.platform == "linux" and (mallopt := getattr(ctypes.CDLL(None), "mallopt", None)):
        mallopt(arenas, 1)  # one heap for all threads: the others cannot hold large tensors
        mallopt(most_mappings, 0)
        mallopt(trim_above, -1)  # never


def choose_strategy(config: Settings, tf) -> Any:
    """The tf.distribute strategy named by `config.strategy`."""
    if config.strategy == "none":
        return tf.distribute.get_strategy()
    if config.strategy == "multiworker":
        if not os.environ.get("TF_CONFIG"):
            raise SettingsError("--strategy multiworker needs the cluster in the environment variable TF_CONFIG")
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
    else:
        devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
        strategy = tf.distribute.MirroredStrategy([device.name for device in devices])
    if config.batch_size < strategy.num_replicas_in_sync:
        raise SettingsError(
            f"--batch-size {config.batch_size} is smaller than the {strategy.num_replicas_in_sync} replicas"
        )
    return strategy


def is_chief() -> bool:
    """Whether this process writes the run folder: the only one, or worker 0 of TF_CONFIG."""
    import json

    task = json.loads(os.environ.get("TF_CONFIG") or "{}").get("task", {})
    return task.get("type", "worker") in ("chief", "worker") and int(task.get("index", 0)) == 0

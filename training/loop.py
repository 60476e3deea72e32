"""The one training loop: data on the device, many steps inside the graph per call from Python."""

import dataclasses
import functools
import math
import time
from collections.abc import Callable, Mapping

import keras
import numpy as np
import tensorflow as tf

from data.dataset import Dataset, Split, answers, rows_of
from data.mapped import any_mapped
from training.board import Board
from training.progress import Progress
from training.run import Run, TrainingError
from training.settings import Settings

ComputeLoss = Callable[..., tuple[tf.Tensor, dict[str, tf.Tensor]]]


def fit(
    model: keras.Model,
    compute_loss: ComputeLoss,
    dataset: Dataset,
    config: Settings,
    run: Run,
    optimizer: keras.optimizers.Optimizer,
) -> list[dict[str, float]]:
    """Trains `model` for `config.epochs` epochs, resuming from the run's newest checkpoint if there is one.

    Args:
        model: built inside the strategy's scope, after seeding.
        compute_loss: `(model, batch, training) -> (loss, {term: scalar})`, means over the batch.
        dataset: trained on `train`; the whole `validation` split is evaluated after every epoch.
        config: epochs, batch_size, shuffle, seed, steps_per_call, jit, precision.
        run: receives metrics.csv and a checkpoint after every epoch.
        optimizer: any Keras optimizer; wrapped with loss scaling under mixed_float16.

    Returns:
        One record per epoch: `epoch`, `seconds`, `train/<term>`, `validation/<term>`; terms are means over
        examples.

    Raises:
        TrainingError: a loss term became NaN or infinite; the last good checkpoint is kept.
    """
    strategy = tf.distribute.get_strategy()
    if config.precision == "mixed_float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    optimizer.build(model.trainable_variables)
    steps = Steps(model, compute_loss, strategy, config.jit, optimizer)
    train, validation = on_device(dataset.train, strategy), on_device(dataset.validation, strategy)
    examples, held = dataset.counts()["train"], dataset.counts()["validation"]
    history = restore(run, [*model.variables, *optimizer.variables])
    if history:  # killed after the checkpoint was written, before the line of its epoch was
        run.write_metrics(history)
    board = Board(run.path, history) if config.tensorboard else None
    progress = Progress(config.epochs, math.ceil(examples / config.batch_size))
    for epoch in range(len(history) + 1, config.epochs + 1):
        start = time.perf_counter()
        row: dict[str, float] = {"epoch": epoch}
        order = epoch_order(examples, config.seed, epoch) if config.shuffle else np.arange(examples)
        row |= mean_terms("train", steps.train, train, order, config, epoch, progress)
        row |= mean_terms("validation", steps.evaluate, validation, np.arange(held), config, epoch)
        row["seconds"] = round(time.perf_counter() - start, 3)
        history.append(row)
        run.save_checkpoint(read([*model.variables, *optimizer.variables]), history)
        run.write_metrics(history)
        if board:
            board.write(row)
        progress.end_epoch(row)
    optimizer.finalize_variable_values(model.trainable_variables)  # the moving average, if one was kept
    progress.console.print("measuring on the test split ...", style="dim")
    return history


def fit_arrays(
    model: keras.Model,
    compute_loss: ComputeLoss,
    arrays: Split,
    optimizer: keras.optimizers.Optimizer,
    epochs: int,
    batch_size: int,
    seed: int,
) -> list[dict[str, float]]:
    """`fit` without a run: no validation, no checkpoints, nothing written; for estimators.

    Returns:
        {"train/<term>": mean over examples} of every epoch.

    Raises:
        TrainingError: a loss term became NaN or infinite.
    """
    optimizer.build(model.trainable_variables)
    strategy = tf.distribute.get_strategy()
    steps = Steps(model, compute_loss, strategy, optimizer=optimizer)
    placed, settings = on_device(arrays, strategy), Settings(epochs=epochs, batch_size=batch_size, seed=seed)
    orders = (epoch_order(rows_of(arrays), seed, epoch) for epoch in range(1, epochs + 1))
    return [mean_terms("train", steps.train, placed, order, settings, epoch) for epoch, order in enumerate(orders, 1)]


def evaluate(model: keras.Model, compute_loss: ComputeLoss, split: Split, batch_size: int = 500) -> dict[str, float]:
    """Means over all examples of `split` of every term of `compute_loss`, last partial batch included."""
    strategy = tf.distribute.get_strategy()
    steps = Steps(model, compute_loss, strategy)
    order = np.arange(rows_of(split))
    terms = mean_terms("", steps.evaluate, on_device(split, strategy), order, Settings(batch_size=batch_size), 0)
    return {name.lstrip("/"): value for name, value in terms.items()}


def predict(model: keras.Model, inputs, batch_size: int = 1000):
    """`model(inputs, training=False)` in batches, in the graph; arrays (or dicts of them) in, NumPy out.

    Does what `keras.Model.predict` does for arrays in memory, without its tf.data pipeline and its log.
    """
    step = tf.function(functools.partial(model, training=False), reduce_retracing=True)
    count = len(keras.tree.flatten(inputs)[0])
    parts = []
    for first in range(0, count, batch_size):
        batch = keras.tree.map_structure(lambda array: pixels(tf.constant(array[first : first + batch_size])), inputs)  # noqa: B023
        parts.append(keras.tree.map_structure(answers, step(batch)))
    return keras.tree.map_structure(lambda *pieces: np.concatenate(pieces), *parts)


def epoch_order(examples: int, seed: int, epoch: int) -> np.ndarray:
    """Row numbers in the order of an epoch: a permutation that depends only on (seed, epoch)."""
    return np.random.default_rng([seed, epoch]).permutation(examples)


@dataclasses.dataclass(frozen=True)
class OnDisk:
    """A split whose arrays stay in their files: each call from Python brings the rows of its batches.

    Order, batches and results are those of the same arrays in memory.
    """

    split: Split
    strategy: tf.distribute.Strategy

    def steps_at_once(self, wanted: int, size: int, most: int = 256 << 20) -> int:
        """How many batches of `size` rows fit into `most` bytes: `wanted` at most, 1 at least."""
        row = sum(array[:1].nbytes for array in self.split.values())
        return max(1, min(wanted, most // (size * row)))

    def fetch(self, rows: np.ndarray):
        """The rows of these numbers, as `on_device` gives them."""
        return on_device({key: array[rows] for key, array in self.split.items()}, self.strategy)


def on_device(split: Split, strategy) -> Mapping[str, tf.Tensor] | OnDisk:
    """The arrays of a split as tensors, one copy per replica, placed once; or on disk where they are mapped."""
    if any_mapped(split):
        return OnDisk(split, strategy)

    def place(array):
        return strategy.experimental_distribute_values_from_function(lambda _: as_tensor(array))

    return {key: place(array) for key, array in split.items()}


def as_tensor(array: np.ndarray, large: int = 16 << 20, rows: int = 1000) -> tf.Tensor:
    """`tf.constant(array)`; a large one on the CPU part by part, because `tf.constant` needs room for two copies."""
    if array.nbytes < large or tf.config.list_logical_devices("GPU"):
        return tf.constant(array)
    tensor = tf.raw_ops.Empty(shape=array.shape, dtype=tf.as_dtype(array.dtype), init=False)
    for first in range(0, len(array), rows):
        part = array[first : first + rows]
        tensor = tf.raw_ops.InplaceUpdate(x=tensor, i=tf.range(first, first + len(part)), v=part)
    return tensor


def mean_terms(prefix, call, arrays, order, config, epoch, progress=None) -> dict[str, float]:
    """Runs `call` over `order`, `steps_per_call` batches at a time; example-weighted means of its terms."""
    size, examples = config.batch_size, len(order)
    steps, total = math.ceil(examples / size), np.zeros(())  # [terms] from the first batches on
    disk = arrays if isinstance(arrays, OnDisk) else None
    at_once = disk.steps_at_once(config.steps_per_call, size) if disk else config.steps_per_call
    rows, offset = tf.constant(order, tf.int32), 0
    for first in range(0, steps, at_once):
        count = min(at_once, steps - first)
        if disk:
            wanted, offset = order[first * size : (first + count) * size], first
            arrays, rows = disk.fetch(wanted), tf.range(len(wanted))
        bounds = [tf.constant(number) for number in (first - offset, count, size)]
        values = call(arrays, rows, *bounds).numpy().astype(np.float64)  # [count, terms]
        check_finite(values, call.names, prefix, epoch, first)
        counts = np.minimum(size, examples - size * np.arange(first, first + count))  # the last batch may be smaller
        total = total + counts @ values
        if progress:
            progress.advance(count, values[-1, 0])
    return {f"{prefix}/{name}": float(value) for name, value in zip(call.names, total / examples, strict=True)}


def check_finite(values: np.ndarray, names: list[str], prefix: str, epoch: int, step: int) -> None:
    """Raises TrainingError naming the first step and the terms that are not finite."""
    bad = ~np.isfinite(values)
    if bad.any():
        row = int(bad.any(1).argmax())
        terms = ", ".join(f"{names[i]} = {values[row, i]}" for i in np.flatnonzero(bad[row]))
        raise TrainingError(
            f"{prefix or 'evaluation'} became not finite in epoch {epoch}, step {step + row + 1}: {terms}; the "
            "last good checkpoint is kept; lower --learning-rate, or use --precision float32"
        )


@dataclasses.dataclass
class Steps:
    """The graph functions `train` and `evaluate` of one model.

    Each takes (arrays, order, first, count, size), runs the batches first .. first + count - 1 of `size` rows of
    `order`, the last one cut short by its end, and returns their terms, float32 [count, terms].
    """

    model: keras.Model
    compute_loss: ComputeLoss
    strategy: tf.distribute.Strategy
    jit: bool = False
    optimizer: keras.optimizers.Optimizer | None = None

    def __post_init__(self):
        self.train = self.repeat(self.train_step)
        self.evaluate = self.repeat(self.evaluate_step)

    def repeat(self, step):
        """A tf.function that runs `step` for several batches, inside the graph."""
        compiled = tf.function(step, jit_compile=True, autograph=False) if self.jit else step
        names = []
        # Models and losses are plain TensorFlow: leaving them unconverted makes tracing a third faster.
        share = tf.autograph.experimental.do_not_convert(functools.partial(share_of_batch, compiled, names))

        @tf.function(reduce_retracing=True)
        def steps(arrays, order, first, count, size):
            values = tf.TensorArray(tf.float32, size=count, element_shape=[None])
            for i in tf.range(count):
                rows = order[(first + i) * size : (first + i + 1) * size]
                terms = self.strategy.run(share, (arrays, rows))
                values = values.write(i, self.strategy.reduce("SUM", terms, axis=None))
            return values.stack()

        steps.names = names
        return steps

    def train_step(self, batch, weight):
        """One optimizer step on this replica's share of a batch; `weight` is the share in (0, 1]."""
        with tf.GradientTape() as tape:
            loss, terms = self.compute_loss(self.model, batch, training=True)
            scaled = self.optimizer.scale_loss(loss * weight)
        variables = self.model.trainable_variables
        self.optimizer.apply(tape.gradient(scaled, variables), variables)
        return loss, terms

    def evaluate_step(self, batch, weight):
        """Loss and terms of this replica's share of a batch, without training."""
        return self.compute_loss(self.model, batch, training=False)


def share_of_batch(step, names: list[str], arrays, rows) -> tf.Tensor:
    """Gathers this replica's share of the batch on its device; terms weighted by the share, as a vector."""
    context = tf.distribute.get_replica_context()
    replica, replicas = context.replica_id_in_sync_group, context.num_replicas_in_sync
    count = tf.shape(rows)[0]
    first, last = replica * count // replicas, (replica + 1) * count // replicas
    weight = tf.cast(last - first, tf.float32) / tf.cast(count, tf.float32)
    first = tf.minimum(first, count - 1)  # an empty share computes one example with weight 0
    rows = rows[first : tf.maximum(last, first + 1)] if replicas > 1 else rows
    loss, terms = step({key: pixels(tf.gather(array, rows)) for key, array in arrays.items()}, weight)
    names[:] = ["loss", *(name for name in terms if name != "loss")]
    values = [loss, *(value for name, value in terms.items() if name != "loss")]
    return weight * tf.stack([tf.cast(value, tf.float32) for value in values])


def pixels(array: tf.Tensor) -> tf.Tensor:
    """Pictures kept as uint8 as float32 in [0, 1]; anything else as it is.

    Divided in float64: a graph multiplies by 1 / 255 instead, which in float32 is another number now and then.
    """
    return tf.cast(tf.cast(array, tf.float64) / 255.0, tf.float32) if array.dtype == tf.uint8 else array


def read(variables: list[keras.Variable]) -> list[np.ndarray]:
    """Values of Keras variables, random states of dropout and noise layers included."""
    return [variable.numpy() for variable in variables]


def restore(run: Run, variables: list[keras.Variable]) -> list[dict]:
    """Assigns the run's newest checkpoint to `variables`; returns its history, empty without one."""
    checkpoint = run.load_checkpoint()
    if checkpoint is None:
        return []
    state, history = checkpoint
    shapes, expected = [value.shape for value in state], [tuple(variable.shape) for variable in variables]
    if shapes != expected:
        raise TrainingError(
            f"the checkpoint in {run.path} does not fit the model ({len(shapes)} arrays, expected {len(expected)} "
            "of the same shapes); the code has changed since: use --overwrite"
        )
    for variable, value in zip(variables, state, strict=True):
        variable.assign(value)
    return history

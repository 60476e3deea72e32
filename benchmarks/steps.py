"""What several benchmarks time: an epoch of this project's loop; a function with its gradients."""

import keras
import tensorflow as tf

from training import loop
from training.settings import Settings


def loop_epoch(network, compute_loss, split, batch_size, jit=False):
    """A call that trains `network` for one epoch on `split` with this project's loop and Adam; `jit`: with XLA."""
    optimizer = keras.optimizers.Adam(1e-3)
    optimizer.build(network.trainable_variables)
    strategy = tf.distribute.get_strategy()
    steps = loop.Steps(network, compute_loss, strategy, jit, optimizer)
    arrays, config = loop.on_device(split, strategy), Settings(batch_size=batch_size)
    examples = len(next(iter(split.values())))
    return lambda: loop.mean_terms("train", steps.train, arrays, loop.epoch_order(examples, 0, 1), config, 1)


def forward_and_backward(function, *inputs):
    """A call that computes `function(*inputs)` and the gradients of a scalar of it."""
    variables = [tf.Variable(value) for value in inputs]

    @tf.function
    def call():
        with tf.GradientTape() as tape:
            total = tf.reduce_sum(function(*[tf.convert_to_tensor(variable) for variable in variables]) ** 2)
        return total, tape.gradient(total, tape.watched_variables())

    return lambda: float(call()[0])

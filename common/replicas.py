"""Sums over a whole batch where it is shared among the replicas of a tf.distribute strategy."""

import tensorflow as tf
from keras import ops


def alone() -> bool:
    """Whether this replica has the whole batch."""
    context = tf.distribute.get_replica_context()
    return context is None or context.num_replicas_in_sync == 1


def total(values):
    """The sum over all replicas of what each has summed over its rows; `values` as they are with a single replica.

    A loss that is no mean over samples, such as a correlation, needs sums over the whole batch. Its gradient reaches
    the rows of every replica: each one computes the same loss, weighted by its share of the batch; shares add up to 1.
    """
    if alone():
        return values
    return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, tf.convert_to_tensor(values))


def moments(values):
    """(mean, variance) over the rows (n, ...) of the whole batch."""
    rows = total(ops.cast(ops.shape(values)[0], "float32"))
    mean = total(ops.sum(values, axis=0)) / rows
    return mean, total(ops.sum(ops.square(values - mean), axis=0)) / rows

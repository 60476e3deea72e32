"""Train and ask many copies of one model at once: each weight and each array gets a leading axis of models.

The copies share nothing. `gmu.fast` computes the gated classifiers with batched products; for other models
`tf.vectorized_map` turns the model's own forward pass and loss into one computation over all of them. Adam works number
by number, so copy k ends where it would have ended alone.
"""

import functools

import keras
import numpy as np
import tensorflow as tf

from gmu import fast, losses


def initial_weights(model, seeds):
    """Fresh weights for one copy of `model` per seed: Glorot uniform matrices, zero vectors (Keras' defaults).

        W ~ U(-a, a),   a = sqrt(6 / (fan in + fan out))

    Args:
        model: a built model whose trainable variables are matrices and bias vectors.
        seeds: S integers >= 0; each has a random stream of its own.

    Returns:
        List of float32 arrays (S, *shape), in the order of `model.trainable_variables`.
    """
    streams = [np.random.default_rng(seed) for seed in seeds]
    stacked = []
    for variable in model.trainable_variables:
        shape = tuple(variable.shape)
        limit = np.sqrt(6 / sum(shape)) if len(shape) == 2 else 0.0
        stacked.append(np.stack([stream.uniform(-limit, limit, shape) for stream in streams]).astype("float32"))
    return stacked


def train(model, compute_loss, weights, data, *, steps, learning_rate):
    """Full-batch Adam on every copy at once.

    Args:
        model: gives the equations; its own weights are neither read nor changed.
        compute_loss: `(model, batch, training) -> (loss, terms)`.
        weights: list of arrays (S, *shape), where each copy starts.
        data: dict of arrays (S, n, ...), the training set of each copy.
        steps: optimizer steps, at least 1.
        learning_rate: Adam's step size.

    Returns:
        (weights, losses): where each copy ends, as given, and its loss before each step, float32 (steps, S).
    """
    variables = [keras.Variable(value) for value in weights]
    optimizer = keras.optimizers.Adam(learning_rate)
    optimizer.build(variables)
    data = {name: tf.constant(array) for name, array in data.items()}
    batched = batched_losses(model, compute_loss)

    def loss_of_one(copy):
        with using(model, copy["weights"]):
            return compute_loss(model, copy["data"], training=True)[0]

    def step():
        values = [variable.value for variable in variables]
        with tf.GradientTape() as tape:
            found = (
                batched(values, data) if batched else tf.vectorized_map(loss_of_one, {"weights": values, "data": data})
            )
            total = tf.reduce_sum(found)  # (S,); the copies share nothing: the gradient of the sum is each one's own
        optimizer.apply(tape.gradient(total, values), variables)
        return found

    compiled = tf.function(step, jit_compile=bool(batched), autograph=False)

    @tf.function
    def descend():
        history = tf.TensorArray(tf.float32, steps)
        for number in tf.range(steps):
            history = history.write(number, compiled())
        return history.stack()

    history = descend().numpy()
    return [variable.numpy() for variable in variables], history


def batched_losses(model, compute_loss):
    """`(weights, data) -> losses (S,)` by batched products, where the model and its loss are known to `gmu.fast`."""
    function, options = getattr(compute_loss, "func", compute_loss), getattr(compute_loss, "keywords", {})
    if function is not losses.compute_loss or getattr(compute_loss, "args", ()) or not fast.can_batch(model):
        return None
    return functools.partial(fast.losses_of, model, **options)


def predict(model, weights, data, summarise=lambda outputs, data: outputs, copies_at_once=50):
    """Outputs of every copy on its own data, or what `summarise` makes of them.

    Args:
        model: gives the equations.
        weights: list of arrays (S, *shape).
        data: dict of arrays (S, n, ...).
        summarise: function of outputs and data, dicts of arrays (s, n, ...), that returns a dict of arrays
            (s, ...); called for every `copies_at_once` copies, so that large outputs need not be kept.
        copies_at_once: memory bound; changes nothing in the result.

    Returns:
        Dict of arrays (S, ...).
    """

    def ask_one(copy):
        with using(model, copy["weights"]):
            return model(copy["data"], training=False)

    def ask_all(copies):
        if fast.can_batch(model):
            return fast.outputs(model, copies["weights"], copies["data"])
        return tf.vectorized_map(ask_one, copies)

    ask = tf.function(ask_all, reduce_retracing=True)
    parts = []
    for first in range(0, len(weights[0]), copies_at_once):
        chunk = slice(first, first + copies_at_once)
        own = {name: array[chunk] for name, array in data.items()}
        outputs = ask({"weights": [value[chunk] for value in weights], "data": own})
        parts.append(summarise({name: value.numpy() for name, value in outputs.items()}, own))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def using(model, weights):
    """Scope in which the model computes with `weights` instead of its own trainable variables."""
    return keras.StatelessScope(state_mapping=list(zip(model.trainable_variables, weights, strict=True)))


def set_copy(model, weights, index):
    """Give the model the weights of copy `index`, for example to save or draw it."""
    for variable, values in zip(model.trainable_variables, weights, strict=True):
        variable.assign(values[index])

"""Losses and gradients of every method stay finite on inputs without variation or of extreme size, in any precision."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.test_plain_keras import METHODS

LARGEST = 1e4  # features, not pixels; float16 ends at 65,504


def zero(array):
    return np.zeros_like(array)


def constant(array):
    return np.full_like(array, 0.7)


def single(array):
    return array[:1]


def extreme(array):
    """Pixels 0 or 1 in a chequerboard; features of size 1e4."""
    signs = np.indices(array.shape).sum(axis=0) % 2
    return (signs if array.ndim == 4 else LARGEST * (2 * signs - 1)).astype(array.dtype)


@pytest.fixture
def precision(request):
    """A Keras policy for the test."""
    keras.mixed_precision.set_global_policy(request.param)
    yield request.param
    keras.mixed_precision.set_global_policy("float32")


@pytest.mark.parametrize("precision", ["float32", "mixed_float16", "mixed_bfloat16"], indirect=True)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.usefixtures("without_graphs")
def test_losses_and_gradients_are_finite_whatever_the_images(method, precision):
    keras.utils.set_random_seed(0)
    network, _, objective, arrays, *_ = METHODS[method]()
    for change in (zero, constant, single, extreme):
        batch = {
            name: tf.constant(change(x) if x.dtype == np.float32 else x[: len(change(x))]) for name, x in arrays.items()
        }
        with tf.GradientTape() as tape:
            loss, terms = objective(network, batch, training=True)
            scaled = loss * (1.0 if precision == "float32" else 128.0)
        variables = network.trainable_variables
        gradients = tape.gradient(scaled, variables)
        where = f"{method}, {precision}, {change.__name__}"
        assert loss.dtype == tf.float32 and np.isfinite(loss), where
        assert all(np.isfinite(np.array(term)).all() for term in terms.values()), (where, terms)
        for variable, gradient in zip(variables, gradients, strict=True):
            assert gradient is None or np.isfinite(np.array(gradient)).all(), (where, variable.path)

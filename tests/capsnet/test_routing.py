"""Squash, length, votes and routing against loops, other formulations, and at the edges of float32."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from benchmarks import capsnet as capsnet_benchmark
from capsnet import routing
from capsnet.layers import DigitCapsules, Length, Mask
from tests.capsnet import oracles

random = np.random.default_rng(0)
INPUTS = random.normal(size=(5, 7, 3)).astype("float32")


def make(capsules=4, size=2, inputs=INPUTS, **settings):
    """A built layer with random weights, large enough for couplings to differ."""
    layer = DigitCapsules(capsules, size, **settings)
    layer.build(inputs.shape)
    layer.set_weights([random.normal(size=weight.shape) for weight in layer.weights])
    return layer


def test_squash_by_hand():
    # |(3, 4)| = 5, 25 / 26 * (3, 4) / 5
    np.testing.assert_allclose(routing.squash(tf.constant([3.0, 4.0])), [25 / 26 * 3 / 5, 25 / 26 * 4 / 5], rtol=1e-6)


@pytest.mark.parametrize("scale", [1e-12, 1e-4, 1e-2, 1.0, 100.0])
def test_squash_keeps_the_direction_at_every_length(scale):
    vectors = (scale * random.normal(size=(6, 8))).astype("float32")
    squashed = np.array(routing.squash(tf.constant(vectors)))
    expected = np.stack([oracles.squash(vector) for vector in vectors])
    np.testing.assert_allclose(squashed, expected, rtol=1e-5)  # relative: short capsules are not shrunk further


@pytest.mark.parametrize("value", [0.0, 1e-30, 1e30])
@pytest.mark.parametrize("function", [routing.squash, routing.safe_length])
def test_value_and_gradient_are_finite_at_the_extremes(function, value):
    vectors = tf.constant([[value, -value, 0.0, value]])
    with tf.GradientTape() as tape:
        tape.watch(vectors)
        result = function(vectors)
    gradient = tape.gradient(result, vectors)
    assert np.isfinite(result).all() and np.isfinite(gradient).all()


def test_limits_of_squash_and_length():
    assert np.abs(routing.squash(tf.zeros((1, 4)))).max() == 0
    huge = tf.constant([[1e30, 0.0, -1e30]])
    np.testing.assert_allclose(routing.squash(huge), [[2**-0.5, 0, -(2**-0.5)]], rtol=1e-6)
    np.testing.assert_allclose(routing.safe_length(huge), [[2**0.5 * 1e30]], rtol=1e-6)
    assert float(routing.safe_length(tf.zeros((1, 4)))[0, 0]) < 1e-17


def test_gradient_of_the_length_is_the_unit_vector():
    vectors = tf.constant([[3.0, 4.0], [0.0, 2.0], [1.0, 1.0]])
    with tf.GradientTape() as tape:
        tape.watch(vectors)
        total = tf.reduce_sum(routing.safe_length(vectors))
    np.testing.assert_allclose(tape.gradient(total, vectors), [[0.6, 0.8], [0, 1], [0.5**0.5, 0.5**0.5]], rtol=1e-6)


@pytest.mark.parametrize("iterations", [1, 2, 3, 5])
@pytest.mark.parametrize("use_bias", [False, True])
def test_routing_equals_the_loops(iterations, use_bias):
    layer = make(iterations=iterations, use_bias=use_bias, compiled=False)
    expected, couplings = oracles.route(
        INPUTS.astype(float), np.array(layer.kernel, float), 4, iterations, np.array(layer.bias) if use_bias else None
    )
    np.testing.assert_allclose(layer(INPUTS), expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(layer.couplings(INPUTS), couplings, rtol=1e-4, atol=1e-6)


def test_couplings_of_an_input_capsule_sum_to_one_over_the_outputs():
    couplings = np.array(make(iterations=3).couplings(INPUTS))
    np.testing.assert_allclose(couplings.sum(-1), 1, rtol=1e-5)
    np.testing.assert_allclose(couplings[0], 1 / 4)  # before any agreement all outputs are equal
    assert couplings[-1].std() > 0.05  # and the sum over the inputs is free
    assert not np.allclose(couplings[-1].sum(1), 1, atol=0.05)


def test_one_iteration_is_a_mean_over_outputs():
    layer = make(iterations=1, compiled=False)
    votes = np.array(routing.vote(tf.constant(INPUTS), layer.kernel, 4))
    np.testing.assert_allclose(layer(INPUTS), routing.squash(tf.constant(votes.sum(0) / 4)), rtol=1e-5, atol=1e-7)


def value_and_gradients(function, inputs, kernel):
    """Output and gradients of a fixed weighted sum of it."""
    weights = tf.constant(np.random.default_rng(1).normal(size=(len(inputs), 4, 2)), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch([inputs, kernel])
        outputs = function(inputs, kernel)
        total = tf.reduce_sum(outputs * weights)
    return [outputs, *tape.gradient(total, [inputs, kernel])]


def layer_value_and_gradients(layer):
    """As above, of a built layer on INPUTS."""
    inputs, weights = tf.constant(INPUTS), tf.constant(np.random.default_rng(1).normal(size=(5, 4, 2)), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = layer(inputs)
        total = tf.reduce_sum(outputs * weights)
    return [np.array(value) for value in (outputs, *tape.gradient(total, [inputs, *layer.trainable_variables]))]


@pytest.mark.parametrize("other", [capsnet_benchmark.MapFnCapsules, capsnet_benchmark.TileCapsules])
def test_the_benchmarks_formulations_agree_in_value_and_gradient(other):
    ours, theirs = make(iterations=3, compiled=False), other(4, 2)
    theirs.build(INPUTS.shape)

    def their_layout(kernel):
        """(I, d, C D) as (C, I, D, d) where the other layer has its weights so."""
        if theirs.kernel.shape == kernel.shape:
            return kernel
        return np.array(kernel).reshape(7, 3, 4, 2).transpose(2, 0, 3, 1)

    theirs.set_weights([their_layout(ours.get_weights()[0])])
    value, by_inputs, by_kernel = layer_value_and_gradients(ours)
    expected = [value, by_inputs, their_layout(by_kernel)]
    for left, right in zip(layer_value_and_gradients(theirs), expected, strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("count", [1, 5, 19])
def test_compiled_parts_equal_the_plain_computation(count):
    inputs = tf.constant(random.normal(size=(count, 7, 3)), tf.float32)
    compiled = make(iterations=3, compiled=True, use_bias=True)
    plain = make(iterations=3, compiled=False, use_bias=True)
    plain.set_weights(compiled.get_weights())
    results = []
    for layer in (compiled, plain):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            loss = tf.reduce_sum(layer(inputs) ** 3)
        results.append([loss, *tape.gradient(loss, [inputs, *layer.trainable_variables])])
    for left, right in zip(*results, strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-4, atol=1e-6)


def test_gradient_of_the_last_iteration_treats_couplings_as_constants():
    kernel, inputs = tf.constant(random.normal(size=(7, 3, 8)), tf.float32), tf.constant(INPUTS)
    all_, last = (
        value_and_gradients(lambda u, w, g=gradient: routing.vote_and_route(u, w, 0.0, 4, 3, g), inputs, kernel)
        for gradient in ("all", "last")
    )
    couplings = routing.route(routing.vote(inputs, kernel, 4), iterations=3)[1][-1]

    def constant_couplings(u, w):
        votes = routing.vote(u, w, 4)
        return routing.squash(tf.reduce_sum(couplings[..., None] * votes, 0))

    fixed = value_and_gradients(constant_couplings, inputs, kernel)
    np.testing.assert_allclose(all_[0], last[0], rtol=1e-6)  # same value
    for left, right in zip(last, fixed, strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-4, atol=1e-6)
    assert np.abs(all_[1] - last[1]).max() > 1e-3  # another gradient


def test_routing_stays_in_float32_under_mixed_precision():
    previous = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        layer = make(iterations=3)
        capsules = layer(tf.constant(INPUTS, tf.float16))
        length = Length()(capsules)
    finally:
        keras.mixed_precision.set_global_policy(previous)
    plain = make(iterations=3)
    plain.set_weights(layer.get_weights())
    assert capsules.dtype == length.dtype == tf.float32
    np.testing.assert_allclose(capsules, plain(INPUTS.astype("float16").astype("float32")), rtol=1e-5, atol=1e-6)


def test_initial_kernel_follows_the_documented_fans():
    layer = DigitCapsules(10, 16, kernel_initializer="glorot_uniform")
    layer.build((None, 30, 8))
    limit = (6 / (30 * 10 * (8 + 16))) ** 0.5
    values = np.abs(np.array(layer.kernel))
    assert values.max() <= limit and values.max() > 0.99 * limit


def test_mask_keeps_the_labelled_or_the_longest_capsule():
    capsules = tf.constant([[[1.0, 0.0], [0.0, 2.0]], [[3.0, 4.0], [1.0, 1.0]]])
    np.testing.assert_array_equal(Mask()(capsules), [[[0, 0], [0, 2]], [[3, 4], [0, 0]]])
    np.testing.assert_array_equal(Mask()(capsules, tf.constant([0, 1])), [[[1, 0], [0, 0]], [[0, 0], [1, 1]]])
    np.testing.assert_allclose(Length()(capsules), [[1, 2], [5, 2**0.5]], rtol=1e-6)


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"iterations": 0}, "iterations is 0"),
        ({"gradient": "first"}, "Unknown gradient: expected one of all, last, received 'first'"),
    ],
)
def test_bad_settings_are_named(settings, word):
    with pytest.raises(ValueError, match=word):
        DigitCapsules(**settings)


def test_inputs_that_are_not_capsules_are_refused():
    with pytest.raises(ValueError, match="expected \\(batch, capsules, size\\)"):
        DigitCapsules().build((None, 7))

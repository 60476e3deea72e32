"""The strided convolution, primary capsules and the random shift."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from capsnet.fast import strided_convolution
from capsnet.layers import PrimaryCapsules, RandomShift
from tests.capsnet import oracles

random = np.random.default_rng(0)


def normal(*shape):
    return tf.constant(random.normal(size=shape), tf.float32)


@pytest.mark.parametrize(
    ("size", "kernel", "stride"),
    [((20, 20), 9, 2), ((11, 8), 3, 2), ((9, 10), 3, 1), ((13, 11), 4, 3), ((12, 9), 2, 3)],
)
def test_convolution_equals_tensorflow_in_value_and_gradients(size, kernel, stride):
    image, weights = normal(2, *size, 3), normal(kernel, kernel, 3, 4)
    results = []
    for function in (strided_convolution, lambda x, w, s: tf.nn.conv2d(x, w, s, "VALID")):
        with tf.GradientTape() as tape:
            tape.watch([image, weights])
            output = function(image, weights, stride)
            loss = tf.reduce_sum(output**2)
        results.append([output, *tape.gradient(loss, [image, weights])])
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-3)


def test_convolution_with_an_unknown_batch_size_in_a_graph():
    weights = normal(3, 3, 2, 4)

    @tf.function(input_signature=[tf.TensorSpec((None, 9, 9, 2))])
    def gradient(image):
        return tf.gradients(strided_convolution(image, weights, 2), image)[0]

    assert [gradient(normal(count, 9, 9, 2)).shape for count in (1, 4)] == [(1, 9, 9, 2), (4, 9, 9, 2)]


def test_primary_capsules_by_hand():
    layer = PrimaryCapsules(types=2, size=3, kernel_size=3, stride=2, scale=0.5, bias_initializer="ones")
    image = normal(2, 7, 7, 4)
    capsules = np.array(layer(image))
    assert capsules.shape == (2, 3 * 3 * 2, 3) == layer.compute_output_shape((2, 7, 7, 4))
    patch, kernel = np.array(image[1, 2:5, 4:7]), np.array(layer.kernel)  # position (1, 2): capsules 10 and 11
    sums = 0.5 * np.einsum("hwc,hwcf->f", patch, kernel) + 1
    np.testing.assert_allclose(capsules[1, 10:12], [oracles.squash(sums[:3]), oracles.squash(sums[3:])], rtol=1e-4)


def test_primary_capsules_say_when_the_image_is_too_small():
    with pytest.raises(ValueError, match=r"cannot place a 9x9 kernel.*give larger images"):
        PrimaryCapsules().build((None, 8, 20, 4))


def test_primary_capsules_squash_in_float32_under_mixed_precision():
    layer = PrimaryCapsules(types=2, size=4, kernel_size=3, dtype="mixed_float16")
    layer.build((None, 5, 5, 1))
    layer.set_weights([np.full((3, 3, 1, 8), 100.0), np.zeros(8)])
    capsules = layer(np.full((1, 5, 5, 1), 10.0, np.float32))  # sums of 9,000 whose squares float16 cannot hold
    assert capsules.dtype == tf.float16
    np.testing.assert_allclose(np.linalg.norm(np.array(capsules, np.float32), axis=-1), 1, rtol=1e-3)


def test_shift_moves_every_image_by_its_own_whole_pixels():
    images = np.zeros((64, 9, 9, 1), np.float32)
    images[:, 4, 4] = 1
    shifted = np.array(RandomShift(2, seed=0)(images, training=True))[..., 0]
    places = np.argwhere(shifted == 1)
    assert len(places) == 64 and shifted.sum() == 64
    assert {tuple(place) for place in places[:, 1:] - 4} <= {(i, j) for i in range(-2, 3) for j in range(-2, 3)}
    assert set(places[:, 1]) == set(places[:, 2]) == {2, 3, 4, 5, 6}


def test_shift_fills_with_zeros_and_cuts_what_leaves():
    images = np.ones((50, 6, 6, 2), np.float32)
    shifted = np.array(RandomShift(2, seed=0)(images, training=True))
    sums = shifted.sum(axis=(1, 2))
    assert set(sums[:, 0]) <= {a * b for a in (4.0, 5.0, 6.0) for b in (4.0, 5.0, 6.0)} and sums.min() < 36
    np.testing.assert_array_equal(sums[:, 0], sums[:, 1])  # channels move together


def test_shift_rests_outside_training_and_draws_anew_within():
    layer, images = RandomShift(2, seed=0), random.random((8, 6, 6, 1), np.float32)
    np.testing.assert_array_equal(layer(images), images)
    first, second = np.array(layer(images, training=True)), np.array(layer(images, training=True))
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(first, RandomShift(2, seed=0)(images, training=True))


def test_shift_keeps_its_random_state_among_the_variables():
    layer = RandomShift(2)
    model = keras.Sequential([keras.Input((6, 6, 1)), layer])
    assert any(variable is layer.generator.state for variable in model.variables)
    assert model.count_params() == 0

"""Efficient-CapsNet: its formulas by loops, its parameters to the one, its layers alone."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from capsnet import efficient, losses
from capsnet.config import Config, make_optimizer
from capsnet.layers import Length
from tests.capsnet import oracles

random = np.random.default_rng(0)


def test_parameters_are_the_papers():
    network = efficient.build(decoder_units=())
    assert network.count_params() == 162_400
    assert sum(int(np.prod(weight.shape)) for weight in network.trainable_weights) == 161_824
    with_decoder = efficient.build()
    decoder = 160 * 512 + 512 + 512 * 1024 + 1024 + 1024 * 784 + 784
    assert with_decoder.count_params() == 162_400 + decoder


def test_squash_by_hand_and_its_limits():
    vectors = np.array([[3.0, 4.0], [0.0, 0.0], [1e-20, 0.0], [1e20, 0.0]], np.float32)
    found = np.array(efficient.squash_exponential(vectors))
    np.testing.assert_allclose(found[0], (1 - np.exp(-5)) * np.array([0.6, 0.8]), rtol=1e-6)
    assert (found[1] == 0).all() and found[3, 0] == pytest.approx(1)
    with tf.GradientTape() as tape:
        x = tf.zeros((1, 4))
        tape.watch(x)
        y = efficient.squash_exponential(x)
    assert np.isfinite(tape.jacobian(y, x)).all()


def test_depthwise_capsules_by_loops():
    layer = efficient.DepthwiseCapsules(size=3)
    maps = random.normal(size=(2, 4, 5, 6)).astype("float32")
    found = np.array(layer(maps))
    kernel, bias = np.array(layer.kernel), np.array(layer.bias)
    for image, capsules in zip(maps, found, strict=True):
        numbers = [(image[..., c] * kernel[..., c]).sum() + bias[c] for c in range(6)]
        for index in range(2):
            expected = oracles.squash_exponential(np.array(numbers[3 * index : 3 * index + 3]))
            np.testing.assert_allclose(capsules[index], expected, rtol=1e-4, atol=1e-6)
    depthwise = keras.layers.DepthwiseConv2D((4, 5))
    depthwise.build(maps.shape)
    depthwise.set_weights([kernel[..., None], bias])
    same = efficient.squash_exponential(keras.ops.reshape(depthwise(maps), (2, 2, 3)))
    np.testing.assert_allclose(found, same, rtol=1e-4, atol=1e-6)
    with pytest.raises(ValueError, match="6 channels cannot be divided into capsules of 4"):
        efficient.DepthwiseCapsules(size=4)(maps)


def test_attention_equals_the_loops_and_b_is_added_after_the_softmax():
    layer = efficient.AttentionCapsules(capsules=4, size=5)
    inputs = random.normal(size=(3, 6, 2)).astype("float32")
    layer.build(inputs.shape)
    layer.bias.assign(random.normal(size=(4, 6)))
    found, couplings = np.array(layer(inputs)), np.array(layer.couplings(inputs))
    assert couplings.shape == (1, 3, 6, 4)
    for n in range(3):
        expected, shares = oracles.attend(inputs[n], np.array(layer.kernel), np.array(layer.bias))
        np.testing.assert_allclose(found[n], expected, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(couplings[0, n].T, shares, rtol=1e-4, atol=1e-6)
    layer.bias.assign(np.zeros((4, 6)))
    np.testing.assert_allclose(np.array(layer.couplings(inputs)).sum(-1), 1, rtol=1e-5)
    assert (np.linalg.norm(found, axis=-1) < 1).all()


def test_layers_serve_a_model_of_ones_own_and_learn():
    keras.utils.set_random_seed(0)
    image = keras.Input((9, 9, 8))
    capsules = efficient.AttentionCapsules(3, 4)(efficient.DepthwiseCapsules(4)(image))
    network = keras.Model(image, Length()(capsules))
    network.compile(keras.optimizers.Adam(0.01), loss=losses.margin_loss)
    images, labels = random.normal(size=(24, 9, 9, 8)), np.arange(24) % 3
    seen = network.fit(images, labels, epochs=15, verbose=0).history["loss"]
    assert seen[-1] < 0.5 * seen[0]


@pytest.mark.parametrize("schedule", ["constant", "exponential", "cosine", "one_cycle"])
def test_rates_start_peak_and_end_as_they_say(schedule):
    optimizer = make_optimizer(Config(schedule=schedule, learning_rate=0.1, weight_decay=0.01, average=0.9), 100)
    optimizer.build([keras.Variable(np.zeros(2))])
    rates = []
    for step in range(101):
        optimizer.iterations.assign(step)
        rates.append(float(optimizer.learning_rate))
    first, last = {"cosine": (0.1, 0.0), "one_cycle": (0.004, 0.0)}.get(schedule, (0.1, 0.1))
    assert rates[0] == pytest.approx(first, rel=1e-5) and rates[-1] == pytest.approx(last, abs=3e-4)
    assert max(rates) == pytest.approx(0.1, rel=1e-3)
    if schedule == "one_cycle":
        assert np.argmax(rates) == 30
    assert optimizer.use_ema and optimizer.weight_decay == 0.01


def test_the_benchmarks_baseline_computes_the_same():
    from benchmarks.efficient_capsnet import naive

    keras.utils.set_random_seed(0)
    ours, theirs = efficient.build(), naive()
    for mine, other in zip(ours.weights, theirs.weights, strict=True):
        other.assign(np.reshape(random.normal(scale=0.1, size=mine.shape) ** 2, other.shape))
        mine.assign(np.reshape(other, mine.shape))
    images = random.random((3, 28, 28, 1)).astype("float32")
    found, expected = ours(images), theirs({"image": images, "label": np.zeros(3, np.int32)})
    np.testing.assert_allclose(found["lengths"], expected["lengths"], rtol=1e-4, atol=1e-5)

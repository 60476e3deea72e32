"""The layers computed in another way against Keras' own: values and gradients."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from corrmcnn.fast import Deconvolution, MaxPooling


@pytest.fixture(params=[False, True], ids=["without AVX-512", "with AVX-512"], autouse=True)
def processor(request, monkeypatch):
    """Both forms of pooling, whatever this machine has."""
    monkeypatch.setattr("corrmcnn.fast.processor.has", lambda flag: request.param)


def gradients(layer, x):
    """Output, d sum(output * upstream) / dx for the same random upstream always, and that for the layer's weights."""
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x)
        score = tf.reduce_sum(y * np.random.default_rng(1).standard_normal(y.shape).astype("float32"))
    return y, *tape.gradient(score, [x, *(weight.value for weight in layer.trainable_weights)])


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("size", [(6, 4), (5, 7)])
def test_pooling_and_its_gradient_ties_included(padding, size):
    random = np.random.default_rng(0)
    x = random.integers(-2, 3, (3, *size, 4)).astype("float32")  # many ties, which the first pixel of a window wins
    ours = gradients(MaxPooling(2, padding=padding), x)
    theirs = gradients(keras.layers.MaxPooling2D(2, padding=padding), x)
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(mine, other)


def test_other_windows_take_keras_way():
    x = np.random.default_rng(0).random((2, 6, 6, 1)).astype("float32")
    np.testing.assert_array_equal(MaxPooling(3)(x), keras.layers.MaxPooling2D(3)(x))


@pytest.mark.parametrize("filters", [1, 2])
def test_deconvolution_against_keras(filters):
    random = np.random.default_rng(0)
    x = random.standard_normal((2, 5, 4, 3)).astype("float32")
    ours, theirs = Deconvolution(filters, (3, 2)), keras.layers.Conv2DTranspose(filters, (3, 2))
    for layer in (ours, theirs):
        layer.build(x.shape)
    theirs.bias.assign(random.standard_normal(filters))
    ours.set_weights(theirs.get_weights())
    for mine, other in zip(gradients(ours, x), gradients(theirs, x), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-5, atol=1e-5)


def test_deconvolution_refuses_strides():
    with pytest.raises(ValueError, match=r"expected strides 1.*use keras.layers.Conv2DTranspose"):
        Deconvolution(1, 3, strides=2)

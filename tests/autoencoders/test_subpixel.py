"""Sub-pixel convolution equals transposed convolution, exactly; and what the post leaves out."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from autoencoders import model
from autoencoders.subpixel import layers as subpixel

RANDOM = np.random.default_rng(0)


def integers(*shape):
    """Small integers as float32: sums of products are then exact in any order."""
    return RANDOM.integers(-4, 5, shape).astype("float32")


def transposed(kernel_size, rate, padding, filters=2, channels=3, values=integers, activation=None):
    layer = layers.Conv2DTranspose(filters, kernel_size, strides=rate, padding=padding, activation=activation)
    layer.build((None, None, None, channels))
    layer.set_weights([values(*weight.shape) for weight in layer.weights])
    return layer


GRID = list(itertools.product((1, 2, 3), (1, 2, 3), ("same", "valid"), ((1, 1), (4, 4), (3, 5))))


@pytest.mark.parametrize(("k", "rate", "padding", "size"), GRID)
def test_equals_transposed_convolution_bit_for_bit(k, rate, padding, size):
    reference = transposed(k * rate, rate, padding)
    x = integers(2, *size, 3)
    expected = reference(x)
    ours = subpixel.from_transpose(reference)
    np.testing.assert_array_equal(ours(x), expected)
    assert ours.compute_output_shape(x.shape) == expected.shape


@pytest.mark.parametrize(("kernel_size", "rate"), [(3, 2), (5, 2), (2, 3), (5, 3), (1, 2), (5, 4), (7, 4)])
def test_other_kernels_with_same_padding_are_widened_with_zeros(kernel_size, rate):
    reference = transposed(kernel_size, rate, "same")
    x = integers(2, 5, 4, 3)
    ours = subpixel.from_transpose(reference)
    np.testing.assert_array_equal(ours(x), reference(x))


def test_a_3_by_3_kernel_with_stride_2_is_a_4_by_4_with_a_row_and_a_column_of_zeros():
    kernel = subpixel.widen_kernel(np.ones((3, 3, 1, 1)), 2, "same")[..., 0, 0]
    assert kernel.shape == (4, 4)
    assert sorted(kernel.sum(0)) == sorted(kernel.sum(1)) == [0, 3, 3, 3]


def test_random_floats_agree_closely():
    def normal(*shape):
        return RANDOM.standard_normal(shape).astype("float32")

    reference = transposed(6, 2, "same", filters=4, channels=8, values=normal, activation="relu")
    x = normal(3, 7, 7, 8)
    scale = np.abs(reference(x)).max()
    np.testing.assert_allclose(subpixel.from_transpose(reference)(x) / scale, reference(x) / scale, atol=5e-6)


def test_the_example_of_the_post_1_4_4_to_1_8_8():
    reference = transposed(4, 2, "same", filters=1, channels=1)
    ours = subpixel.from_transpose(reference)
    assert ours.kernel.shape == (2, 2, 1, 4)  # the post: kernel (4, 1, 2, 2) instead of (1, 1, 4, 4)
    assert ours(integers(1, 4, 4, 1)).shape == (1, 8, 8, 1)


def test_convert_kernel_against_a_loop():
    r, k = 2, 3
    kernel = integers(r * k, r * k, 2, 3)
    expected = np.zeros((k, k, 3, r * r * 2), "float32")
    for u, v, i, a, b, o in itertools.product(range(k), range(k), range(3), range(r), range(r), range(2)):
        expected[u, v, i, (a * r + b) * 2 + o] = kernel[(k - 1 - u) * r + a, (k - 1 - v) * r + b, o, i]
    np.testing.assert_array_equal(subpixel.convert_kernel(kernel, r), expected)


def test_odd_kernel_is_an_ordinary_convolution_and_the_shuffle():
    layer = subpixel.SubPixelConv2D(2, 3, 2)
    x = integers(1, 5, 6, 4)
    layer(x)
    layer.kernel.assign(integers(*layer.kernel.shape))
    low = keras.ops.conv(x, layer.kernel, padding="same")
    np.testing.assert_array_equal(layer(x), keras.ops.depth_to_space(low, 2))


def test_shuffle_puts_channels_where_the_documentation_says():
    layer = subpixel.SubPixelConv2D(2, 1, 3)
    layer.build((None, None, None, 18))
    layer.kernel.assign(np.eye(18, dtype="float32")[None, None])
    x = integers(1, 2, 2, 18)
    y = np.asarray(layer(x))
    for row, column, a, b, o in itertools.product(range(2), range(2), range(3), range(3), range(2)):
        assert y[0, row * 3 + a, column * 3 + b, o] == x[0, row, column, (a * 3 + b) * 2 + o]


def test_icnr_starts_as_nearest_neighbour_enlargement():
    layer = subpixel.SubPixelConv2D(3, 3, 2, kernel_initializer="icnr")
    y = np.asarray(layer(RANDOM.standard_normal((1, 4, 5, 2)).astype("float32")))
    blocks = y.reshape(1, 4, 2, 5, 2, 3)
    np.testing.assert_array_equal(blocks, np.broadcast_to(blocks[:, :, :1, :, :1], blocks.shape))
    plain = subpixel.SubPixelConv2D(3, 3, 2)
    blocks = np.asarray(plain(np.ones((1, 4, 5, 2), "float32"))).reshape(1, 4, 2, 5, 2, 3)
    assert np.ptp(blocks, axis=(2, 4)).max() > 0.01  # without it, a checkerboard


def test_both_train_in_lockstep():
    reference = transposed(4, 2, "same", values=lambda *shape: RANDOM.standard_normal(shape).astype("float32"))
    twin = subpixel.from_transpose(reference)
    x, y = (RANDOM.standard_normal(shape).astype("float32") for shape in ((8, 5, 5, 3), (8, 10, 10, 2)))
    histories = []
    for layer in (reference, twin):
        optimizer, history = keras.optimizers.Adam(0.05), []
        optimizer.build(layer.trainable_variables)
        for _ in range(20):
            with tf.GradientTape() as tape:
                loss = keras.ops.mean(keras.ops.square(layer(x) - y))
            optimizer.apply(tape.gradient(loss, layer.trainable_variables), layer.trainable_variables)
            history.append(float(loss))
        histories.append(history)
    assert histories[0][-1] < 0.7 * histories[0][0]
    np.testing.assert_allclose(histories[0], histories[1], rtol=1e-4)
    np.testing.assert_allclose(twin.kernel, subpixel.convert_kernel(reference.kernel.numpy(), 2), atol=1e-4)


def test_a_whole_decoder_is_converted():
    decoder = model.build(image_shape=(11, 9, 1), code=3, widths=(2, 4), residual=1).decoder
    copy = subpixel.convert_model(decoder)
    kinds = [type(layer).__name__ for layer in copy.layers]
    assert kinds.count("SubPixelConv2D") == 2 and "Conv2DTranspose" not in kinds
    codes = RANDOM.standard_normal((4, 3)).astype("float32")
    np.testing.assert_allclose(copy(codes), decoder(codes), atol=1e-5)


def test_transposed_convolution_is_the_adjoint_of_convolution_and_not_its_inverse():
    kernel = integers(4, 4, 2, 3)  # (taps, taps, channels of x, channels of y)
    x, y = integers(1, 8, 8, 2), integers(1, 4, 4, 3)
    forward = keras.ops.conv(x, kernel, strides=2, padding="same")
    backward = keras.ops.conv_transpose(y, kernel, strides=2, padding="same")
    assert float(keras.ops.sum(forward * y)) == float(keras.ops.sum(x * backward))  # <A x, y> = <x, A' y>
    there_and_back = keras.ops.conv_transpose(forward, kernel, strides=2, padding="same")
    assert not np.allclose(there_and_back, x)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kernel_size": (4, 2)}, "expected a square kernel"),
        ({"strides": (1, 2)}, "equal strides"),
        ({"kernel_size": 3, "padding": "valid"}, "no sub-pixel form"),
    ],
)
def test_converter_says_what_it_cannot_convert(change, message):
    layer = layers.Conv2DTranspose(**({"filters": 1, "kernel_size": 4, "strides": 2} | change))
    layer.build((None, None, None, 1))
    with pytest.raises(ValueError, match=message):
        subpixel.from_transpose(layer)


def test_layer_survives_saving(tmp_path):
    network = keras.Sequential([keras.Input((4, 4, 2)), subpixel.SubPixelConv2D(3, 2, 2, kernel_initializer="icnr")])
    network.save(tmp_path / "layer.keras")
    x = integers(1, 4, 4, 2)
    np.testing.assert_array_equal(keras.saving.load_model(tmp_path / "layer.keras")(x), network(x))


def test_layer_names_a_bad_padding():
    with pytest.raises(ValueError, match="Unknown padding: expected one of same, valid, received 'full'"):
        subpixel.SubPixelConv2D(1, 3, 2, padding="full")


def test_a_decoder_for_images_of_any_size_is_converted():
    image = keras.Input((None, None, 2))
    free = keras.Model(image, layers.Conv2DTranspose(3, 4, strides=2, padding="same")(image))
    twin = subpixel.convert_model(free)
    for shape in ((2, 5, 7, 2), (1, 6, 3, 2)):
        x = RANDOM.normal(size=shape).astype("float32")
        np.testing.assert_allclose(twin(x), free(x), atol=1e-5)


def test_channels_first_is_refused_by_name():
    layer = layers.Conv2DTranspose(3, 4, strides=2, data_format="channels_first")
    layer.build((None, 2, 5, 5))
    with pytest.raises(ValueError, match="data_format 'channels_first', expected channels_last"):
        subpixel.from_transpose(layer)

"""The small layers of autoencoders/layers.py."""

import keras
import numpy as np
import pytest

from autoencoders import layers

IMAGES = np.random.default_rng(0).random((20, 16, 16, 1)).astype("float32")


@pytest.mark.parametrize("name", layers.CORRUPTIONS)
def test_corruption_acts_in_training_only_and_anew_each_time(name):
    layer = layers.CORRUPTIONS[name](0.3, seed=1)
    np.testing.assert_array_equal(layer(IMAGES, training=False), IMAGES)
    first, second = np.asarray(layer(IMAGES, training=True)), np.asarray(layer(IMAGES, training=True))
    assert np.any(first != second)
    assert first.min() >= 0 and first.max() <= 1


def test_masking_and_salt_and_pepper_hit_the_share_they_are_told():
    grey = np.full((50, 20, 20, 1), 0.5, "float32")
    masked = np.asarray(layers.MaskPixels(0.25, seed=0)(grey, training=True))
    assert set(np.unique(masked)) == {0.0, 0.5}
    assert np.mean(masked == 0) == pytest.approx(0.25, abs=0.02)
    noisy = np.asarray(layers.SaltAndPepper(0.3, seed=0)(grey, training=True))
    assert np.mean(noisy == 0) == pytest.approx(0.15, abs=0.02)
    assert np.mean(noisy == 1) == pytest.approx(0.15, abs=0.02)


def test_gaussian_noise_has_its_standard_deviation_and_is_clipped():
    grey = np.full((50, 20, 20, 1), 0.5, "float32")
    noisy = np.asarray(layers.AddGaussian(0.1, seed=0)(grey, training=True))
    assert noisy.std() == pytest.approx(0.1, abs=0.005)
    strong = np.asarray(layers.AddGaussian(2.0, seed=0)(grey, training=True))
    assert (strong.min(), strong.max()) == (0, 1)


def test_corruption_names_a_bad_amount():
    with pytest.raises(ValueError, match=r"MaskPixels got amount 1\.5, expected 0 to 1"):
        layers.MaskPixels(1.5)


def test_the_state_of_the_generator_resumes_the_noise():
    layer = layers.AddGaussian(0.3, seed=3)
    layer(IMAGES, training=True)
    state = [variable.numpy() for variable in layer.variables]
    expected = np.asarray(layer(IMAGES, training=True))
    other = layers.AddGaussian(0.3, seed=99)
    other(IMAGES, training=True)
    for variable, value in zip(other.variables, state, strict=True):
        variable.assign(value)
    np.testing.assert_array_equal(other(IMAGES, training=True), expected)


def test_binarize_draws_with_the_grey_value_and_keeps_black_and_white():
    layer = layers.Binarize(seed=0)
    drawn = np.asarray(layer(np.full((100, 16, 16, 1), 0.2, "float32")))
    assert set(np.unique(drawn)) == {0.0, 1.0}
    assert drawn.mean() == pytest.approx(0.2, abs=0.01)
    np.testing.assert_array_equal(layer(drawn), drawn)


def test_sampling_has_mean_and_variance():
    mean = np.tile(np.array([[1.0, -2.0]], "float32"), (20_000, 1))
    log_variance = np.tile(np.log(np.array([[0.25, 4.0]], "float32")), (20_000, 1))
    drawn = np.asarray(layers.Sampling(seed=0)(mean, log_variance))
    np.testing.assert_allclose(drawn.mean(0), [1, -2], atol=0.06)
    np.testing.assert_allclose(drawn.std(0), [0.5, 2.0], rtol=0.03)


def test_top_k_by_hand():
    features = np.array([[3.0, -1.0, 2.0, 0.5], [-4.0, -1.0, -3.0, -2.0]], "float32")
    expected = [[3.0, 0, 2.0, 0], [0, -1.0, 0, -2.0]]
    np.testing.assert_array_equal(layers.KeepTopK(2)(features), expected)


def test_winners_by_hand():
    features = np.array([[1, 8], [5, 2], [3, 4], [2, 6]], "float32")
    kept = np.array([[0, 8], [5, 0], [3, 0], [0, 6]])  # half of the batch, unit by unit
    np.testing.assert_array_equal(layers.KeepWinners(0.5)(features, training=True), kept)
    np.testing.assert_array_equal(layers.KeepWinners(0.01)(features, training=True), [[0, 8], [5, 0], [0, 0], [0, 0]])
    np.testing.assert_array_equal(layers.KeepWinners(0.5)(features), features)
    with pytest.raises(ValueError, match="expected above 0 and at most 1"):
        layers.KeepWinners(0)


def test_top_k_names_a_bad_k():
    with pytest.raises(ValueError, match="k = 5 for 4 units"):
        layers.KeepTopK(5)(np.zeros((1, 4), "float32"))


def test_quantize_rounds_outside_training_and_blurs_by_half_a_step_inside():
    layer = layers.Quantize(seed=0)
    features = np.linspace(-3, 3, 1001, dtype="float32")[:, None]
    np.testing.assert_array_equal(layer(features, training=False), np.round(features))
    noise = np.asarray(layer(features, training=True)) - features
    assert np.abs(noise).max() <= 0.5 + 1e-6
    assert noise.std() == pytest.approx(12**-0.5, rel=0.05)


@pytest.mark.parametrize(
    "layer",
    [
        layers.MaskPixels(0.2, seed=1),
        layers.Binarize(seed=2),
        layers.KeepTopK(3),
        layers.KeepWinners(0.5),
        layers.Quantize(),
        layers.Sampling(),
    ],
)
def test_layers_survive_their_config(layer):
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer), safe_mode=True)
    assert again.get_config() == layer.get_config()

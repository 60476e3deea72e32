"""What autoencoders are measured with: baselines, sparsity, likelihood, file sizes."""

import gzip
import types

import keras
import numpy as np
import pytest

from autoencoders import baselines, evaluate, model
from autoencoders.codec import classical
from autoencoders.likelihood import negative_log_likelihood
from data.dataset import Dataset

RANDOM = np.random.default_rng(0)


def low_rank_images(count, rank=3, size=6):
    """Images that lie exactly in a subspace of `rank` dimensions (and its offset)."""
    directions = np.random.default_rng(7).random((rank, size * size)) / rank
    return (RANDOM.random((count, rank)) @ directions).reshape(count, size, size, 1).astype("float32")


def dataset(**parts):
    splits = {
        name: {"image": low_rank_images(60), "label": np.arange(60) % 10} for name in ("train", "validation", "test")
    }
    return Dataset("small", "small", **(splits | parts))


def test_psnr_by_hand():
    assert baselines.psnr(0.01) == pytest.approx(20)
    assert baselines.psnr(1.0) == 0


def test_pca_is_exact_at_the_rank_and_worse_below():
    data = dataset()
    assert baselines.pca_mse(data, 3) < 1e-10
    errors = [baselines.pca_mse(data, count) for count in (1, 2, 3)]
    assert errors[0] > errors[1] > errors[2]
    assert baselines.mean_image_mse(data) > errors[0]


def test_mean_image_by_hand():
    zeros, ones = np.zeros((1, 2, 2, 1), "float32"), np.ones((1, 2, 2, 1), "float32")
    data = dataset(
        train={"image": np.concatenate([zeros, ones]), "label": np.arange(2)},
        test={"image": np.concatenate([zeros, ones, ones]), "label": np.arange(3)},
    )
    assert baselines.mean_image_mse(data) == pytest.approx(0.25)


def test_linear_denoiser_recovers_a_linear_corruption_and_beats_other_maps():
    clean = 0.2 + 0.5 * low_rank_images(4000)
    noisy = clean + RANDOM.normal(0, 0.2, clean.shape).astype("float32")
    denoise = baselines.fit_linear_denoiser(noisy, clean)
    best = baselines.mean_squared_error(denoise(noisy), clean)
    assert best < 0.3 * baselines.mean_squared_error(noisy, clean)
    for factor in (0.9, 1.1):  # any other shrinkage towards the mean is worse
        mean = clean.mean(axis=0)
        assert baselines.mean_squared_error(mean + factor * (denoise(noisy) - mean), clean) > best
    mixed = clean[:, ::-1] * 0.5 + 0.1
    undone = baselines.fit_linear_denoiser(mixed, clean, ridge=1e-9)(mixed)
    np.testing.assert_allclose(undone, clean, atol=1e-3)


def test_median_filter_against_a_loop_and_within_one_image():
    images = RANDOM.random((2, 5, 4, 1)).astype("float32")
    filtered = baselines.median_filter(images)
    for n, row, column in ((0, 2, 1), (1, 3, 2), (1, 1, 1)):
        patch = images[n, row - 1 : row + 2, column - 1 : column + 2]
        assert filtered[n, row, column, 0] == pytest.approx(np.median(patch))


def test_hoyer_by_hand():
    assert evaluate.hoyer(np.array([[0, 0, 5.0, 0]])) == pytest.approx(1)
    assert evaluate.hoyer(np.array([[2.0, 2, 2, 2]])) == pytest.approx(0)
    assert evaluate.hoyer(np.array([[3.0, 4, 0, 0]])) == pytest.approx((2 - 7 / 5) / 1)
    assert evaluate.hoyer(np.array([[0.0, 0, 0, 0], [3, 4, 0, 0]])) == pytest.approx(0.6)


def test_sparsity_counts_active_and_dead_units():
    codes = np.array([[1.0, 0.0, 0.04, 0.5], [0.0, 0.0, 0.04, 1.0]])
    images = np.zeros((2, 2, 2, 1), "float32")
    data = types.SimpleNamespace(test={"image": images})
    network = types.SimpleNamespace(encode=lambda part: codes[: len(part)])
    found = evaluate.sparsity(network, data)
    assert found["test/mean_activation"] == pytest.approx(2.58 / 8)
    assert found["test/active_percent"] == pytest.approx(100 * 3 / 8)
    assert found["test/dead_units"] == 2


def test_batches_cover_every_image_in_order():
    images = np.arange(1203, dtype="float32")[:, None]
    np.testing.assert_array_equal(evaluate.in_batches(lambda part: 2 * part, images), 2 * images)


def test_corruption_of_a_split_is_the_same_each_time_and_differs_between_streams():
    config = types.SimpleNamespace(corruption="masking", amount=0.5)
    split = {"image": low_rank_images(5)}
    first, again, other = (evaluate.corrupt(split, config, stream) for stream in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.any(first != other)


def test_probe_finds_classes_that_the_code_holds():
    labels = np.arange(200) % 4
    images = np.zeros((200, 2, 2, 1), "float32")
    images.reshape(200, 4)[np.arange(200), labels] = 1
    split = {"image": images, "label": labels}
    data = dataset(train=split, validation=split, test=split)
    network = types.SimpleNamespace(encode=lambda part: part.reshape(len(part), -1))
    assert evaluate.probe_error(network, data) == 0
    blind = types.SimpleNamespace(encode=lambda part: np.ones((len(part), 2)))
    assert evaluate.probe_error(blind, data) == pytest.approx(75)


def test_likelihood_is_exact_when_the_decoder_ignores_the_code():
    network = model.build(image_shape=(4, 4, 1), code=3, network="dense", widths=(5,), kind="gaussian")
    network.decoder.get_layer("logits").kernel.assign(np.zeros((5, 16)))
    network.decoder.get_layer("logits").bias.assign(np.full(16, np.log(3)))  # p = 3/4
    code = network.encoder.get_layer("code")
    code.kernel.assign(np.zeros(code.kernel.shape))  # q = p(z)
    images = (RANDOM.random((7, 4, 4, 1)) < 0.5).astype("float32")
    ones = images.sum(axis=(1, 2, 3))
    expected = -(ones * np.log(0.75) + (16 - ones) * np.log(0.25))
    found = negative_log_likelihood(network, images, samples=6, chunk=3, batch=4)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_likelihood_of_a_linear_model_agrees_with_integration():
    """p(x) of one black-or-white pixel is the mean of sigmoid(w z + b) over N(0, 1), known by quadrature."""
    keras.utils.set_random_seed(0)
    network = model.build(image_shape=(1, 1, 1), code=1, network="dense", widths=(), kind="gaussian")
    network.decoder.get_layer("logits").set_weights([np.array([[2.0]]), np.array([0.5])])
    network.encoder.get_layer("code").set_weights([np.array([[0.8, 0.0]]), np.array([-0.2, 0.3])])
    z, weights = np.polynomial.hermite_e.hermegauss(60)
    exact = -np.log(np.sum(weights / np.sqrt(2 * np.pi) / (1 + np.exp(-2 * z - 0.5))))
    found = negative_log_likelihood(network, np.ones((20, 1, 1, 1), "float32"), samples=4000, chunk=1000)
    assert found.mean() == pytest.approx(exact, abs=0.01)


def test_likelihood_names_a_bad_number_of_samples():
    with pytest.raises(ValueError, match="expected a positive multiple of chunk = 250"):
        negative_log_likelihood(None, np.zeros((1, 1, 1, 1)), samples=300)


def test_sheet_and_cut_are_inverse():
    images = RANDOM.integers(0, 256, (11, 5, 3), dtype=np.uint8)
    picture = classical.sheet(images)
    assert picture.shape == (15, 12)
    np.testing.assert_array_equal(picture[:5, 3:6], images[1])
    np.testing.assert_array_equal(classical.cut(picture, images.shape), images)


def test_sizes_of_classical_files():
    images = np.repeat(RANDOM.integers(0, 256, (4, 8, 8), dtype=np.uint8), 5, axis=0)
    sizes = classical.lossless_bytes(images)
    assert sizes["raw"] == 20 * 64
    assert sizes["gzip"] == len(gzip.compress(images.tobytes(), 9))
    assert sizes["xz"] < sizes["raw"] < sizes["png_each"]


def test_bytes_at_a_quality_lie_on_the_line_of_their_logarithms():
    curve = [{"psnr_db": 30.0, "bytes": 400}, {"psnr_db": 20.0, "bytes": 100}]
    assert classical.bytes_at(curve, 25) == pytest.approx(200)
    assert classical.bytes_at(curve, 19) is None and classical.bytes_at(curve, 31) is None


@pytest.mark.parametrize("kind", classical.lossy_kinds())
def test_lossy_curve_trades_bytes_for_quality(kind):
    ramp = np.add.outer(np.arange(16), np.arange(16)) * 8
    images = np.stack([np.roll(ramp, i, axis=0) for i in range(9)]).astype(np.uint8)
    coarse, fine = classical.lossy_curve(images, kind, (5, 90))
    assert coarse["bytes"] < fine["bytes"]
    assert coarse["psnr_db"] < fine["psnr_db"]


def test_text_holds_six_decimals_per_number():
    assert classical.text_bytes(np.array([[1.0, -2.5]])) == len("1.000000 -2.500000\n")

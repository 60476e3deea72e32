"""The autoencoder that is told the class, and the judge of what it draws."""

import keras
import numpy as np
import pytest
from sklearn.datasets import load_digits

from autoencoders import losses, model
from autoencoders.studies import conditional as study
from data.dataset import Dataset

RANDOM = np.random.default_rng(0)
LABELS = np.array([0, 2, 1, 2], "int32")


def make():
    return model.build_conditional(image_shape=(6, 5, 1), classes=3, latent=2, widths=(4,))


def batch():
    return {"image": RANDOM.random((4, 6, 5, 1)).astype("float32"), "label": LABELS}


def test_the_loss_is_the_bound_given_the_class():
    network, given = make(), batch()
    loss, terms = losses.compute_loss(network, given, training=False)
    mean, log_variance = np.split(
        np.asarray(network.encoder([given["image"], np.eye(3, dtype="float32")[LABELS]])), 2, -1
    )
    divergence = 0.5 * (mean**2 + np.exp(log_variance) - log_variance - 1).sum(-1)
    assert float(terms["kl_nats"]) == pytest.approx(divergence.mean(), rel=1e-5)
    assert float(loss) == pytest.approx(float(terms["reconstruction"] + terms["kl_nats"]), rel=1e-6)


def test_encoder_and_decoder_both_look_at_the_class():
    network, given = make(), batch()
    other = given | {"label": (LABELS + 1) % 3}
    assert np.any(np.asarray(network(given)["mean"]) != np.asarray(network(other)["mean"]))
    codes = RANDOM.normal(size=(4, 2))
    same = network.draw(codes[[1, 1]], LABELS[[1, 3]])  # both are of class 2
    np.testing.assert_allclose(same[0], same[1], rtol=1e-6)
    assert np.any(np.asarray(network.draw(codes, LABELS)) != np.asarray(network.draw(codes, other["label"])))


def test_samples_follow_their_seed_and_survive_saving(tmp_path):
    network = make()
    network.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", compile=False, safe_mode=True)
    first = np.asarray(network.sample(LABELS, seed=1))
    assert first.shape == (4, 6, 5, 1) and first.min() >= 0 and first.max() <= 1
    np.testing.assert_array_equal(first, again.sample(LABELS, seed=1))
    assert np.any(first != np.asarray(network.sample(LABELS, seed=2)))


def test_the_judge_knows_real_digits_and_counts_what_was_asked_for():
    digits = load_digits()
    split = {"image": (digits.images[..., None] / 16).astype("float32"), "label": digits.target.astype("int32")}
    first, rest = ({name: array[cut] for name, array in split.items()} for cut in (slice(1000), slice(1000, None)))
    dataset = Dataset("digits", "digits", first, rest, rest, {}, tuple("0123456789"))
    half = np.where(np.arange(len(rest["label"])) % 2, rest["label"], (rest["label"] + 1) % 10)
    said = study.judge(dataset, rest["image"], half)
    assert said["judge/recognised_percent"] > 90
    assert said["samples/recognised_percent"] == pytest.approx(said["judge/recognised_percent"] / 2, abs=5)

"""A learned mixture as the prior of a variational code: its density, its draws, its place in the model."""

import keras
import numpy as np
import pytest
from scipy import stats

from autoencoders import losses, model
from autoencoders.layers import MixturePrior

RANDOM = np.random.default_rng(0)


def make(components=3, latent=2):
    """A mixture whose weights, means and variances all differ."""
    prior = MixturePrior(components, latent)
    prior.logits.assign(RANDOM.normal(size=components))
    prior.mean.assign(2 * RANDOM.normal(size=(components, latent)))
    prior.log_variance.assign(RANDOM.normal(size=(components, latent)))
    return prior


def network(**more):
    return model.build(image_shape=(8, 8, 1), code=2, widths=(2, 2), kind="gaussian", prior_components=4, **more)


def test_the_density_against_scipy():
    prior, codes = make(), RANDOM.normal(size=(5, 7, 2))
    share = np.exp(prior.logits) / np.exp(prior.logits).sum()
    each = [
        stats.norm.pdf(codes, mean, np.exp(0.5 * variance)).prod(-1)
        for mean, variance in zip(np.array(prior.mean), np.array(prior.log_variance), strict=True)
    ]
    np.testing.assert_allclose(prior(codes), np.log(np.tensordot(share, each, 1)), atol=1e-4)


def test_one_standard_component_is_the_standard_normal():
    prior, codes = MixturePrior(1, 3), RANDOM.normal(size=(6, 3))
    prior.mean.assign(np.zeros((1, 3)))
    np.testing.assert_allclose(prior(codes), stats.norm.logpdf(codes).sum(-1), rtol=1e-5)
    np.testing.assert_allclose(losses.standard_normal(codes), stats.norm.logpdf(codes).sum(-1), rtol=1e-5)


def test_draws_have_the_moments_of_the_mixture_and_follow_their_seed():
    prior = make()
    drawn = np.asarray(prior.draw(40_000, seed=1))
    share = np.exp(prior.logits) / np.exp(prior.logits).sum()
    mean = share @ np.array(prior.mean)
    variance = share @ (np.exp(prior.log_variance) + np.array(prior.mean) ** 2) - mean**2
    np.testing.assert_allclose(drawn.mean(0), mean, atol=0.05)
    np.testing.assert_allclose(drawn.var(0), variance, rtol=0.05)
    np.testing.assert_array_equal(drawn, prior.draw(40_000, seed=1))


def test_one_draw_estimates_the_divergence_in_closed_form():
    mean, log_variance = np.float32([[1.0, -0.5]]), np.float32([[0.3, -1.0]])
    code = mean + np.exp(0.5 * log_variance) * RANDOM.normal(size=(100_000, 2)).astype("float32")
    drawn = np.asarray(losses.divergence(code, mean, log_variance, losses.standard_normal))
    assert drawn.mean() == pytest.approx(float(losses.gaussian_kl(mean, log_variance)[0]), rel=0.02)


def test_the_bound_pays_the_divergence_from_the_mixture_and_trains_it():
    import tensorflow as tf

    vae, x = network(binarize=True), RANDOM.random((6, 8, 8, 1)).astype("float32")
    outputs = vae(x, training=True)
    log_posterior = stats.norm.logpdf(outputs["code"], outputs["mean"], np.exp(0.5 * outputs["log_variance"])).sum(-1)
    np.testing.assert_allclose(vae.own_loss(outputs), log_posterior - np.array(vae.prior(outputs["code"])), atol=1e-4)
    with tf.GradientTape() as tape:
        loss, _ = losses.compute_loss(vae, {"image": x}, True, importance_samples=3)
    gradients = tape.gradient(loss, vae.prior.trainable_variables)
    assert len(gradients) == 3 and all(np.any(np.asarray(gradient)) for gradient in gradients)


def test_the_prior_is_saved_with_the_model_and_samples_come_from_it(tmp_path):
    vae = network()
    vae.prior.mean.assign(RANDOM.normal(size=(4, 2)))
    vae.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", compile=False, safe_mode=True)
    np.testing.assert_array_equal(again.prior.mean, vae.prior.mean)
    np.testing.assert_array_equal(again.sample(3, seed=2), vae.decode(vae.prior.draw(3, seed=2)))


def test_the_density_is_float32_under_mixed_precision():
    codes = RANDOM.normal(size=(6, 2)).astype("float32")
    plain = make()
    keras.mixed_precision.set_dtype_policy("mixed_bfloat16")
    try:
        half, vae = MixturePrior(3, 2), network(binarize=True)
        batch = {"image": RANDOM.random((4, 8, 8, 1)).astype("float32")}
        found = [float(losses.compute_loss(vae, batch, True, importance_samples=k)[0]) for k in (1, 3)]
    finally:
        keras.mixed_precision.set_dtype_policy("float32")
    half.set_weights(plain.get_weights())
    np.testing.assert_array_equal(half(codes), plain(codes))
    assert np.all(np.isfinite(found))

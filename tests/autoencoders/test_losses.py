"""The formulas of autoencoders/losses.py: hand-worked values, loop-written oracles, invariants."""

import math

import keras
import numpy as np
import pytest

from autoencoders import losses, model

RANDOM = np.random.default_rng(0)


def images(count=3, size=4):
    return RANDOM.random((count, size, size, 1)).astype("float32")


def test_binary_cross_entropy_by_hand():
    x = np.array([1.0, 0.0, 0.5, 0.25], "float32").reshape(1, 2, 2, 1)
    logits = np.array([0.0, math.log(3), 0.0, -math.log(3)], "float32").reshape(1, 2, 2, 1)
    # p = 1/2, 3/4, 1/2, 1/4: log 2 + log 4 + log 2 + (1/4 log 4 + 3/4 log(4/3))
    expected = math.log(2) + math.log(4) + math.log(2) + 0.25 * math.log(4) + 0.75 * math.log(4 / 3)
    assert float(losses.binary_cross_entropy(x, logits)[0]) == pytest.approx(expected, rel=1e-6)


def test_binary_cross_entropy_against_a_loop():
    x, logits = images(), RANDOM.normal(size=(3, 4, 4, 1)).astype("float32")
    expected = np.zeros(3)
    for n in range(3):
        for pixel, logit in zip(x[n].ravel(), logits[n].ravel(), strict=True):
            p = 1 / (1 + math.exp(-logit))
            expected[n] -= pixel * math.log(p) + (1 - pixel) * math.log(1 - p)
    np.testing.assert_allclose(losses.binary_cross_entropy(x, logits), expected, rtol=1e-5)


def test_binary_cross_entropy_of_huge_logits_is_finite():
    x = np.array([0.0, 1.0, 0.0, 1.0], "float32").reshape(1, 2, 2, 1)
    logits = np.array([-1e4, 1e4, 1e4, -1e4], "float32").reshape(1, 2, 2, 1)
    assert float(losses.binary_cross_entropy(x, logits)[0]) == pytest.approx(2e4)


def test_entropy_is_the_least_cross_entropy():
    x = np.clip(images(), 0.05, 0.95)
    entropy = np.asarray(losses.bernoulli_entropy(x))
    best = np.log(x / (1 - x))
    np.testing.assert_allclose(losses.binary_cross_entropy(x, best), entropy, rtol=1e-5)
    assert np.all(np.asarray(losses.binary_cross_entropy(x, best + 0.3)) > entropy)
    black_and_white = np.array([0.0, 1.0, 0.5, 1.0], "float32").reshape(1, 2, 2, 1)
    assert float(losses.bernoulli_entropy(black_and_white)[0]) == pytest.approx(math.log(2), rel=1e-6)


def test_squared_error_sums_over_pixels():
    x = np.zeros((2, 2, 2, 1), "float32")
    y = np.array([[1, 2, 0, 0], [0.5, 0.5, 0.5, 0.5]], "float32").reshape(2, 2, 2, 1)
    np.testing.assert_allclose(losses.squared_error(x, y), [5.0, 1.0])


def test_gaussian_kl_by_hand_and_at_its_minimum():
    mean, log_variance = np.array([[1.0, -2.0]], "float32"), np.array([[0.0, math.log(4)]], "float32")
    # 1/2 (1 + 1 - 0 - 1) + 1/2 (4 + 4 - log 4 - 1)
    assert float(losses.gaussian_kl(mean, log_variance)[0]) == pytest.approx(0.5 + 0.5 * (7 - math.log(4)))
    assert float(losses.gaussian_kl(np.zeros((1, 3)), np.zeros((1, 3)))[0]) == 0


def test_gaussian_kl_against_monte_carlo():
    mean, log_variance = np.array([0.7, -1.2]), np.array([-0.5, 0.3])
    z = mean + np.exp(0.5 * log_variance) * RANDOM.standard_normal((400_000, 2))
    log_q = -0.5 * (log_variance + (z - mean) ** 2 / np.exp(log_variance))
    estimate = (log_q + 0.5 * z**2).sum(1)
    closed = float(losses.gaussian_kl(mean[None], log_variance[None])[0])
    assert closed == pytest.approx(estimate.mean(), abs=5 * estimate.std() / math.sqrt(len(z)))


def test_bernoulli_kl_by_hand_and_at_its_target():
    code = np.array([[0.2, 0.05], [0.4, 0.05]], "float32")  # means 0.3 and 0.05
    expected = 0.05 * math.log(0.05 / 0.3) + 0.95 * math.log(0.95 / 0.7)
    assert float(losses.bernoulli_kl(code, 0.05)) == pytest.approx(expected, rel=1e-5)
    assert float(losses.bernoulli_kl(np.full((4, 3), 0.1, "float32"), 0.1)) == pytest.approx(0, abs=1e-6)


def test_code_bits_bound_the_entropy_of_rounded_codes():
    code = (RANDOM.standard_normal((50_000, 3)) * [0.5, 3, 20]).astype("float32")
    bits = float(losses.code_bits(code))
    by_hand = sum(0.5 * math.log2(2 * math.pi * math.e * (column.var() + 1 / 12)) for column in code.T)
    assert bits == pytest.approx(by_hand, rel=1e-5)
    entropy = 0.0
    for column in np.round(code).T:
        shares = np.unique(column, return_counts=True)[1] / len(column)
        entropy -= (shares * np.log2(shares)).sum()
    assert entropy <= bits <= entropy + 0.1


def test_importance_weights_against_a_loop():
    x = (images(2, 2) > 0.5).astype("float32")
    mean, log_variance = RANDOM.normal(size=(2, 2, 3)).astype("float32")
    code = RANDOM.normal(size=(4, 2, 3)).astype("float32")
    logits = RANDOM.normal(size=(4, 2, 2, 2, 1)).astype("float32")
    expected = np.zeros((4, 2))
    for k in range(4):
        for n in range(2):
            for pixel, logit in zip(x[n].ravel(), logits[k, n].ravel(), strict=True):
                p = 1 / (1 + math.exp(-logit))
                expected[k, n] += math.log(p if pixel else 1 - p)
            for z, m, v in zip(code[k, n], mean[n], np.exp(log_variance[n]), strict=True):
                log_prior = -0.5 * math.log(2 * math.pi) - z**2 / 2
                expected[k, n] += log_prior + 0.5 * math.log(2 * math.pi * v) + (z - m) ** 2 / (2 * v)
    weights = losses.importance_weights(x, logits, code, mean, log_variance)
    np.testing.assert_allclose(weights, expected, rtol=1e-4, atol=1e-4)


def test_importance_sampling_is_exact_when_the_image_does_not_depend_on_the_code():
    x = (images(2, 3) > 0.5).astype("float32")
    flat = np.zeros((2, 4), "float32")
    code = RANDOM.standard_normal((7, 2, 4)).astype("float32")  # q = p = N(0, 1)
    weights = losses.importance_weights(x, np.zeros((7, 2, 3, 3, 1), "float32"), code, flat, flat)
    np.testing.assert_allclose(losses.importance_sampled_nll(weights), 9 * math.log(2), rtol=1e-6)


def test_importance_sampled_nll_is_a_log_mean_and_tightens():
    weights = np.array([[0.0], [math.log(3)]], "float32")
    assert float(losses.importance_sampled_nll(weights)[0]) == pytest.approx(-math.log(2))  # mean of 1 and 3
    draws = RANDOM.normal(-90, 3, (512, 200)).astype("float32")
    one, many = (float(np.mean(losses.importance_sampled_nll(draws[:k]))) for k in (1, 512))
    assert many < one


def make(**changes):
    keras.utils.set_random_seed(0)
    return model.build(image_shape=(8, 8, 1), code=3, network="dense", widths=(6,), **changes)


@pytest.mark.parametrize(
    ("changes", "weights", "names"),
    [
        ({}, {}, set()),
        ({"kind": "gaussian"}, {"kl_weight": 2.0}, {"kl_nats"}),
        ({"kind": "relu", "l1": 0.5}, {}, {"activity"}),
        ({"kind": "sigmoid"}, {"sparsity_weight": 3.0, "sparsity_target": 0.1}, {"sparsity"}),
        ({"kind": "quantized"}, {"rate_weight": 0.1}, {"bits"}),
    ],
)
def test_compute_loss_is_the_weighted_sum_of_its_terms(changes, weights, names):
    loss, terms = losses.compute_loss(make(**changes), {"image": images(6, 8)}, training=True, **weights)
    assert set(terms) == {"reconstruction", "mse"} | names
    factors = {"kl_nats": 2.0, "activity": 1.0, "sparsity": 3.0, "bits": 0.1}
    expected = float(terms["reconstruction"]) + sum(factors[name] * float(terms[name]) for name in names)
    assert float(loss) == pytest.approx(expected, rel=1e-5)


def test_compute_loss_means_over_batch_and_pixels():
    network, x = make(), images(4, 8)
    loss, terms = losses.compute_loss(network, {"image": x}, training=False, reconstruction="squared_error")
    decoded = np.asarray(network(x)["image"])
    assert float(terms["mse"]) == pytest.approx(np.mean((decoded - x) ** 2), rel=1e-5)
    assert float(loss) == pytest.approx(64 * np.mean((decoded - x) ** 2), rel=1e-5)


def test_keras_divides_an_activity_regulariser_by_the_batch_size():
    network, x = make(kind="relu", l1=0.5), images(6, 8)
    _, terms = losses.compute_loss(network, {"image": x}, training=False)
    code = np.asarray(network.encode(x))
    assert code.sum() > 0
    assert float(terms["activity"]) == pytest.approx(0.5 * np.abs(code).sum() / len(x), rel=1e-5)


def test_the_importance_weighted_bound_is_the_elbo_with_one_draw_and_tightens_with_more():
    network, x = make(kind="gaussian"), (images(6, 8) > 0.5).astype("float32")
    outputs = network(np.tile(x, (100, 1, 1, 1)), training=True)
    one = np.array(losses.importance_weighted_bound(network, outputs, 1, True))
    elbo = np.mean(losses.binary_cross_entropy(outputs["target"], outputs["logits"])) + np.mean(
        losses.gaussian_kl(outputs["mean"], outputs["log_variance"])
    )
    assert one.mean() == pytest.approx(elbo, rel=0.01)  # the divergence in place of its estimate from one draw
    many = np.array(losses.importance_weighted_bound(network, outputs, 50, True))
    assert many.shape == (600,) and many.mean() < one.mean()


def test_five_draws_are_what_training_minimises_and_the_elbo_what_is_measured():
    network, x = make(kind="gaussian"), (images(40, 8) > 0.5).astype("float32")
    batch = {"image": x}
    trained, terms = losses.compute_loss(network, batch, True, importance_samples=5)
    assert float(trained) < float(terms["reconstruction"] + terms["kl_nats"]) + 0.5
    assert float(trained) != pytest.approx(float(terms["reconstruction"] + terms["kl_nats"]), abs=1e-6)
    measured, terms = losses.compute_loss(network, batch, False, importance_samples=5)
    assert float(measured) == pytest.approx(float(terms["reconstruction"] + terms["kl_nats"]))

"""CorrNet's losses: hand-worked values, loops, invariants, and the cases that used to give NaN."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from corrnet import losses
from corrnet.model import DeepCCA, build, build_classifiers
from tests.corrnet.oracles import corrnet_gradients, pearson, rmsprop

RANDOM = np.random.default_rng(0)


def codes(n=40, units=4):
    left = RANDOM.normal(size=(n, units)).astype(np.float32)
    return left, (0.7 * left + RANDOM.normal(size=(n, units))).astype(np.float32)


def number(x):
    return float(keras.ops.convert_to_numpy(x))


def array(x):
    return keras.ops.convert_to_numpy(x)


def test_reconstruction_errors_by_hand():
    target, guess = np.float32([[[0.0, 1.0], [0.5, 0.5]]]), np.float32([[[1.0, 1.0], [0.0, 0.0]]])
    assert array(losses.half_squared_error(target, guess)).tolist() == [0.75]  # (1 + 0 + .25 + .25) / 2
    assert array(losses.mean_squared_error(target, guess)).tolist() == [0.375]
    assert array(losses.mean_absolute_error(target, guess)).tolist() == [0.5]


def test_correlation_by_hand_and_by_loop():
    left, right = np.float32([[1.0, 1.0], [2.0, 5.0], [3.0, 3.0]]), np.float32([[2.0, 3.0], [4.0, 1.0], [6.0, 3.0]])
    # unit 1 is exactly doubled; unit 2: (-2)(2/3) + 2(-4/3) + 0 = -4 over sqrt(8 * 8/3)
    np.testing.assert_allclose(array(losses.correlation(left, right)), [1.0, -4 / np.sqrt(64 / 3)], rtol=1e-6)
    left, right = codes()
    expected = [pearson(left[:, k], right[:, k]) for k in range(4)]
    np.testing.assert_allclose(array(losses.correlation(left, right)), expected, rtol=1e-5)
    np.testing.assert_allclose(number(losses.sum_correlation(left, right)), sum(expected), rtol=1e-5)


def test_correlation_ignores_scale_and_shift_and_changes_sign_with_its_argument():
    left, right = codes()
    once = array(losses.correlation(left, right))
    np.testing.assert_allclose(array(losses.correlation(3 * left + 2, 0.1 * right - 5)), once, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(array(losses.correlation(-left, right)), -once, rtol=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_constant_units_and_a_batch_of_one_give_zero_and_finite_gradients(dtype):
    left, right = codes()
    left[:, 0] = 0.9
    for n in (40, 1):
        a, b = tf.constant(left[:n], dtype), tf.constant(right[:n], dtype)
        with tf.GradientTape() as tape:
            tape.watch(a)
            values = losses.correlation(a, b)
            total = tf.reduce_sum(values)
        assert values.dtype == tf.float32
        assert abs(values[0]) < 1e-3 and np.isfinite(values).all()
        assert np.isfinite(tape.gradient(total, a)).all()
        assert n > 1 or not np.any(values)


def test_weights_leave_samples_out():
    left, right = codes()
    keep = np.arange(40) % 3 > 0
    full = losses.correlation(left, right, keep.astype(np.float32))
    np.testing.assert_allclose(array(full), array(losses.correlation(left[keep], right[keep])), rtol=1e-5)


def network_and_batch(n=8):
    keras.utils.set_random_seed(1)
    model = build(left_shape=(6,), right_shape=(4,), code_units=3)
    batch = {"left": RANDOM.random((n, 6), np.float32), "right": RANDOM.random((n, 4), np.float32)}
    return model, batch


def test_the_loss_is_its_terms_and_the_sign_bug_is_the_other_sign():
    model, batch = network_and_batch()
    loss, terms = losses.compute_loss(model, batch, True, correlation_weight=2.0, both_weight=0.5, right_weight=3.0)
    names = [f"reconstruction_from_{name}" for name in ("both", "left", "right")]
    assert list(terms) == [*names, "sum_correlation"]
    both, left, right, correlation = (number(term) for term in terms.values())
    np.testing.assert_allclose(number(loss), 0.5 * both + left + 3 * right - 2 * correlation, rtol=1e-5)
    bug, _ = losses.compute_loss(model, batch, True, correlation_weight=-2.0, both_weight=0.5, right_weight=3.0)
    np.testing.assert_allclose(number(bug) - number(loss), 4 * correlation, rtol=1e-4)


def test_each_reconstruction_term_by_loop():
    model, batch = network_and_batch()
    outputs = model(batch)
    functions = {
        "both": losses.reconstruction_from_both,
        "left": losses.reconstruction_from_left,
        "right": losses.reconstruction_from_right,
    }
    for name, function in functions.items():
        expected = []
        for i in range(8):
            error = 0.0
            for view in ("left", "right"):
                for target, guess in zip(batch[view][i], array(outputs[name][view])[i], strict=True):
                    error += (float(target) - float(guess)) ** 2 / 2
            expected.append(error)
        np.testing.assert_allclose(array(function(outputs, batch)), expected, rtol=1e-5)


def test_missing_views_change_nothing_whatever_they_hold():
    model, batch = network_and_batch()
    batch["left_present"] = np.float32([1, 1, 1, 1, 1, 1, 0, 0])
    batch["right_present"] = np.float32([1, 1, 1, 1, 0, 0, 1, 1])
    loss, terms = losses.compute_loss(model, batch, True)
    other = {**batch, "left": batch["left"].copy(), "right": batch["right"].copy()}
    other["left"][6:], other["right"][4:6] = 0.123, 0.456
    np.testing.assert_allclose(number(losses.compute_loss(model, other, True)[0]), number(loss), rtol=1e-6)
    paired = {view: batch[view][:4] for view in ("left", "right")}
    both = losses.compute_loss(model, paired, True)[1]["reconstruction_from_both"]
    np.testing.assert_allclose(number(terms["reconstruction_from_both"]), number(both) / 2, rtol=1e-5)


def test_twenty_steps_follow_gradients_worked_out_by_hand():
    keras.utils.set_random_seed(2)
    model = build(left_shape=(12,), right_shape=(9,), code_units=5, official_seed=123)
    x, y = RANDOM.random((30, 12)), RANDOM.random((30, 9))
    variables = [*model.left.kernels, *model.right.kernels, model.bias, *model.left.decoder_biases,
                 *model.right.decoder_biases]  # fmt: skip
    weights = [array(v).astype(np.float64) for v in variables]
    squares = [np.zeros_like(w) for w in weights]
    optimizer = keras.optimizers.RMSprop(0.01, rho=0.9, epsilon=losses.EPSILON)

    @tf.function
    def step(left, right):
        with tf.GradientTape() as tape:
            loss, _ = losses.compute_loss(model, {"left": left, "right": right}, True, correlation_weight=2.0)
        optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)
        return loss

    for k in range(20):
        rows = slice(10 * (k % 3), 10 * (k % 3) + 10)
        expected, gradients = corrnet_gradients(weights, x[rows], y[rows], 2.0)
        rmsprop(weights, gradients, squares)
        loss = step(x[rows].astype(np.float32), y[rows].astype(np.float32))
        np.testing.assert_allclose(number(loss), expected, rtol=1e-4)
    for variable, weight in zip(variables, weights, strict=True):
        np.testing.assert_allclose(array(variable), weight, atol=2e-4)


def test_mixed_precision_computes_the_loss_in_float32():
    keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        model, batch = network_and_batch()
        assert model({"left": batch["left"], "right": batch["right"]})["left"]["code"].dtype == tf.float16
        loss, terms = losses.compute_loss(model, batch, True)
    finally:
        keras.mixed_precision.set_global_policy("float32")
    assert loss.dtype == tf.float32 and all(term.dtype == tf.float32 for term in terms.values())
    assert np.isfinite(loss)


def test_deep_cca_objectives_against_numpy():
    left, right = codes(200, 3)
    a, b = left - left.mean(0), right - right.mean(0)
    ll, rr, lr = (p.T @ q / 199 for p, q in ((a, a), (b, b), (a, b)))

    def root(c):
        values, vectors = np.linalg.eigh(c + losses.RIDGE * np.eye(3))
        return vectors @ np.diag(values**-0.5) @ vectors.T

    expected = np.linalg.svd(root(ll) @ lr @ root(rr), compute_uv=False).sum()
    np.testing.assert_allclose(number(losses.canonical_correlation_loss(left, right)), -expected, rtol=1e-4)
    total = ll + rr
    expected = -2 * np.trace(lr + lr.T) + np.trace(total @ total)
    np.testing.assert_allclose(number(losses.eckart_young_loss(left, right)), expected, rtol=1e-4)


def test_deep_cca_objective_ignores_mixing_of_units_and_sees_copies():
    left, right = codes(300, 3)
    mixed = left @ np.float32([[1.0, 0.5, 0.0], [0.0, 2.0, 0.3], [0.4, 0.0, 1.5]])
    plain = number(losses.canonical_correlation_loss(left, right))
    np.testing.assert_allclose(number(losses.canonical_correlation_loss(mixed, right)), plain, rtol=2e-3)
    copies = np.repeat(left[:, :1], 3, axis=1), np.repeat(right[:, :1], 3, axis=1)
    one = number(losses.canonical_correlation_loss(left[:, :1], right[:, :1]))
    np.testing.assert_allclose(number(losses.canonical_correlation_loss(*copies)), one, rtol=1e-2)


def test_a_pairing_says_which_right_code_belongs_to_which_left_one():
    left, right = codes(300, 3)
    order = RANDOM.permutation(300)
    loss = losses.canonical_correlation_loss(left, right, pairing=np.eye(300, dtype=np.float32)[order])
    np.testing.assert_allclose(number(loss), number(losses.canonical_correlation_loss(left, right[order])), rtol=1e-4)
    assert abs(number(loss) - number(losses.canonical_correlation_loss(left, right))) > 0.1


def test_the_eckart_young_minimum_is_minus_the_squared_canonical_correlations():
    correlations = np.array([0.9, 0.6, 0.3])
    left = RANDOM.normal(size=(200_000, 3))
    right = correlations * left + np.sqrt(1 - correlations**2) * RANDOM.normal(size=left.shape)
    scale = np.sqrt(correlations / 2)
    best = number(losses.eckart_young_loss(scale * left, scale * right))
    np.testing.assert_allclose(best, -(correlations**2).sum(), atol=0.01)
    for wrong in (0.9, 1.1):
        assert number(losses.eckart_young_loss(wrong * scale * left, wrong * scale * right)) > best


def test_noise_regularisation_sees_a_tower_that_lost_its_directions():
    view, noise = (RANDOM.normal(size=(500, 8, 5)).astype("float32") for _ in range(2))
    directions, kernel = (RANDOM.normal(size=(40, 6)).astype("float32") for _ in range(2))
    flat = [array.reshape(500, 40) for array in (view, noise)]

    def penalty(tower):
        return number(losses.noise_regularisation(view, tower(flat[0]), noise, tower(flat[1]), directions))

    whole = penalty(lambda x: x @ kernel)
    lost = penalty(lambda x: np.repeat(x @ kernel[:, :1], 6, axis=1) + 1e-3 * x[:, :6])
    before = -number(losses.canonical_correlation_loss(*(x @ directions for x in flat)))
    assert 0 <= whole < 0.25 * before and lost > 0.7 * before
    assert penalty(lambda x: x @ directions) == pytest.approx(0, abs=1e-4)


def test_noise_is_asked_in_training_only_and_moves_no_statistics():
    keras.utils.set_random_seed(0)
    model = DeepCCA((6, 4, 1), (6, 4, 1), 3, (5,), dropout=0.0)
    batch = {view: RANDOM.random((40, 6, 4, 1), np.float32) for view in ("left", "right")}
    plain, noisy = (losses.compute_dcca_loss(model, batch, False, noise_weight=w)[0] for w in (0.0, 1.0))
    assert number(plain) == number(noisy)
    before = [array(weight) for weight in model.non_trainable_variables if "moving" in weight.path]
    first, second = (number(losses.compute_dcca_loss(model, batch, True, noise_weight=w)[0]) for w in (0.0, 1.0))
    assert second > first
    after = [array(weight) for weight in model.non_trainable_variables if "moving" in weight.path]
    for weight, old in zip((w for w in model.non_trainable_variables if "moving" in w.path), before, strict=True):
        weight.assign(old)
    for _ in range(2):
        losses.compute_dcca_loss(model, batch, True)
    again = [array(weight) for weight in model.non_trainable_variables if "moving" in weight.path]
    for one, other in zip(after, again, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)


def test_deep_cca_and_classifier_losses_report_their_terms():
    keras.utils.set_random_seed(0)
    batch = {"left": RANDOM.random((12, 6, 4, 1), np.float32), "right": RANDOM.random((12, 6, 4, 1), np.float32)}
    batch["label"] = np.arange(12, dtype=np.int32) % 10
    model = DeepCCA((6, 4, 1), (6, 4, 1), 3, (5,))
    for objective in losses.OBJECTIVES:
        loss, terms = losses.compute_dcca_loss(model, batch, False, objective=objective)
        assert set(terms) == {objective, "sum_correlation"} and number(loss) == number(terms[objective])
    classifiers = build_classifiers(left_shape=(6, 4, 1), right_shape=(6, 4, 1))
    loss, terms = losses.compute_classifier_loss(classifiers, batch, False)
    logits = classifiers({"left": batch["left"], "right": batch["right"]}, training=False)
    expected = 0.0
    for view in ("left", "right"):
        scores = array(logits[view]).astype(np.float64)
        log_partition = np.log(np.exp(scores).sum(1))
        expected += np.mean(log_partition - scores[np.arange(12), batch["label"]])
        assert number(terms[f"accuracy_{view}"]) == pytest.approx(np.mean(scores.argmax(1) == batch["label"]))
    np.testing.assert_allclose(number(loss), expected, rtol=1e-5)

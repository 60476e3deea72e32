"""CorrMCNN's losses L1 to L7: loops, hand-worked values, both readings of each ambiguity, gradients, half precision."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.neighbors import kneighbors_graph

from corrmcnn import losses
from corrmcnn.model import build
from corrnet.losses import canonical_correlation_loss
from tests.corrmcnn.oracles import squared_error
from tests.corrnet.oracles import pearson

SHAPE = (12, 10, 1)
VIEWS = ("left", "right")
RANDOM = np.random.default_rng(0)


def number(x):
    return float(keras.ops.convert_to_numpy(x))


def array(x):
    return keras.ops.convert_to_numpy(x)


def network(**settings):
    keras.utils.set_random_seed(1)
    small = {"filters": (3, 2), "dense_units": (6, 5), "code_units": 4, "code_activation": "sigmoid"}
    return build(left_shape=SHAPE, right_shape=SHAPE, **small | settings)


def views(n=8):
    return {view: RANDOM.random((n, *SHAPE), np.float32) for view in VIEWS}


def test_reconstruction_losses_are_errors_of_both_views_from_both_from_left_from_right():
    batch = views()
    outputs = network()(batch)
    functions = {
        "both": losses.l1_reconstruction_from_both,
        "left": losses.l2_reconstruction_from_left,
        "right": losses.l3_reconstruction_from_right,
    }
    for name, function in functions.items():
        expected = sum(squared_error(batch[view], array(outputs[name][view])) for view in VIEWS)
        np.testing.assert_allclose(number(function(outputs)), expected, rtol=1e-5)


def test_l5_by_loop_and_by_hand():
    outputs = network()(views())
    expected = sum(squared_error(array(outputs["left"][v]), array(outputs["right"][v])) for v in VIEWS)
    np.testing.assert_allclose(number(losses.l5_reconstruction_difference(outputs)), expected, rtol=1e-4)
    zero, half = np.zeros((2, 3, 2, 1), np.float32), np.full((2, 3, 2, 1), 0.5, np.float32)
    by_hand = {"left": {"left": zero, "right": zero}, "right": {"left": half, "right": zero}}
    assert number(losses.l5_reconstruction_difference(by_hand)) == 0.25


def test_l4_by_hand():
    pairs = [(np.float32([[0, 0]]), np.float32([[1, 3]])), (np.float32([[2]]), np.float32([[4]]))]
    assert number(losses.l4_step_difference(pairs)) == 5.0 + 4.0  # (1 + 9) / 2 and 2^2
    assert number(losses.l4_step_difference([])) == 0.0


def test_errors_are_means_or_sums_over_pixels_and_over_units():
    pairs = [(np.float32([[0, 0]]), np.float32([[1, 3]])), (np.float32([[2]]), np.float32([[4]]))]
    assert number(losses.l4_step_difference(pairs, losses.ERRORS["sum"])) == 10.0 + 4.0
    model, batch = network(), views()
    mean = losses.compute_loss(model, batch, training=False)[1]
    total = losses.compute_loss(model, batch, training=False, pixel_error="sum")[1]
    pixels = np.prod(SHAPE)
    for name in ("from_both", "from_left", "from_right"):
        expected = pixels * number(mean[f"reconstruction_{name}"])
        np.testing.assert_allclose(number(total[f"reconstruction_{name}"]), expected, rtol=1e-5)
    np.testing.assert_allclose(number(total["step_difference"]), number(mean["step_difference"]), rtol=1e-6)
    steps = losses.compute_loss(model, batch, training=False, step_error="sum")[1]
    units = [left.shape[1] for left, _ in losses.step_pairs(model(batch))]
    parts = [number(losses.l4_step_difference([pair])) for pair in losses.step_pairs(model(batch))]
    np.testing.assert_allclose(number(steps["step_difference"]), np.dot(units, parts), rtol=1e-5)


def test_steps_are_two_of_the_encoder_and_one_of_the_decoder_in_either_reading():
    model, batch = network(), views()
    outputs = model(batch)
    single, paired = (losses.step_pairs(outputs, reading) for reading in ("single", "paired"))
    assert [left.shape[1] for left, _ in single] == [6, 5, 2 * 90] and [a.shape[1] for a, _ in paired] == [6, 5, 90]
    for pairs in (single, paired):
        for k in range(2):
            for view, got in zip(VIEWS, pairs[k], strict=True):
                expected = model.encoders[view](batch[view], training=False)[k]
                np.testing.assert_allclose(array(got), array(expected), rtol=1e-5)
    for view, got in zip(VIEWS, single[2], strict=True):  # one view's code through both decoders
        code = model.encode(**{view: batch[view]})
        expected = np.concatenate([array(model.decoders[v](code)[1][0]) for v in VIEWS], axis=1)
        np.testing.assert_allclose(array(got), expected, rtol=1e-4, atol=1e-6)
    code = model.encode(**batch)
    for view, got in zip(VIEWS, paired[2], strict=True):  # both views' code through either decoder
        np.testing.assert_allclose(array(got), array(model.decoders[view](code)[1][0]), rtol=1e-4, atol=1e-6)


def test_correlations_of_code_and_steps_by_loop():
    outputs = network()(views())
    codes = [array(outputs[view]["code"]) for view in VIEWS]
    expected = sum(pearson(codes[0][:, k], codes[1][:, k]) for k in range(4))
    np.testing.assert_allclose(number(losses.l6_code_correlation(outputs)), expected, rtol=1e-3)
    pairs = losses.step_pairs(outputs)
    for (left, right), got in zip(pairs, losses.l7_step_correlations(pairs), strict=True):
        left, right = array(left), array(right)
        expected = sum(pearson(left[:, k], right[:, k]) for k in range(left.shape[1]))
        np.testing.assert_allclose(number(got), expected, rtol=2e-3, atol=1e-3)


def test_the_global_correlation_by_loop_and_for_one_unit():
    left = RANDOM.normal(size=(9, 3)).astype(np.float32)
    right = (left + RANDOM.normal(size=(9, 3))).astype(np.float32)
    cross = squares_left = squares_right = 0.0
    for i in range(9):
        for k in range(3):
            a, b = left[i, k] - left[:, k].mean(), right[i, k] - right[:, k].mean()
            cross, squares_left, squares_right = cross + a * b, squares_left + a * a, squares_right + b * b
    expected = cross / np.sqrt(squares_left * squares_right)
    np.testing.assert_allclose(number(losses.global_correlation(left, right)), expected, rtol=1e-5)
    one = number(losses.CORRELATIONS["per_unit"](left[:, :1], right[:, :1]))
    np.testing.assert_allclose(number(losses.global_correlation(left[:, :1], right[:, :1])), one, rtol=1e-5)
    np.testing.assert_allclose(number(losses.global_correlation(2 * left + 3, left)), 1.0, rtol=1e-5)
    assert number(losses.global_correlation(np.ones((4, 2)), left[:4, :2])) == 0.0


def test_the_loss_is_l1_to_l5_minus_l6_and_l7():
    model, batch = network(), views()
    weights = dict(both_weight=0.5, single_weight=2.0, step_weight=3.0, difference_weight=4.0, correlation_weight=0.1,
                   step_correlation_weights=(0.2, 0.3, 0.4), canonical_weight=0.7)  # fmt: skip
    loss, terms = losses.compute_loss(model, batch, False, **weights)
    names = ["reconstruction_from_both", "reconstruction_from_left", "reconstruction_from_right", "step_difference",
             "reconstruction_difference", "sum_correlation", "step_correlation_1", "step_correlation_2",
             "step_correlation_3", "canonical"]  # fmt: skip
    assert list(terms) == names
    factors = [0.5, 2, 2, 3, 4, -0.1, -0.2, -0.3, -0.4, -0.7]
    expected = sum(factor * number(term) for factor, term in zip(factors, terms.values(), strict=True))
    np.testing.assert_allclose(number(loss), expected, rtol=1e-5)
    short, _ = losses.compute_loss(model, batch, False, **weights | {"step_correlation_weights": (0.2,)})
    rest = 0.3 * number(terms["step_correlation_2"]) + 0.4 * number(terms["step_correlation_3"])
    np.testing.assert_allclose(number(short) - number(loss), rest, rtol=1e-4)


def test_the_global_reading_changes_the_loss_but_not_the_reported_sum():
    model, batch = network(), views()
    loss = {}
    for reading in ("per_unit", "global"):
        value, terms = losses.compute_loss(model, batch, False, correlation=reading, step_correlation_weights=())
        loss[reading] = number(value) + 0.02 * number(losses.l6_code_correlation(model(batch), reading))
        np.testing.assert_allclose(number(terms["sum_correlation"]), number(losses.l6_code_correlation(model(batch))))
    np.testing.assert_allclose(loss["per_unit"], loss["global"], rtol=1e-5)


def test_distorted_pairs_are_their_own_targets():
    model, batch = network(shift=3.0), views()
    outputs = model(batch, training=True)
    assert (array(outputs["views"]["left"]) != batch["left"]).any()
    expected = sum(squared_error(array(outputs["views"][v]), array(outputs["both"][v])) for v in VIEWS)
    np.testing.assert_allclose(number(losses.l1_reconstruction_from_both(outputs)), expected, rtol=1e-5)


@pytest.mark.parametrize("settings", [{}, {"tied": True, "decoder_units": (5, 6), "fusion": "code_sum"}])
def test_every_weight_has_a_finite_gradient_also_for_one_sample(settings):
    model = network(**settings, activation="sigmoid", dense_activation="sigmoid", dropout=0.0)
    for n in (6, 1):
        with tf.GradientTape() as tape:
            loss, _ = losses.compute_loss(model, views(n), True, canonical_weight=0.1, neighbour_share=0.5)
        gradients = tape.gradient(loss, [variable.value for variable in model.trainable_variables])
        assert all(np.isfinite(gradient).all() for gradient in gradients)
    assert np.isfinite(number(loss))


def test_neighbours_by_hand_and_by_scikit_learn():
    line = np.float32([0, 1, 3, 7]).reshape(4, 1, 1, 1)  # nearest: 1, 0, 1, 2
    near = np.float32([[0, 1, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]])
    pairing = losses.neighbour_pairing({"left": line, "right": 0 * line}, 1, 0.5)
    np.testing.assert_allclose(array(pairing), 0.5 * np.eye(4) + 0.25 * (near + near.T), atol=1e-6)

    batch = views(20)
    whole = np.concatenate([batch[view].reshape(20, -1) for view in VIEWS], axis=1)
    near = kneighbors_graph(whole, 3, include_self=False).toarray() / 3
    pairing = array(losses.neighbour_pairing(batch, 3, 0.4))
    np.testing.assert_allclose(pairing, 0.6 * np.eye(20) + 0.2 * (near + near.T), atol=1e-6)
    np.testing.assert_allclose(pairing.sum(), 20, rtol=1e-5)
    for n in (1, 2):  # fewer images than neighbours: all others, or the image itself
        np.testing.assert_allclose(array(losses.neighbour_pairing(views(n), 5, 0.4)).sum(axis=1), 1, rtol=1e-6)


def test_the_share_of_neighbours_reaches_the_canonical_term_only():
    model, batch = network(dropout=0.0), views(40)
    _, alone = losses.compute_loss(model, batch, False, canonical_weight=1.0)
    _, shared = losses.compute_loss(model, batch, False, canonical_weight=1.0, neighbours=2, neighbour_share=0.5)
    codes = [model(batch)[view]["code"] for view in VIEWS]
    expected = canonical_correlation_loss(*codes, pairing=losses.neighbour_pairing(batch, 2, 0.5))
    np.testing.assert_allclose(number(shared.pop("canonical")), -number(expected), rtol=1e-4)
    assert number(alone.pop("canonical")) > -number(expected)
    assert {name: number(value) for name, value in alone.items()} == {n: number(v) for n, v in shared.items()}


def test_training_raises_the_correlation_and_lowers_the_error():
    keras.utils.set_random_seed(0)
    picture = RANDOM.random((40, 3), np.float32) @ RANDOM.random((3, 240), np.float32) / 3
    picture = picture.reshape(40, 12, 20, 1)
    batch = {"left": tf.constant(picture[:, :, :10]), "right": tf.constant(picture[:, :, 10:])}
    model, optimizer = network(batch_norm="none"), keras.optimizers.Adam(3e-3)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            loss, terms = losses.compute_loss(model, batch, True)
        optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)
        return terms

    optimizer.build(model.trainable_variables)
    first = {name: number(value) for name, value in step().items()}
    for _ in range(60):
        last = step()
    assert number(last["sum_correlation"]) > first["sum_correlation"] + 1.0
    assert number(last["reconstruction_from_left"]) < 0.8 * first["reconstruction_from_left"]


def test_mixed_precision_computes_the_loss_in_float32():
    keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        model, batch = network(shift=1.0, stretch=0.1, tied=True, decoder_units=(5, 6)), views()
        assert model(batch)["left"]["code"].dtype == tf.float16
        loss, terms = losses.compute_loss(model, batch, True, canonical_weight=1.0)
    finally:
        keras.mixed_precision.set_global_policy("float32")
    assert loss.dtype == tf.float32 and all(term.dtype == tf.float32 for term in terms.values())
    assert np.isfinite(loss)

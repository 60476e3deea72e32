"""Margin loss by hand and by loops, the two forms of the reconstruction loss, the totals."""

import inspect
import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from capsnet import baselines, layers, losses, model
from data import multimnist
from tests.capsnet import oracles

random = np.random.default_rng(0)
SMALL = {"filters": 4, "primary_types": 2, "decoder_units": (8, 8), "compiled": False}


def test_margin_loss_by_hand():
    # present 0.5: (0.9 - 0.5)^2 = 0.16; absent 0.3: 0.5 (0.3 - 0.1)^2 = 0.02; absent 0.05: 0
    lengths, target = tf.constant([[0.5, 0.3, 0.05]]), tf.constant([[1.0, 0.0, 0.0]])
    assert float(losses.margin_loss(target, lengths)[0]) == pytest.approx(0.18, rel=1e-6)


def test_margin_loss_equals_the_loops_also_with_two_classes_present():
    lengths = random.random((6, 10)).astype("float32")
    target = np.zeros((6, 10), np.float32)
    target[np.arange(6), random.integers(0, 5, 6)] = 1
    target[np.arange(6), random.integers(5, 10, 6)] = 1
    values = np.array(losses.margin_loss(target, lengths))
    expected = [oracles.margin_loss(lengths[i : i + 1], target[i : i + 1]) for i in range(6)]
    np.testing.assert_allclose(values, expected, rtol=1e-5)


def test_margin_loss_is_zero_inside_the_margins():
    assert float(losses.margin_loss(tf.constant([[1.0, 0.0, 0.0]]), tf.constant([[0.95, 0.1, 0.0]]))[0]) == 0


def test_sum_and_mean_form_differ_by_the_number_of_pixels():
    image, other = random.random((3, 28, 28, 1), np.float32), random.random((3, 28, 28, 1), np.float32)
    by_hand = ((image - other) ** 2).sum(axis=(1, 2, 3))
    total, mean = (np.array(losses.reconstruction_loss(image, other, form=form)) for form in ("sum", "mean"))
    np.testing.assert_allclose(total, by_hand, rtol=1e-5)
    np.testing.assert_allclose(total, 784 * mean, rtol=1e-5)
    np.testing.assert_allclose(0.0005 * total, 0.392 * mean, rtol=1e-5)  # the paper's weight on the mean
    np.testing.assert_allclose(0.01 * total, 7.84 * mean, rtol=1e-5)  # the authors' program's


def batch():
    return {"image": random.random((5, 28, 28, 1), np.float32), "label": np.array([0, 3, 9, 1, 5], np.int32)}


def test_total_is_margin_plus_weighted_error_of_the_labelled_capsule():
    network, data = model.build(**SMALL), batch()
    loss, terms = losses.compute_loss(network, data, False, reconstruction_weight=0.1, form="sum")
    outputs = network(data["image"])
    masked = np.zeros_like(outputs["capsules"])
    masked[np.arange(5), data["label"]] = np.array(outputs["capsules"])[np.arange(5), data["label"]]
    rebuilt = np.array(network.get_layer("decoder")(masked))
    margin = oracles.margin_loss(np.array(outputs["lengths"]), np.eye(10)[data["label"]])
    mse = ((data["image"] - rebuilt) ** 2).mean()
    assert float(terms["margin"]) == pytest.approx(margin, rel=1e-5)
    assert float(terms["mse"]) == pytest.approx(mse, rel=1e-5)
    assert float(loss) == pytest.approx(margin + 0.1 * 784 * mse, rel=1e-5)


def test_without_reconstruction_the_loss_is_the_margin_loss():
    network = model.build(**{**SMALL, "decoder_units": ()})
    loss, terms = losses.compute_loss(network, batch(), False, reconstruction_weight=0.0)
    assert float(loss) == float(terms["margin"]) and "mse" not in terms


def test_the_target_of_the_reconstruction_is_the_shifted_image():
    network, data = model.build(**SMALL, max_shift=2), batch()
    state = network.get_layer("shift").generator.state
    before = np.array(state)
    _, terms = losses.compute_loss(network, data, True, reconstruction_weight=1.0)
    state.assign(before)  # the same shifts again
    outputs = network(data["image"], training=True)
    drawn = np.array(model.decode(network, outputs["capsules"], data["label"]))
    assert float(terms["mse"]) == pytest.approx(((outputs["seen"] - drawn) ** 2).numpy().mean(), rel=1e-5)
    assert abs(float(terms["mse"]) - ((data["image"] - drawn) ** 2).mean()) > 1e-3


def test_pair_loss_wants_both_classes_and_draws_each_digit_from_its_capsule():
    network = model.build(**SMALL, image_shape=(36, 36, 1))
    digits = random.integers(0, 256, (4, 36, 36, 2)).astype(np.uint8)
    labels = np.array([[0, 1], [2, 3], [4, 9], [8, 7]], np.int32)
    loss, terms = losses.compute_pair_loss(
        network, {"digits": digits, "label": labels}, False, reconstruction_weight=0.1, form="sum"
    )
    image = np.minimum(digits.astype(np.float32).sum(-1, keepdims=True) / 255, 1)
    outputs = network(image)
    target = np.eye(10)[labels].sum(1)
    expected = oracles.margin_loss(np.array(outputs["lengths"]), target)
    assert float(terms["margin"]) == pytest.approx(expected, rel=1e-5)
    for k in range(2):
        drawn = np.array(model.decode(network, outputs["capsules"], labels[:, k]))
        error = ((digits[..., k : k + 1] / np.float32(255) - drawn) ** 2).sum(axis=(1, 2, 3)).mean()
        expected += 0.1 * error
        assert float(terms[f"mse_{k + 1}"]) == pytest.approx(error / 36**2, rel=1e-5)
    assert float(loss) == pytest.approx(expected, rel=1e-5)
    longest = np.sort(np.array(outputs["lengths"]).argsort(-1)[:, -2:], axis=-1)
    assert float(terms["accuracy"]) == np.mean((longest == np.sort(labels, axis=-1)).all(-1))


def test_fresh_pairs_are_of_two_classes_placed_everywhere_and_new_every_time():
    labels = (np.arange(40) % 4)[:, None]
    digits = np.zeros((40, 12, 12, 1), np.float32)
    digits[:, 4:8, 4:8] = (1 + np.arange(40))[:, None, None, None] / 100  # the pixel tells the row
    generator = keras.random.SeedGenerator(0)
    batches = [layers.pair_at_random(tf.constant(digits), tf.constant(labels), 4, generator) for _ in range(20)]
    pairs, classes = (np.concatenate([np.array(batch[k]) for batch in batches]) for k in (0, 1))
    rows = np.round(pairs.max(axis=(1, 2)) * 100).astype(int) - 1
    assert (classes[:, 0] != classes[:, 1]).all() and (rows % 4 == classes).all()
    assert ((pairs > 0).sum(axis=(1, 2)) == 16).all()  # all of the digit is on the canvas
    assert (rows[:, 0].reshape(20, 40) == np.arange(40)).all() and len(
        np.unique(rows[:, 1].reshape(20, 40), axis=0)
    ) == 20
    places = (pairs > 0).any(axis=1).argmax(axis=1)  # left edges
    assert set(places.ravel()) == set(range(9)) and (places[:, 0] != places[:, 1]).any()
    counts = np.bincount(classes[classes[:, 0] == 0, 1], minlength=4)
    assert counts[0] == 0 and counts[1:].min() > 0.6 * counts[1:].mean()


def test_digits_are_moved_in_the_graph_as_far_as_their_canvas_is_larger():
    assert inspect.signature(multimnist.pair_up).parameters["margin"].default == losses.MARGIN


def test_pair_loss_pairs_single_digits_itself_and_counts_half_right_pairs_as_half_the_digits():
    network = model.build(**SMALL, image_shape=(36, 36, 1), max_shift=0)
    digits = tf.constant(random.random((6, 36, 36, 1)), tf.float32)
    labels = tf.constant([[0], [1], [2], [3], [4], [5]])
    state = losses.random_stream(network).state
    before = np.array(state)
    loss, terms = losses.compute_pair_loss(
        network, {"digits": digits, "label": labels}, True, reconstruction_weight=0.1
    )
    state.assign(before)
    pairs, classes = layers.pair_at_random(digits, labels, losses.MARGIN, losses.random_stream(network))
    expected, _ = losses.compute_pair_loss(
        network, {"digits": pairs, "label": classes}, True, reconstruction_weight=0.1
    )
    assert float(loss) == pytest.approx(float(expected), rel=1e-5)
    lengths = np.array(network(tf.minimum(tf.reduce_sum(pairs, -1, keepdims=True), 1.0))["lengths"])
    longest = lengths.argsort(-1)[:, -2:]
    right = np.mean(
        [len(set(found) & set(wanted)) / 2 for found, wanted in zip(longest, np.array(classes), strict=True)]
    )
    assert float(terms["digits"]) == pytest.approx(right)


def test_cross_entropy_and_accuracy_by_hand():
    logits = tf.constant([[0.0, 0.0], [2.0, 0.0]])
    expected = [math.log(2), math.log(1 + math.exp(2))]
    np.testing.assert_allclose(losses.cross_entropy(tf.constant([0, 1]), logits), expected, rtol=1e-6)
    assert float(losses.accuracy(tf.constant([0, 1]), logits)) == 0.5


def test_class_means_are_the_best_image_that_knows_only_the_label():
    split = {"image": random.random((20, 2, 2, 1), np.float32), "label": np.arange(20) % 4}
    means = baselines.class_means(split)
    np.testing.assert_allclose(means[3], split["image"][3::4].mean(0), rtol=1e-6)
    error = ((split["image"] - means[split["label"]]) ** 2).mean()
    assert error < ((split["image"] - means[split["label"]] - 0.01) ** 2).mean()


def test_margin_loss_in_plain_compile_honours_sample_weights():
    keras.utils.set_random_seed(0)
    image = keras.Input((20, 20, 1))
    capsules = layers.DigitCapsules(3, 4, compiled=False)(layers.PrimaryCapsules(2, 4, kernel_size=9)(image))
    network = keras.Model(image, layers.Length()(capsules))
    images, labels = random.random((6, 20, 20, 1), np.float32), np.arange(6) % 3
    values = np.array(losses.margin_loss(labels, network(images)))
    for target in (np.eye(3)[labels], labels, labels[:, None]):
        network.compile("adam", loss=losses.margin_loss)
        assert network.evaluate(images, target, verbose=0) == pytest.approx(values.mean(), rel=1e-5)
        weights = np.array([0, 0, 0, 2.0, 0, 0])
        weighted = network.evaluate(images, target, sample_weight=weights, verbose=0)
        assert weighted == pytest.approx(2 * values[3] / 6, rel=1e-5)


@pytest.mark.parametrize("shape", [(4,), (6, 2), (6, 3, 1)])
def test_labels_of_another_shape_are_refused_with_both_shapes(shape):
    lengths = tf.zeros((6, 3))
    with pytest.raises(ValueError, match=rf"labels have shape \({shape[0]}.*scores \(6, 3\)"):
        losses.margin_loss(np.zeros(shape, int), lengths)
    with pytest.raises(ValueError, match="labels have shape"):
        layers.Mask()(tf.zeros((6, 3, 4)), np.zeros(shape, int))
    column = layers.Mask()(tf.ones((6, 3, 4)), np.arange(6)[:, None] % 3)
    np.testing.assert_array_equal(column, layers.Mask()(tf.ones((6, 3, 4)), np.arange(6) % 3))

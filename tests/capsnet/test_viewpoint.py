"""Capsules against pooling at unseen views: equal networks, equal data, and what is compared."""

import keras
import numpy as np
import pytest
from keras.layers import Conv2D

from capsnet.studies import heads, viewpoint
from capsnet.studies.viewpoint import VARIANTS, at_equal_accuracy, load, make_objective
from training.settings import parse


@pytest.mark.parametrize("shape", [(28, 28, 1), (40, 40, 1)])
def test_heads_have_equal_parameters_and_the_same_convolutions(shape):
    networks = [heads.build(head, image_shape=shape, compiled=False) for head in viewpoint.HEADS]
    counts = [sum(int(np.prod(weight.shape)) for weight in network.trainable_weights) for network in networks]
    assert max(counts) < 1.005 * min(counts)
    convolutions = [
        [layer.kernel.shape for layer in network.layers if isinstance(layer, Conv2D)] for network in networks
    ]
    assert all(each == convolutions[0] for each in convolutions) and len(convolutions[0]) == 4


def test_averages_do_not_see_where_a_digit_is_but_capsules_may():
    keras.utils.set_random_seed(0)
    image = np.zeros((1, 40, 40, 1), np.float32)
    image[0, 16:20, 16:20] = np.random.default_rng(0).random((4, 4, 1))
    elsewhere = np.roll(image, (4, 4), axis=(1, 2))  # one stride of all convolutions together, away from the edges
    average = heads.build("average_pool", max_shift=0)
    np.testing.assert_allclose(average(image)["logits"], average(elsewhere)["logits"], rtol=1e-4, atol=1e-5)
    capsules = heads.build("efficient", max_shift=0)
    assert np.abs(np.array(capsules(image)["lengths"]) - np.array(capsules(elsewhere)["lengths"])).max() > 1e-3


def test_equal_accuracy_is_read_between_epochs():
    rows = [(0.90, 0.60), (0.96, 0.70), (0.99, 0.85), (0.97, 0.10)]
    history = [{"validation/accuracy": plain, "validation/affine_accuracy": affine} for plain, affine in rows]
    assert at_equal_accuracy(history, 2.0) == pytest.approx(100 - 70 - 15 * 2 / 3)  # two thirds from 4 % to 1 %
    assert at_equal_accuracy(history, 10.0) != at_equal_accuracy(history, 10.0)  # below it from the start
    assert np.isnan(at_equal_accuracy(history, 0.5))


def test_data_are_placed_and_only_those_to_be_asked_deformed():
    flags = ["viewpoint_efficient", "--data", "digits", "--train-examples", "40", "--held-examples", "50"]
    _, config = parse("viewpoint", VARIANTS, flags)
    dataset = load(config)
    assert dataset.train["image"].shape == (40, 40, 40, 1) and len(dataset.validation["label"]) == 40
    assert (dataset.train["image"][:, :6] == 0).all() and (dataset.train["affine"] == dataset.train["image"]).all()
    assert (dataset.test["image"][:, :6] > 0).any() and (dataset.test["affine"] != dataset.test["image"]).any()
    network = heads.build("routed", compiled=False)
    batch = {key: keras.ops.convert_to_tensor(array[:4]) for key, array in dataset.test.items()}
    batch |= {key: keras.ops.cast(batch[key], "float32") / 255 for key in ("image", "affine")}
    assert set(make_objective(config)(network, batch, training=False)[1]) == {"margin", "accuracy", "affine_accuracy"}
    assert set(make_objective(config)(network, batch, training=True)[1]) == {"margin", "accuracy"}

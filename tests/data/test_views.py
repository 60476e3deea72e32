"""Noisy pairs of a class: what is turned, what is paired, where the noise is."""

import numpy as np
import pytest

from data import images, views
from data.dataset import DataError, Dataset

random = np.random.default_rng(0)


def test_pairs_share_their_class_and_nothing_else():
    dataset = images.load("digits", train_examples=200, held_examples=60)
    pairs, again = (views.noisy_pairs(dataset) for _ in range(2))
    assert pairs.checksum() == again.checksum() and "noisy pairs" in pairs.title
    clean = np.minimum(dataset.train["image"] + np.float32(1), 1)
    assert pairs.train["right"].shape == clean.shape and pairs.train["left"].dtype == np.float32
    assert pairs.train["right"].min() >= 0 and pairs.train["right"].max() == 1
    background = pairs.train["right"][:, 0, 0, 0]
    assert abs(background.mean() - 0.5) < 0.06 and background.std() > 0.25  # uniform noise, cut at 1


def test_partners_are_drawn_within_the_class():
    labels = random.integers(0, 3, 3000)
    partners = views.same_class(labels, np.random.default_rng(0))
    np.testing.assert_array_equal(labels[partners], labels)
    assert 0 < (partners == np.arange(3000)).mean() < 0.01 and len(np.unique(partners)) > 1700


def test_a_quarter_turn_by_hand_and_angles_within_their_range(monkeypatch):
    image = random.random((1, 5, 5, 1)).astype("float32")
    np.testing.assert_allclose(views.turn(image, np.array([90.0]))[0, ..., 0], np.rot90(image[0, ..., 0]), atol=1e-6)
    asked = []
    monkeypatch.setattr(views, "turn", lambda pictures, degrees: asked.append(degrees) or pictures)
    part = {"image": np.zeros((2000, 4, 4, 1), np.float32), "label": np.zeros(2000, np.int32)}
    views.noisy_pairs(Dataset("x", "x", part, part, part))
    angles = np.concatenate(asked)
    assert -45 <= angles.min() < -44 and 44 < angles.max() <= 45 and abs(angles.mean()) < 1


def test_images_without_labels_are_refused():
    part = {"image": np.zeros((20, 4, 4, 1), np.float32)}
    with pytest.raises(DataError, match="expected labelled images"):
        views.noisy_pairs(Dataset("x", "x", part, part, part))

"""Digits on a larger canvas: where they may lie, and what a deformation does to a pixel."""

import numpy as np
import pytest

from data import viewpoints
from data.viewpoints import ROTATION, SCALE, SHEAR

random = np.random.default_rng(0)


def test_padding_only():
    images = random.random((3, 5, 7, 1)).astype("float32")
    canvas = viewpoints.deform(images, np.broadcast_to(np.eye(2), (3, 2, 2)), 2)
    assert canvas.shape == (3, 9, 11, 1) and canvas.dtype == np.uint8
    np.testing.assert_array_equal(canvas[:, 2:-2, 2:-2], np.round(255 * images))
    assert canvas.sum() == canvas[:, 2:-2, 2:-2].sum()


def test_a_quarter_turn_and_a_stretch_by_hand():
    image = np.zeros((1, 5, 5, 1), np.float32)
    image[0, 0, 2] = 1  # two above the centre
    turned = viewpoints.deform(image, np.array([[[0.0, -1.0], [1.0, 0.0]]]), 1)[0, ..., 0]
    assert np.argwhere(turned).tolist() == [[3, 5]]  # two to the right of the centre of the 7 x 7 canvas
    stretched = viewpoints.deform(image, np.array([[[2 / 3, 0.0], [0.0, 1.0]]]), 1)[0, ..., 0]
    assert np.argwhere(stretched).tolist() == [[0, 3], [1, 3]]  # three above it, and a third of it a row lower
    assert stretched[:2, 3].tolist() == [255, 85]


def test_matrices_are_within_the_ranges_and_reach_them():
    matrices = viewpoints.draw_deformations(20_000, np.random.default_rng(1))
    # A = R S D: undo each factor from the product.
    angle = np.arctan2(-matrices[:, 0, 1], matrices[:, 1, 1])
    first = np.hypot(matrices[:, 0, 1], matrices[:, 1, 1])  # 1 / columns
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    left = np.einsum("abn,nbc->nac", turn, matrices)
    second = left[:, 0, 0]  # 1 / rows
    shear = left[:, 1, 0] / second
    ranges = ((np.rad2deg(angle), ROTATION), (shear, SHEAR), (1 / first - 1, SCALE), (1 / second - 1, SCALE))
    for values, largest in ranges:
        assert np.abs(values).max() <= largest + 1e-9
        assert values.min() < -0.98 * largest and values.max() > 0.98 * largest and abs(values.mean()) < 0.03 * largest
    np.testing.assert_allclose(left[:, 0, 1], 0, atol=1e-12)


def test_ink_is_never_lost_and_comes_everywhere():
    pictures = np.zeros((4000, 6, 8, 1), np.uint8)
    pictures[:, 2:4, 3:6] = np.arange(1, 7).reshape(2, 3, 1)
    moved = viewpoints.place_anywhere(pictures, np.random.default_rng(0))
    assert (moved.sum((1, 2, 3)) == 21).all()
    corners = {tuple(np.argwhere(picture[..., 0] == 1)[0]) for picture in moved}
    assert corners == {(row, column) for row in range(5) for column in range(6)}
    assert (viewpoints.place_anywhere(np.zeros((2, 4, 4, 1), np.uint8), np.random.default_rng(0)) == 0).all()


def test_a_split_of_unseen_views_is_the_same_for_the_same_seed():
    images = np.zeros((50, 10, 10, 1), np.float32)
    images[:, 3:7, 4:6] = 1
    split = {"image": images, "label": np.arange(50) % 10}
    views = [viewpoints.unseen_views(split, 3, np.random.default_rng(7)) for _ in range(2)]
    for name in ("image", "affine", "label"):
        np.testing.assert_array_equal(views[0][name], views[1][name])
    assert views[0]["image"].shape == views[0]["affine"].shape == (50, 16, 16, 1)
    assert (views[0]["image"].sum((1, 2, 3)) == 8 * 255).all()  # moved, nothing lost
    assert views[0]["affine"].sum((1, 2, 3)).astype(float) == pytest.approx(np.full(50, 8 * 255), rel=0.5)
    assert len({picture.tobytes() for picture in views[0]["affine"]}) > 45

"""Random affine changes: against an oracle, at rest outside training, in the graph, resumable."""

import keras
import numpy as np
import pytest
from scipy import ndimage

from common.augment import RandomAffine, through

random = np.random.default_rng(0)


def test_images_move_as_the_formula_says():
    """Each image against SciPy's affine map with the layer's own draws."""
    images = random.random((5, 12, 10, 1), np.float32)
    layer = RandomAffine(shift=2, rotation=30, shear=0.2, scale=0.3, seed=3)
    maps = np.array(RandomAffine(shift=2, rotation=30, shear=0.2, scale=0.3, seed=3).draw_transforms(5, 12, 10))
    moved = np.array(layer(images, training=True))
    for image, result, (a, b, e, c, d, f, *_) in zip(images, moved, maps, strict=True):
        matrix, offset = np.array([[d, c], [b, a]]), np.array([f, e])  # SciPy counts rows first
        expected = ndimage.affine_transform(image[..., 0], matrix, offset, order=1, mode="grid-constant")
        np.testing.assert_allclose(result[..., 0], expected, atol=1e-4)


def test_draws_stay_within_their_amounts_and_differ_between_images():
    maps = np.array(RandomAffine(rotation=20, scale=0.1, seed=0).draw_transforms(2000, 9, 9))
    angle = np.rad2deg(np.arctan2(maps[:, 3], maps[:, 0]))
    size = 1 / np.hypot(maps[:, 0], maps[:, 3])
    assert np.abs(angle).max() <= 20 and angle.std() == pytest.approx(20 / 3**0.5, rel=0.05)
    assert size.min() >= 0.9 and size.max() <= 1.1 and size.std() == pytest.approx(0.1 / 3**0.5, rel=0.05)
    centre = np.einsum("nij,j->ni", maps[:, :6].reshape(-1, 2, 3), [4, 4, 1])
    np.testing.assert_allclose(centre, 4, atol=1e-4)  # turned and enlarged about the centre
    shifts = np.array(RandomAffine(shift=3, seed=0).draw_transforms(2000, 9, 9))[:, [2, 5]]
    assert np.abs(shifts).max() <= 3 and shifts.std() == pytest.approx(3**0.5, rel=0.05)


def test_half_of_the_images_are_mirrored():
    images = random.random((400, 5, 7, 1), np.float32)
    out = np.array(RandomAffine(flip=True, seed=0)(images, training=True))
    same, mirrored = (np.abs(out - other).max(axis=(1, 2, 3)) < 1e-5 for other in (images, images[:, :, ::-1]))
    assert (same ^ mirrored).all() and 160 < mirrored.sum() < 240
    np.testing.assert_array_equal(np.array(RandomAffine(flip=True)(images)), images)


def test_cutout_blanks_one_square():
    out = np.array(RandomAffine(cutout=4, seed=0)(np.ones((200, 12, 12, 1), np.float32), training=True))
    holes = (out == 0).sum(axis=(1, 2, 3))
    assert holes.max() == 16 and holes.min() >= 4 and set(np.unique(out)) == {0, 1}


def test_it_rests_outside_training_and_refuses_bad_amounts():
    images = random.random((2, 6, 6, 1), np.float32)
    layer = RandomAffine(shift=2, rotation=10, cutout=2)
    np.testing.assert_array_equal(layer(images), images)
    np.testing.assert_array_equal(RandomAffine()(images, training=True), images)
    assert len(layer.variables) == 1  # the random state is saved and resumed with the model
    again = RandomAffine.from_config(layer.get_config())
    assert again.amounts == layer.amounts
    for bad in ({"shift": -1}, {"scale": 1.0}):
        with pytest.raises(ValueError, match="RandomAffine needs amounts of 0 or more"):
            RandomAffine(**bad)


def test_it_works_in_a_graph_of_unknown_batch_size():
    image = keras.Input((8, 8, 1))
    network = keras.Model(image, RandomAffine(shift=1, rotation=5, cutout=2)(image))
    assert network(random.random((3, 8, 8, 1)), training=True).shape == (3, 8, 8, 1)


def test_it_is_keras_own_map_and_can_be_compiled_by_xla():
    """To the bit where it is not compiled: TensorFlow's operation itself cannot be."""
    import tensorflow as tf

    images = random.random((6, 11, 9, 3), np.float32)
    maps = RandomAffine(shift=4, rotation=60, shear=0.4, scale=0.5, flip=True, seed=1).draw_transforms(6, 11, 9)
    expected = keras.ops.image.affine_transform(images, maps, "bilinear")
    np.testing.assert_array_equal(through(images, maps), expected)
    compiled = tf.function(through, jit_compile=True)
    np.testing.assert_allclose(compiled(tf.constant(images), maps), expected, atol=2e-5)

"""Digits seen from elsewhere: on a larger canvas at random places, and deformed as in affNIST."""

import numpy as np

from data.dataset import Split, pixels
from data.multimnist import centre

# affNIST (Tieleman 2013), which Sabour et al. 2017 test on in their section 5.2: uniform, symmetric about no change.
ROTATION, SHEAR, SCALE = 20.0, 0.2, 0.2  # degrees; tangent; relative change of either side by itself


def draw_deformations(count: int, generator: np.random.Generator) -> np.ndarray:
    """(count, 2, 2): matrices A = rotation @ shear @ scales that take a place in the picture to one in the original."""
    angle = np.deg2rad(generator.uniform(-ROTATION, ROTATION, count))
    slant, (rows, columns) = generator.uniform(-SHEAR, SHEAR, count), 1 + generator.uniform(-SCALE, SCALE, (2, count))
    zero, one = np.zeros(count), np.ones(count)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    shear, scales = np.array([[one, zero], [slant, one]]), np.array([[1 / rows, zero], [zero, 1 / columns]])
    return np.einsum("abn,bcn,cdn->nad", turn, shear, scales)


def deform(images: np.ndarray, matrices: np.ndarray, margin: int) -> np.ndarray:
    """Every image (n, height, width, 1) through its matrix about its centre, in the middle of a larger canvas.

    Pixel p of the result shows pixel A (p - c') + c of the image, bilinear, 0 outside; c and c' are the centres of the
    image and of the canvas with `margin` pixels more on every side. uint8, as the placed digits of MultiMNIST.
    """
    from scipy import ndimage

    side = np.array(images.shape[1:3])
    middle, canvas = (side - 1) / 2, tuple(side + 2 * margin)
    moved = np.empty((len(images), *canvas), np.uint8)
    for index, (image, matrix) in enumerate(zip(pixels(images)[..., 0], matrices, strict=True)):
        offset = middle - matrix @ (middle + margin)
        seen = ndimage.affine_transform(image, matrix, offset, canvas, order=1, mode="grid-constant")
        moved[index] = np.round(255 * np.clip(seen, 0, 1))
    return moved[..., None]


def place_anywhere(pictures: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Every picture (n, height, width, 1) rolled to a uniformly random place at which all of its ink is inside."""
    places = []
    for axis in (1, 2):
        ink = pictures.max(axis=(3, 3 - axis)) > 0  # (n, side)
        first, after = ink.argmax(1), ink.argmax(1) + ink.shape[1]
        last = ink.shape[1] - 1 - ink[:, ::-1].argmax(1)
        room = np.where(ink.any(1), after - last, 1)  # places that the ink's box can have: side - (last - first)
        places.append(np.where(ink.any(1), generator.integers(room) - first, 0))
    moves = np.stack(places, axis=1)
    return np.stack([np.roll(picture, move, axis=(0, 1)) for picture, move in zip(pictures, moves, strict=True)])


def unseen_views(split: Split, margin: int, generator: np.random.Generator) -> Split:
    """A split for testing: `image`, moved by up to `margin` pixels only, and `affine`, deformed and anywhere; uint8."""
    images = split["image"]
    moves = generator.integers(-margin, margin + 1, (len(images), 2))
    still = [np.roll(picture, move, axis=(0, 1)) for picture, move in zip(centre(images, margin), moves, strict=True)]
    affine = place_anywhere(deform(images, draw_deformations(len(images), generator), margin), generator)
    return {"image": np.stack(still), "affine": affine, "label": split["label"]}

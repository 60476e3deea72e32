"""Two views: the left and the right half of an image, or a turned image and a noisy other one of its class."""

import numpy as np

from data.dataset import DataError, Dataset, Split, pixels

ANGLE = 45.0  # degrees, either way


def halves(dataset: Dataset) -> Dataset:
    """Left and right halves of images, the two views of CorrNet (Chandar et al. 2016, section 4).

    Returns:
        Dataset with `left`, `right` (n, height, width // 2, channels), for 28x28 images (n, 28, 14, 1), and `label`
        (n,) where there is one. The middle column of an odd width is in neither.
    """
    if dataset.train["image"].shape[2] < 2:
        raise DataError("images are 1 pixel wide, expected at least 2 to cut them into halves; give wider ones")
    return dataset.map(lambda _, split: cut(split), title=f"{dataset.title}, left and right halves")


def cut(split: Split) -> Split:
    """`left` and `right` in place of `image`."""
    half = split["image"].shape[2] // 2
    rest = {key: array for key, array in split.items() if key != "image"}
    return {"left": split["image"][:, :, :half], "right": split["image"][:, :, -half:], **rest}


def noisy_pairs(dataset: Dataset) -> Dataset:
    """Noisy pairs of Wang et al. 2015: two images that share nothing but their class.

    `left` is the image, turned by an angle uniform in +-45 degrees; `right` a random image of the same class and split
    plus noise uniform in [0, 1] in every pixel, cut at 1. The same draws in every run.

    Returns:
        Dataset with `left`, `right` float32 (n, height, width, channels) and `label` (n,).
    """
    if "label" not in dataset.train:
        raise DataError("noisy pairs share their class, expected labelled images; give one folder per class")
    streams = {"train": 0, "validation": 1, "test": 2}

    def change(name: str, split: Split) -> Split:
        generator = np.random.default_rng([45, streams[name]])
        images, partners = pixels(split["image"]), same_class(split["label"], generator)
        noise = generator.random(images.shape, np.float32)
        left = turn(images, generator.uniform(-ANGLE, ANGLE, len(images)))
        return {"left": left, "right": np.minimum(images[partners] + noise, np.float32(1)), "label": split["label"]}

    return dataset.map(change, title=f"{dataset.title}, noisy pairs of a class")


def same_class(labels: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """For every row the number of a random row of the same label, itself included."""
    partners = np.empty(len(labels), np.int64)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        partners[members] = generator.choice(members, len(members))
    return partners


def turn(images: np.ndarray, degrees: np.ndarray) -> np.ndarray:
    """Images (n, height, width, channels), each turned about its centre, bilinear, 0 outside; float32."""
    from scipy import ndimage

    turned = [
        ndimage.rotate(image, angle, axes=(0, 1), reshape=False, order=1, mode="grid-constant")
        for image, angle in zip(images, degrees, strict=True)
    ]
    return np.stack(turned).astype(np.float32)


PAIRS = {"halves": halves, "noisy": noisy_pairs}

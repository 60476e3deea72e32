"""MultiMNIST: two digits of different classes on one larger canvas (Sabour et al. 2017, section 6)."""

import itertools

import numpy as np

from data.dataset import DataError, Dataset, Split, as_bytes


def pair_up(dataset: Dataset, train_pairs: int = 1, margin: int = 4, seed: int = 0, fresh: bool = False) -> Dataset:
    """Every image paired with random ones of other classes, both shifted at random; the same for the same seed.

    Args:
        dataset: `image` (n, height, width, 1) in [0, 1] and `label` (n,).
        train_pairs: pairs per training image (>= 1; the paper has 1,000); the other splits have one per image.
        margin: pixels by which the canvas is larger on every side, and the digits may be shifted (paper: 4).
        seed: of all draws; pairs never cross splits.
        fresh: leave the training images single, each in the middle of its canvas, for a loss that pairs them anew in
            every batch: no memory for a million pairs.

    Returns:
        Dataset with `digits` uint8 (n, height + 2 margin, width + 2 margin, 2), the two placed digits in 0..255, and
        `label` int32 (n, 2). The image to look at is their sum, cut at 255. With `fresh` the training split has
        `digits` (n, ..., 1) and `label` (n, 1).

    Raises:
        DataError: train_pairs below 1, or a split with fewer than two classes.
    """
    if train_pairs < 1:
        raise DataError(f"train_pairs is {train_pairs}, expected at least 1 pair per training image")
    if dataset.train["image"].shape[-1] != 1:
        raise DataError("images have colours, expected grey ones (one channel) to add two of; convert them to grey")
    streams = dict(zip(("train", "validation", "test"), np.random.SeedSequence(seed).spawn(3), strict=True))

    def change(name: str, split: Split) -> Split:
        generator = np.random.default_rng(streams[name])
        if fresh and name == "train":
            return {"digits": centre(split["image"], margin), "label": split["label"][:, None]}
        first = np.tile(np.arange(len(split["label"])), train_pairs if name == "train" else 1)
        second = partners(split["label"], first, generator)
        digits = [place(split["image"], rows, margin, generator) for rows in (first, second)]
        labels = np.stack([split["label"][first], split["label"][second]], axis=-1)
        return {"digits": np.stack(digits, axis=-1), "label": labels}

    return dataset.map(change, title=f"pairs of {dataset.title} on one canvas (MultiMNIST)")


def partners(labels: np.ndarray, first: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """For every row of `first` the number of a random row with another label, uniformly."""
    if len(np.unique(labels)) < 2:
        raise DataError("all images have the same class, expected at least two classes to pair; give more images")
    second = generator.integers(len(labels), size=len(first))
    while (same := labels[first] == labels[second]).any():
        second[same] = generator.integers(len(labels), size=same.sum())
    return second


def place(images: np.ndarray, rows: np.ndarray, margin: int, generator: np.random.Generator) -> np.ndarray:
    """Images `rows` as uint8, each at a random place of an empty canvas with `margin` pixels more on every side."""
    height, width = images.shape[1:3]
    grey = as_bytes(images[..., 0])
    canvas = np.zeros((len(rows), height + 2 * margin, width + 2 * margin), np.uint8)
    corners = generator.integers(2 * margin + 1, size=(len(rows), 2))
    for top, left in itertools.product(range(2 * margin + 1), repeat=2):
        here = np.flatnonzero((corners == (top, left)).all(axis=1))
        canvas[here, top : top + height, left : left + width] = grey[rows[here]]
    return canvas


def centre(images: np.ndarray, margin: int) -> np.ndarray:
    """Images (n, height, width, 1) as uint8 with `margin` empty pixels on every side."""
    return np.pad(as_bytes(images), ((0, 0), (margin, margin), (margin, margin), (0, 0)))

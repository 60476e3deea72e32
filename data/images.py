"""MNIST, Fashion-MNIST and scikit-learn's digits as one frozen Dataset: `load("mnist")`."""

import hashlib
from pathlib import Path

import numpy as np

from data import sources
from data.dataset import DataError, Dataset, Split

NAMES = ("mnist", "fashion_mnist", "digits")
TITLES = {
    "mnist": "MNIST",
    "fashion_mnist": "Fashion-MNIST",
    "digits": "digits (scikit-learn's 8x8 handwritten digits resized to 28x28, not MNIST)",
}
CLASSES = {  # names of the labels 0 to 9, where they are no digits
    "fashion_mnist": ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "boot"),
}


def class_names(data: str, classes: int = 10) -> tuple[str, ...]:
    """Names of the labels of a data set, reduced or not ("fashion_mnist-1000"); numbers where it has no names."""
    return CLASSES.get(data.partition("-")[0], tuple(map(str, range(classes))))


def load(
    name: str = "auto",
    data_dir: str | Path | None = None,
    split: str = "stratified",
    train_examples: int = 0,
    held_examples: int = 0,
    split_seed: int = 0,
) -> Dataset:
    """Loads 28x28 grey images in [0, 1] with labels 0-9.

    Args:
        name: `mnist`, `fashion_mnist`, `digits`, or `auto`: MNIST where it can be had, otherwise digits.
        data_dir: folder with `<name>.npz` in Keras' layout (x_train, y_train, x_test, y_test). Without it:
            the folder in the environment variable RESEARCH_DATA_DIR, Keras' cache, a checked download.
        split: `stratified`: one twelfth of the training images, drawn class by class with `split_seed`, are
            the validation split (55,000 / 5,000 / 10,000 for MNIST). `ordered`: the last sixth in file
            order (50,000 / 10,000 / 10,000), which published CorrNet results use.
        train_examples: keep only this many training images, class by class; 0 keeps all.
        held_examples: the same for validation and for test images.
        split_seed: seed of the stratified draws; not the seed of a run, so runs share their splits.

    Returns:
        Dataset whose splits hold `image` float32 (n, 28, 28, 1) in [0, 1] and `label` int32 (n,).

    Raises:
        DataError: unknown name or split, or a file that is missing, truncated or holds other arrays.
    """
    if name not in (*NAMES, "auto"):
        raise DataError(f"unknown data set '{name}', expected one of auto, {', '.join(NAMES)}")
    if split not in ("stratified", "ordered"):
        raise DataError(f"unknown split '{split}', expected stratified or ordered")
    name, arrays, source = sources.find(name, data_dir)
    train, test = as_split("train", *arrays[:2]), as_split("test", *arrays[2:])
    train, validation = divide(train, split, split_seed)
    train = subset(train, train_examples, split_seed, "train_examples")
    validation, test = (subset(part, held_examples, split_seed, "held_examples") for part in (validation, test))
    provenance = {
        "data": name,
        "source": source,
        "split": split,
        "split_seed": split_seed,
        "idx_md5": [idx_md5(array) for array in arrays],
        "canonical": [idx_md5(array) for array in arrays] == sources.CANONICAL_MD5.get(name),
    }
    counts = {"training": train_examples, "test": held_examples}
    left = [f"{count:,} {part} images" for part, count in counts.items() if count]
    title = TITLES[name] + (f" ({', '.join(left)})" if left else "")
    return Dataset(reduced_name(name, train_examples, held_examples), title, train, validation, test, provenance)


def reduced_name(name: str, train_examples: int, held_examples: int) -> str:
    """`name` with the numbers of training and of test images where they are reduced: "mnist-1000", "mnist-1000-500"."""
    counts = [train_examples or "all", held_examples] if held_examples else [train_examples] if train_examples else []
    return "-".join([name, *map(str, counts)])


def as_split(name: str, images: np.ndarray, labels: np.ndarray) -> Split:
    """Checks shape, dtype, range and labels; returns float32 images (n, 28, 28, 1) and int32 labels."""
    if images.ndim == 4 and images.shape[3] == 1:
        images = images[..., 0]
    if images.ndim != 3 or images.shape[1:] != (28, 28):
        raise DataError(f"{name} images have shape {images.shape}, expected (n, 28, 28); resize them first")
    if labels.shape != images.shape[:1]:
        raise DataError(f"{name} labels have shape {labels.shape}, expected {images.shape[:1]}, one label per image")
    if images.dtype == np.uint8:
        black_and_white = images.max(initial=0) <= 1  # 0 and 1 rather than 0 to 255
        pixels = images.astype(np.float32) / np.float32(1 if black_and_white else 255)
    elif np.issubdtype(images.dtype, np.floating):
        pixels = images.astype(np.float32)
    else:
        raise DataError(f"{name} images have dtype {images.dtype}, expected uint8 in 0..255 or float in [0, 1]")
    low, high = (pixels.min(initial=1), pixels.max(initial=0)) if pixels.size else (0, 0)
    if not (low >= 0 and high <= 1):  # NaN fails both comparisons
        count = int(np.isnan(pixels).sum())
        raise DataError(
            f"{name} images have pixels from {low} to {high} with {count} NaN, "
            "expected float in [0, 1] without NaN; divide by 255 or use uint8"
        )
    if not np.issubdtype(labels.dtype, np.integer):
        raise DataError(f"{name} labels have dtype {labels.dtype}, expected an integer type")
    if labels.size and (labels.min() < 0 or labels.max() > 9):
        raise DataError(f"{name} labels run from {labels.min()} to {labels.max()}, expected 0 to 9; remap them")
    return {"image": pixels[..., None], "label": labels.astype(np.int32)}


def divide(train: Split, split: str, seed: int) -> tuple[Split, Split]:
    """Splits the training images into (train, validation); see `load`."""
    count = len(train["label"])
    if count < 24:
        raise DataError(f"{count} training images, expected at least 24 to divide; give more images")
    order = np.arange(count)
    if split == "ordered":
        kept, held = order[: count - count // 6], order[count - count // 6 :]
    else:
        kept, held = stratified(train["label"], count // 12, seed)
    return rows(train, kept), rows(train, held)


def subset(split: Split, examples: int, seed: int, setting: str) -> Split:
    """`examples` rows of `split`, every class in proportion; 0: all. `setting` is what errors call `examples`."""
    count = len(split["label"])
    if examples and not 10 <= examples <= count:
        raise DataError(f"{setting} is {examples}, expected 0 (all) or 10 to {count}")
    if examples in (0, count):
        return split
    return rows(split, stratified(split["label"], examples, seed)[1])


def stratified(labels: np.ndarray, held: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Sorted row numbers (kept, held) with `held` rows drawn in proportion to the classes."""
    from sklearn.model_selection import train_test_split

    order = np.arange(len(labels))
    try:
        kept, out = train_test_split(order, test_size=held, stratify=labels, random_state=seed)
    except ValueError as error:
        raise DataError(f"cannot draw {held} of {len(labels)} images class by class: {error}") from None
    return np.sort(kept), np.sort(out)


def first_of_each_class(labels: np.ndarray) -> np.ndarray:
    """Row of the first image of every class, in the order of the classes."""
    return np.unique(labels, return_index=True)[1]


def rows(split: Split, index: np.ndarray) -> Split:
    """The rows `index` of every array of `split`."""
    return {key: array[index] for key, array in split.items()}


def idx_md5(array: np.ndarray) -> str:
    """MD5 of `array` written as an IDX file (big-endian header + bytes), the known sums of MNIST's files."""
    header = bytes([0, 0, 8, array.ndim]) + b"".join(int(n).to_bytes(4, "big") for n in array.shape)
    return hashlib.md5(header + np.ascontiguousarray(array.astype(np.uint8)).tobytes()).hexdigest()

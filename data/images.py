"""MNIST, Fashion-MNIST, scikit-learn's digits, or own pictures, as one frozen Dataset: `load("mnist")`."""

import functools
import hashlib
import os
from pathlib import Path

import numpy as np

from data import own, sources
from data.dataset import DataError, Dataset, Split, pixels
from data.own import reduced_name, reductions_of_title
from data.splits import divide, subset

NAMES = ("auto", "mnist", "fashion_mnist", "digits")
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
    image_size: tuple[int, int] | None = None,
    names_file: str | Path | None = None,
    labelled: bool = True,
    floats: bool = True,
) -> Dataset:
    """Loads images in [0, 1] with labels: 28x28 grey ones with labels 0-9 by name, or own pictures by path.

    Args:
        name: `mnist`, `fashion_mnist`, `digits`, or `auto`: MNIST where it can be had, otherwise digits. Anything else
            is the path of own pictures, see `data.own.load`.
        data_dir: folder with `<name>.npz` in Keras' layout (x_train, y_train, x_test, y_test). Without it:
            the folder in the environment variable RESEARCH_DATA_DIR, Keras' cache, a checked download.
        split: `stratified`: one twelfth of the training images, drawn class by class with `split_seed`, are
            the validation split (55,000 / 5,000 / 10,000 for MNIST). `ordered`: the last sixth in file
            order (50,000 / 10,000 / 10,000), which published CorrNet results use; not for own pictures, whose order
            may be that of their classes.
        train_examples: keep only this many training images, class by class; 0 keeps all.
        held_examples: the same for validation and for test images.
        split_seed: seed of the stratified draws; not the seed of a run, so runs share their splits.
        image_size, names_file, labelled: of own pictures.
        floats: whether pictures with a name are float32; otherwise uint8, a quarter of the memory, from which `pixels`
            and the training loop make the same numbers.

    Returns:
        Dataset whose splits hold `image` (n, 28, 28, 1), float32 in [0, 1] or uint8, and `label` int32 (n,); of own
        pictures `image` of their own size, uint8 where they are, and `label` where they have any.

    Raises:
        DataError: unknown name or split, or a file that is missing, truncated or holds other arrays.
    """
    if split not in ("stratified", "ordered"):
        raise DataError(f"unknown split '{split}', expected stratified or ordered")
    cuts = {"train_examples": train_examples, "held_examples": held_examples}
    if name not in NAMES and not Path(name).exists():
        raise DataError(f"unknown data set '{name}', expected one of {', '.join(NAMES)}, or the path of own pictures")
    if name not in NAMES:
        return own.load(Path(name), split_seed, image_size, names_file, labelled, **cuts)
    if image_size or names_file:
        given = "--image-size" if image_size else "--class-names"
        raise DataError(f"{given} is for own pictures, received it with --data {name}; leave it out")
    name, arrays, source = sources.find(name, data_dir)
    train, test = as_split("train", *arrays[:2]), as_split("test", *arrays[2:])
    train, validation = divide(train, split, split_seed)
    train = subset(train, train_examples, split_seed, "train_examples")
    validation, test = (subset(part, held_examples, split_seed, "held_examples") for part in (validation, test))
    sums = [idx_md5(array) for array in arrays]
    canonical = name == "digits" or sums == sources.CANONICAL_MD5[name]
    provenance = {
        "data": name,
        "source": source,
        "split": split,
        "split_seed": split_seed,
        "idx_md5": sums,
        "canonical": sums == sources.CANONICAL_MD5.get(name),
    }
    title = TITLES[name] if canonical else f"the images in {Path(source).name}, which are not {TITLES[name]}"
    title += reductions_of_title(train_examples, held_examples)
    names = class_names(name) if canonical else tuple(map(str, range(10)))
    shown = reduced_name(name if canonical else f"{name}-{own.short_hash(sums)}", **cuts)
    splits = {"train": train, "validation": validation, "test": test}
    if floats:
        splits = {key: {**part, "image": pixels(part["image"])} for key, part in splits.items()}
    return Dataset(shown, title, **splits, provenance=provenance, class_names=names)


def run_name(data: str, data_dir: str | None, train_examples: int, held_examples: int) -> str:
    """What `load` with these settings calls its data set, without loading it."""
    places = (data_dir, os.environ.get(sources.ENVIRONMENT_VARIABLE), str(sources.keras_cache()))
    if data not in NAMES and Path(data).exists():
        return reduced_name(own.name_of(Path(data)), train_examples, held_examples)
    return reduced_name(name_here(data, places), train_examples, held_examples)


@functools.lru_cache(maxsize=16)
def name_here(data: str, places: tuple[str | None, ...]) -> str:
    """What data with a name are called here, where the places to look are these: other content has another name."""
    data = sources.find(data, places[0])[0] if data == "auto" else data
    found = sources.on_this_machine(data, places[0]) if data in sources.CANONICAL_MD5 else None
    sums = [idx_md5(array) for array in found] if found else None
    return data if sums in (None, sources.CANONICAL_MD5.get(data)) else f"{data}-{own.short_hash(sums or [])}"


def as_split(name: str, images: np.ndarray, labels: np.ndarray) -> Split:
    """Checks shape, dtype, range and labels of MNIST's layout; images (n, 28, 28, 1) as they are, int32 labels."""
    pictures = own.check_pictures(name, images)
    if pictures.shape[1:] != (28, 28, 1):
        raise DataError(f"{name} images have shape {images.shape}, expected (n, 28, 28); give them as --data PATH")
    return {"image": pictures, "label": own.check_labels(name, labels, len(pictures), 10)}


def idx_md5(array: np.ndarray) -> str:
    """MD5 of `array` written as an IDX file (big-endian header + bytes), the known sums of MNIST's files."""
    header = bytes([0, 0, 8, array.ndim]) + b"".join(int(n).to_bytes(4, "big") for n in array.shape)
    digest = hashlib.md5(header)
    digest.update(np.ascontiguousarray(array, np.uint8).data)
    return digest.hexdigest()

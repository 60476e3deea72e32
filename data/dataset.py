"""The frozen record that every method trains on."""

import dataclasses
import hashlib
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from common import UserError

Split = Mapping[str, np.ndarray]
SPLITS = ("train", "validation", "test")
PART = 4000  # rows of a large array that are worked on at a time


class DataError(UserError):
    """The data cannot be used; the message says what, expected, received and how to fix it."""


@dataclasses.dataclass(frozen=True)
class Dataset:
    """Named splits of NumPy arrays with their provenance.

    Args:
        name: short name used in paths, for example `mnist` or `digits`.
        title: what a figure caption calls it, for example "MNIST".
        train, validation, test: mappings from an array's name to an array; all arrays of a split have
            the same number of rows, and all splits have the same arrays.
        provenance: where the arrays come from; `checksum` (SHA-256 over all arrays), `counts` and the
            `shapes` of one row of each array are added here.
        class_names: names of the labels 0, 1, ..., where they have any.

    Pictures are `image` (n, height, width, channels): float32 in [0, 1], or uint8, which `pixels` and the training loop
    turn into that.

    Raises:
        DataError: splits with other arrays, unequal numbers of rows, or no rows at all.
    """

    name: str
    title: str
    train: Split
    validation: Split
    test: Split
    provenance: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    class_names: tuple[str, ...] = ()

    def __post_init__(self):
        for split_name in SPLITS:
            split = getattr(self, split_name)
            check_split(split_name, split, expected_names=set(self.train))
            frozen = {key: read_only(array) for key, array in split.items()}
            object.__setattr__(self, split_name, MappingProxyType(frozen))
        provenance = {**self.provenance, "checksum": self.checksum(), "counts": self.counts()}
        provenance["shapes"] = {key: list(array.shape[1:]) for key, array in self.test.items()}
        provenance |= {"class_names": list(self.class_names)} if self.class_names else {}
        object.__setattr__(self, "provenance", provenance)

    def checksum(self) -> str:
        """SHA-256 over name, dtype, shape and bytes of every array of every split; of uint8 those of its `pixels`."""
        digest = hashlib.sha256()
        for split_name in SPLITS:
            for key, array in sorted(getattr(self, split_name).items()):
                digest.update(f"{split_name}/{key}/{pixels(array[:0]).dtype}/{array.shape}".encode())
                for first in range(0, len(array), PART):
                    digest.update(np.ascontiguousarray(pixels(array[first : first + PART])).data)
        return digest.hexdigest()

    def counts(self) -> dict[str, int]:
        """Number of examples of each split."""
        return {name: rows_of(getattr(self, name)) for name in SPLITS}

    @property
    def classes(self) -> int:
        """Number of classes: of the names, or up to the largest label; 0 without labels."""
        if self.class_names or "label" not in self.train:
            return len(self.class_names)
        return 1 + max(int(np.max(getattr(self, name)["label"])) for name in SPLITS)

    def map(self, change: Callable[[str, Split], Split], **fields) -> "Dataset":
        """A new Dataset whose splits are `change(split name, split)`; `fields` replace others."""
        splits: dict[str, Any] = {name: change(name, getattr(self, name)) for name in SPLITS}
        return dataclasses.replace(self, **splits, **fields)

    def floats(self) -> "Dataset":
        """The same with its pictures as float32, for what works on all of them at once."""
        return self.map(lambda _, split: {key: pixels(array) for key, array in split.items()})


def check_split(name: str, split: Split, expected_names: set[str]) -> None:
    """Raises DataError unless `split` has these arrays, all with the same number of rows (at least 1)."""
    if set(split) != expected_names:
        raise DataError(
            f"split '{name}' has arrays {sorted(split)}, expected {sorted(expected_names)} as in the train "
            "split; give every split the same arrays"
        )
    rows = {key: len(array) for key, array in split.items()}
    if len(set(rows.values())) != 1 or 0 in rows.values():
        raise DataError(
            f"split '{name}' has {rows} rows, expected the same number, at least 1, in every array; "
            "give one row per example"
        )


def rows_of(split: Split) -> int:
    """Number of rows of a split."""
    return len(next(iter(split.values())))


def answers(tensor: Any) -> np.ndarray:
    """What a model gave, as NumPy; half precision as float32, for SciPy and scikit-learn know no bfloat16."""
    array = np.asarray(tensor)
    return array.astype(np.float32) if array.dtype.name in ("float16", "bfloat16") else array


def pixels(images: np.ndarray) -> np.ndarray:
    """Pictures as float32 in [0, 1]: uint8 divided by 255, anything else as it is."""
    return images.astype(np.float32) / np.float32(255) if images.dtype == np.uint8 else images


def as_bytes(images: np.ndarray) -> np.ndarray:
    """Pictures as uint8 in 0..255: float32 in [0, 1] rounded, uint8 as it is."""
    return images if images.dtype == np.uint8 else np.round(255 * images).astype(np.uint8)


def mean_and_deviation(images: np.ndarray, chunk: int = PART) -> tuple[float, float]:
    """Mean and standard deviation over all pixels of pictures in [0, 1], a part of them at a time; float64."""
    total, squares = 0.0, 0.0
    for first in range(0, len(images), chunk):
        part = pixels(images[first : first + chunk]).astype(np.float64)
        total, squares = total + part.sum(), squares + np.square(part).sum()
    mean = total / images.size
    return float(mean), float(np.sqrt(max(0.0, squares / images.size - mean**2))) or 1.0


def read_only(array: np.ndarray) -> np.ndarray:
    """A view of `array` that cannot be written to."""
    view = np.asarray(array).view()
    view.flags.writeable = False
    return view

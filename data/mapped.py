"""Pictures that stay on the disk: a folder with x_train.npy, y_train.npy, x_test.npy and y_test.npy, mapped."""

from pathlib import Path

import numpy as np

from data.arrays import map_npy, read_npy
from data.dataset import DataError, Split

HELD = 12  # without x_validation.npy one training image in so many is held, from the end


def is_here(path: Path) -> bool:
    """Whether the folder holds such arrays."""
    return (path / "x_train.npy").is_file()


def read(path: Path) -> dict[str, tuple[np.ndarray, np.ndarray | None]]:
    """Split -> (images or None where it has none, labels or None); the images are read when they are used.

    Without `x_validation.npy` the last twelfth of the training images is held, in file order: shuffle before writing.

    Raises:
        DataError: no test images, images that are not uint8 (n, height, width, 1 or 3), or no array file.
    """
    if not (path / "x_test.npy").is_file():
        raise DataError(f"{path} has x_train.npy and no x_test.npy, expected both; write the test images beside them")
    found: dict[str, tuple[np.ndarray, np.ndarray | None]] = {}
    for split in ("train", "validation", "test"):
        file, beside = path / f"x_{split}.npy", path / f"y_{split}.npy"
        if file.is_file():
            found[split] = check(file, map_npy(file)), read_npy(beside) if beside.is_file() else None
    if "validation" not in found:
        images, labels = found["train"]
        kept = len(images) - max(1, len(images) // HELD)
        cut = slice(None, kept), slice(kept, None)
        found["train"], found["validation"] = ((images[part], None if labels is None else labels[part]) for part in cut)
    return found


def check(path: Path, images: np.ndarray) -> np.ndarray:
    """`images`, unless a conversion would have to bring them into memory."""
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] not in (1, 3):
        raise DataError(
            f"{path} has {images.dtype} {images.shape}, expected uint8 in 0..255 (n, height, width, 1 or 3), which is "
            "mapped as it is; convert it, or give arrays that fit into memory as .npz"
        )
    return images


def is_mapped(array: np.ndarray) -> bool:
    """Whether the array's values lie in a file that is mapped into memory."""
    base: object = array
    while base is not None:
        if isinstance(base, np.memmap):
            return True
        base = getattr(base, "base", None)
    return False


def any_mapped(split: Split) -> bool:
    """Whether one of the split's arrays is."""
    return any(is_mapped(array) for array in split.values())

"""Pictures in folders, in Keras' convention: each subfolder is a class, named after it.

With or without `train/`, `validation/` (or `val/`) and `test/` above the classes. A folder without subfolders holds
pictures without labels. Sizes and colours are read from the files' headers first: nothing is decoded in vain.
"""

import collections
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from data.arrays import MOST_BYTES
from data.dataset import DataError, Split
from data.pictures import SUFFIXES, PictureError, fit_to, read_picture

PARTS = {"train": "train", "validation": "validation", "val": "validation", "valid": "validation", "test": "test"}
GREY = ("1", "L", "LA", "I", "F", "I;16", "I;16B", "I;16L")  # Pillow's modes without colours
SIDEWAYS = (5, 6, 7, 8)  # EXIF orientations that exchange height and width
ORIENTATION = 0x0112


Finish = Callable[[np.ndarray], np.ndarray]


def read(path: Path, image_size: tuple[int, int] | None = None) -> tuple[dict[str, Split], tuple[str, ...], Finish]:
    """Finds the pictures; decoding is left until it is known which are wanted where, so that none lies in memory twice.

    Returns:
        {"train": {"image": numbers of files (n,), "label"?: int32 (n,)}, ...}, class names or (), and the function that
        makes pictures uint8 (n, height, width, 1 or 3) of numbers of files.

    Raises:
        DataError: no pictures, classes that only one part has, or several sizes without `image_size`.
    """
    parts = {PARTS[folder.name]: folder for folder in subfolders(path) if folder.name in PARTS}
    if parts and "train" not in parts:
        raise DataError(
            f"{path} has {', '.join(sorted(parts))} and no train, expected train beside them; rename a folder"
        )
    parts = parts or {"train": path}
    pictures_of = {name: pictures_below(folder) for name, folder in parts.items()}
    names = tuple(sorted({name for name, _ in pictures_of["train"]} - {""}))
    for part, pictures in pictures_of.items():
        if not pictures:
            raise DataError(f"{parts[part]} holds no pictures ({', '.join(SUFFIXES)}), expected some; check the folder")
        strangers = {name for name, _ in pictures} - set(names or ("",))
        if strangers:
            raise DataError(
                f"{parts[part]} has pictures of class '{min(strangers)}', expected {', '.join(names) or 'no classes'} "
                "as in the training folder; put every picture into a folder of its class"
            )
    files = [file for pictures in pictures_of.values() for _, file in pictures]
    height, width, channels = common_shape(files, image_size)
    size = len(files) * height * width * channels
    if size > MOST_BYTES:
        raise DataError(f"{path} takes {size:,} bytes in memory, expected at most {MOST_BYTES:,}; use --image-size")
    splits: dict[str, Split] = {}
    first = 0
    for part, pictures in pictures_of.items():
        split = {"image": np.arange(first, first + len(pictures))}
        first += len(pictures)
        if names:
            split["label"] = np.array([names.index(name) for name, _ in pictures], np.int32)
        splits[part] = split
    return splits, names, lambda numbers: decode([files[number] for number in numbers], height, width, channels)


def subfolders(path: Path) -> list[Path]:
    """Visible folders in a folder, by name."""
    return sorted(folder for folder in path.iterdir() if folder.is_dir() and not folder.name.startswith("."))


def pictures_below(path: Path) -> list[tuple[str, str]]:
    """(name of the class, or "" without classes; file) of all pictures in the folder and its subfolders."""
    pictures = [("", file) for file in files_below(path) if is_picture(file) and os.path.dirname(file) == str(path)]
    for folder in subfolders(path):
        pictures += [(folder.name, file) for file in files_below(folder) if is_picture(file)]
    return pictures


def files_below(path: Path) -> list[str]:
    """Visible files in the folder and its subfolders, sorted; words, because a hundred thousand paths take memory."""
    found = []
    for root, folders, names in os.walk(path):
        folders[:] = sorted(folder for folder in folders if not folder.startswith("."))
        found += [os.path.join(root, name) for name in names if not name.startswith(".")]
    return sorted(found)


def is_picture(file: str) -> bool:
    """Whether the file has the ending of a picture."""
    return file.lower().endswith(SUFFIXES)


def common_shape(files: list[str], image_size: tuple[int, int] | None) -> tuple[int, int, int]:
    """(height, width, channels) for all pictures: `image_size` or the one size they have; colours if any has them."""
    headers = collections.Counter(side_by_side(header, files))
    channels = 3 if any(colours for _, colours in headers) else 1
    sizes = collections.Counter()
    for (size, _), count in headers.items():
        sizes[size] += count
    if image_size:
        return (*image_size, channels)
    if len(sizes) > 1:
        shown = ", ".join(f"{h} x {w} ({count:,})" for (h, w), count in sizes.most_common(3))
        raise DataError(
            f"the {len(files):,} pictures have {len(sizes)} sizes (height x width): {shown}; expected one; say which "
            f"they are fitted into, for example --image-size {' '.join(map(str, sizes.most_common(1)[0][0]))}"
        )
    return (*next(iter(sizes)), channels)


def header(path: str | Path) -> tuple[tuple[int, int], bool]:
    """((height, width) as seen, whether it has colours) of a picture that is not decoded."""
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path) as file:
                turned = file.getexif().get(ORIENTATION) in SIDEWAYS
                size = (file.width, file.height) if turned else (file.height, file.width)
                return size, file.mode not in GREY
    except Exception as error:  # Pillow's plugins raise what they like on damaged files
        raise PictureError(f"{path} cannot be read as a picture ({error}); mend or remove it") from None


def decode(files: Sequence[str | Path], height: int, width: int, channels: int) -> np.ndarray:
    """All pictures, uint8 (n, height, width, channels), each fitted into that size; read side by side."""
    images = np.empty((len(files), height, width, channels), np.uint8)

    def fill(index: int) -> None:
        picture = fit_to(read_picture(files[index], channels), height, width)
        images[index] = np.round(255 * picture)

    collections.deque(side_by_side(fill, range(len(files))), maxlen=0)  # raises what a file raises
    return images


def side_by_side(function: Callable, items: Sequence, block: int = 1000) -> Iterator:
    """`function` of every item, in their order, in threads; a block at a time, as each waiting call takes memory."""
    with ThreadPoolExecutor() as pool:
        for first in range(0, len(items), block):
            yield from pool.map(function, items[first : first + block])

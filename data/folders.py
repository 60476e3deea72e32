"""Pictures in folders, in Keras' convention: each subfolder is a class, named after it.

With or without `train/`, `validation/` (or `val/`) and `test/` above the classes. A folder without subfolders holds
pictures without labels. Sizes and colours are read from the files' headers first: nothing is decoded in vain.
"""

import collections
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from data.dataset import DataError, Split
from data.pictures import SUFFIXES, PictureError, fit_to, read_picture

PARTS = {"train": "train", "validation": "validation", "val": "validation", "valid": "validation", "test": "test"}
GREY = ("1", "L", "LA", "I", "F", "I;16", "I;16B", "I;16L")  # Pillow's modes without colours
SIDEWAYS = (5, 6, 7, 8)  # EXIF orientations that exchange height and width
ORIENTATION = 0x0112
MOST_BYTES = 16 << 30  # that the pictures may take in memory


def read(path: Path, image_size: tuple[int, int] | None = None) -> tuple[dict[str, Split], tuple[str, ...]]:
    """({"train": {"image": uint8 (n, height, width, 1 or 3), "label"?: int32 (n,)}, ...}, class names or ()).

    Raises:
        DataError: no pictures, classes that only one part has, or several sizes without `image_size`.
    """
    parts = {PARTS[folder.name]: folder for folder in subfolders(path) if folder.name in PARTS}
    parts = parts if "train" in parts else {"train": path}
    found = {name: pictures_below(folder) for name, folder in parts.items()}
    names = tuple(sorted({name for name, _ in found["train"]} - {""}))
    for part, pictures in found.items():
        if not pictures:
            raise DataError(f"{parts[part]} holds no pictures ({', '.join(SUFFIXES)}), expected some; check the folder")
        strangers = {name for name, _ in pictures} - set(names or ("",))
        if strangers:
            raise DataError(
                f"{parts[part]} has pictures of class '{min(strangers)}', expected {', '.join(names) or 'no classes'} "
                "as in the training folder; put every picture into a folder of its class"
            )
    files = [file for pictures in found.values() for _, file in pictures]
    height, width, channels = common_shape(files, image_size)
    size = len(files) * height * width * channels
    if size > MOST_BYTES:
        raise DataError(f"{path} takes {size:,} bytes in memory, expected at most {MOST_BYTES:,}; use --image-size")
    splits = {}
    for part, pictures in found.items():
        splits[part] = {"image": decode([file for _, file in pictures], height, width, channels)}
        if names:
            splits[part]["label"] = np.array([names.index(name) for name, _ in pictures], np.int32)
    return splits, names


def subfolders(path: Path) -> list[Path]:
    """Visible folders in a folder, by name."""
    return sorted(folder for folder in path.iterdir() if folder.is_dir() and not folder.name.startswith("."))


def pictures_below(path: Path) -> list[tuple[str, Path]]:
    """(name of the class, or "" without classes; file) of all pictures in the folder and its subfolders."""
    pictures = [("", file) for file in sorted(path.iterdir()) if is_picture(file)]
    for folder in subfolders(path):
        pictures += [(folder.name, file) for file in sorted(folder.rglob("*")) if is_picture(file)]
    return pictures


def is_picture(path: Path) -> bool:
    """Whether the file has the ending of a picture."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()


def common_shape(files: list[Path], image_size: tuple[int, int] | None) -> tuple[int, int, int]:
    """(height, width, channels) for all pictures: `image_size` or the one size they have; colours if any has them."""
    with ThreadPoolExecutor() as pool:
        headers = list(pool.map(header, files))
    channels = 3 if any(colours for _, colours in headers) else 1
    sizes = collections.Counter(size for size, _ in headers)
    if image_size:
        return (*image_size, channels)
    if len(sizes) > 1:
        shown = ", ".join(f"{h} x {w} ({count:,})" for (h, w), count in sizes.most_common(3))
        raise DataError(
            f"the {len(files):,} pictures have {len(sizes)} sizes (height x width): {shown}; expected one; say which "
            f"they are fitted into, for example --image-size {' '.join(map(str, sizes.most_common(1)[0][0]))}"
        )
    return (*next(iter(sizes)), channels)


def header(path: Path) -> tuple[tuple[int, int], bool]:
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


def decode(files: list[Path], height: int, width: int, channels: int) -> np.ndarray:
    """All pictures, uint8 (n, height, width, channels), each fitted into that size; read side by side."""
    images = np.empty((len(files), height, width, channels), np.uint8)

    def fill(index: int) -> None:
        picture = fit_to(read_picture(files[index], channels), height, width)
        images[index] = np.round(255 * picture)

    with ThreadPoolExecutor() as pool:
        collections.deque(pool.map(fill, range(len(files))), maxlen=0)  # raises what a file raises
    return images

"""Finds the raw arrays of a data set on this machine, or downloads them with a checksum."""

import gzip
import hashlib
import os
import sys
import urllib.request
import zlib
from pathlib import Path

import numpy as np

from data.arrays import parse_idx, read_idx, read_npz
from data.dataset import DataError

ENVIRONMENT_VARIABLE = "RESEARCH_DATA_DIR"
OFFLINE_VARIABLE = "RESEARCH_OFFLINE"
ARRAYS = ("x_train", "y_train", "x_test", "y_test")
DOWNLOAD = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
MNIST_SHA256 = "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"
IDX_FILES = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)
# MD5 of the original uncompressed IDX files, in the order of ARRAYS.
CANONICAL_MD5 = {
    "mnist": [
        "6bbc9ace898e44ae57da46a324031adb",
        "a25bea736e30d166cdddb491f175f624",
        "2646ac647ad5339dbf082846283269ea",
        "27ae3e4e09519cfbb04c329615203637",
    ],
    "fashion_mnist": [
        "f4a8712d7a061bf5bd6d2ca38dc4d50a",
        "9018921c3c673c538a1fc5bad174d6f9",
        "8181f5470baa50b63fa0f6fddb340f0a",
        "15d484375f8d13e6eb1aabb0c3f46965",
    ],
}

Arrays = tuple[np.ndarray, ...]


def find(name: str, data_dir: str | Path | None) -> tuple[str, Arrays, str]:
    """Returns (resolved name, the four raw arrays in the order of ARRAYS, where they came from)."""
    if name == "digits":
        return name, digits(), "scikit-learn load_digits, resized to 28x28"
    wanted = "mnist" if name == "auto" else name
    try:
        return wanted, *find_archive(wanted, data_dir)
    except FileNotFoundError as error:
        if name == "auto" and data_dir is None:
            print("MNIST is not on this machine and cannot be downloaded: using scikit-learn's digits instead.")
            return "digits", digits(), "scikit-learn load_digits, resized to 28x28 (stand-in for MNIST)"
        raise DataError(str(error)) from None


def find_archive(name: str, data_dir: str | Path | None) -> tuple[Arrays, str]:
    """The arrays of `name` from, in this order: data_dir, the environment variable, Keras' cache, the network."""
    if data_dir is not None:
        found = read_folder(Path(data_dir), name)
        if found is None:
            raise FileNotFoundError(
                f"{Path(data_dir) / name}.npz does not exist, expected {name} in Keras' layout in --data-dir, or its "
                f"four IDX files ({IDX_FILES[0]}, ...)"
            )
        return found
    folder = os.environ.get(ENVIRONMENT_VARIABLE)
    cache = keras_cache()
    for place in ([Path(folder)] if folder else []) + [cache]:
        if found := read_folder(place, name):
            return found
    return download_mnist(cache) if name == "mnist" else fashion(cache / "fashion-mnist")


def on_this_machine(name: str, data_dir: str | None) -> Arrays | None:
    """The arrays of `name` where they lie on this machine, as `find_archive` would take them; None otherwise."""
    folders = [data_dir] if data_dir else [os.environ.get(ENVIRONMENT_VARIABLE, ""), str(keras_cache())]
    for folder in filter(None, folders):
        if found := read_folder(Path(folder), name):
            return found[0]
    return None


def keras_cache() -> Path:
    """The folder of Keras' own downloads."""
    return Path(os.environ.get("KERAS_HOME", Path.home() / ".keras")) / "datasets"


def read_folder(folder: Path, name: str) -> tuple[Arrays, str] | None:
    """The four arrays in a folder, as `<name>.npz` or as the four IDX files, plain or gzip; None without either."""
    path = folder / f"{name}.npz"
    if path.is_file():
        return tuple(read_npz(path, ARRAYS).values()), str(path)
    for place in (folder / name, folder / name.replace("_", "-"), folder):
        names = [file.removesuffix(".gz") for file in IDX_FILES]
        found = [first_file(place / file, place / f"{file}.gz", place / file.replace("-idx", ".idx")) for file in names]
        if all(found):
            return tuple(read_idx(file) for file in found if file), str(place)
    return None


def first_file(*paths: Path) -> Path | None:
    """The first of the paths that is a file."""
    return next((path for path in paths if path.is_file()), None)


def download_mnist(cache: Path) -> tuple[Arrays, str]:
    """Downloads Keras' mnist.npz into its cache."""
    path = cache / "mnist.npz"
    content = fetch(DOWNLOAD + "mnist.npz")
    if hashlib.sha256(content).hexdigest() != MNIST_SHA256:
        raise DataError(f"the download of {path.name} has the wrong SHA-256; try again or use --data-dir")
    write(path, content)
    return tuple(read_npz(path, ARRAYS).values()), DOWNLOAD + "mnist.npz"


def fashion(folder: Path) -> tuple[Arrays, str]:
    """Fashion-MNIST's four IDX files from Keras' cache or the network, each checked by MD5."""
    arrays = []
    for name, expected in zip(IDX_FILES, CANONICAL_MD5["fashion_mnist"], strict=True):
        path = folder / name
        packed = path.read_bytes() if path.is_file() else fetch(DOWNLOAD + name)
        try:
            content = gzip.decompress(packed)
        except (OSError, EOFError, zlib.error) as error:
            raise DataError(f"{path} is not a readable gzip file ({error}); delete it and retry") from None
        if hashlib.md5(content).hexdigest() != expected:
            raise DataError(f"{path} has the wrong checksum, expected MD5 {expected}; delete it and retry")
        if not path.is_file():
            write(path, packed)
        arrays.append(parse_idx(content))
    return tuple(arrays), str(folder)


def fetch(url: str) -> bytes:
    """Content of `url`; FileNotFoundError with the ways out when there is no network."""
    help_text = f"put the .npz file in a folder named by --data-dir or {ENVIRONMENT_VARIABLE}, or use --data digits"
    if os.environ.get(OFFLINE_VARIABLE):
        raise FileNotFoundError(f"{url} is not fetched because {OFFLINE_VARIABLE} is set; {help_text}")
    print(f"Downloading {url}", file=sys.stderr)
    try:
        with urllib.request.urlopen(url, timeout=10) as response:
            return response.read()
    except OSError as error:
        raise FileNotFoundError(f"{url} cannot be fetched ({error}); {help_text}") from None


def write(path: Path, content: bytes) -> None:
    """Writes `content` to `path` so that the file appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.write_bytes(content)
    part.replace(path)


def digits() -> Arrays:
    """scikit-learn's 1,797 digits, bilinearly resized from 8x8 to 28x28 uint8; the last 297 are the test."""
    from sklearn.datasets import load_digits

    small, labels = load_digits(return_X_y=True)
    small = small.reshape(-1, 8, 8) / 16
    resize = bilinear_matrix(8, 28)
    large = np.einsum("ij,njk,lk->nil", resize, small, resize)
    images = np.round(255 * large).astype(np.uint8)
    labels = labels.astype(np.uint8)
    return images[:1500], labels[:1500], images[1500:], labels[1500:]


def bilinear_matrix(size: int, new_size: int) -> np.ndarray:
    """Matrix (new_size, size) of bilinear interpolation with half-pixel centres; rows sum to 1."""
    centre = np.clip((np.arange(new_size) + 0.5) * size / new_size - 0.5, 0, size - 1)
    low = np.minimum(centre.astype(int), size - 2)
    matrix = np.zeros((new_size, size))
    matrix[np.arange(new_size), low] = 1 - (centre - low)
    matrix[np.arange(new_size), low + 1] += centre - low
    return matrix

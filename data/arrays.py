"""Files of arrays: `.npz` and IDX, read without ever unpickling, refused in one line where they cannot be used."""

import gzip
import math
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from data.dataset import DataError

MOST_BYTES = 16 << 30  # that the arrays of one file may take in memory: more is refused before it is read
DAMAGE = (  # what damaged archives make NumPy and zipfile raise
    zipfile.BadZipFile, zlib.error, EOFError, OSError, AttributeError, TypeError, KeyError, SyntaxError, RuntimeError,
    MemoryError, OverflowError,
)  # fmt: skip
LONGEST_HEADER = 4 + 4 * 255  # bytes before the numbers of an IDX file of 255 axes
IDX_TYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}  # third byte of an IDX file


def read_npz(path: Path, wanted: Sequence[str] = ()) -> dict[str, np.ndarray]:
    """The arrays of a `.npz` file by name.

    Args:
        path: of the file.
        wanted: names that must be there; only these are read, in this order. None given: all.

    Raises:
        DataError: no file, not a readable archive, truncated, arrays that need unpickling, one that is missing, or more
            than 16 GiB.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"{path} does not exist, expected an .npz file; check the path")
    try:
        with zipfile.ZipFile(path) as file:
            size = sum(entry.file_size for entry in file.infolist())
        if size > MOST_BYTES:
            raise DataError(f"{path} holds {size:,} bytes of arrays, expected at most {MOST_BYTES:,}; divide it")
        with np.load(path, allow_pickle=False) as archive:
            missing = [name for name in wanted if name not in archive.files]
            if missing:
                raise DataError(
                    f"{path} lacks {', '.join(missing)}, expected arrays {', '.join(wanted)}; it holds "
                    f"{', '.join(archive.files) or 'none'}"
                )
            return {name: archive[name] for name in wanted or archive.files}
    except DataError:
        raise
    except ValueError as error:
        if "pickle" not in str(error):
            raise DataError(f"{path} is not a readable .npz file ({error}); copy or download it again") from None
        raise DataError(
            f"{path} is not a readable .npz file: it cannot be loaded without unpickling; expected numbers"
        ) from None
    except DAMAGE as error:
        raise DataError(f"{path} is not a readable .npz file ({error}); copy or download it again") from None


def read_npy(path: Path) -> np.ndarray:
    """The array of an `.npy` file, in memory.

    Raises:
        DataError: as `map_npy`, or more than 16 GiB.
    """
    mapped = map_npy(path)
    if mapped.nbytes > MOST_BYTES:
        raise DataError(f"{path} has {mapped.nbytes:,} bytes, expected at most {MOST_BYTES:,}; divide it")
    return np.array(mapped)


def map_npy(path: Path) -> np.ndarray:
    """The array of an `.npy` file, of any size: its values are read from the disk when they are used.

    Raises:
        DataError: no file, not such a file, truncated, or an array that needs unpickling.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"{path} does not exist, expected an .npy file; check the path")
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)  # checks the size against the header's
    except (ValueError, *DAMAGE) as error:
        reason = "it cannot be loaded without unpickling" if "pickle" in str(error) else str(error)
        raise DataError(f"{path} is not a readable .npy file ({reason}); expected an array of numbers") from None


def read_idx(path: Path) -> np.ndarray:
    """The array of an IDX file, plain or gzip: the format of MNIST's own files.

    Raises:
        DataError: not such a file, damaged, of another size than its header says, or more than 16 GiB.
    """
    try:
        with open(path, "rb") as file:
            opened = gzip.open if file.read(2) == b"\x1f\x8b" else open
        with opened(path, "rb") as file:
            start = file.read(LONGEST_HEADER)
            _, _, expected = idx_layout(start)
            return parse_idx(start + file.read(max(0, expected - len(start)) + 1))  # one more: whether it ends there
    except (OSError, EOFError, zlib.error, ValueError, KeyError, IndexError) as error:
        raise DataError(f"{path} is not a readable IDX file ({error}); copy or download it again") from None


def parse_idx(content: bytes) -> np.ndarray:
    """The array in the bytes of an IDX file: two zeros, type, number of axes, sizes (big-endian), numbers.

    Raises:
        ValueError: other bytes, or too few or too many of them.
    """
    kind, shape, expected = idx_layout(content)
    if len(content) != expected:
        received = f"{len(content):,} bytes{' or more' * (len(content) > expected)}"
        raise ValueError(f"{received}, expected {expected:,} for an array of shape {shape}")
    return np.frombuffer(content, kind, offset=4 + 4 * len(shape)).reshape(shape)


def idx_layout(start: bytes) -> tuple[np.dtype, tuple[int, ...], int]:
    """Type, shape, and size in bytes of the whole IDX file that begins with `start`.

    Raises:
        ValueError: another beginning, or more than 16 GiB.
    """
    if start[:2] != b"\0\0" or start[2] not in IDX_TYPES:
        raise ValueError(f"it starts with {start[:4]!r}")
    axes, kind = start[3], np.dtype(IDX_TYPES[start[2]])
    shape = tuple(int.from_bytes(start[4 + 4 * i : 8 + 4 * i], "big") for i in range(axes))
    size = 4 + 4 * axes + kind.itemsize * math.prod(shape)
    if size > MOST_BYTES:
        raise ValueError(f"an array of shape {shape} takes {size:,} bytes, expected at most {MOST_BYTES:,}")
    return kind, shape, size

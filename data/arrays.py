"""Files of arrays: `.npz` and IDX, read without ever unpickling, refused in one line where they cannot be used."""

import gzip
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
IDX_TYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}  # third byte of an IDX file


def read_npz(path: Path, wanted: Sequence[str] = ()) -> dict[str, np.ndarray]:
    """The arrays of a `.npz` file by name.

    Args:
        path: of the file.
        wanted: names that must be there; only these are read. None given: all.

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


def read_idx(path: Path) -> np.ndarray:
    """The array of an IDX file, plain or gzip: the format of MNIST's own files.

    Raises:
        DataError: not such a file, damaged, or of another size than its header says.
    """
    try:
        content = Path(path).read_bytes()
        return parse_idx(gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content)
    except (OSError, EOFError, zlib.error, ValueError, KeyError, IndexError) as error:
        raise DataError(f"{path} is not a readable IDX file ({error}); copy or download it again") from None


def parse_idx(content: bytes) -> np.ndarray:
    """The array in the bytes of an IDX file: two zeros, type, number of axes, sizes (big-endian), numbers.

    Raises:
        ValueError: other bytes, or too few or too many of them.
    """
    if content[:2] != b"\0\0" or content[2] not in IDX_TYPES:
        raise ValueError(f"it starts with {content[:4]!r}")
    axes, kind = content[3], np.dtype(IDX_TYPES[content[2]])
    shape = [int.from_bytes(content[4 + 4 * i : 8 + 4 * i], "big") for i in range(axes)]
    expected = 4 + 4 * axes + kind.itemsize * int(np.prod(shape, dtype=object))
    if len(content) != expected:
        raise ValueError(f"{len(content):,} bytes, expected {expected:,} for an array of shape {tuple(shape)}")
    return np.frombuffer(content, kind, offset=4 + 4 * axes).reshape(shape)

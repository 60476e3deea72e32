"""Tables of features: two views, or several modalities with rows where one is missing; `.csv` and `.npz` files.

In a CSV file the first line names the columns. Columns whose names agree up to the first "." or up to a last
"_<number>" form one array: `left_0, left_1` or `sound.low, sound.high`. `label` holds the classes 0, 1, ... In an
`.npz` file the arrays themselves have these names. An empty cell, or NaN, says that a value is missing; a row lacks an
array when all its values there are missing.
"""

import csv
import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from data import own
from data.arrays import read_npz
from data.dataset import DataError, Dataset, Split, pixels, rows_of
from data.splits import divide, subset

LABELS = ("label", "labels", "y")
PRESENT = "present"
MOST_BYTES = 2 << 30  # of a CSV file
MISSING = ("", "nan", "na", "null")


class Table(NamedTuple):
    """Arrays of equal length by name, and the labels (n,) int32 or None."""

    arrays: dict[str, np.ndarray]
    label: np.ndarray | None


def is_table(path: str | Path) -> bool:
    """Whether the path names a table: a CSV file, or an `.npz` file without an array of single images."""
    path = Path(path)
    if path.suffix != ".npz" or not path.is_file():
        return path.suffix.lower() == ".csv"
    with np.load(path, allow_pickle=False) as archive:
        return not {"x_train", *own.IMAGES} & set(archive.files)


def read(path: Path) -> Table:
    """The table in a `.csv` or `.npz` file.

    Raises:
        DataError: another kind of file, no rows, unequal lengths, text where numbers are expected, infinities, or a row
            that lacks part of an array.
    """
    if path.suffix == ".npz":
        arrays = {name: array for name, array in read_npz(path).items() if name != PRESENT}
    elif path.suffix.lower() == ".csv":
        arrays = grouped(*read_csv(path))
    else:
        raise DataError(f"{path} is no table, expected a .csv or .npz file; convert it")
    label = next((arrays.pop(name) for name in LABELS if name in arrays), None)
    counts = {name: len(array) for name, array in arrays.items()} | ({} if label is None else {"label": len(label)})
    if len(set(counts.values())) > 1 or not arrays or 0 in counts.values():
        raise DataError(f"{path} has arrays of {counts} rows, expected the same number, 1 or more; pair up the rows")
    if label is not None:
        label = own.check_labels(path.name, as_whole(label), len(label))
    return Table({name: check_array(f"{path.name}: {name}", array) for name, array in arrays.items()}, label)


def read_csv(path: Path) -> tuple[list[str], np.ndarray]:
    """(names of the columns, float64 (rows, columns) with NaN for empty cells)."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise DataError(f"{path} has {path.stat().st_size:,} bytes, expected at most {MOST_BYTES:,}; use .npz")
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            names = [name.strip() for name in next(reader, [])]
            values = [as_numbers(path, number, names, row) for number, row in enumerate(reader, 2) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} cannot be read as a CSV file ({error}); save it as UTF-8 with commas") from None
    if not values or len(set(names)) != len(names):
        problem = "no rows" if not values else "two columns of one name"
        raise DataError(f"{path} has {problem}, expected a line of different column names and one line per sample")
    return names, np.array(values, np.float64)


def as_numbers(path: Path, line: int, names: list[str], row: list[str]) -> list[float]:
    """The cells of one line; DataError naming line and column where one is no number."""
    if len(row) != len(names):
        raise DataError(f"{path}, line {line}: {len(row)} cells, expected {len(names)}, one per column; mend the line")
    numbers = []
    for name, cell in zip(names, row, strict=True):
        try:
            numbers.append(np.nan if cell.strip().lower() in MISSING else float(cell))
        except ValueError:
            hint = "; number the classes 0, 1, ..." if name in LABELS else ""
            raise DataError(
                f"{path}, line {line}, column {name}: '{cell[:40]}' is text, expected a number or an empty cell{hint}"
            ) from None
    return numbers


def grouped(names: list[str], values: np.ndarray) -> dict[str, np.ndarray]:
    """Columns joined to arrays (n, width) by the first part of their names; label columns (n,)."""
    groups: dict[str, list[int]] = {}
    for column, name in enumerate(names):
        groups.setdefault(re.sub(r"_\d+$", "", name.partition(".")[0]), []).append(column)
    return {name: values[:, columns[0]] if name in LABELS else values[:, columns] for name, columns in groups.items()}


def as_whole(label: np.ndarray) -> np.ndarray:
    """Labels that are whole numbers in a floating type as integers; others as they are, for the check to refuse."""
    if label.dtype.kind == "f" and np.isfinite(label).all() and (label == np.floor(label)).all():
        return label.astype(np.int64)
    return label


def check_array(name: str, array: np.ndarray) -> np.ndarray:
    """float32 (n, ...), (n, 1) from (n,); uint8 pictures stay; DataError for text, infinities, half-missing rows."""
    if array.dtype.kind not in "fiub":
        raise DataError(f"{name} has dtype {array.dtype}, expected numbers; leave it out or encode it")
    array = array[:, None] if array.ndim == 1 else array
    if array.dtype == np.uint8 and array.ndim >= 3:
        return own.check_pictures(name, array)
    if array.ndim >= 3:
        array = array[..., None] if array.ndim == 3 else array
    values = array.astype(np.float32)
    flat = values.reshape(len(values), -1)
    absent = np.isnan(flat)
    partly = absent.any(axis=1) & ~absent.all(axis=1)
    if np.isinf(flat).any() or partly.any():
        row = int(np.flatnonzero(np.isinf(flat).any(axis=1) | partly)[0])
        what = "an infinity or a number beyond float32" if np.isinf(flat).any() else "NaN in some of its values"
        raise DataError(f"{name} has {what} in row {row}, expected numbers, or NaN in all where the row lacks it")
    return values


def present(arrays: dict[str, np.ndarray]) -> np.ndarray:
    """bool (n, arrays): whether a row has each array."""
    return np.stack([~np.isnan(array.reshape(len(array), -1)[:, 0]) for array in arrays.values()], axis=1)


def two_views(path: Path, split_seed: int = 0, train_examples: int = 0, held_examples: int = 0) -> Dataset:
    """Two views of the same samples: `left` and `right`, or the two arrays of the table in their order.

    Features (n, width) are scaled to [0, 1] by the range of the training split (what lies outside is cut); pictures
    (n, height, width, channels) are left as they are.

    Returns:
        Dataset with `left`, `right`, and `label` where the table has it; `provenance["scaling"]`: view -> [lowest,
        range].

    Raises:
        DataError: not two arrays, or missing values.
    """
    table = read(path)
    names: list[str] = [name for name in ("left", "right") if name in table.arrays]
    names = names if len(names) == 2 else [*table.arrays]
    if len(names) != 2:
        raise DataError(f"{path} has arrays {', '.join(names)}, expected two views; call their columns left_... and "
                        "right_...")  # fmt: skip
    views = dict(zip(("left", "right"), (table.arrays[name] for name in names), strict=True))
    views = {view: own.check_pictures(view, array) if array.ndim > 2 else array for view, array in views.items()}
    if not present(views).all():
        raise DataError(f"{path} has rows without a view, expected both in every row to train on; leave them out")
    splits = split_up({**views, **with_label(table)}, split_seed, train_examples, held_examples)
    ranges = {view: range_of(splits["train"][view]) for view in views if views[view].ndim == 2}
    for name, part in splits.items():
        splits[name] = {**part, **{view: to_unit(part[view], *ranges[view]) for view in ranges}}
    title = f"own table {path.name}, views {' and '.join(names)}"
    scaling = {view: [array.tolist() for array in pair] for view, pair in ranges.items()}
    return as_dataset(path, title, splits, {"scaling": scaling, "views": names}, train_examples, held_examples)


def modalities(
    path: Path, scaling: str = "center", split_seed: int = 0, train_examples: int = 0, held_examples: int = 0
) -> Dataset:
    """Two or more modalities with labels; rows may lack some, but not all.

    Args:
        path: of the table.
        scaling: `none`; `center` subtracts each column's training mean; `standardize` also divides by its deviation.
            Pictures are left as they are.
        split_seed, train_examples, held_examples: as in `data.images.load`.

    Returns:
        Dataset with one array per modality (0 where it is missing), `label`, and `present` bool (n, modalities) where
        some row lacks one; `provenance["modalities"]` names them in order, with `shift` and `scale` of their columns.

    Raises:
        DataError: fewer than two arrays, no labels, fewer than two classes, or a row without any modality.
    """
    table = read(path)
    if len(table.arrays) < 2 or table.label is None:
        raise DataError(f"{path} has arrays {', '.join(table.arrays)} {'no' if table.label is None else 'a'} label, "
                        "expected two or more modalities and label; name the columns <modality>_<number>")  # fmt: skip
    here = present(table.arrays)
    if not here.any(axis=1).all():
        row = int(np.flatnonzero(~here.any(axis=1))[0])
        raise DataError(f"{path} has no modality at all in row {row}, expected one or more; leave such rows out")
    columns = {**table.arrays, "label": table.label} | ({} if here.all() else {PRESENT: here})
    splits = split_up(columns, split_seed, train_examples, held_examples)
    names = own.check_classes(splits, (), labelled=True)
    moves = {name: moments(splits["train"][name], scaling) for name in table.arrays}
    for name, part in splits.items():
        splits[name] = {**part, **{key: scaled(part[key], *move) for key, move in moves.items()}}
    more: dict[str, Any] = {"modalities": list(table.arrays), "scaling": scaling}
    more |= {key: {name: np.asarray(pair[k]).tolist() for name, pair in moves.items()}
             for k, key in enumerate(("shift", "scale"))}  # fmt: skip
    title = f"own table {path.name}, modalities {', '.join(table.arrays)}"
    return as_dataset(path, title, splits, more, train_examples, held_examples, names)


def with_label(table: Table) -> dict[str, np.ndarray]:
    """{"label": (n,)}, or nothing."""
    return {} if table.label is None else {"label": table.label}


def split_up(columns: Split, seed: int, train_examples: int, held_examples: int) -> dict[str, Split]:
    """A sixth of the rows for the test split, drawn class by class, then validation, then the reductions."""
    rest, test = divide(columns, "stratified", seed, own.TEST_SHARE)
    train, validation = divide(rest, "stratified", seed)
    held = (subset(part, held_examples, seed, "held_examples") for part in (validation, test))
    return dict(zip(("train", "validation", "test"), (subset(train, train_examples, seed, "train_examples"), *held),
                    strict=True))  # fmt: skip


def as_dataset(path, title, splits, more, train_examples, held_examples, names=()) -> Dataset:
    """The Dataset of a table, named after the file and its content."""
    title += f"; {rows_of(splits['test']):,} test rows drawn from its {sum(map(rows_of, splits.values())):,}"
    provenance = {"data": str(path), "source": str(path.resolve()), "canonical": False, **more}
    name = own.reduced_name(own.name_of(path), train_examples, held_examples)
    return Dataset(name, title, **splits, provenance=provenance, class_names=names)


def range_of(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(lowest, range) of every column; the range of a constant one is 1."""
    low, high = values.min(axis=0), values.max(axis=0)
    return low, np.where(high > low, high - low, 1).astype(np.float32)


def to_unit(values: np.ndarray, low, size) -> np.ndarray:
    """(values - low) / size, cut to [0, 1]; float32."""
    return np.clip((values - np.asarray(low, np.float32)) / np.asarray(size, np.float32), 0, 1).astype(np.float32)


def moments(values: np.ndarray, scaling: str) -> tuple[np.ndarray | float, np.ndarray | float]:
    """(shift, scale) of every column over the rows that have it; 0 and 1 for pictures or without scaling."""
    if scaling == "none" or values.ndim > 2:
        return 0.0, 1.0
    here = values[~np.isnan(values[:, 0])]
    if not len(here):
        return 0.0, 1.0
    deviation = here.std(axis=0) if scaling == "standardize" else np.ones(values.shape[1])
    return here.mean(axis=0), np.where(deviation > 0, deviation, 1)


def scaled(values: np.ndarray, shift, scale) -> np.ndarray:
    """(values - shift) / scale, float32, with 0 for what is missing; pictures in [0, 1] first."""
    moved = (pixels(values) - np.asarray(shift, np.float32)) / np.asarray(scale, np.float32)
    return np.nan_to_num(moved.astype(np.float32), nan=0.0)

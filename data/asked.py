"""Other data for a network that was trained before: brought to the shapes, scales and class names of its own."""

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from data import folders, images, own, tables, views
from data.arrays import read_npy
from data.dataset import DataError, Dataset, Split, pixels, rows_of
from data.pictures import fit_to, read_ink

Trained = dict[
    str, Any
]  # what `environment.json` of a run says about its data: name, shapes, class_names, scaling, ...
NO_INPUT = ("label", "present", "source")


def with_test_split(dataset: Dataset, name: str, data_dir: str | None, image_size: tuple[int, int] | None) -> Dataset:
    """`dataset` with its test split replaced: by that of the data called `name`, or by all rows where it has none.

    Raises:
        DataError: data of another kind, shape or classes.
    """
    trained = dict(dataset.provenance)
    if "digits" in dataset.test:
        raise DataError("pairs of digits are drawn from one data set, expected no other; leave --data out")
    if name not in images.NAMES and tables.is_table(name):
        split, title = dict(table(Path(name), trained)), f"own table {Path(name).name}"
    elif "modalities" in trained or trained.get("data") == "synthetic":
        raise DataError(f"{name} is no table, expected a .csv or .npz file with the run's modalities; convert it")
    else:
        found, title = pictures(name, data_dir, image_size, dataset.class_names)
        split = dict(as_trained(found, trained))
    expected = {key: list(array.shape[1:]) for key, array in dataset.test.items() if key not in NO_INPUT}
    received = {key: list(array.shape[1:]) for key, array in split.items() if key not in NO_INPUT}
    if received != expected:
        raise DataError(f"{title} has rows of shape {received}, expected {expected} as the run has; resize them")
    if "label" in dataset.test and "label" not in split:
        raise DataError(f"{title} has no labels, expected some to measure with; use predict, or add them")
    if "label" in split and dataset.classes and split["label"].max() >= dataset.classes:
        raise DataError(f"{title} has labels up to {split['label'].max()}, expected below {dataset.classes} as trained")
    if "present" in split and "present" not in dataset.test:
        raise DataError(f"{title} has rows without a modality, expected all: the run never saw one missing")
    count = f"{rows_of(split):,} rows of "
    split = {key: array for key, array in split.items() if key in dataset.test}
    if "present" in dataset.test and "present" not in split:
        split["present"] = np.ones((rows_of(split), dataset.test["present"].shape[1]), bool)
    train, validation = ({key: part[key] for key in split} for part in (dataset.train, dataset.validation))
    return dataclasses.replace(dataset, train=train, validation=validation, test=split, title=f"{count}{title}")


def pictures(name: str, data_dir, image_size, class_names: tuple[str, ...]) -> tuple[Split, str]:
    """(test split, or all rows where there is none; title) of pictures, labelled as `class_names` are."""
    if name in images.NAMES:
        found = images.load(name, data_dir)
        return found.test, found.title
    split, names = own.read(Path(name), image_size)
    if names and names != class_names and "label" in split:
        strangers = sorted(set(names) - set(class_names))
        if strangers:
            raise DataError(f"{name} has the class '{strangers[0]}', expected {', '.join(class_names)}; rename it")
        split = {**split, "label": np.array([class_names.index(one) for one in names], np.int32)[split["label"]]}
    return split, f"own pictures {Path(name).name}"


def as_trained(split: Split, trained: Trained) -> Split:
    """Pictures as the run's network takes them: standardised or cut into halves where its own were."""
    if "left" in trained["shapes"]:
        return views.cut(split)
    return {**split, "image": standardised(split["image"], trained)}


def standardised(image: np.ndarray, trained: Trained) -> np.ndarray:
    """Pictures standardised where the run's own were, otherwise as they are."""
    if "standardised" not in trained:
        return image
    mean, deviation = trained["standardised"]
    return ((pixels(image) - mean) / deviation).astype(np.float32)


def read_tables(paths: Sequence[Path], trained: Trained) -> tuple[list[str], dict[str, np.ndarray]]:
    """(names of the rows, arrays with `present` bool (n, arrays)) of tables as `table` reads each; labels left out."""
    names, parts = [], []
    for path in paths:
        part = {key: array for key, array in table(path, trained).items() if key != "label"}
        if "present" not in part:
            part["present"] = np.ones((rows_of(part), len(part)), bool)
        names += [f"{path.name}[{row}]" for row in range(rows_of(part))]
        parts.append(part)
    return names, {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}


def table(path: Path, trained: Trained) -> dict[str, np.ndarray]:
    """Rows of a table on the scales of the run's own: `present` says which arrays each has, absent ones are 0.

    Raises:
        DataError: arrays that the run does not know, of another width, or none that it knows.
    """
    found = tables.read(path)
    named = trained.get("views", ["left", "right"])
    fused = "modalities" in trained or trained.get("data") == "synthetic"
    names = trained.get("modalities", ["visual", "textual"]) if fused else named
    arrays = dict(found.arrays)
    if not fused and not set(arrays) & set(named) and {"left", "right"} >= set(arrays):
        arrays = {named[("left", "right").index(name)]: array for name, array in arrays.items()}
    strangers = sorted(set(arrays) - set(names))
    if strangers or not arrays:
        what = f"the array '{strangers[0]}'" if strangers else "no array"
        raise DataError(f"{path} has {what}, expected {', '.join(names)} as in the run's own table; rename the columns")
    rows, split, here = rows_of(arrays), {}, []
    for number, name in enumerate(names):
        key = name if fused else ("left", "right")[number]
        shape = tuple(trained["shapes"][key])
        values = arrays.get(name, np.full((rows, *shape), np.nan, np.float32))
        if values.shape[1:] != shape:
            raise DataError(f"{path}: {name} has rows of shape {values.shape[1:]}, expected {shape} as trained")
        here.append(tables.present({name: values})[:, 0])
        split[key] = rescaled(values, key, trained, fused)
    if "label" in trained["shapes"] and found.label is not None:
        split["label"] = found.label
    present = np.stack(here, axis=1)
    if not present.any(axis=1).all():
        raise DataError(f"{path} has nothing in row {int(np.argmin(present.any(axis=1)))}, expected one array or more")
    return split if present.all() else {**split, "present": present}


def rescaled(values: np.ndarray, key: str, trained: Trained, fused: bool) -> np.ndarray:
    """An array on the run's scale, 0 where it is missing."""
    if fused:
        return tables.scaled(values, trained["shift"][key], trained["scale"][key])
    if values.ndim == 2 and key in trained.get("scaling", {}):
        return np.nan_to_num(tables.to_unit(values, *trained["scaling"][key]))
    return np.nan_to_num(pixels(values))


def read_pictures(paths: list[Path], shape: tuple[int, int, int], invert: str = "no") -> tuple[list[str], np.ndarray]:
    """(names, float32 (n, *shape) in [0, 1]) of picture files, folders of pictures and arrays.

    Args:
        paths: pictures are fitted into the shape, arrays must have it.
        shape: (height, width, channels) of the network.
        invert: see `data.pictures.read_ink`.

    Raises:
        DataError, PictureError: nothing there, or what cannot be used.
    """
    names, found = [], []
    for path in paths:
        if not path.exists():
            raise DataError(f"{path} does not exist, expected a picture, a folder of some or an array; check the path")
        files = list(filter(folders.is_picture, folders.files_below(path))) if path.is_dir() else [str(path)]
        if not files:
            raise DataError(f"{path} holds no pictures, expected some; check the folder")
        if path.suffix in (".npz", ".npy") or "idx" in path.name:
            array = read_array(path)
            if array.shape[1:] != tuple(shape):
                raise DataError(f"{path} has images {array.shape[1:]}, expected {tuple(shape)}; resize them")
            names += [f"{path.name}[{row}]" for row in range(len(array))]
            found.append(array)
            continue
        for file in files:
            names.append(os.path.relpath(file, path) if path.is_dir() else file)
            found.append(fit_to(read_ink(file, shape[2], invert), *shape[:2])[None])
    return names, np.concatenate(found)


def read_array(path: Path) -> np.ndarray:
    """The test images of an array file, or all images where it has no test split; float32 in [0, 1]."""
    if path.suffix == ".npy":
        return pixels(own.check_pictures(path.name, read_npy(path)))
    return pixels(own.read(path, None)[0]["image"])

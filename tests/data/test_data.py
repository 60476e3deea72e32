"""Data: exact content, disjoint splits, and one clear error for every kind of bad file."""

import gzip
import hashlib
import os
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from data import corruption, images, sources, synthetic, views
from data.arrays import read_idx
from data.dataset import DataError, Dataset, as_bytes, pixels

REAL = Path(os.environ.get("RESEARCH_DATA_DIR", "/nonexistent"))
needs_mnist = pytest.mark.skipif(not (REAL / "mnist.npz").exists(), reason="RESEARCH_DATA_DIR has no mnist.npz")


def row_hashes(split):
    return {hashlib.sha256(image.tobytes()).hexdigest() for image in split["image"]}


@needs_mnist
@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_real_images_are_canonical_and_split_as_stated(name):
    stratified = images.load(name, REAL)
    assert stratified.counts() == {"train": 55_000, "validation": 5_000, "test": 10_000}
    assert stratified.provenance["canonical"]
    shares = np.bincount(stratified.validation["label"]) / np.bincount(stratified.train["label"])
    np.testing.assert_allclose(shares, 1 / 11, rtol=5e-3)
    assert not row_hashes(stratified.train) & row_hashes(stratified.validation) or name == "fashion_mnist"
    ordered = images.load(name, REAL, split="ordered")
    assert ordered.counts() == {"train": 50_000, "validation": 10_000, "test": 10_000}
    with np.load(REAL / f"{name}.npz") as raw:
        np.testing.assert_array_equal(ordered.validation["label"], raw["y_train"][50_000:])
        np.testing.assert_array_equal(np.round(255 * ordered.test["image"][..., 0]), raw["x_test"])


@pytest.mark.parametrize("split", ["stratified", "ordered"])
def test_splits_are_disjoint_and_complete(image_file, split):
    dataset = images.load("mnist", image_file(), split=split)
    parts = [row_hashes(getattr(dataset, name)) for name in ("train", "validation", "test")]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 290
    assert not dataset.provenance["canonical"]


def test_digits_look_like_images_and_say_what_they_are():
    dataset = images.load("digits")
    assert dataset.train["image"].shape[1:] == (28, 28, 1) and dataset.train["image"].dtype == np.float32
    assert dataset.train["image"].min() >= 0 and dataset.train["image"].max() <= 1
    assert sum(dataset.counts().values()) == 1797
    assert "not MNIST" in dataset.title


def test_bilinear_matrix_keeps_constants_and_straight_lines():
    matrix = sources.bilinear_matrix(8, 28)
    np.testing.assert_allclose(matrix.sum(1), 1)
    centres = (np.arange(28) + 0.5) * 8 / 28 - 0.5
    inside = (centres >= 0) & (centres <= 7)
    np.testing.assert_allclose((matrix @ np.arange(8.0))[inside], centres[inside])


def test_auto_falls_back_to_digits_and_says_so(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("RESEARCH_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    assert images.load("auto").name == "digits"
    assert "digits instead" in capsys.readouterr().out
    with pytest.raises(DataError, match="--data digits"):
        images.load("mnist")


def test_auto_takes_mnist_from_the_keras_cache(monkeypatch, tmp_path, image_file):
    monkeypatch.delenv("RESEARCH_DATA_DIR", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    image_file().joinpath("mnist.npz").rename(tmp_path / "mnist.tmp")
    (tmp_path / "home" / "datasets").mkdir()
    (tmp_path / "mnist.tmp").rename(tmp_path / "home" / "datasets" / "mnist.npz")
    assert images.load("auto").name.startswith("mnist-")  # not the canonical one


def test_subset_is_drawn_class_by_class_and_named():
    dataset = images.load("digits", train_examples=100)
    assert dataset.name == "digits-100"
    np.testing.assert_array_equal(np.bincount(dataset.train["label"]), 10 * np.ones(10))
    assert dataset.counts()["test"] == images.load("digits").counts()["test"]
    again = images.load("digits", train_examples=100)
    assert again.provenance["checksum"] == dataset.provenance["checksum"]
    assert images.load("digits", train_examples=100, split_seed=1).checksum() != dataset.checksum()


def test_validation_and_test_can_be_reduced_and_are_named():
    dataset = images.load("digits", train_examples=100, held_examples=50)
    assert dataset.name == "digits-100-50" == images.reduced_name("digits", 100, 50)
    assert "(100 training images, 50 test images)" in dataset.title
    for part in (dataset.validation, dataset.test):
        np.testing.assert_allclose(np.bincount(part["label"]), 5, atol=1)
        assert len(part["label"]) == 50
    assert images.load("digits", held_examples=50).name == "digits-all-50"
    assert images.reduced_name("mnist", 0, 0) == "mnist"


def bad(array, row, value):
    array = array.copy()
    array[row] = value
    return array


FLOATS = np.zeros((240, 28, 28), np.float32)
LABELS = np.arange(240) % 10


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x_train": None}, "lacks x_train"),
        ({"x_train": FLOATS[:, :20]}, r"expected \(n, 28, 28\)"),
        ({"x_train": bad(FLOATS, 3, np.nan)}, "784 NaN"),
        ({"x_train": FLOATS + 7}, r"expected float in \[0, 1\]"),
        ({"x_train": FLOATS.astype(np.int64)}, "expected uint8"),
        ({"y_train": bad(LABELS, 5, 10)}, "expected 0 to 9"),
        ({"y_train": bad(LABELS, 5, -1)}, "expected 0 to 9"),
        ({"y_train": LABELS.astype(float)}, "expected an integer type"),
        ({"y_train": LABELS[:-1]}, "one label per image"),
        ({"x_train": FLOATS[:5], "y_train": LABELS[:5]}, "at least 24"),
        ({"y_train": np.array([{}] * 240)}, "without unpickling"),
    ],
)
def test_bad_arrays_are_named(image_file, changes, message):
    with pytest.raises(DataError, match=message):
        images.load("mnist", image_file(**changes))


def test_bad_files_are_named(image_file, tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        images.load("fashion_mnist", tmp_path)
    path = image_file() / "mnist.npz"
    content = path.read_bytes()
    for damaged in (
        content[: len(content) // 2],
        b"not a zip file",
        b"",
        content[:60_000] + b"\0" * 100 + content[60_100:],
    ):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match=r"mnist\.npz"):
            images.load("mnist", tmp_path)
    with pytest.raises(DataError, match="unknown data set"):
        images.load("cifar")
    with pytest.raises(DataError, match="unknown split"):
        images.load("digits", split="half")
    for setting in ("train_examples", "held_examples"):
        with pytest.raises(DataError, match=setting):
            images.load("digits", **{setting: 10_000})


def test_a_download_with_the_wrong_checksum_is_refused(monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setenv("RESEARCH_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(sources, "fetch", lambda url: b"something else")
    with pytest.raises(DataError, match="wrong SHA-256"):
        images.load("mnist")
    with pytest.raises(DataError, match="gzip"):
        images.load("fashion_mnist")
    assert not list(tmp_path.rglob("*.npz")) and not list(tmp_path.rglob("*.gz"))


def test_a_dataset_is_frozen_and_checked():
    split = {"image": np.zeros((3, 2)), "label": np.zeros(3)}
    dataset = Dataset("x", "X", split, split, split)
    with pytest.raises(ValueError, match="read-only"):
        dataset.train["image"][0] = 1
    with pytest.raises(TypeError):
        dataset.train["other"] = split["label"]
    with pytest.raises(DataError, match="same number"):
        Dataset("x", "X", split | {"label": np.zeros(2)}, split, split)
    with pytest.raises(DataError, match="has arrays"):
        Dataset("x", "X", split, {"image": split["image"]}, split)
    with pytest.raises(DataError, match="at least 1"):
        empty = {key: array[:0] for key, array in split.items()}
        Dataset("x", "X", split, split, empty)


def test_halves_put_together_are_the_image():
    dataset = images.load("digits")
    two = views.halves(dataset)
    assert two.train["left"].shape[1:] == two.train["right"].shape[1:] == (28, 14, 1)
    together = np.concatenate([two.test["left"], two.test["right"]], axis=2)
    np.testing.assert_array_equal(together, dataset.test["image"])


def test_the_posts_synthetic_data_to_the_digit():
    dataset = synthetic.two_modalities()
    train, shift = dataset.train, dataset.provenance["shift"]
    assert train["label"].sum() == 191 and train["source"].sum() == 204
    assert (round(shift["visual"], 3), round(shift["textual"], 3)) == (10.498, 12.907)
    assert round(float(train["visual"][0, 0]) + shift["visual"], 3) == 17.289
    assert round(float(train["textual"][0, 0]) + shift["textual"], 3) == 13.531
    assert abs(train["visual"].mean()) < 1e-6
    assert dataset.counts()["test"] == 20_000


def test_synthetic_splits_share_shift_and_scale_but_no_sample():
    dataset = synthetic.two_modalities(n=1000, scaling="standardize")
    np.testing.assert_allclose(dataset.train["visual"].std(), 1, rtol=1e-5)
    assert 0.9 < dataset.test["visual"].std() < 1.1 and dataset.test["visual"].std() != 1
    pairs = [
        set(zip(split["visual"].ravel(), split["textual"].ravel(), strict=True))
        for split in (dataset.train, dataset.validation, dataset.test)
    ]
    assert len(set.union(*pairs)) == sum(map(len, pairs)) == 23_000
    raw = synthetic.two_modalities(scaling="none")
    assert 9 < raw.train["visual"].mean() < 12
    with pytest.raises(DataError, match="scaling"):
        synthetic.two_modalities(scaling="whiten")
    with pytest.raises(DataError, match="at least 1"):
        synthetic.two_modalities(n=0)


@pytest.mark.parametrize(("source", "signal", "noise"), [(1, "visual", "textual"), (0, "textual", "visual")])
def test_the_source_says_which_modality_carries_the_class(source, signal, noise):
    split = synthetic.TwoModalities().sample(20_000, np.random.default_rng(0))
    rows = split["source"] == source
    labels = split["label"][rows]
    gap = {key: split[key][rows][labels == 1].mean() - split[key][rows][labels == 0].mean() for key in (signal, noise)}
    assert abs(gap[signal] - {"visual": 7, "textual": 6}[signal]) < 0.1
    assert abs(gap[noise]) < 0.1


def test_corruptions_touch_the_share_they_name():
    grey = np.full((50, 28, 28, 1), 0.5, np.float32)
    random = np.random.default_rng(0)
    masked = corruption.masking(grey, 0.3, random)
    assert abs((masked == 0).mean() - 0.3) < 0.01 and set(np.unique(masked)) == {0, np.float32(0.5)}
    noisy = corruption.salt_and_pepper(grey, 0.3, random)
    assert abs((noisy == 0).mean() - 0.15) < 0.01 and abs((noisy == 1).mean() - 0.15) < 0.01
    blurred = corruption.gaussian(grey, 0.1, random)
    assert abs(blurred.std() - 0.1) < 0.005 and blurred.min() >= 0 and blurred.max() <= 1
    for corrupt in corruption.CORRUPTIONS.values():
        np.testing.assert_array_equal(corrupt(grey, 0, random), grey)
        assert corrupt(grey, 0.2, random).dtype == np.float32


def test_arrays_of_other_layouts_are_the_same_images(image_file, tmp_path):
    """(n, 28, 28, 1), black and white as 0 and 1, and the IDX files of MNIST itself, plain or gzip."""
    plain = images.load("mnist", image_file())
    with np.load(tmp_path / "mnist.npz") as archive:
        arrays = dict(archive)
    column = images.load("mnist", image_file(x_train=arrays["x_train"][..., None], x_test=arrays["x_test"][..., None]))
    np.testing.assert_array_equal(column.train["image"], plain.train["image"])
    bits = {name: (arrays[name] > 127).astype(np.uint8) for name in ("x_train", "x_test")}
    ink = images.load("mnist", image_file(**bits)).train["image"]
    assert set(np.unique(ink)) == {0, 1}
    for packed in (False, True):
        folder = tmp_path / f"idx{packed}"
        folder.mkdir()
        for name, array in zip(sources.IDX_FILES, (arrays[key] for key in sources.ARRAYS), strict=True):
            header = bytes([0, 0, 8, array.ndim]) + b"".join(size.to_bytes(4, "big") for size in array.shape)
            content = header + array.tobytes()
            target = folder / (name if packed else name.removesuffix(".gz"))
            target.write_bytes(gzip.compress(content) if packed else content)
        np.testing.assert_array_equal(images.load("mnist", folder).test["image"], plain.test["image"])
        (folder / target.name).write_bytes(b"\0\0\x08\x01\0\0\0\x05ab")
        with pytest.raises(DataError, match=r"not a readable IDX file \(10 bytes, expected 13"):
            images.load("mnist", folder)


@pytest.mark.parametrize("kind", ["u1", "i1", ">i2", ">i4", ">f4", ">f8"])
def test_idx_of_every_type(kind, tmp_path):
    codes = {"u1": 8, "i1": 9, ">i2": 11, ">i4": 12, ">f4": 13, ">f8": 14}
    array = np.arange(24).reshape(2, 3, 4).astype(kind)
    header = bytes([0, 0, codes[kind], 3]) + b"".join(size.to_bytes(4, "big") for size in array.shape)
    (tmp_path / "a.idx").write_bytes(header + array.tobytes())
    np.testing.assert_array_equal(read_idx(tmp_path / "a.idx"), array)


def test_an_idx_file_takes_no_more_memory_than_its_header_says(tmp_path):
    bomb = tmp_path / "bomb.gz"
    bomb.write_bytes(gzip.compress(b"\0\0\x08\x01\0\0\0\x02" + bytes(60_000_000)))
    tracemalloc.start()
    with pytest.raises(DataError, match="or more, expected 10"):
        read_idx(bomb)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5_000_000
    bomb.write_bytes(b"\0\0\x08\x02" + 2 * b"\xff\xff\xff\xff")
    with pytest.raises(DataError, match="expected at most"):
        read_idx(bomb)


def test_bytes_and_floats_are_the_same_data():
    floats, kept = images.load("digits"), images.load("digits", floats=False)
    assert kept.test["image"].dtype == np.uint8 and floats.test["image"].dtype == np.float32
    assert kept.checksum() == floats.checksum() and kept.provenance == floats.provenance
    np.testing.assert_array_equal(pixels(kept.train["image"]), floats.train["image"])
    np.testing.assert_array_equal(as_bytes(floats.train["image"]), kept.train["image"])
    assert images.load("digits", floats=False, split="ordered").checksum() != kept.checksum()

"""Own data: what is read, what it is called, how it is split, and one line for every kind that cannot be used."""

import csv
import gzip

import numpy as np
import pytest
from PIL import Image

from data import asked, folders, images, own, tables
from data.dataset import DataError, mean_and_deviation
from data.pictures import PictureError

random = np.random.default_rng(0)


def colours(classes=3, each=16, size=(8, 6)):
    """RGB images whose level is their class, and their labels."""
    labels = np.repeat(np.arange(classes), each)
    noise = random.integers(0, 40, (len(labels), *size, 3))
    return (80 * labels[:, None, None, None] + noise).astype(np.uint8), labels


@pytest.fixture
def folder(tmp_path):
    """A folder of PNGs with a subfolder per class, optionally below train/, test/, ..."""

    def write(parts=("",), size=(8, 6), mode="RGB", each=16, names=("ant", "bee", "cat")):
        pictures, labels = colours(len(names), each, size)
        for part in parts:
            for k, (picture, label) in enumerate(zip(pictures, labels, strict=True)):
                place = tmp_path / "pictures" / part / names[label]
                place.mkdir(parents=True, exist_ok=True)
                Image.fromarray(picture).convert(mode).save(place / f"{k:03d}.png")
        return tmp_path / "pictures"

    return write


def test_folders_are_classes_and_a_test_split_is_drawn(folder):
    path = folder()
    dataset = images.load(str(path))
    assert dataset.class_names == ("ant", "bee", "cat") and dataset.classes == 3
    assert dataset.counts() == {"train": 37, "validation": 3, "test": 8}
    assert dataset.train["image"].dtype == np.uint8 and dataset.train["image"].shape[1:] == (8, 6, 3)
    for split in (dataset.train, dataset.validation, dataset.test):
        np.testing.assert_array_equal(split["image"].mean(axis=(1, 2, 3)) // 80, split["label"])
    assert "8 images drawn class by class" in dataset.title and "MNIST" not in dataset.title
    assert dataset.name == own.name_of(path) and len(dataset.name) == len("pictures-") + 8


def test_parts_of_a_folder_are_splits(folder):
    dataset = images.load(str(folder(("train", "val", "test"), mode="L", each=9)))
    assert dataset.counts() == {"train": 27, "validation": 27, "test": 27}
    assert dataset.train["image"].shape[1:] == (8, 6, 1) and "drawn" not in dataset.title


def test_the_name_follows_the_content(folder):
    path = folder()
    before = own.name_of(path)
    own.fingerprint.cache_clear()
    assert own.name_of(path) == before
    next(path.rglob("*.png")).write_bytes(next(path.rglob("010.png")).read_bytes())
    assert own.name_of(path) != before


def test_sizes_are_fitted_only_when_asked(folder):
    path = folder()
    Image.new("RGB", (20, 20)).save(path / "ant" / "large.png")
    with pytest.raises(DataError, match=r"2 sizes.*--image-size 8 6"):
        images.load(str(path))
    assert images.load(str(path), image_size=(10, 12)).train["image"].shape[1:] == (10, 12, 3)


def test_a_turned_photograph_has_the_size_that_is_seen(tmp_path):
    exif = Image.Exif()
    exif[folders.ORIENTATION] = 6
    Image.new("L", (6, 4)).save(tmp_path / "turned.jpg", exif=exif)
    assert folders.header(tmp_path / "turned.jpg") == ((6, 4), False)
    assert folders.decode([tmp_path / "turned.jpg"], 6, 4, 1).shape == (1, 6, 4, 1)


def arrays_of(kind, path):
    """Writes the same RGB images as one kind of file."""
    pictures, labels = colours(2, 30, (6, 4))
    if kind == "keras":
        np.savez(path / "own.npz", x_train=pictures, y_train=labels, x_test=pictures[:9], y_test=labels[:9])
    elif kind == "images":
        np.savez(path / "own.npz", images=pictures, labels=labels[:, None])
    elif kind == "float":
        np.savez(path / "own.npz", images=pictures / np.float32(255), labels=labels)
    elif kind == "npy":
        np.save(path / "own.npy", pictures)
        np.save(path / "own_labels.npy", labels)
        return path / "own.npy"
    else:
        for name, array in (("images-idx4", pictures), ("labels-idx1", labels.astype(np.uint8))):
            head = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
            content = head + array.tobytes()
            (path / f"{name}-ubyte.gz").write_bytes(gzip.compress(content))
        return path / "images-idx4-ubyte.gz"
    return path / "own.npz"


@pytest.mark.parametrize("kind", ["keras", "images", "float", "npy", "idx"])
def test_arrays_of_every_kind(kind, tmp_path):
    dataset = images.load(str(arrays_of(kind, tmp_path)))
    assert dataset.train["image"].shape[1:] == (6, 4, 3) and dataset.classes == 2
    assert dataset.train["image"].dtype == (np.float32 if kind == "float" else np.uint8)
    assert dataset.counts()["test"] == (9 if kind == "keras" else 10)
    level = dataset.train["image"].mean(axis=(1, 2, 3)) * (255 if kind == "float" else 1)
    np.testing.assert_array_equal(level // 80, dataset.train["label"])


def test_images_without_labels_are_for_methods_that_need_none(tmp_path):
    np.savez(tmp_path / "own.npz", images=colours()[0])
    with pytest.raises(DataError, match="has no labels"):
        images.load(str(tmp_path / "own.npz"))
    assert set(images.load(str(tmp_path / "own.npz"), labelled=False).train) == {"image"}


def test_names_of_classes_come_from_a_file(tmp_path):
    path = arrays_of("images", tmp_path)
    (tmp_path / "names.txt").write_text("low\nhigh\n")
    assert images.load(str(path), names_file=tmp_path / "names.txt").class_names == ("low", "high")
    (tmp_path / "names.txt").write_text("low\n")
    with pytest.raises(DataError, match="1 class names"):
        images.load(str(path), names_file=tmp_path / "names.txt")


PICTURES, LABELS = colours(2, 30, (6, 4))
ONE_CLASS = np.zeros(60, int)
GAP = np.where(LABELS == 1, 2, 0)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"images": PICTURES, "labels": np.array(["a", "b"])[LABELS]}, "labels are text"),
        ({"images": PICTURES, "labels": LABELS / 2}, "expected an integer type"),
        ({"images": PICTURES, "labels": LABELS[1:]}, "one label per image"),
        ({"images": PICTURES, "labels": ONE_CLASS}, "at least two classes"),
        ({"images": PICTURES, "labels": GAP}, "1 of 3 classes have no image in the training split"),
        ({"images": PICTURES[:1], "labels": LABELS[:1]}, "expected at least 24"),
        ({"images": PICTURES * np.float32(np.nan), "labels": LABELS}, "NaN"),
        ({"images": PICTURES[..., :2], "labels": LABELS}, "expected \\(n, height, width\\)"),
        ({"pictures": PICTURES}, "holds pictures, expected x_train"),
    ],
)
def test_arrays_that_cannot_be_used(arrays, message, tmp_path):
    np.savez(tmp_path / "own.npz", **arrays)
    with pytest.raises(DataError, match=message):
        images.load(str(tmp_path / "own.npz"))


def test_folders_that_cannot_be_used(tmp_path, folder):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no pictures"):
        images.load(str(tmp_path / "empty"))
    path = folder(("train", "test"))
    (path / "test" / "dog").mkdir()
    Image.new("RGB", (6, 8)).save(path / "test" / "dog" / "one.png")
    with pytest.raises(DataError, match="class 'dog', expected ant, bee, cat"):
        images.load(str(path))
    (path / "test" / "dog" / "one.png").unlink()
    (path / "train" / "ant" / "broken.png").write_bytes(b"no picture")
    with pytest.raises(PictureError, match="cannot be read"):
        images.load(str(path))


def test_an_archive_called_mnist_is_not_mnist(image_file):
    dataset = images.load("mnist", image_file())
    assert dataset.title == "the images in mnist.npz, which are not MNIST"
    assert dataset.name.startswith("mnist-") and dataset.name == images.run_name("mnist", str(image_file()), 0, 0)


def test_mean_and_deviation_in_parts():
    values = random.integers(0, 256, (50, 5, 4, 3), dtype=np.uint8)
    expected = (values / 255).mean(), (values / 255).std()
    np.testing.assert_allclose(mean_and_deviation(values, chunk=7), expected, rtol=1e-6)


def write_csv(path, header, rows):
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def table_rows(count=60):
    return [[k, 2 * k, "" if k % 3 == 1 else k / 2, k % 2] for k in range(count)]


def test_modalities_of_a_csv_with_holes(tmp_path):
    path = write_csv(tmp_path / "three.csv", ["a_0", "a_1", "b", "label"], table_rows())
    dataset = tables.modalities(path, "standardize")
    assert dataset.provenance["modalities"] == ["a", "b"] and dataset.classes == 2
    assert dataset.train["a"].shape[1:] == (2,) and dataset.train["b"].shape[1:] == (1,)
    here = dataset.train["present"]
    assert here[:, 0].all() and 0 < here[:, 1].mean() < 1
    np.testing.assert_allclose(dataset.train["a"].mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(dataset.train["b"][here[:, 1]].std(), 1, rtol=1e-6)
    assert (dataset.train["b"][~here[:, 1]] == 0).all()


def test_two_views_are_scaled_to_the_range_of_training(tmp_path):
    path = write_csv(tmp_path / "pair.csv", ["left_0", "left_1", "right.x"], [[k, -k, 3 * k] for k in range(60)])
    dataset = tables.two_views(path)
    for view in ("left", "right"):
        assert dataset.train[view].min() == 0 and dataset.train[view].max() == 1
        assert dataset.test[view].min() >= 0 and dataset.test[view].max() <= 1
    assert "label" not in dataset.train and dataset.classes == 0


HEADER = ["a_0", "a_1", "b", "label"]


@pytest.mark.parametrize(
    ("header", "rows", "message"),
    [
        (HEADER, [[1, 2, 3, "cat"]] * 30, "line 2, column label: 'cat' is text"),
        (HEADER, [[1, "x", 3, 0]] * 30, "column a_1: 'x' is text"),
        (HEADER, [[1, 2, 3]] * 30, "3 cells, expected 4"),
        (HEADER, [[1, "", 3, k % 2] for k in range(30)], "NaN in some of its values in row 0"),
        (HEADER, [["", "", "", k % 2] for k in range(30)], "no modality at all in row 0"),
        (HEADER, [[1, "inf", 3, k % 2] for k in range(30)], "infinity"),
        (HEADER, [], "no rows"),
        (["a", "a", "b", "label"], [[1, 2, 3, 0]] * 30, "two columns of one name"),
        (["a_0", "a_1", "a_2", "label"], [[1, 2, 3, k % 2] for k in range(30)], "two or more modalities"),
        (HEADER, [[1, 2, 3, 0]] * 30, "at least two classes"),
    ],
)
def test_tables_that_cannot_be_used(header, rows, message, tmp_path):
    with pytest.raises(DataError, match=message):
        tables.modalities(write_csv(tmp_path / "bad.csv", header, rows))


def test_views_of_unequal_length_are_refused(tmp_path):
    np.savez(tmp_path / "pair.npz", left=np.zeros((30, 4)), right=np.zeros((29, 4)))
    with pytest.raises(DataError, match="expected the same number"):
        tables.two_views(tmp_path / "pair.npz")


def test_other_rows_are_put_on_the_scale_of_training(tmp_path):
    path = write_csv(tmp_path / "three.csv", HEADER, table_rows())
    trained = dict(tables.modalities(path, "standardize").provenance)
    mean, deviation = trained["shift"]["a"], trained["scale"]["a"]
    found = asked.table(write_csv(tmp_path / "other.csv", ["a_0", "a_1"], [[5, 7], [1, 1]]), trained)
    np.testing.assert_allclose(found["a"][0], (np.array([5, 7]) - mean) / deviation, rtol=1e-5)
    np.testing.assert_array_equal(found["present"], [[True, False]] * 2)
    with pytest.raises(DataError, match="the array 'c', expected a, b"):
        asked.table(write_csv(tmp_path / "other.csv", ["c"], [[1]]), trained)
    with pytest.raises(DataError, match=r"a has rows of shape \(1,\), expected \(2,\)"):
        asked.table(write_csv(tmp_path / "other.csv", ["a"], [[1]]), trained)

"""Pictures that stay on the disk: found, divided and refused as arrays in memory are."""

import numpy as np
import pytest

from data import images, mapped
from data.dataset import DataError

RANDOM = np.random.default_rng(0)


@pytest.fixture
def folder(tmp_path):
    for split, count in (("train", 48), ("test", 12)):
        np.save(tmp_path / f"x_{split}.npy", RANDOM.integers(0, 256, (count, 6, 5, 3), np.uint8))
        np.save(tmp_path / f"y_{split}.npy", np.arange(count) % 3)
    return tmp_path


def test_arrays_are_mapped_and_the_last_twelfth_is_held(folder):
    dataset = images.load(str(folder))
    assert dataset.counts() == {"train": 44, "validation": 4, "test": 12} and dataset.classes == 3
    whole = np.load(folder / "x_train.npy")
    np.testing.assert_array_equal(np.concatenate([dataset.train["image"], dataset.validation["image"]]), whole)
    np.testing.assert_array_equal(dataset.validation["label"], np.arange(44, 48) % 3)
    assert all(mapped.is_mapped(split["image"]) for split in (dataset.train, dataset.validation, dataset.test))
    assert not mapped.any_mapped({"label": dataset.train["label"]})
    assert not mapped.is_mapped(whole) and not mapped.is_mapped(dataset.train["image"][[3, 1]])


def test_a_validation_split_of_ones_own_is_taken(folder):
    np.save(folder / "x_validation.npy", RANDOM.integers(0, 256, (7, 6, 5, 3), np.uint8))
    np.save(folder / "y_validation.npy", np.arange(7) % 3)
    assert images.load(str(folder)).counts() == {"train": 48, "validation": 7, "test": 12}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda folder: (folder / "x_test.npy").unlink(), "no x_test.npy, expected both"),
        (lambda folder: np.save(folder / "x_train.npy", np.zeros((48, 6, 5, 3))), "expected uint8"),
        (lambda folder: np.save(folder / "x_train.npy", np.zeros((48, 6, 5), np.uint8)), "expected uint8"),
        (lambda folder: np.save(folder / "x_test.npy", np.zeros((12, 6, 4, 3), np.uint8)), "expected one shape"),
        (lambda folder: np.save(folder / "y_test.npy", np.zeros(11, int)), "one label per image"),
        (lambda folder: (folder / "x_train.npy").write_bytes(b"no"), "not a readable .npy file"),
    ],
)
def test_what_cannot_be_mapped_is_said_in_one_line(folder, change, message):
    change(folder)
    with pytest.raises(DataError, match=message) as error:
        images.load(str(folder))
    assert "\n" not in str(error.value)

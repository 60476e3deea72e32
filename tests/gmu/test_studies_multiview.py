"""Broken and missing views of real samples: what is broken, what is told, what is scored."""

import numpy as np
import pytest

from data import multiview as data
from gmu.studies import multiview
from gmu.studies.multiview import VARIANTS, Config
from training.settings import SettingsError, parse

random = np.random.default_rng(0)
NAMES = ["one", "two", "three"]
SPLIT = {name: random.normal(size=(400, 5)).astype("float32") for name in NAMES} | {"label": np.arange(400) % 10}


def test_a_broken_view_has_its_numbers_values_and_no_samples_numbers_together():
    counts = np.arange(400) % 3
    broken = multiview.broken(SPLIT, NAMES, counts, np.random.default_rng(1))
    np.testing.assert_array_equal(broken["broken"].sum(1), counts)
    assert np.abs(broken["broken"][counts == 1].mean(0) - 1 / 3).max() < 0.12  # any view
    for index, name in enumerate(NAMES):
        mask = broken["broken"][:, index]
        np.testing.assert_array_equal(broken[name][~mask], SPLIT[name][~mask])
        for column in range(5):
            assert set(broken[name][mask, column]) <= set(SPLIT[name][:, column])
        together = {row.tobytes() for row in SPLIT[name]}
        assert np.mean([row.tobytes() in together for row in broken[name][mask]]) < 0.02


def test_a_missing_view_is_zero_and_told():
    missing = multiview.missing(SPLIT, NAMES, np.full(400, 2), np.random.default_rng(1))
    assert (missing["present"].sum(1) == 1).all()
    for index, name in enumerate(NAMES):
        present = missing["present"][:, index]
        assert (missing[name][~present] == 0).all()
        np.testing.assert_array_equal(missing[name][present], SPLIT[name][present])


def test_training_copies_are_broken_by_the_seed_and_the_test_split_is_not():
    dataset = data.load("digits")
    names = dataset.provenance["modalities"]
    trained = [multiview.train_on(Config(data="digits", copies=2, seed=seed), dataset, names) for seed in (0, 0, 1)]
    assert trained[0].counts()["train"] == 2 * dataset.counts()["train"]
    assert trained[0].checksum() == trained[1].checksum() != trained[2].checksum()
    assert set(trained[0].train["broken"].sum(1)) == {0, 1, 2, 3}  # of four views never all
    whole = multiview.train_on(Config(data="digits", most_broken=0), dataset, names)
    assert not whole.train["broken"].any()
    cases = multiview.damaged(dataset.test, names)
    assert list(cases) == [f"{kind}_{views}" for kind in ("broken", "missing") for views in range(4)]
    np.testing.assert_array_equal(cases["broken_0"]["rows_1_2"], dataset.test["rows_1_2"])
    np.testing.assert_array_equal(cases["missing_0"]["rows_1_2"], dataset.test["rows_1_2"])


def test_detector_auc_by_hand():
    mask = np.array([[1, 0], [0, 1], [0, 0], [1, 1]], bool)
    perfect = 1.0 - mask
    assert multiview.detector_auc(perfect, mask) == 1 and multiview.detector_auc(1 - perfect, mask) == 0
    half = np.stack([perfect[:, 0], np.full(4, 0.5)], axis=1)
    assert multiview.detector_auc(half, mask) == pytest.approx(0.75)


@pytest.mark.parametrize("variant", VARIANTS)
def test_baselines_have_as_many_parameters_and_little_more(variant):
    dataset = data.load("digits")
    names = dataset.provenance["modalities"]
    config = VARIANTS[variant][1]
    if config.fusion == "logistic_regression":
        return
    network = multiview.build(config, dataset, names)
    unit = multiview.build(Config(encoder=config.encoder), dataset, names)
    sizes = [sum(int(np.prod(weight.shape)) for weight in each.trainable_weights) for each in (network, unit)]
    assert sizes[1] <= sizes[0] <= 1.01 * sizes[1]


def test_a_part_of_the_numerals_is_refused():
    with pytest.raises(SettingsError, match="must be 0: all of the 2,000 numerals are used, received 100"):
        parse("multiview", VARIANTS, ["multiview_gmu", "--data", "digits", "--train-examples", "100"])

"""Views with one good view: the data, dropped views, what is scored, and equal parameters."""

import dataclasses

import numpy as np
import pytest

from data import images
from data.views import halves
from gmu.networks import build_view_encoder
from gmu.studies import view_data, views

random = np.random.default_rng(4)
VIEWS = {name: random.random((300, 28, 14, 1)).astype(np.float32) for name in ("left", "right")}


def test_halves_are_those_of_the_common_loader():
    dataset = images.load("digits", train_examples=50)
    for name, view in view_data.cut(dataset.train["image"], "halves").items():
        np.testing.assert_array_equal(view, halves(dataset).train[name])


def test_thirds_have_one_size_and_cover_the_image():
    columns = np.broadcast_to(np.arange(28)[:, None], (1, 28, 28, 1))
    parts = view_data.cut(columns, "thirds")
    assert {part.shape for part in parts.values()} == {(1, 28, 10, 1)}
    assert set(np.concatenate([np.unique(part) for part in parts.values()])) == set(range(28))


def test_one_view_is_kept_and_the_others_come_from_other_images():
    kept = view_data.keep_one(VIEWS, 0.0, np.random.default_rng(0))
    assert kept["source"].dtype == np.int32
    assert kept["source"].mean() == pytest.approx(0.5, abs=0.1)
    for index, name in enumerate(VIEWS):
        good = kept["source"] == index
        np.testing.assert_array_equal(kept[name][good], VIEWS[name][good])
        same = (kept[name][~good] == VIEWS[name][~good]).all((1, 2, 3))
        assert same.mean() < 0.05
        owners = {image.tobytes() for image in VIEWS[name]}
        assert all(image.tobytes() in owners for image in kept[name][~good])


def test_only_corrupted_views_carry_noise():
    grey = {name: np.full_like(view, 0.5) for name, view in VIEWS.items()}
    kept = view_data.keep_one(grey, 0.2, np.random.default_rng(0))
    for index, name in enumerate(grey):
        noisy = (kept[name] != 0.5).mean((1, 2, 3))
        assert not noisy[kept["source"] == index].any()
        assert noisy[kept["source"] != index].mean() == pytest.approx(0.2, abs=0.02)


def test_data_are_the_same_in_every_run_and_splits_differ():
    config = views.Config(data="digits")
    first, second = views.load(config), views.load(dataclasses.replace(config, seed=1))
    assert first.checksum() == second.checksum()
    assert first.counts() == images.load("digits").counts()
    assert first.checksum() != views.load(dataclasses.replace(config, rate=0.2)).checksum()


@pytest.mark.parametrize(("which", "share"), [("random", 0.5), ("corrupted", 1.0), ("random", 0.0)])
def test_dropping_takes_one_view_of_the_share(which, share):
    split = view_data.keep_one(VIEWS, 0.1, np.random.default_rng(0))
    dropped = view_data.drop(split, list(VIEWS), share, which, np.random.default_rng(1))
    lost = ~dropped["present"]
    assert lost.sum() == lost.any(1).sum() == round(share * 300)
    for index, name in enumerate(VIEWS):
        assert not dropped[name][lost[:, index]].any()
        np.testing.assert_array_equal(dropped[name][~lost[:, index]], split[name][~lost[:, index]])
    if which == "corrupted":
        assert (lost.argmax(1) != split["source"]).all()


def test_score_of_three_views_by_hand():
    gates = np.array([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0.5, 0.3, 0.2], [0.0, 0.1, 0.9]])
    outputs = {"logits": np.eye(4, 10), "gates": gates[..., None]}
    scores = views.score(outputs, {"label": np.array([0, 1, 0, 3]), "source": np.array([0, 1, 2, 0])})
    assert scores["test/error_percent"] == 25
    assert scores["gate_accuracy_percent"] == 50
    # Pairs won: .7 .0 against .1 .5: 2 of 4; .6 against .2 .3 .1: 3 of 3; .2 against .1 .3 .9: 1 of 3.
    assert scores["gate_auc"] == pytest.approx((2 / 4 + 3 / 3 + 1 / 3) / 3)


@pytest.mark.parametrize("name", [name for name, (_, config) in views.VARIANTS.items() if config.fusion != "gmu"])
def test_baselines_have_at_least_the_parameters_of_the_unit(name):
    config = dataclasses.replace(views.VARIANTS[name][1], units=8)
    unit = views.build(dataclasses.replace(config, fusion="gmu"))
    count = views.build(config).count_params()
    assert unit.count_params() <= count <= 1.02 * unit.count_params()


def test_view_encoder_ends_in_a_vector():
    encoder = build_view_encoder((28, 10, 1), width=7)
    vectors = encoder(random.random((3, 28, 10, 1)))
    assert vectors.shape == (3, 7) and float(np.min(vectors)) >= 0

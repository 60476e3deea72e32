"""The studies: their data, their scaling, what they count, and that one copy is the run of gmu.train."""

import dataclasses

import numpy as np
import pytest

from data.synthetic import two_modalities
from gmu import config
from gmu import train as single
from gmu.studies import many, means, samples, seeds
from training.settings import SettingsError


def tiny(**changes):
    return many.Config(models=3, samples=30, test_examples=40, epochs=3, **changes)


@pytest.mark.parametrize("scaling", ["none", "center", "standardize"])
def test_every_copy_has_the_sample_and_the_scaling_of_gmu_train(scaling):
    dataset = seeds.load(tiny())
    scaled = many.scale(dataset.train, dataset.train, scaling)
    for seed in range(3):
        alone = two_modalities(30, seed, scaling, test_examples=10).train
        for name, values in alone.items():
            np.testing.assert_allclose(scaled[name][seed], values, atol=1e-5)


def test_fresh_samples_are_scaled_with_the_statistics_of_the_training_sample():
    dataset = seeds.load(tiny())
    fresh = {name: np.broadcast_to(values, (3, *values.shape)) for name, values in dataset.test.items()}
    scaled = many.scale(fresh, dataset.train, "standardize")
    sample = dataset.train["visual"][2]
    np.testing.assert_allclose(
        scaled["visual"][2], (dataset.test["visual"] - sample.mean()) / sample.std(), rtol=1e-4, atol=1e-5
    )


def test_restarts_share_their_sample_and_the_lowest_loss_is_kept():
    config = tiny(restarts=3)
    dataset = seeds.load(config)
    assert (dataset.train["visual"][0] == dataset.train["visual"][2]).all()
    assert (seeds.load(tiny()).train["visual"][0] != seeds.load(tiny()).train["visual"][2]).any()
    fresh = {name: np.broadcast_to(values, (3, *values.shape)) for name, values in dataset.test.items()}
    all_scores, all_copies = many.fit(dataclasses.replace(config, restarts=1), dataset.train, fresh)
    scores, copies = many.fit(config, dataset.train, fresh)
    winner = all_copies["losses"][-1].argmin()
    assert copies["losses"].shape == (3, 1)
    assert scores["gate_auc"][0] == pytest.approx(all_scores["gate_auc"][winner], abs=1e-6)


def test_own_scores_are_those_of_the_sample_that_a_copy_was_trained_on():
    config = tiny()
    sample = seeds.load(config).train
    scores, _ = many.fit(config, sample, sample, own=True)
    for name in ("error_percent", "nll_nats"):
        np.testing.assert_allclose(scores[f"own/{name}"], scores[f"test/{name}"], rtol=1e-6)
    np.testing.assert_allclose(scores["own/gate_auc"], scores["gate_auc"], rtol=1e-6)


def test_the_saved_model_is_copy_zero(tmp_path):
    config = tiny()
    dataset = seeds.load(config)
    fresh = {name: np.broadcast_to(values, (3, *values.shape)) for name, values in dataset.test.items()}
    scores, copies = many.fit(config, dataset.train, fresh)
    for variable, values in zip(copies["model"].trainable_variables, copies["weights"], strict=True):
        np.testing.assert_array_equal(variable, values[0])
    many.save_copies(tmp_path / "copies.npz", scores, copies)
    again, weights = many.load_copies(tmp_path / "copies.npz")
    np.testing.assert_array_equal(again["gate_auc"], scores["gate_auc"])
    np.testing.assert_array_equal(again["losses"], copies["losses"])
    for left, right in zip(weights, copies["weights"], strict=True):
        np.testing.assert_array_equal(left, right)


def test_summary_counts_by_hand():
    scores = {
        "test/error_percent": np.array([0.5, 0.2, 30.0, 1.0]),
        "gate_auc": np.array([1.0, 0.001, 0.5, 0.995]),
        "own/error_percent": np.array([0.0, 0.25, 1.0, 0.75]),
        "own/gate_auc": np.array([1.0, 0.0, 1.0, 1.0]),
    }
    result = seeds.summarise(scores)
    assert result["own_solved_percent"] == 100 and result["own_gate_found_percent"] == 75
    assert result["solved_percent"] == 75
    assert result["gate_found_percent"] == 50
    assert result["gate_inverted_percent"] == result["solved_by_inverted_gate_percent"] == 25
    assert result["solved_percent_low"] < 75 < result["solved_percent_high"]
    assert result["test/error_percent"] == pytest.approx(7.925)


def test_seeds_of_two_runs_do_not_overlap():
    assert set(tiny().seeds()).isdisjoint(tiny(seed=1).seeds())


def test_restarts_must_divide_the_copies():
    with pytest.raises(SettingsError, match="--restarts must be a divisor of 10 models, received 3"):
        many.Config(models=10, restarts=3)


@pytest.mark.parametrize("name", ["feed_forward", "concatenation", "sum", "mixture_of_experts"])
def test_baselines_have_the_parameters_of_best(name):
    target = config.build_network(single.VARIANTS["best"][1]).count_params()
    count = config.build_network(single.VARIANTS[name][1]).count_params()
    assert target <= count <= 1.05 * target


def test_classical_classifiers_see_both_inputs_of_their_own_copy():
    """Only copy 1's second modality tells the classes apart; logistic regression solves copy 1 alone."""
    random = np.random.default_rng(0)
    labels = np.tile(np.arange(60) % 2, (2, 1)).astype(np.int32)
    inputs = {name: random.normal(size=(2, 60, 1)).astype(np.float32) for name in many.MODALITIES}
    inputs["textual"][1, :, 0] += 10 * labels[1]
    split = {**inputs, "label": labels}
    errors = many.classical_errors("logistic_regression", split, split)
    assert errors[1] == (0, 0) and min(errors[0]) > 15


def test_classical_classifier_of_a_one_class_sample_says_that_class():
    split = {name: np.zeros((1, 4, 1), np.float32) for name in many.MODALITIES}
    errors = many.classical_errors(
        "rbf_svm", {**split, "label": np.ones((1, 4), int)}, {**split, "label": np.array([[1, 1, 1, 0]])}
    )
    assert errors == [(25.0, 0.0)]


def test_random_means_lie_on_the_grid_and_depend_on_the_experiment():
    laws = [means.draw_means(seed, 2) for seed in range(300)]
    drawn = np.array([[*law.mu_v, *law.mu_t, law.mu_v_noise, law.mu_t_noise] for law in laws])
    assert drawn.shape == (300, 6, 2)
    assert set(np.unique(drawn)) == set(range(-10, 11, 2))
    assert laws[0] != laws[1] and laws[5] == means.draw_means(5, 2)


def test_experiments_have_disjoint_training_and_test_samples_of_their_own_law():
    config = dataclasses.replace(means.VARIANTS["means_r2_best"][1], models=2, samples=2000, test_examples=2000)
    dataset = means.load(config)
    assert dataset.train["visual"].shape == dataset.test["visual"].shape == (2, 2000, 2)
    points = [split["visual"][..., 0] + 1j * split["visual"][..., 1] for split in (dataset.train, dataset.test)]
    assert not np.isin(*points).any()
    for copy in range(2):
        law = means.draw_means(copy, 2)
        rows = (dataset.train["source"][copy] == 1) & (dataset.train["label"][copy] == 1)
        np.testing.assert_allclose(dataset.train["visual"][copy][rows].mean(0), law.mu_v[1], atol=0.2)


def test_smaller_sizes_use_the_first_rows_of_the_same_sample():
    config = dataclasses.replace(samples.VARIANTS["samples_best"][1], models=1, sizes=(5, 12), test_examples=5)
    dataset = samples.load(config)
    assert dataset.train["visual"].shape == (1, 12, 1)
    with pytest.raises(SettingsError, match="increasing numbers"):
        dataclasses.replace(config, sizes=(12, 5))


@pytest.mark.parametrize("flags", [{"data_seed": 2**32}, {"seed": 2**32}, {"seed": 5_000_000}])
def test_seeds_beyond_32_bits_are_refused(flags):
    with pytest.raises(SettingsError, match="seed must be"):
        many.Config(**flags)


@pytest.mark.parametrize("unit", [1e-9, 1.0, 1e9])
def test_standardised_inputs_do_not_depend_on_units_and_one_sample_is_enough(unit):
    random = np.random.default_rng(0)
    sample = {name: unit * (random.normal(size=(2, 30, 1)) + 5) for name in many.MODALITIES}
    scaled = many.scale(sample, sample, "standardize")["visual"]
    np.testing.assert_allclose(scaled.std((1, 2)), 1, rtol=1e-5)
    one = {name: values[:, :1] for name, values in sample.items()}
    assert np.isfinite(many.scale(one, one, "standardize")["textual"]).all()

"""The gated classifier in scikit-learn's manner."""

import numpy as np
import pytest
from sklearn.datasets import load_wine
from sklearn.utils.estimator_checks import parametrize_with_checks

from data.synthetic import TwoModalities
from gmu.estimator import GatedClassifierEstimator


@pytest.mark.slow  # half a minute of tracing small networks
@parametrize_with_checks([GatedClassifierEstimator(epochs=30)])
def test_it_holds_what_scikit_learn_asks_of_classifiers(estimator, check):
    check(estimator)


def test_a_missing_modality_has_no_gate_and_the_others_answer():
    x, y = load_wine(return_X_y=True)
    holes = np.random.default_rng(0).integers(0, 4, len(x))
    x[holes == 0, :4] = np.nan
    x[holes == 1, 9:] = np.nan
    model = GatedClassifierEstimator(groups=(4, 5, 4)).fit(x, y)
    gates = model.gates(x)
    assert model.score(x, y) > 0.95 and gates.shape == (len(x), 3)
    assert (gates[holes == 0, 0] == 0).all() and (gates[holes == 1, 2] == 0).all()
    np.testing.assert_allclose(gates.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(model.predict_proba(x).sum(axis=1), 1)


def test_it_solves_the_post_and_its_gate_finds_the_signal():
    law = TwoModalities()
    split, fresh = (law.sample(400, np.random.RandomState(seed)) for seed in (41, 1))
    x, held = (np.concatenate([part["visual"], part["textual"]], axis=1) for part in (split, fresh))
    model = GatedClassifierEstimator(epochs=300, learning_rate=0.1, batch_size=400).fit(x, split["label"])
    assert model.score(held, fresh["label"]) > 0.98
    assert ((model.gates(held)[:, 0] > 0.5) == fresh["source"]).mean() > 0.95


@pytest.mark.parametrize(("groups", "word"), [((3,), "two or more"), ((1, 1), "add up to 3"), ((3, 0), "add up to 3")])
def test_groups_that_do_not_fit_are_named(groups, word):
    with pytest.raises(ValueError, match=word):
        GatedClassifierEstimator(groups=groups).fit(np.eye(3), [0, 1, 1])

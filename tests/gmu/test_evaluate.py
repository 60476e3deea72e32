"""Gate measures, intervals and the Bayes rule against hand-worked values, scikit-learn and known constants."""

import math

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from data.synthetic import TwoModalities, two_modalities
from gmu import evaluate

random = np.random.default_rng(3)


def test_gate_auc_by_hand_with_a_tie():
    """Gates .9 .4 (source 1) against .4 .1 (source 0): pairs won 1 + 1 + 1/2 + 1 of 4."""
    assert evaluate.gate_auc([0.9, 0.4, 0.4, 0.1], [1, 1, 0, 0]) == pytest.approx(3.5 / 4)


def test_gate_auc_of_many_copies_equals_scikit_learn():
    gates, sources = random.random((3, 50)).round(1), random.integers(0, 2, (3, 50))
    expected = [roc_auc_score(source, gate) for source, gate in zip(sources, gates, strict=True)]
    np.testing.assert_allclose(evaluate.gate_auc(gates, sources), expected)
    np.testing.assert_allclose(evaluate.gate_auc(gates, sources[0])[1], roc_auc_score(sources[0], gates[1]))


def test_gate_auc_of_right_inverted_and_constant_gates():
    source = np.array([0, 1, 1, 0, 1])
    assert evaluate.gate_auc(np.stack([source, 1 - source, 0 * source]), source).tolist() == [1, 0, 0.5]


def test_correlation_by_hand_and_of_a_constant():
    first = np.array([[1.0, 2.0, 3.0], [5.0, 5.0, 5.0]])
    second = np.array([1.0, 3.0, 2.0])
    np.testing.assert_allclose(evaluate.correlation(first, second), [0.5, 0.0])


def test_wilson_interval_by_hand():
    """k = 8, n = 10, z = 1.96: Wilson's textbook interval .490 to .943; and it stays inside [0, 1] at the ends."""
    np.testing.assert_allclose(evaluate.wilson_interval(8, 10), (0.4901625, 0.9433178), atol=1e-6)
    low, high = evaluate.wilson_interval(0, 1000)
    assert low == pytest.approx(0, abs=1e-12) and high == pytest.approx(0.0038268, abs=1e-6)
    np.testing.assert_allclose(evaluate.wilson_interval(1000, 1000), (1 - high, 1 - low))


def test_wilson_interval_covers_the_truth_as_often_as_it_says():
    counts = random.binomial(200, 0.45, 5000)
    low, high = evaluate.wilson_interval(counts, 200)
    assert np.mean((low <= 0.45) & (high >= 0.45)) == pytest.approx(0.95, abs=0.02)


def test_score_by_hand():
    outputs = {
        "logits": np.array([[0.0, 2.0], [1.0, -1.0], [0.0, 1.0]], np.float32),
        "gates": np.array([[[0.8, 1.0], [0.2, 0.0]], [[0.1, 0.3], [0.9, 0.7]], [[0.6, 0.8], [0.4, 0.2]]]),
    }
    split = {"label": np.array([1, 0, 0]), "source": np.array([1, 0, 0])}
    scores = evaluate.score(outputs, split, "softmax")
    assert scores["test/error_percent"] == pytest.approx(100 / 3)
    odds = [2.0, -2.0, 1.0]
    chances = [1 / (1 + math.exp(-odds[0])), 1 - 1 / (1 + math.exp(-odds[1])), 1 - 1 / (1 + math.exp(-odds[2]))]
    assert scores["test/nll_nats"] == pytest.approx(-sum(map(math.log, chances)) / 3)
    assert scores["gate_accuracy_percent"] == pytest.approx(200 / 3)
    assert scores["gate_auc"] == 1
    sigmoid = evaluate.score({"logits": outputs["logits"]}, split, "sigmoid")
    chances = [1 / (1 + math.exp(-2)), 1 - 1 / (1 + math.exp(1)), 1 - 1 / (1 + math.exp(-1))]
    assert sigmoid["test/nll_nats"] == pytest.approx(-sum(map(math.log, chances)) / 3)
    assert set(sigmoid) == {"test/error_percent", "test/nll_nats"}


def test_score_of_many_copies_equals_one_by_one():
    outputs = {"logits": random.normal(size=(4, 9, 2)), "gates": random.random((4, 9, 2, 3))}
    split = {"label": random.integers(0, 2, (4, 9)), "source": np.arange(36).reshape(4, 9) % 2}
    together = evaluate.score(outputs, split, "softmax")
    for copy in range(4):
        part, own = ({name: values[copy] for name, values in each.items()} for each in (outputs, split))
        for name, value in evaluate.score(part, own, "softmax").items():
            assert together[name][copy] == pytest.approx(value)


def test_bayes_rule_has_the_known_accuracies():
    """The exact accuracies of this law: .99921 for C, .9999995 for M; none wrong on the post's 400 points."""
    law = TwoModalities()
    fresh = law.sample(400_000, np.random.default_rng(0))
    class_odds, source_odds = evaluate.bayes_log_odds(law, fresh["visual"], fresh["textual"])
    assert ((class_odds > 0) == fresh["label"]).mean() == pytest.approx(0.99921, abs=2e-4)
    assert ((source_odds > 0) == fresh["source"]).mean() >= 0.99999
    post = two_modalities(scaling="none").train
    assert (post["label"].sum(), post["source"].sum()) == (191, 204)
    class_odds, source_odds = evaluate.bayes_log_odds(law, post["visual"], post["textual"])
    assert ((class_odds > 0) == post["label"]).all() and ((source_odds > 0) == post["source"]).all()


def test_bayes_log_odds_equal_densities_written_out():
    law = TwoModalities(p_c=0.3, p_m=0.8)
    v, t = 5.0, 12.0

    def density(x, mean):
        return math.exp(-((x - mean) ** 2) / 2)

    joint = {}
    for c, p_c in ((0, 0.7), (1, 0.3)):
        joint[c, 1] = p_c * 0.8 * density(v, law.mu_v[c]) * density(t, 10)
        joint[c, 0] = p_c * 0.2 * density(v, 17) * density(t, law.mu_t[c])
    expected_class = math.log((joint[1, 0] + joint[1, 1]) / (joint[0, 0] + joint[0, 1]))
    expected_source = math.log((joint[0, 1] + joint[1, 1]) / (joint[0, 0] + joint[1, 0]))
    class_odds, source_odds = evaluate.bayes_log_odds(law, np.array([[v]]), np.array([[t]]))
    assert float(class_odds[0]) == pytest.approx(expected_class)
    assert float(source_odds[0]) == pytest.approx(expected_source)


def test_bayes_rule_does_not_change_along_the_diagonal_of_more_dimensions():
    law, plane = TwoModalities(), TwoModalities().along_diagonal(2)
    fresh = plane.sample(50_000, np.random.default_rng(1))
    assert fresh["visual"].shape == (50_000, 2)
    class_odds, _ = evaluate.bayes_log_odds(plane, fresh["visual"], fresh["textual"])
    assert ((class_odds > 0) == fresh["label"]).mean() == pytest.approx(0.99921, abs=1e-3)
    one = law.along_diagonal(1).sample(20, np.random.RandomState(4))
    np.testing.assert_array_equal(one["visual"], law.sample(20, np.random.RandomState(4))["visual"])

"""The evaluation that all two-view methods share."""

import numpy as np
import pytest
from sklearn.svm import LinearSVC

from corrnet import evaluate
from corrnet.evaluate import Codes
from data.dataset import Dataset

RANDOM = np.random.default_rng(0)


def codes(n=200, units=6, noise=0.3, classes=4):
    """Codes that know the class and the sample; unit k of one view goes with unit k of the other."""
    labels = RANDOM.integers(0, classes, n)
    shared = 1.5 * CENTRES[labels, :units] + RANDOM.normal(size=(n, units))
    return Codes(*(shared + noise * RANDOM.normal(size=(n, units)) for _ in range(2)), labels)


CENTRES = RANDOM.normal(size=(10, 20))


def test_every_number_is_there_finite_and_a_float():
    train, test = codes(), codes()
    targets = {view: RANDOM.random((200, 3, 2)) for view in evaluate.OTHER}
    rebuilt = {given: {view: RANDOM.random((200, 3, 2)) for view in evaluate.OTHER} for given in evaluate.OTHER}
    metrics = evaluate.evaluate(train, test, targets=targets, rebuilt=rebuilt)
    assert all(type(value) is float and np.isfinite(value) for value in metrics.values())
    expected = {
        "sum_correlation", "total_canonical_correlation", "effective_rank",
        "transfer_left_to_right_percent", "transfer_right_to_left_percent", "within_left_percent",
        "all_labels_transfer_left_to_right_percent", "all_labels_within_right_percent",
        "retrieval_r1_left_to_right_percent", "retrieval_r10_right_to_left_percent",
        "cross_mse_left_to_right", "cross_mse_right_to_left", "self_mse_left", "self_mse_right",
        "cross_norm_left_to_right", "self_norm_left",
    }  # fmt: skip
    assert {f"test/{name}" for name in expected} <= metrics.keys()


def test_transfer_trains_on_four_contiguous_folds_of_one_view_and_tests_the_fifth_of_the_other():
    test = codes(103)
    fold = np.array_split(np.arange(103), 5)
    for train_view, test_view in (("left", "right"), ("right", "left")):
        scores = []
        for held in range(5):
            rows = np.arange(103) * 5 // 103 == held
            assert abs(rows.sum() - len(fold[held])) <= 1 and np.ptp(np.flatnonzero(rows)) == rows.sum() - 1
            svm = LinearSVC().fit(getattr(test, train_view)[~rows], test.labels[~rows])
            scores.append(100 * (svm.predict(getattr(test, test_view)[rows]) == test.labels[rows]).mean())
        name = f"transfer_{train_view}_to_{test_view}_percent"
        assert evaluate.transfer_metrics(test)[name] == pytest.approx(np.mean(scores))


def test_the_same_codes_twice_transfer_as_well_as_they_classify():
    test = codes()
    same = test._replace(right=test.left)
    metrics = evaluate.transfer_metrics(same) | evaluate.label_metrics(same, same)
    for protocol in ("", "all_labels_"):
        assert metrics[f"{protocol}transfer_left_to_right_percent"] == metrics[f"{protocol}within_left_percent"] > 60


def test_raw_codes_of_a_rotated_view_need_projection():
    train, test = codes(2000, noise=0.1), codes(500, noise=0.1)
    turn = np.linalg.qr(RANDOM.normal(size=(6, 6)))[0]
    train, test = (split._replace(right=split.right @ turn) for split in (train, test))
    raw = evaluate.evaluate(train, test)
    projected = evaluate.evaluate(train, test, project=True)
    name = "test/transfer_left_to_right_percent"
    assert projected[name] > raw[name] + 20
    assert projected["test/sum_correlation"] > 5.5 > raw["test/sum_correlation"] + 2
    assert projected["test/total_canonical_correlation"] == pytest.approx(
        raw["test/total_canonical_correlation"], abs=0.02
    )


def test_retrieval_by_loop_and_its_extremes():
    train, test = codes(100), codes(60, noise=1.0)
    metrics = evaluate.retrieval_metrics(train, test, chunk=7)
    scaled = {}
    for view in evaluate.OTHER:
        reference = getattr(train, view)
        z = (getattr(test, view) - reference.mean(0)) / reference.std(0)
        scaled[view] = z / np.linalg.norm(z, axis=1, keepdims=True)
    for query, found in evaluate.OTHER.items():
        ranks = []
        for i in range(60):
            similarities = [float(scaled[query][i] @ scaled[found][j]) for j in range(60)]
            ranks.append(sum(s >= similarities[i] - 1e-7 for s in similarities))
        for best in (1, 10):
            expected = 100 * np.mean(np.array(ranks) <= best)
            assert metrics[f"retrieval_r{best}_{query}_to_{found}_percent"] == pytest.approx(expected)
    same = test._replace(right=test.left)
    assert evaluate.retrieval_metrics(same, same)["retrieval_r1_left_to_right_percent"] == 100.0
    dead = Codes(np.zeros((20, 3)), np.zeros((20, 3)), np.zeros(20))
    assert evaluate.retrieval_metrics(dead, dead)["retrieval_r10_left_to_right_percent"] == 0.0


def test_reconstruction_errors_by_hand():
    targets = {"left": np.zeros((2, 2, 1)), "right": np.zeros((2, 1))}
    ones = {"left": np.float32([[[3], [4]], [[0], [0]]]), "right": np.float32([[1], [2]])}
    metrics = evaluate.reconstruction_metrics(targets, {"left": ones, "right": ones})
    assert metrics["self_mse_left"] == metrics["cross_mse_right_to_left"] == 25 / 4
    assert metrics["self_norm_left"] == metrics["cross_norm_right_to_left"] == 2.5
    assert metrics["self_mse_right"] == metrics["cross_mse_left_to_right"] == 2.5
    assert metrics["cross_norm_left_to_right"] == 1.5


def test_one_view_is_classified_by_a_network_that_learned_from_both():
    train, test = codes(600), codes(200)
    both = (train.left + train.right) / 2
    metrics = evaluate.single_view_metrics(both, train.labels, test, epochs=30)
    assert set(metrics) == {"single_view_left_percent", "single_view_right_percent"}
    assert min(metrics.values()) > 60
    assert metrics == evaluate.single_view_metrics(both, train.labels, test, epochs=30)


class Doubling:
    """A stand-in for a network: the code of a view is twice its pixels."""

    def encode(self, left=None, right=None):
        return 2.0 * (left if right is None else right).reshape(-1, 6)

    def decode(self, codes):
        view = np.asarray(codes).reshape(-1, 3, 2, 1) / 2.0
        return {"left": view, "right": view}


def test_a_network_is_evaluated_over_all_rows_in_batches():
    left = RANDOM.random((50, 3, 2, 1)).astype(np.float32)
    split = {"left": left, "right": left[:, ::-1].copy(), "label": np.arange(50, dtype=np.int32) % 2}
    dataset = Dataset("name", "title", split, split, split)
    found = evaluate.encode_split(Doubling(), split)
    np.testing.assert_array_equal(found.right, 2 * split["right"].reshape(50, 6))
    np.testing.assert_array_equal(evaluate.in_batches(lambda x: x + 1, left, size=7), left + 1)
    metrics = evaluate.evaluate_network(Doubling(), dataset)
    assert metrics["test/self_mse_left"] == 0.0
    np.testing.assert_allclose(
        metrics["test/cross_mse_left_to_right"], np.mean((left - split["right"]) ** 2), rtol=1e-5
    )

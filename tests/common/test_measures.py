"""Accuracy against a count by hand, and labels that are refused."""

import numpy as np
import pytest

from common.measures import accuracy, correct

SCORES = np.array([[0.1, 0.9], [0.8, 0.2], [0.4, 0.6]], np.float32)


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8"])
@pytest.mark.parametrize("shape", [(3,), (3, 1)])
def test_accuracy_counts_the_labels_with_the_highest_score(dtype, shape):
    labels = np.array([1, 1, 1]).astype(dtype).reshape(shape)
    assert np.asarray(correct(labels, SCORES)).tolist() == [True, False, True]
    assert float(accuracy(labels, SCORES)) == pytest.approx(2 / 3)


def test_one_hot_labels_are_refused_rather_than_broadcast():
    with pytest.raises(ValueError, match="argmax"):
        accuracy(np.eye(2)[[1, 1, 1]], SCORES)

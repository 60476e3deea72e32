"""The order of the data, which the published CorrNet protocol trains in."""

import numpy as np

from training.loop import epoch_batches


def test_without_shuffling_batches_follow_the_data_in_every_epoch():
    for epoch in (1, 2):
        full, rest = epoch_batches(7, 3, seed=0, epoch=epoch, shuffle=False)
        np.testing.assert_array_equal(full, [[0, 1, 2], [3, 4, 5]])
        np.testing.assert_array_equal(rest, [[6]])

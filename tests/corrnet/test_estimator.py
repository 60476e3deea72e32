"""CorrNet for one's own arrays: fit, transform, reconstruct, unpaired samples, clear errors."""

import numpy as np
import pytest
from sklearn.base import clone

from corrnet.estimator import CorrNetEstimator, join_unpaired

RANDOM = np.random.default_rng(0)


def views(n=120):
    """Two views of unequal size that share three hidden numbers."""
    hidden = RANDOM.random((n, 3))
    return hidden @ LEFT / 3, (hidden @ RIGHT / 3).reshape(n, 2, 2)


LEFT, RIGHT = RANDOM.random((3, 6)), RANDOM.random((3, 4))
SMALL = {"code_units": 3, "correlation_weight": 0.1, "epochs": 40, "batch_size": 40, "learning_rate": 0.03, "seed": 1}


@pytest.fixture(scope="module")
def fitted():
    left, right = views(400)
    return CorrNetEstimator(**SMALL).fit(left, right, left_only=views(50)[0], right_only=views(30)[1])


def test_codes_of_both_views_agree_and_views_are_rebuilt(fitted):
    left, right = views()
    codes = fitted.transform(left, right)
    assert codes.shape == (120, 3) and fitted.transform(left=left).shape == fitted.transform(right=right).shape
    assert fitted.score(left, right) > 0.9
    rebuilt_left, rebuilt_right = fitted.reconstruct(right=right)
    assert rebuilt_left.shape == left.shape and rebuilt_right.shape == right.shape
    assert np.mean((rebuilt_left - left) ** 2) < 0.5 * left.var(0).mean()
    assert fitted.history_[-1]["train/loss"] < fitted.history_[0]["train/loss"]
    assert {"train/reconstruction_from_left", "train/sum_correlation"} <= fitted.history_[0].keys()


def test_the_same_seed_gives_the_same_codes_and_clone_knows_the_settings():
    left, right = views()
    estimator = CorrNetEstimator(**{**SMALL, "epochs": 2})
    twin = clone(estimator)
    assert twin.get_params() == estimator.get_params()
    first, second = (model.fit(left, right).transform(left) for model in (estimator, twin))
    np.testing.assert_array_equal(first, second)
    other = clone(estimator).set_params(seed=2).fit(left, right).transform(left)
    assert (first != other).any()


def test_unpaired_samples_teach_the_view_they_have():
    left, right = views(10)
    alone = views(300)[0]
    settings = {**SMALL, "correlation_weight": 0.0, "epochs": 40}
    errors = []
    for more in (None, alone):
        model = CorrNetEstimator(**settings).fit(left, right, left_only=more)
        errors.append(np.mean((model.reconstruct(left=alone)[0] - alone) ** 2))
    assert errors[1] < errors[0]


def test_a_table_of_pairs_and_unpaired_samples():
    table = join_unpaired(np.ones((2, 3)), np.full((2, 1), 2.0), np.full((1, 3), 4.0), np.full((3, 1), 5.0))
    assert table["left_present"].tolist() == [1, 1, 1, 0, 0, 0]
    assert table["right_present"].tolist() == [1, 1, 0, 1, 1, 1]
    assert table["left"][:, 0].tolist() == [1, 1, 4, 0, 0, 0]
    assert table["right"][:, 0].tolist() == [2, 2, 0, 5, 5, 5]
    assert all(array.dtype == np.float32 for array in table.values())


def test_depth_and_linear_outputs():
    left, right = views()
    settings = {**SMALL, "epochs": 1, "encoder_units": (5,), "hidden_activation": "tanh", "output_activation": "linear"}
    model = CorrNetEstimator(**settings).fit(5 * left - 1, right)
    assert np.isfinite(model.reconstruct(left=5 * left - 1)[0]).all()


def nan(x):
    x = x.copy()
    x[3] = np.nan
    return x


LEFT_VIEW, RIGHT_VIEW = views(12)
BAD_FITS = {
    "rows": (dict(left=LEFT_VIEW[:5], right=RIGHT_VIEW), {}, "same number of rows, received 5 left and 12 right"),
    "nan": (dict(left=nan(LEFT_VIEW), right=RIGHT_VIEW), {}, "left view must be finite, .* in 1 of 12 rows"),
    "batch": (dict(left=LEFT_VIEW, right=RIGHT_VIEW), {"batch_size": 1}, "2 samples per batch, received batch_size=1"),
    "range": (dict(left=LEFT_VIEW - 1, right=RIGHT_VIEW), {}, r"rebuilds values in \[0, 1\], received a left view"),
    "unpaired": (
        dict(left=LEFT_VIEW, right=RIGHT_VIEW, left_only=LEFT_VIEW[:, :2]), {}, r"expected samples of shape \(6,\)"
    ),
    "one": (dict(left=LEFT_VIEW[:1], right=RIGHT_VIEW[:1]), {}, "at least 2 samples, received 1"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_FITS)
def test_bad_input_to_fit_is_one_clear_error(case):
    arguments, settings, message = BAD_FITS[case]
    with pytest.raises(ValueError, match=message):
        CorrNetEstimator(**{**SMALL, **settings}).fit(**arguments)


@pytest.mark.parametrize(
    ("views", "message"),
    [
        ({}, "Both views are missing"),
        ({"left": LEFT_VIEW[:, :4]}, r"left view has the wrong width: expected samples of shape \(6,\)"),
        ({"right": nan(RIGHT_VIEW)}, "right view must be finite"),
        ({"left": LEFT_VIEW, "right": RIGHT_VIEW[:3]}, "same number of rows"),
    ],
)
def test_bad_input_after_fit_is_one_clear_error(fitted, views, message):
    for method in (fitted.transform, fitted.reconstruct):
        with pytest.raises(ValueError, match=message):
            method(**views)


def test_transform_before_fit_says_so():
    with pytest.raises(ValueError, match="not fitted"):
        CorrNetEstimator().transform(LEFT_VIEW)


def test_one_pair_is_enough_to_ask_and_none_is_refused(fitted):
    estimator, (left, right) = fitted, views()
    one = estimator.transform(left[:1], right[:1])
    np.testing.assert_allclose(one, estimator.transform(left, right)[:1], rtol=1e-5, atol=1e-6)
    assert estimator.reconstruct(left=left[:1])[1].shape == (1, *right.shape[1:])
    with pytest.raises(ValueError, match="The right view is empty"):
        estimator.transform(right=right[:0])
    with pytest.raises(ValueError, match="The left view is empty"):
        estimator.fit(left[:0], right[:0])

"""No correlation depends on units or offsets, and none leaves [-1, 1], whatever n, p, rank and ridge."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from corrnet import cca

UNITS = some.sampled_from((1e-150, 1e-8, 1e-3, 1.0, 1e3, 1e9, 1e150))
OFFSETS = some.sampled_from((0.0, 1e-3, -5.0, 1e6))


def pair(seed, n, left_size, right_size, rank):
    """Views that share `rank` directions, with noise of their own."""
    random = np.random.default_rng(seed)
    shared = random.normal(size=(n, rank))
    left = shared @ random.normal(size=(rank, left_size)) + 0.3 * random.normal(size=(n, left_size))
    right = shared @ random.normal(size=(rank, right_size)) + 0.3 * random.normal(size=(n, right_size))
    return left, right


@settings(max_examples=60, deadline=None)
@given(some.integers(0, 99), UNITS, UNITS, OFFSETS, some.sampled_from((0.0, 1e-4, 0.1)), some.booleans())
def test_cca_ignores_units_and_offsets(seed, left_unit, right_unit, offset, ridge, standardise):
    left, right = pair(seed, 60, 4, 3, 2)
    expected = cca.fit_cca(left, right, 3, ridge, standardise).correlations
    moved = cca.fit_cca(left_unit * (left + offset), right_unit * right, 3, ridge, standardise).correlations
    np.testing.assert_allclose(moved, expected, rtol=1e-6, atol=1e-6)
    fitted = cca.fit_cca(left_unit * left, right, 3, ridge, standardise)
    scores = cca.unit_correlations(*fitted.transform(left_unit * left, right))
    plain = cca.unit_correlations(*cca.fit_cca(left, right, 3, ridge, standardise).transform(left, right))
    np.testing.assert_allclose(scores, plain, atol=1e-6)


@settings(max_examples=60, deadline=None)
@given(some.integers(0, 99), UNITS, UNITS, OFFSETS)
def test_unit_correlations_and_rank_ignore_units_and_offsets(seed, left_unit, right_unit, offset):
    left, right = pair(seed, 40, 5, 5, 2)
    left[:, 4] = 3.0  # a constant unit stays one
    expected = cca.unit_correlations(left, right)
    moved = cca.unit_correlations(left_unit * (left + offset), right_unit * right)
    np.testing.assert_allclose(moved, expected, atol=1e-6)
    assert moved[4] == 0
    rank = cca.effective_rank(left)
    assert cca.effective_rank(left_unit * (left + offset)) == pytest.approx(rank, rel=1e-6)


@settings(max_examples=80, deadline=None)
@given(
    some.integers(0, 999), some.integers(2, 12), some.integers(1, 8), some.integers(1, 8),
    some.sampled_from((0.0, 1e-12, 1e-4, 10.0)), some.booleans(), some.integers(0, 2),
)  # fmt: skip
def test_correlations_stay_within_one_or_are_refused(seed, n, left_size, right_size, ridge, standardise, copies):
    """Few samples, copied and constant columns: the regularised answer, or a word why there is none."""
    left, right = pair(seed, n, left_size, right_size, 1)
    left = np.concatenate([left] + [left[:, :1]] * copies + [np.full((n, copies), 1e9)], axis=1)
    units = min(left.shape[1], right_size)
    try:
        fitted = cca.fit_cca(left, right, units, ridge, standardise)
    except ValueError as error:
        assert ridge == 0 and "not determined" in str(error)
        return
    assert ridge > 0 or (n - 1 >= right_size and copies == 0)
    assert fitted.correlations.min() >= 0 and fitted.correlations.max() <= 1
    scores = cca.unit_correlations(*fitted.transform(left, right))
    assert np.abs(scores).max() <= 1 and np.isfinite(scores).all()


def test_timestamps_are_no_constant_column():
    """Seconds since 1970 around 1e9 vary by 1e-7 of their size: enough in float64."""
    random = np.random.default_rng(0)
    shared = random.normal(size=(500, 1))
    left = 1e9 + 100 * (shared + 0.3 * random.normal(size=(500, 1)))
    right = 1e-8 * (shared + 0.3 * random.normal(size=(500, 1)))
    expected = abs(np.corrcoef(left[:, 0], right[:, 0])[0, 1])
    assert expected > 0.85
    assert cca.fit_cca(left, right, 1).correlations[0] == pytest.approx(expected, rel=1e-3)
    assert abs(cca.unit_correlations(left, right)[0]) == pytest.approx(expected, rel=1e-9)


def test_float32_rounding_is_no_signal():
    saturated = np.float32(0.9) + np.float32(1e-7) * np.random.default_rng(0).integers(0, 2, (100, 1)).astype("float32")
    moving = np.random.default_rng(1).normal(size=(100, 1)).astype("float32")
    assert cca.unit_correlations(saturated, moving)[0] == 0 and cca.effective_rank(saturated) == 0


@given(some.sampled_from((np.float16, np.float32, np.int16, np.int64)))
def test_numbers_of_any_type_give_the_answer_of_float64(kind):
    left, right = (np.round(50 * view).astype(kind) for view in pair(0, 80, 3, 3, 2))
    expected = cca.fit_cca(left.astype(np.float64), right.astype(np.float64), 3).correlations
    np.testing.assert_allclose(cca.fit_cca(left, right, 3).correlations, expected, atol=1e-6)


def test_images_are_flattened_in_fit_and_in_transform_and_sizes_are_checked():
    left, right = pair(0, 50, 12, 6, 2)
    images = left.reshape(50, 4, 3)
    flat = cca.fit_cca(left, right, 3).transform(left, right)
    fitted = cca.fit_cca(images, right, 3)
    for ours, expected in zip(fitted.transform(images, right), flat, strict=True):
        np.testing.assert_allclose(ours, expected)
    assert [part.shape for part in fitted.transform(images[:1], right[:4])] == [(1, 3), (4, 3)]
    with pytest.raises(ValueError, match="left view has 8 numbers per sample, expected 12 as in the fit"):
        fitted.transform(images[:, :, :2], right)
    with pytest.raises(ValueError, match=r"one shape \(n, units\), received \(50, 3\) and \(50, 1\)"):
        cca.unit_correlations(flat[0], flat[1][:, :1])


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e6])
def test_copies_of_one_direction_have_one_canonical_correlation(kind, unit):
    """Rounding makes no further pairs: the total is the correlation of the one that is there."""
    left, right = pair(0, 400, 1, 1, 1)
    copies = [np.repeat(unit * view, 50, axis=1).astype(kind) for view in (left, right)]
    train, test = ([view[part] for view in copies] for part in (slice(0, 200), slice(200, 400)))
    expected = abs(np.corrcoef(left[200:, 0], right[200:, 0])[0, 1])
    values = cca.canonical_correlations(train, test)
    assert values.sum() == pytest.approx(expected, rel=1e-3) and np.count_nonzero(values) == 1
    assert cca.effective_rank(copies[0]) == pytest.approx(1, rel=1e-6)

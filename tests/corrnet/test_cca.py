"""Closed-form CCA against scikit-learn, against a population whose answer is known, and against the cheat."""

import numpy as np
import pytest
from sklearn.cross_decomposition import CCA

from corrnet import cca

KNOWN = [0.95, 0.8, 0.5, 0.2]


def views(n=2000, seed=0, sizes=(7, 5)):
    return cca.draw_correlated_views(KNOWN, n, *sizes, seed=seed)


def test_agrees_with_scikit_learn():
    left, right = views(300)
    ours = cca.fit_cca(left, right, components=3, ridge=1e-12)
    theirs = CCA(n_components=3, scale=False, max_iter=5000, tol=1e-12).fit(left, right)
    for mine, other in zip(ours.transform(left, right), theirs.transform(left, right), strict=True):
        for k in range(3):
            assert abs(np.corrcoef(mine[:, k], other[:, k])[0, 1]) > 1 - 1e-6


def test_rows_are_worked_on_in_parts_without_a_trace():
    """More rows than a part holds, as bytes: covariances, deviations and variates are NumPy's of all rows at once."""
    random = np.random.default_rng(0)
    left = random.integers(0, 256, (9001, 5)).astype(np.uint8)
    right = np.concatenate([left[:, :2] // 2 + random.integers(0, 99, (9001, 2)), random.random((9001, 2))], axis=1)
    fitted = cca.fit_cca(left, right, 4, ridge=0)
    joint = np.corrcoef(left, right, rowvar=False)
    within = [np.linalg.cholesky(joint[where, where]) for where in (slice(5), slice(5, None))]
    whitened = np.linalg.solve(within[1], np.linalg.solve(within[0], joint[:5, 5:]).T)
    np.testing.assert_allclose(fitted.correlations, np.linalg.svd(whitened, compute_uv=False)[:4], atol=1e-10)
    np.testing.assert_allclose(cca.scales(left), left.astype(float).std(axis=0), rtol=1e-12)
    variates = fitted.transform(left, right)[0]
    np.testing.assert_allclose(variates, (left - left.mean(axis=0)) @ fitted.left_weights, atol=1e-10)


def test_finds_the_population_correlations_of_a_linear_gaussian_set():
    left, right = views(200_000)
    fitted = cca.fit_cca(left, right, components=5, ridge=1e-9)
    np.testing.assert_allclose(fitted.correlations, [*KNOWN, 0.0], atol=0.01)
    read = cca.unit_correlations(*fitted.transform(*views(50_000, seed=1)[:2]))
    assert read.shape == (5,)  # another mixing: only the shapes can agree


def test_training_variates_are_white_and_correlated_as_reported():
    left, right = views()
    fitted = cca.fit_cca(left, right, components=5, ridge=1e-12)
    a, b = fitted.transform(left, right)
    np.testing.assert_allclose(a.T @ a / 1999, np.eye(5), atol=1e-6)
    np.testing.assert_allclose(a.T @ b / 1999, np.diag(fitted.correlations), atol=1e-6)
    np.testing.assert_allclose(cca.unit_correlations(a, b), fitted.correlations, atol=1e-6)


def test_invertible_mixing_changes_no_canonical_correlation():
    left, right = views()
    mix = np.random.default_rng(3).normal(size=(7, 7))
    plain, mixed = (cca.fit_cca(x, right, 5, ridge=0).correlations for x in (left, left @ mix + 4.0))
    np.testing.assert_allclose(plain, mixed, atol=1e-5)


def test_standardising_makes_the_ridge_blind_to_scale():
    left, right = views()
    scales = 10.0 ** np.arange(-3, 4)
    plain = cca.fit_cca(left, right, 5, ridge=0.1, standardise=True).correlations
    scaled = cca.fit_cca(left * scales, right, 5, ridge=0.1, standardise=True).correlations
    np.testing.assert_allclose(plain, scaled, rtol=1e-8)


def test_constant_columns_are_harmless():
    left, right = views()
    left[:, 2] = 7.0
    for standardise in (False, True):
        fitted = cca.fit_cca(left, right, 5, standardise=standardise)
        assert all(np.isfinite(x).all() for x in fitted.transform(left, right))
    total = cca.canonical_correlations((left, right), (left, right))
    assert total.shape == (5,) and np.isfinite(total).all()


def test_unit_correlations_by_hand():
    left, right = np.float32([[1, 0, 5], [2, 1, 5], [3, 0, 5]]), np.float32([[6, 0, 1], [4, 2, 2], [2, 0, 3]])
    np.testing.assert_allclose(cca.unit_correlations(left, right), [-1.0, 1.0, 0.0], atol=1e-12)


def test_copies_of_one_pair_fool_the_sum_but_not_the_canonical_total_nor_the_rank():
    left, right = views()
    a, b = cca.fit_cca(left, right, 5).transform(left, right)
    cheat = np.repeat(a[:, :1], 5, axis=1), np.repeat(b[:, :1], 5, axis=1)
    assert cca.unit_correlations(*cheat).sum() > 4.7 > cca.unit_correlations(a, b).sum()
    assert cca.canonical_correlations(cheat, cheat).sum() < 1.0 < cca.canonical_correlations((a, b), (a, b)).sum()
    assert cca.effective_rank(cheat[0]) == pytest.approx(1.0, abs=1e-6)


def test_effective_rank_by_hand():
    random = np.random.default_rng(0)
    orthogonal = np.linalg.qr(random.normal(size=(500, 4)) - 0.0)[0]
    orthogonal -= orthogonal.mean(0)
    assert cca.effective_rank(orthogonal) == pytest.approx(4.0, abs=0.05)
    one, two = random.normal(size=(2, 100_000))
    shares = np.array([1.6, 0.4]) / 2  # eigenvalues 1 +- r of a correlation r = 0.6
    pair = np.stack([one, 0.6 * one + 0.8 * two], axis=1)
    assert cca.effective_rank(pair) == pytest.approx(np.exp(-(shares * np.log(shares)).sum()), abs=0.01)
    assert cca.effective_rank(np.ones((10, 3))) == 0.0


def test_random_features_approach_the_gaussian_kernel():
    x = np.random.default_rng(0).normal(size=(6, 4))
    features = cca.random_fourier_features(x, 40_000, width=1.5, seed=0)
    distances = ((x[:, None] - x[None]) ** 2).sum(-1)
    np.testing.assert_allclose(features @ features.T, np.exp(-distances / (2 * 1.5**2)), atol=0.03)
    assert features.dtype == np.float32
    points = np.array([[0.0], [3.0]])
    assert cca.median_distance(np.repeat(points, 50, axis=0), seed=0) in (0.0, 1.5, 3.0)


def test_kernel_features_find_a_relation_that_is_not_linear():
    random = np.random.default_rng(0)
    left = random.normal(size=(4000, 1))
    right = left**2 + 0.1 * random.normal(size=(4000, 1))
    linear = cca.fit_cca(left, right, 1).correlations[0]
    features = [cca.random_fourier_features(x, 100, 1.0, seed) for seed, x in enumerate((left, right))]
    assert linear < 0.2 and cca.fit_cca(*features, 1, ridge=1e-3, standardise=True).correlations[0] > 0.9


@pytest.mark.parametrize(
    ("left", "right", "message"),
    [
        (np.zeros((5, 2)), np.zeros((4, 2)), "same number of rows, received 5 left and 4 right"),
        (np.zeros((1, 2)), np.zeros((1, 2)), "at least 2 samples, received 1"),
        (
            np.full((5, 2), np.nan),
            np.zeros((5, 2)),
            "left view must be finite, .* in 5 of 5 rows",
        ),
        (np.zeros((5, 2)), np.zeros(5), r"right view must be numbers of shape \(n, features\)"),
        (np.zeros((5, 2)), np.full((5, 2), "a"), "right view must be numbers"),
    ],
)
def test_bad_views_are_named(left, right, message):
    with pytest.raises(ValueError, match=message):
        cca.fit_cca(left, right)

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given
from hypothesis import strategies as st

from everroad.evaluation.distances.frechet import frechet_distance
from everroad.evaluation.distances.moments import Moments, all_joined, joined, moments_of


def drawn(seed: int, samples: int, features: int) -> np.ndarray:
    draw = np.random.default_rng(seed)
    return draw.standard_normal((samples, features)) @ draw.standard_normal((features, features)) + draw.standard_normal(
        features
    )


def gaussian(mean: np.ndarray, covariance: np.ndarray) -> Moments:
    return Moments(1001, mean, covariance * 1000)


@given(st.integers(0, 10**6), st.integers(2, 40), st.integers(1, 6), st.data())
def test_moments_are_numpys_however_the_samples_are_split(seed, samples, features, data):
    x = drawn(seed, samples, features)
    cuts = sorted(data.draw(st.sets(st.integers(1, samples - 1), max_size=5)))
    whole = all_joined(moments_of(part) for part in np.split(x, cuts))
    assert whole.count == samples
    np.testing.assert_allclose(whole.mean, x.mean(0), atol=1e-12)
    np.testing.assert_allclose(whole.covariance, np.atleast_2d(np.cov(x, rowvar=False)), atol=1e-10)


def test_moments_far_from_zero_keep_their_digits():
    x = drawn(0, 400, 4)
    moved = all_joined(moments_of(part) for part in np.split(x + 1e6, 20))
    np.testing.assert_allclose(moved.covariance, np.cov(x, rowvar=False), rtol=1e-7)


def test_the_distance_of_gaussians_in_closed_form():
    mean, scale = np.array([1.0, -2.0, 0.5]), np.array([1.0, 4.0, 9.0])
    at_zero = gaussian(np.zeros(3), np.eye(3))
    # Of commuting covariances: |m|^2 + sum (s1 - s2)^2 of the standard deviations.
    assert frechet_distance(at_zero, gaussian(mean, np.diag(scale))) == pytest.approx(mean @ mean + 0 + 1 + 4, rel=1e-12)
    turn = scipy.linalg.expm(np.array([[0, 1, 2], [-1, 0, 3], [-2, -3, 0]]) * 0.3)
    one, other = turn @ np.diag(scale) @ turn.T, turn @ np.diag(scale[::-1]) @ turn.T
    assert frechet_distance(gaussian(mean, one), gaussian(mean, other)) == pytest.approx(4 + 0 + 4, rel=1e-10)


@pytest.mark.parametrize(("samples", "features"), [(200, 5), (400, 48)])
def test_the_distance_is_that_of_the_matrix_root(samples, features):
    x, y = drawn(1, samples, features), drawn(2, samples, features)
    one, other = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    root = scipy.linalg.sqrtm(one @ other).real
    expected = ((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(one + other - 2 * root)
    assert frechet_distance(moments_of(x), moments_of(y)) == pytest.approx(expected, rel=1e-8)


@given(st.integers(0, 10**6), st.integers(2, 12), st.integers(1, 20))
def test_it_is_symmetric_never_below_zero_and_zero_for_the_same(seed, samples, features):
    x, y = moments_of(drawn(seed, samples, features)), moments_of(drawn(seed + 1, samples, features))
    size = np.trace(x.covariance) + np.trace(y.covariance)
    assert frechet_distance(x, x) <= 1e-6 * size  # also with more features than samples
    assert frechet_distance(x, y) == pytest.approx(frechet_distance(y, x), abs=1e-6 * size)
    assert frechet_distance(x, y) >= 0


def test_bad_features_are_refused():
    good = drawn(0, 4, 3)
    with pytest.raises(ValueError, match="got others in 1 samples, first 2; mend"):
        moments_of(np.where(np.arange(4)[:, None] == 2, np.nan, good))
    with pytest.raises(ValueError, match=r"samples by features, got \(0, 3\)"):
        moments_of(good[:0])
    with pytest.raises(ValueError, match="got 3 and 2; use one network"):
        frechet_distance(moments_of(good), moments_of(good[:, :2]))
    with pytest.raises(ValueError, match="got 3 and 2; use one network"):
        joined(moments_of(good), moments_of(good[:, :2]))
    with pytest.raises(ValueError, match="expected 2 samples at least, got 1"):
        frechet_distance(moments_of(good), moments_of(good[:1]))
    with pytest.raises(ValueError, match="got none"):
        all_joined([])

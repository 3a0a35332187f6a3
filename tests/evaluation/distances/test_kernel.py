from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from everroad.evaluation.distances.kernel import cubic_kernel, kernel_distance, kernel_sums


def towns(seed: int, counts: list[int], features: int = 4, shift: float = 0.0) -> list[np.ndarray]:
    draw = np.random.default_rng(seed)
    return [draw.standard_normal((count, features)) + draw.standard_normal(features) + shift for count in counts]


def loops(first: list[np.ndarray], second: list[np.ndarray], same: bool, draw: np.ndarray) -> float:
    """Pair by pair, as it is defined."""

    def mean(a, b, apart, of_a, of_b):
        values, weights = [], []
        for i, x in enumerate(a):
            for j, y in enumerate(b):
                if apart and i == j:
                    continue
                values += [(u @ v / len(u) + 1) ** 3 for u in x for v in y]
                weights += [of_a[i] * of_b[j]] * (len(x) * len(y))
        return np.average(values, weights=weights)

    ones = draw if same else np.ones(len(second))
    within = mean(first, first, True, draw, draw) + mean(second, second, True, ones, ones)
    return within - 2 * mean(first, second, same, draw, ones)


@given(st.integers(0, 10**6), st.lists(st.integers(1, 3), min_size=2, max_size=4), st.booleans())
def test_it_is_the_mean_over_pairs_of_different_towns(seed, counts, same):
    first = towns(seed, counts)
    second = towns(seed + 1, counts if same else [2, 1])
    sums = kernel_sums(first, second, same_towns=same)
    draws = np.stack([np.ones(len(counts)), np.random.default_rng(seed).integers(1, 4, len(counts))]).astype(np.float64)
    expected = [loops(first, second, same, draw) for draw in draws]
    np.testing.assert_allclose(kernel_distance(sums, draws), expected, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(kernel_distance(sums), expected[:1], rtol=1e-9, atol=1e-9)


def test_of_the_same_frames_it_is_nothing():
    first = towns(3, [5, 5, 5])
    assert kernel_distance(kernel_sums(first, first, same_towns=True))[0] == pytest.approx(0, abs=1e-12)


def test_alike_sets_are_zero_on_the_average_and_others_are_not():
    alike = [kernel_distance(kernel_sums(towns(s, [6] * 8), towns(10_000 + s, [6] * 8)))[0] for s in range(300)]
    assert abs(np.mean(alike)) < 3 * np.std(alike) / np.sqrt(300)  # frames of a town are alike, and it is unbiased still
    assert np.min(alike) < 0
    other = [kernel_distance(kernel_sums(towns(s, [6] * 8), towns(10_000 + s, [6] * 8, shift=1.0)))[0] for s in range(20)]
    assert np.mean(other) > 10 * np.std(alike) / np.sqrt(20)


def test_a_draw_of_one_town_has_no_value():
    sums = kernel_sums(towns(0, [2, 2]), towns(1, [2, 2]), same_towns=True)
    assert np.isnan(kernel_distance(sums, np.array([[2.0, 0.0]]))).all()


def test_bad_sets_are_refused():
    good = towns(0, [2, 2])
    with pytest.raises(ValueError, match="expected 2 towns at least in each set, got 1 and 2; evaluate more towns"):
        kernel_sums(good[:1], good)
    with pytest.raises(ValueError, match="the same, got 2 and 3"):
        kernel_sums(good, towns(0, [2, 2, 2]), same_towns=True)
    with pytest.raises(ValueError, match="got 4 and 3; use one network"):
        cubic_kernel(good[0], good[0][:, :3])
    with pytest.raises(ValueError, match="finite numbers"):
        kernel_sums([good[0] * np.inf, good[1]], good)

"""Chamfer distances against shapely on the whole line, scipy on its points, and by hand."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from everroad.evaluation.mapping.chamfer import POINTS, chamfer_distances, evenly_spaced

seeds = st.integers(0, 2**32 - 1)


def line(draw: np.random.Generator, points: int = 5) -> np.ndarray:
    return np.cumsum(draw.normal(0, 3, (points, 2)), axis=0)


def between(first: np.ndarray, second: np.ndarray, points: int = POINTS) -> float:
    return float(chamfer_distances(evenly_spaced(first, points)[None], evenly_spaced(second, points)[None])[0, 0])


def test_parallel_lines_are_their_gap_apart() -> None:
    first = np.array([[0.0, 0.0], [10.0, 0.0]])
    assert between(first, first + [0, 0.7]) == pytest.approx(0.7)
    assert between(first, first[::-1] + [0, 0.7]) == pytest.approx(0.7)


def test_a_line_and_its_half_differ_one_way_alone() -> None:
    first = np.array([[0.0, 0.0], [10.0, 0.0]])
    # From the whole to the half: 0 over the first half, then rising to 5 m; from the half to the whole: next to nothing.
    assert between(first, first / 2) == pytest.approx((1.25 + 0.0) / 2, abs=0.03)


def test_a_closed_outline_has_no_beginning() -> None:
    ring = np.array([[0.0, 0], [4, 0], [4, 4], [0, 4], [0, 0]])
    other = np.array([[4.0, 4], [0, 4], [0, 0], [4, 0], [4, 4]])
    assert between(ring, other) < 0.1
    assert between(ring, ring[:-1]) == pytest.approx(0.125, abs=0.03)


@settings(deadline=None)
@given(seeds)
def test_points_are_those_of_shapely(seed: int) -> None:
    points = line(np.random.default_rng(seed))
    whole = shapely.LineString(points)
    expected = shapely.get_coordinates(shapely.line_interpolate_point(whole, np.linspace(0, whole.length, POINTS)))
    np.testing.assert_allclose(evenly_spaced(points), expected, atol=1e-9)


@settings(max_examples=30, deadline=None)
@given(seeds)
def test_distances_are_those_of_nearest_neighbours(seed: int) -> None:
    draw = np.random.default_rng(seed)
    first, second = (np.stack([evenly_spaced(line(draw)) for _ in range(count)]) for count in (2, 3))
    made = chamfer_distances(first, second)
    for i in range(2):
        for j in range(3):
            there, back = cKDTree(second[j]).query(first[i])[0].mean(), cKDTree(first[i]).query(second[j])[0].mean()
            assert made[i, j] == pytest.approx((there + back) / 2)
    np.testing.assert_allclose(chamfer_distances(second, first), made.T)
    assert np.diag(chamfer_distances(second, second)) == pytest.approx(0)


@settings(max_examples=20, deadline=None)
@given(seeds)
def test_dense_points_come_near_the_distance_of_the_lines_themselves(seed: int) -> None:
    draw = np.random.default_rng(seed)
    first, second = line(draw), line(draw)
    one, other = shapely.LineString(first), shapely.LineString(second)

    def mean_distance(points: np.ndarray, to: shapely.LineString) -> float:
        return float(shapely.distance(shapely.points(points), to).mean())

    exact = (mean_distance(evenly_spaced(first, 3000), other) + mean_distance(evenly_spaced(second, 3000), one)) / 2
    spacing = max(one.length, other.length) / (POINTS - 1)
    assert exact - 1e-2 * (1 + exact) <= between(first, second) <= exact + spacing

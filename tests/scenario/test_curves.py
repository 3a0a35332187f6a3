from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from everroad.scenario.curves import SPACING_M, along_offset, build_curves, look_up, project_onto

RADIUS_M = 30.0


def arc(start_rad: float = 0.0, end_rad: float = 2.0, radius_m: float = RADIUS_M) -> np.ndarray:
    angle = np.linspace(start_rad, end_rad, 2000)
    return radius_m * np.stack([np.cos(angle), np.sin(angle)], axis=-1)


TABLE = build_curves([arc(), np.array([[5.0, 5.0], [5.0, 9.0], [5.0, 25.0]]), arc(-3.0, 3.0, 50.0)])


def test_lengths_and_spacing():
    np.testing.assert_allclose(TABLE.length_m, [2 * RADIUS_M, 20.0, 300.0], rtol=1e-5)
    assert (TABLE.spacing_m <= SPACING_M + 1e-9).all()
    np.testing.assert_allclose(TABLE.spacing_m * (TABLE.count - 1), TABLE.length_m)


@given(st.floats(0, 1))
def test_positions_headings_and_curvature_of_a_circle(share):
    s_m = np.array([share * 2 * RADIUS_M])
    xy, yaw = look_up(TABLE, np.array([0]), s_m)
    angle = s_m[0] / RADIUS_M
    np.testing.assert_allclose(xy[0], RADIUS_M * np.array([np.cos(angle), np.sin(angle)]), atol=2e-3)
    # One-sided differences at the ends are half a spacing's bend off.
    assert abs(yaw[0] - (angle + np.pi / 2)) < 0.5 * SPACING_M / RADIUS_M + 1e-3
    index = TABLE.first[0] + np.arange(2, TABLE.count[0] - 2)
    np.testing.assert_allclose(TABLE.curvature_per_m[index], 1 / RADIUS_M, rtol=0.02)


def test_headings_do_not_jump_within_a_curve():
    for first, count in zip(TABLE.first, TABLE.count, strict=True):
        assert np.abs(np.diff(TABLE.yaw_rad[first : first + count])).max() < 0.05


@given(st.floats(1.0, 2 * RADIUS_M - 1.0), st.floats(-6, 6))
def test_projection_undoes_the_look_up(s_m, left_m):
    xy, _ = look_up(TABLE, np.array([0]), np.array([s_m]), np.array([left_m]))
    found_s, found_left = project_onto(TABLE, 0, xy[0])
    # A chord's heading is half a spacing's bend off at its ends, which moves a point beside it; inside a bend all is closer.
    off_m = abs(left_m) * 0.5 * SPACING_M / (RADIUS_M - abs(left_m))
    assert found_s == pytest.approx(s_m, abs=off_m + 1e-3)
    assert found_left == pytest.approx(left_m, abs=0.01)


def test_beyond_the_ends_the_ends_count():
    xy, _ = look_up(TABLE, np.array([1, 1]), np.array([-3.0, 99.0]))
    np.testing.assert_allclose(xy, [[5, 5], [5, 25]], atol=1e-9)


def test_the_inside_of_a_bend_is_shorter():
    ratio = along_offset(TABLE, np.array([0, 0]), np.array([20.0, 20.0]), np.array([3.0, -3.0]))
    np.testing.assert_allclose(ratio, [1 - 3 / RADIUS_M, 1 + 3 / RADIUS_M], rtol=1e-2)

from __future__ import annotations

import numpy as np
import pytest

from everroad.scenario.edit.course import driven_points, follow, lateral, make_course, straight_on

from .straight import road


def circle(radius: float, angle: float, count: int) -> np.ndarray:
    a = np.linspace(0, angle, count)
    return np.stack([radius * np.sin(a), radius * (1 - np.cos(a)), 0.1 * radius * a], axis=-1)


def test_a_straight_line_stays_where_it_is():
    course = make_course(np.array([[1.0, 2.0, 0.0], [31.0, 42.0, 5.0]]))
    assert course.length_m == pytest.approx(50.0)
    xyz, yaw = course.at(np.array([0.0, 25.0, 50.0, 60.0]), np.array([0.0, 5.0, 0.0, 0.0]))
    np.testing.assert_allclose(xyz, [[1, 2, 0], [12.0, 25.0, 2.5], [31, 42, 5], [31, 42, 5]], atol=1e-6)
    np.testing.assert_allclose(yaw, np.arctan2(4, 3), atol=1e-9)
    np.testing.assert_allclose(course.curvature_per_m, 0, atol=1e-9)


def test_a_coarse_circle_becomes_smooth():
    course = make_course(circle(30.0, 2.0, 12))  # corners of 10 degrees
    inner = slice(12, -12)
    np.testing.assert_allclose(course.curvature_per_m[inner], 1 / 30, atol=0.015)
    assert np.abs(np.diff(course.yaw_rad)).max() < 0.03
    assert np.abs(np.linalg.norm(course.points_m[inner, :2] - [0, 30], axis=1) - 30).max() < 0.2
    np.testing.assert_allclose(course.points_m[[0, -1]], circle(30.0, 2.0, 12)[[0, -1]], atol=0.15)


def test_whoever_drives_along_is_found_also_where_the_course_crosses_itself():
    course = make_course(circle(10.0, 4 * np.pi, 400))  # round twice
    s_m = np.linspace(5.0, course.length_m - 5, 90)
    xyz, _ = course.at(s_m)
    np.testing.assert_allclose(follow(course, xyz, 5.0), s_m, atol=0.1)


def test_a_stretch_ends_at_the_bends_that_are_too_sharp():
    # 40 m straight, a quarter of a circle of 10 m, 30 m straight.
    bend = np.stack([40 + 10 * np.sin(a := np.linspace(0, np.pi / 2, 40)), 10 * (1 - np.cos(a)), 0 * a], axis=-1)
    course = make_course(np.concatenate([[[0.0, 0, 0]], bend, [[50.0, 40, 0]]]))
    turned = 40 + 5 * np.pi
    assert course.stretch(20.0, 1 / 30) == (0.0, pytest.approx(40, abs=2.5))
    assert course.stretch(turned + 15, 1 / 30) == (pytest.approx(turned, abs=2.5), course.length_m)
    assert course.stretch(20.0, 1 / 5) == (0.0, course.length_m)
    from_m, to_m = course.stretch(45.0, 1 / 30)
    assert to_m - from_m < 1.01 * course.spacing_m


def test_places_are_told_ahead_and_to_the_left():
    course = make_course(np.array([[0.0, 0, 0], [0, 50.0, 0]]))
    np.testing.assert_allclose(lateral(course, 10.0, np.array([[-2.0, 13.0, 0.0]])), [[3.0, 2.0]], atol=1e-9)


def test_straight_pieces_go_on_level():
    line = straight_on(np.array([[0.0, 0, 0], [3.0, 4.0, 1.0]]), 5.0, 10.0)
    np.testing.assert_allclose(line, [[-3, -4, 0], [0, 0, 0], [3, 4, 1], [9, 12, 1]], atol=1e-9)


def test_an_ego_that_stands_has_a_direction():
    still = road(frames=1)
    np.testing.assert_allclose(driven_points(still), [[0, 0, 0], [1, 0, 0]])


def test_a_line_without_length_is_refused():
    with pytest.raises(ValueError, match="path: expected a line of 1 m at least"):
        make_course(np.zeros((4, 3)))

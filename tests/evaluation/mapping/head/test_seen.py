"""What of the map is in sight: the seen area is the set of points that project into the picture; elements are cut by it."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from everroad import geometry
from everroad.evaluation.mapping.elements import elements_of
from everroad.evaluation.mapping.ground_truth import Window, map_elements
from everroad.evaluation.mapping.head.seen import clipped, pixel_from_ground, seen_area, seen_elements
from everroad.scenario.rigs import level_camera
from everroad.scenario.town import author_town
from everroad.scenario.types import Camera

WINDOW = Window()


def camera(yaw_deg: float = 0.0, focal_px: float = 180.0) -> Camera:
    return level_camera(
        "CAM", position_m=(1.7, 0.1, 1.5), yaw_deg=yaw_deg, focal_px=focal_px, centre_px=(112.0, 69.0), size_px=(224, 128)
    )


def area_of(one: Camera, window: Window = WINDOW) -> shapely.Polygon:
    return seen_area(one.intrinsics, one.ego_from_camera, one.height_px, one.width_px, window)


@given(st.floats(0.1, 29.9), st.floats(-14.9, 14.9), st.floats(-60, 60), st.floats(80, 400))
def test_a_point_is_in_the_seen_area_where_it_projects_into_the_picture(x: float, y: float, yaw: float, focal: float) -> None:
    one = camera(yaw, focal)
    at = geometry.apply(geometry.invert(one.ego_from_camera), np.array([[x, y, 0.0]]))[0]
    column, row = (one.intrinsics @ at)[:2] / at[2]
    margin = min(column + 0.5, 223.5 - column, row + 0.5, 127.5 - row)
    np.testing.assert_allclose(
        pixel_from_ground(one.intrinsics, one.ego_from_camera) @ [x, y, 1], at[2] * np.array([column, row, 1])
    )
    if abs(margin) > 1e-3 and abs(at[2] - 0.5) > 1e-3:
        assert area_of(one).contains(shapely.Point(x, y)) == (margin > 0 and at[2] > 0.5)


def test_a_camera_that_looks_back_sees_nothing_of_the_window() -> None:
    assert area_of(camera(180.0)).is_empty
    line = elements_of([("divider", np.array([[5.0, 0.0], [20.0, 0.0]]))])
    assert len(clipped(line, area_of(camera(180.0)))) == 0


def test_lines_are_cut_outlines_closed_and_crumbs_left_out() -> None:
    area = shapely.box(5, -5, 25, 5)
    crossing = np.array([[20.0, -10.0], [24.0, -10.0], [24.0, 0.0], [20.0, 0.0], [20.0, -10.0]])
    ring = np.array([[10.0, 0.0], [12.0, 0.0], [12.0, 2.0], [10.0, 2.0], [10.0, 0.0]])
    given_lines = elements_of(
        [
            ("divider", np.array([[0.0, 1.0], [30.0, 1.0]])),
            ("divider", np.array([[4.0, 1.0], [5.9, 1.0]])),
            ("boundary", np.array([[3.0, -6.0], [3.0, 6.0]])),
            ("boundary", ring),
            ("ped_crossing", crossing),
        ]
    )
    cut = clipped(given_lines, area)
    assert cut.label.tolist() == [1, 2, 0]
    np.testing.assert_allclose(np.sort(cut.lines_m[0], axis=0), [[5, 1], [25, 1]])
    assert shapely.LineString(cut.lines_m[1]).length == pytest.approx(8.0)
    outline = shapely.Polygon(cut.lines_m[2])
    assert outline.equals(shapely.box(20, -5, 24, 0))
    assert cut.score is None


def test_a_line_that_begins_and_ends_in_the_area_is_one_where_its_ends_meet() -> None:
    ring = np.array([[10.0, 0.0], [20.0, 0.0], [20.0, 8.0], [10.0, 8.0], [10.0, 0.0]])
    cut = clipped(elements_of([("boundary", ring)]), shapely.box(5, -5, 25, 5))
    assert len(cut) == 1
    assert shapely.LineString(cut.lines_m[0]).length == pytest.approx(20.0)


def test_seen_elements_of_a_town_lie_in_sight_and_on_its_elements() -> None:
    scenario, one = author_town(3, seconds=4.0, frame_rate_hz=4.0), camera()
    whole, seen = map_elements(scenario, 8), seen_elements(scenario, 8, one)
    assert len(seen)
    area = area_of(one).buffer(1e-6)
    for line, label in zip(seen.lines_m, seen.label, strict=True):
        assert area.covers(shapely.LineString(line))
        if label:
            same = [shapely.LineString(of) for of, kind in zip(whole.lines_m, whole.label, strict=True) if kind == label]
            assert shapely.union_all(same).buffer(1e-6).covers(shapely.LineString(line))

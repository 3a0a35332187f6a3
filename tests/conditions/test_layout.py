from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from shapely.geometry import Polygon

from everroad import geometry
from everroad.conditions.layout import RANGE_M, map_images
from everroad.conditions.types import MAP_LAYERS
from everroad.scenario.types import Area, VectorMap

LAYER = {name: i for i, name in enumerate(MAP_LAYERS)}


def map_image(vector_map, world_from_ego, camera):
    return map_images(vector_map, world_from_ego, [camera])[0]


def _coverage(image, layer):
    return image[LAYER[layer]].astype(np.float64) / 255


def test_area_on_the_ground_by_hand(scene):
    """A crossing 10 to 20 m ahead and 2 m to each side, seen from 1.5 m: rows 63.5 + 200*1.5/depth, half width 200*2/depth."""
    image = map_image(scene.road(ped_crossings=[scene.rectangle(10, 20, -2, 2)]), np.eye(4), scene.camera())
    found = _coverage(image, "ped_crossing")
    assert found[78, 111] == 0  # the far edge lies at row 78.5, which is the border of two pixels
    assert found[79, 111] == 1
    assert found[93, 111] == 1  # and the near edge at 93.5
    assert found[94, 111] == pytest.approx(0.0, abs=0.51)
    assert found[95, 111] == 0
    # A trapezoid of 15 rows, 40 px wide above and 80 below; the outline is drawn, which adds about a quarter pixel around.
    assert found.sum() == pytest.approx(15 * 60, rel=0.05)
    columns = np.flatnonzero(found[93] == 1)
    assert (columns[0], columns[-1]) == (pytest.approx(111.5 - 39, abs=1.5), pytest.approx(111.5 + 39, abs=1.5))
    assert image[[i for i in range(7) if i != LAYER["ped_crossing"]]].max() == 0


@given(
    x=st.floats(9, 40),
    y=st.floats(-3, 3),
    z=st.floats(-0.5, 0.5),
    yaw_deg=st.floats(-10, 10),
    ego=st.tuples(st.floats(-500, 500), st.floats(-500, 500), st.floats(-50, 90), st.floats(-180, 180)),
)
def test_a_small_area_lies_where_opencv_projects_it(scene, x, y, z, yaw_deg, ego):
    camera = scene.camera(yaw_deg=yaw_deg)
    world_from_ego = scene.pose(*ego)
    corners = geometry.apply(world_from_ego, scene.rectangle(0.85 * x, 1.15 * x, y - 0.03 * x, y + 0.03 * x, z))
    found = _coverage(map_image(scene.road(walkways=[corners + np.array([0, 0, 1e-9])]), world_from_ego, camera), "walkway")
    camera_from_world = geometry.invert(world_from_ego @ camera.ego_from_camera)
    rotation, _ = cv2.Rodrigues(camera_from_world[:3, :3])
    pixels, _ = cv2.projectPoints(corners, rotation, camera_from_world[:3, 3], camera.intrinsics, None)
    assume((pixels >= 0).all() and (pixels <= np.array(found.shape[::-1]) - 1).all())  # else the picture's edge cuts it
    expected = np.array(Polygon(pixels[:, 0]).centroid.coords[0])
    rows, columns = np.indices(found.shape)
    centre = np.array([(columns * found).sum(), (rows * found).sum()]) / found.sum()
    np.testing.assert_allclose(centre, expected, atol=0.5)


def test_holes_are_cut_out_and_overlapping_areas_are_not(scene):
    block = Area(scene.rectangle(5, 40, -10, 10), (scene.rectangle(10, 20, -2, 2),))
    with_hole = _coverage(map_image(VectorMap(drivable_areas=(block,)), np.eye(4), scene.camera()), "drivable_area")
    assert with_hole[86, 111] == 0
    assert with_hole[86, 150] == 1
    again = scene.road(drivable_areas=[scene.rectangle(5, 40, -10, 10), scene.rectangle(8, 25, -5, 5)])
    assert _coverage(map_image(again, np.eye(4), scene.camera()), "drivable_area")[86, 111] == 1


def test_an_area_around_the_car_fills_all_below_the_horizon(scene):
    """Clipped at the near plane and at the range, not dropped; a plain of 20 km has no overflow."""
    for half in (100.0, 20_000.0):
        plain = scene.road(drivable_areas=[scene.rectangle(-half, half, -half, half)])
        found = _coverage(map_image(plain, np.eye(4), scene.camera()), "drivable_area")
        edge = 63.5 + 200 * scene.height_m / RANGE_M
        assert (found[int(np.ceil(edge)) + 1 :] == 1).all()
        assert (found[: int(edge) - 1] == 0).all()


@given(depth=st.floats(4.8, 12), y=st.floats(-2, 2))
def test_a_line_is_as_wide_as_paint_on_the_ground(scene, depth, y):
    lines = scene.road(lane_dividers=[scene.line([-30, y, 0], [70, y, 0])])
    found = _coverage(map_image(lines, np.eye(4), scene.camera()), "divider_solid")
    row = round(63.5 + 200 * scene.height_m / depth)
    width = 0.2 * (row - 63.5) / scene.height_m
    # OpenCV fills the outline's pixels, too: a quarter of a pixel all around, more along the row where the line runs aslant.
    assert 0 <= found[row].sum() - width <= 1.5
    middle = (np.arange(224) * found[row]).sum() / found[row].sum()
    assert middle == pytest.approx(111.5 - y * (row - 63.5) / scene.height_m, abs=0.5)


def test_far_and_crosswise_lines_are_at_least_a_pixel(scene):
    lines = scene.road(
        lane_dividers=[scene.line([50, 3, 0], [78, 3, 0], mark="dashed")], stop_lines=[scene.line([60, -8, 0], [60, 8, 0])]
    )
    image = map_image(lines, np.eye(4), scene.camera())
    assert _coverage(image, "divider_dashed").max(axis=1).max() > 0.45
    assert _coverage(image, "stop_line").sum(axis=0)[100:120].min() >= 0.95


@pytest.mark.parametrize(
    ("mark", "layers"),
    [
        ("solid", {"divider_solid"}),
        ("double_solid", {"divider_solid"}),
        ("dashed", {"divider_dashed"}),
        ("double_dashed", {"divider_dashed"}),
        ("solid_dashed", {"divider_solid", "divider_dashed"}),
        ("dashed_solid", {"divider_solid", "divider_dashed"}),
        ("unknown", {"divider_dashed"}),
        ("none", set()),
    ],
)
def test_marks_choose_the_layer_of_lane_dividers(scene, mark, layers):
    line = scene.line([5, 0, 0], [50, 0, 0], mark=mark)
    image = map_image(scene.road(lane_dividers=[line]), np.eye(4), scene.camera())
    assert {name for name in MAP_LAYERS if image[LAYER[name]].any()} == layers
    road = map_image(scene.road(road_dividers=[line]), np.eye(4), scene.camera())
    assert {name for name in MAP_LAYERS if road[LAYER[name]].any()} == ({"road_divider"} if layers else set())


def test_heights_are_relative_to_the_ego(scene):
    def at(map_z, ego_z):
        areas = scene.road(
            drivable_areas=[scene.rectangle(5, 30, -3, 3, map_z)], stop_lines=[scene.line([9, -3, map_z], [9, 3, map_z])]
        )
        return map_image(areas, scene.pose(z=ego_z), scene.camera())

    reference = at(0.0, 0.0)
    np.testing.assert_array_equal(at(68.0, 68.0), reference)
    # A map whose source knows no heights lies where the car stands.
    np.testing.assert_array_equal(at(0.0, 68.0), reference)
    # A metre above the road, which is 1.5 m below the camera, everything is three times as far up.
    raised = _coverage(at(69.0, 68.0), "drivable_area")
    rows = np.flatnonzero(raised[:, 111] == 1)
    assert rows[-1] == pytest.approx(63.5 + 200 * 0.5 / 5, abs=1)


def test_no_map_and_empty_layers_are_blank(scene):
    for nothing in (None, VectorMap(), VectorMap(drivable_areas=(), lane_dividers=())):
        image = map_image(nothing, np.eye(4), scene.camera())
        assert image.shape == (7, 128, 224)
        assert not image.any()


def test_behind_beside_and_beyond_is_blank(scene):
    areas = [scene.rectangle(-30, -5, -3, 3), scene.rectangle(90, 120, -3, 3), scene.rectangle(5, 10, 60, 80)]
    lines = [scene.line([-30, 0, 0], [-2, 0, 0]), scene.line([5, 50, 0], [9, 90, 0]), scene.line([81, -5, 0], [81, 5, 0])]
    assert not map_image(scene.road(drivable_areas=areas, lane_dividers=lines), np.eye(4), scene.camera()).any()

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from everroad import geometry
from everroad.conditions.boxes import EDGES, NEAR_M, RANGE_M, class_index, clip_boxes_near, seen_boxes
from everroad.scenario.types import DETECTION_CLASSES

PLACE = {"x": st.floats(-8, 95), "y": st.floats(-30, 30), "yaw_deg": st.floats(-180, 180)}
SIZE = st.tuples(st.floats(0.3, 12), st.floats(0.3, 3), st.floats(0.3, 4))


def test_edges_join_corners_that_differ_in_one_axis():
    differences = (geometry.UNIT_BOX_CORNERS[EDGES[:, 0]] != geometry.UNIT_BOX_CORNERS[EDGES[:, 1]]).sum(axis=1)
    assert (differences == 1).all()
    assert len({tuple(sorted(edge)) for edge in EDGES.tolist()}) == 12


def test_corners_and_hull_by_hand(scene):
    """A car 20 m ahead, 4 x 2 x 1.5 m: its rear is at 18 m, 1 m to each side, from 1.5 m below the camera to its height."""
    boxes = seen_boxes(scene.frame([scene.actor(20, 0)]), scene.camera())
    np.testing.assert_allclose(boxes.corners_m[0, 0], [-1, 0, 22], atol=1e-9)  # front left top
    np.testing.assert_allclose(boxes.corners_m[0, 6], [1, 1.5, 18], atol=1e-9)  # rear right bottom
    low, high = boxes.hulls_px[0].min(axis=0), boxes.hulls_px[0].max(axis=0)
    np.testing.assert_allclose(low, [111.5 - 200 / 18, 63.5], atol=1e-3)
    np.testing.assert_allclose(high, [111.5 + 200 / 18, 63.5 + 200 * 1.5 / 18], atol=1e-3)
    assert not boxes.front_faces_camera[0]
    assert seen_boxes(scene.frame([scene.actor(20, 0, yaw_deg=180)]), scene.camera()).front_faces_camera[0]


@given(**PLACE, size=SIZE, camera_yaw=st.floats(-180, 180), ego_yaw=st.floats(-180, 180))
def test_projected_corners_agree_with_opencv_and_lie_in_the_hull(scene, x, y, yaw_deg, size, camera_yaw, ego_yaw):
    camera, ego = scene.camera(yaw_deg=camera_yaw), scene.pose(300.0, -120.0, 5.0, ego_yaw)
    actor = scene.actor(300 + x, -120 + y, 5.0, yaw_deg, size)
    boxes = seen_boxes(scene.frame([actor], world_from_ego=ego), camera)
    assume(len(boxes) == 1)
    corners_world = geometry.box_corners(actor.size_lwh_m, actor.world_from_actor)
    camera_from_world = geometry.invert(ego @ camera.ego_from_camera)
    rotation, _ = cv2.Rodrigues(camera_from_world[:3, :3])
    expected, _ = cv2.projectPoints(corners_world, rotation, camera_from_world[:3, 3], camera.intrinsics, None)
    pixels, depth = geometry.project(boxes.corners_m[0], camera.intrinsics)
    in_front = depth >= NEAR_M
    np.testing.assert_allclose(pixels[in_front], expected[in_front, 0], rtol=1e-6, atol=1e-4)
    hull = boxes.hulls_px[0].astype(np.float32)
    for pixel in pixels[in_front]:
        slack = 1e-3 * max(1.0, np.abs(pixel).max() / 1000)
        assert cv2.pointPolygonTest(hull, (float(pixel[0]), float(pixel[1])), True) >= -slack


@given(**PLACE, size=SIZE)
def test_clipped_points_span_the_part_in_front(scene, x, y, yaw_deg, size):
    corners = geometry.box_corners(np.array(size), scene.pose(x, y, 0.0, yaw_deg))[:, [1, 2, 0]]  # depth along x
    points, valid = clip_boxes_near(corners[None], NEAR_M)
    assert (points[0, valid[0], 2] >= NEAR_M - 1e-9).all()
    np.testing.assert_allclose(points[0, 8:][valid[0, 8:], 2], NEAR_M, atol=1e-9)
    # Random points of the box in front of the plane are never outside of the spanned region, seen along any direction.
    rng = np.random.default_rng(1)
    inside = rng.dirichlet(np.ones(8), 300) @ corners
    inside = inside[inside[:, 2] >= NEAR_M]
    if len(inside):
        directions = rng.normal(size=(3, 40))
        assert ((inside @ directions).max(axis=0) <= (points[0, valid[0]] @ directions).max(axis=0) + 1e-9).all()


def test_a_box_beside_the_camera_is_clipped_not_dropped(scene):
    """A bus from 5 m behind to 7 m ahead, 1 m to the left: its picture runs from beyond the left border to x = -1 at 7 m."""
    boxes = seen_boxes(scene.frame([scene.actor(1, 2.3, size=(12, 2.6, 3.2), detection_class="bus")]), scene.camera())
    assert len(boxes) == 1
    hull = boxes.hulls_px[0]
    assert hull[:, 0].max() == pytest.approx(111.5 - 200 / 7, abs=1e-3)
    assert hull[:, 0].min() < -1
    assert hull[:, 1].min() < 0
    assert hull[:, 1].max() > 127


def test_which_boxes_count(scene):
    camera = scene.camera()
    out = [scene.actor(-10, 0), scene.actor(RANGE_M + 1, 0), scene.actor(20, 20), scene.actor(10, -12), scene.actor(2, 9)]
    assert len(seen_boxes(scene.frame(out), camera)) == 0
    just_in = [scene.actor(RANGE_M - 1, 0), scene.actor(-1.5, 0.5, size=(4, 2, 3)), scene.actor(20, 12)]
    assert len(seen_boxes(scene.frame(just_in), camera)) == 3
    assert len(seen_boxes(scene.frame([]), camera)) == 0


def test_an_outline_past_the_corner_of_the_picture_does_not_count(scene):
    """A thin slanted pole: the rectangle around its picture overlaps the picture's upper left corner, the pole does not."""
    camera = scene.camera()
    slant = geometry.rotation_from_quaternion(np.array([np.cos(np.pi / 8), -np.sin(np.pi / 8), 0, 0]))
    pole = scene.actor(0, 0, size=(0.1, 6.0, 0.1))
    for y, z, expected in ((5.1, 2.7, 1), (6.1, 3.7, 0)):
        placed = replace(pole, world_from_actor=geometry.transform(slant, np.array([10.0, y, scene.height_m + z])))
        corners = geometry.box_corners(placed.size_lwh_m, geometry.invert(camera.ego_from_camera) @ placed.world_from_actor)
        pixels, _ = geometry.project(corners, camera.intrinsics)
        assert (pixels.max(axis=0) > 0).all()
        assert (pixels.min(axis=0) < [223, 127]).all()
        assert len(seen_boxes(scene.frame([placed]), camera)) == expected


@given(places=st.lists(st.tuples(st.floats(4, 90), st.floats(-2, 2)), min_size=1, max_size=8))
def test_nearest_first(scene, places):
    boxes = seen_boxes(scene.frame([scene.actor(x, y, track_id=str(i)) for i, (x, y) in enumerate(places)]), scene.camera())
    distances = np.linalg.norm(boxes.corners_m.mean(axis=1), axis=1)
    assert (np.diff(distances) >= -1e-9).all()


def test_velocity_is_along_camera_axes_and_zero_where_unknown(scene):
    # The ego looks along +y of the world; the car drives along +x of the world, which is the camera's right.
    actors = [scene.actor(0, 20, velocity=(3, 0, 0)), scene.actor(0, 30)]
    boxes = seen_boxes(scene.frame(actors, world_from_ego=scene.pose(yaw_deg=90)), scene.camera())
    np.testing.assert_allclose(boxes.velocity_mps, [[3, 0, 0], [0, 0, 0]], atol=1e-9)


def test_class_indices():
    assert [class_index(name) for name in DETECTION_CLASSES] == list(range(10))
    assert class_index(None) == 10

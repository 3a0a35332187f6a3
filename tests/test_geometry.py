from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.spatial.transform import Rotation, Slerp

from everroad import geometry

ANGLES = st.floats(-3.1, 3.1)
COORDINATES = st.floats(-50, 50)


def quaternions(n: int, seed: int = 0):
    wxyz = np.random.default_rng(seed).normal(size=(n, 4))
    return wxyz / np.linalg.norm(wxyz, axis=1, keepdims=True)


def scipy_rotation(wxyz) -> Rotation:
    return Rotation.from_quat(np.roll(wxyz, -1, axis=-1))


def rigid(n: int, seed: int = 0):
    translation = np.random.default_rng(seed + 100).normal(size=(n, 3)) * 20
    return geometry.transform(geometry.rotation_from_quaternion(quaternions(n, seed)), translation)


def test_rotations_agree_with_scipy():
    wxyz = quaternions(200)
    np.testing.assert_allclose(geometry.rotation_from_quaternion(wxyz), scipy_rotation(wxyz).as_matrix(), atol=1e-12)
    np.testing.assert_allclose(geometry.rotation_from_quaternion(7.5 * wxyz), scipy_rotation(wxyz).as_matrix(), atol=1e-12)
    np.testing.assert_allclose(geometry.rotation_from_quaternion(wxyz[3]), scipy_rotation(wxyz[3]).as_matrix(), atol=1e-12)


def test_quaternions_and_rotations_are_inverse():
    wxyz = quaternions(200, 1)
    back = geometry.quaternion_from_rotation(geometry.rotation_from_quaternion(wxyz))
    assert (back[:, 0] >= 0).all()
    np.testing.assert_allclose(back, np.where(wxyz[:, :1] < 0, -wxyz, wxyz), atol=1e-12)
    nested = geometry.quaternion_from_rotation(geometry.rotation_from_quaternion(wxyz.reshape(4, 50, 4)))
    np.testing.assert_allclose(nested.reshape(-1, 4), back, atol=1e-12)
    assert geometry.quaternion_from_rotation(np.zeros((0, 3, 3))).shape == (0, 4)


@given(yaw=ANGLES)
def test_yaw_there_and_back(yaw):
    wxyz = geometry.quaternion_from_yaw(np.array([yaw]))
    rotation = geometry.rotation_from_quaternion(wxyz)
    np.testing.assert_allclose(rotation[0], Rotation.from_euler("z", yaw).as_matrix(), atol=1e-12)
    np.testing.assert_allclose(geometry.yaw_from_rotation(rotation), [yaw], atol=1e-9)


def test_invert_is_the_inverse():
    transforms = rigid(50)
    np.testing.assert_allclose(geometry.invert(transforms), np.linalg.inv(transforms), atol=1e-10)
    np.testing.assert_allclose(geometry.invert(geometry.invert(transforms)), transforms, atol=1e-12)


def test_apply_composes():
    first, second = rigid(2, 3)
    points = np.random.default_rng(1).normal(size=(5, 7, 3))
    np.testing.assert_allclose(
        geometry.apply(second @ first, points), geometry.apply(second, geometry.apply(first, points)), atol=1e-10
    )
    homogeneous = np.concatenate([points, np.ones((5, 7, 1))], axis=-1) @ first.T
    np.testing.assert_allclose(geometry.apply(first, points), homogeneous[..., :3], atol=1e-10)


def test_slerp_agrees_with_scipy():
    q0, q1 = quaternions(100, 5), quaternions(100, 6)
    ratio = np.random.default_rng(7).uniform(size=100)
    ours = geometry.rotation_from_quaternion(geometry.slerp(q0, q1, ratio))
    for i in range(100):
        keys = scipy_rotation(np.stack([q0[i], q1[i]]))
        np.testing.assert_allclose(ours[i], Slerp([0, 1], keys)(ratio[i]).as_matrix(), atol=1e-7)


def test_slerp_meets_its_ends_and_takes_the_short_way():
    q0, q1 = quaternions(50, 8), quaternions(50, 9)
    for end, expected in ((0.0, q0), (1.0, q1)):
        found = geometry.slerp(q0, q1, np.full(50, end))
        np.testing.assert_allclose(np.abs(np.sum(found * expected, axis=-1)), 1.0, atol=1e-12)
    np.testing.assert_allclose(
        geometry.rotation_from_quaternion(geometry.slerp(q0, -q1, np.full(50, 0.3))),
        geometry.rotation_from_quaternion(geometry.slerp(q0, q1, np.full(50, 0.3))),
        atol=1e-12,
    )


@given(tiny=st.floats(0, 1e-5), ratio=st.floats(0, 1))
def test_slerp_of_nearly_equal_rotations_is_linear(tiny, ratio):
    ends = geometry.quaternion_from_yaw(np.array([0.2, 0.2 + tiny]))
    between = geometry.slerp(ends[0], ends[1], np.array(ratio))
    yaw = geometry.yaw_from_rotation(geometry.rotation_from_quaternion(between))
    np.testing.assert_allclose(yaw, 0.2 + ratio * tiny, atol=1e-9)


def test_project_by_hand():
    intrinsics = np.array([[100.0, 0, 63.5], [0, 120.0, 31.5], [0, 0, 1]])
    pixel, depth = geometry.project(np.array([[0, 0, 5.0], [1, 0, 2.0], [0, -1, 4.0]]), intrinsics)
    np.testing.assert_allclose(pixel, [[63.5, 31.5], [113.5, 31.5], [63.5, 1.5]])
    np.testing.assert_allclose(depth, [5, 2, 4])
    skewed, _ = geometry.project(np.array([[1.0, 2.0, 2.0]]), np.array([[100.0, 10, 0], [0, 100, 0], [0, 0, 1]]))
    np.testing.assert_allclose(skewed, [[60, 100]])


def test_project_does_not_stumble_over_depth_zero():
    pixel, depth = geometry.project(np.zeros((1, 3)), np.eye(3))
    assert np.isfinite(pixel).all()
    assert depth[0] == 0


def test_box_corners_by_hand():
    corners = geometry.box_corners(np.array([4.0, 2.0, 1.0]), geometry.transform(np.eye(3), np.array([10.0, 20.0, 30.0])))
    assert {tuple(corner) for corner in corners} == {(x, y, z) for x in (8, 12) for y in (19, 21) for z in (29.5, 30.5)}
    assert (corners[:4, 0] == 12).all()
    # Each face is a ring: neighbouring corners share an edge, never a diagonal.
    for face in (corners[:4], corners[4:]):
        assert ((np.roll(face, -1, axis=0) - face != 0).sum(axis=1) == 1).all()
    np.testing.assert_array_equal(corners[:4, 1:], corners[4:, 1:])


def polygon_at_depths(*depths):
    return np.array([[i, -i, depth] for i, depth in enumerate(depths)], dtype=float)


@pytest.mark.parametrize(
    ("polygon", "expected"),
    [
        (polygon_at_depths(1, 2, 3), polygon_at_depths(1, 2, 3)),
        (polygon_at_depths(0.1, 0.2, 0.3), np.zeros((0, 3))),
        (np.zeros((0, 3)), np.zeros((0, 3))),
        (polygon_at_depths(0.5, 2, 3), polygon_at_depths(0.5, 2, 3)),
        # A square half in front: the cut edges meet the plane half-way.
        (
            np.array([[0, 0, 0.0], [2, 0, 0], [2, 0, 1], [0, 0, 1]]),
            np.array([[2, 0, 0.5], [2, 0, 1], [0, 0, 1], [0, 0, 0.5]]),
        ),
        # A triangle with its tip in front.
        (np.array([[0, 0, 0.0], [4, 0, 0], [2, 0, 1]]), np.array([[3, 0, 0.5], [2, 0, 1], [1, 0, 0.5]])),
    ],
)
def test_clip_polygon_near_by_hand(polygon, expected):
    np.testing.assert_allclose(geometry.clip_polygon_near(polygon, 0.5), expected, atol=1e-12)


@given(points=hnp.arrays(np.float64, (5, 2), elements=COORDINATES), near=st.floats(-40, 40))
def test_clip_polygon_near_agrees_with_shapely(points, near):
    """Convex polygons in the plane y = 0, clipped by a half-plane."""
    hull = shapely.convex_hull(shapely.MultiPoint(points))
    if hull.geom_type != "Polygon" or hull.area < 1e-3:
        return
    ring = np.asarray(hull.exterior.coords)[:-1]
    clipped = geometry.clip_polygon_near(np.stack([ring[:, 0], np.zeros(len(ring)), ring[:, 1]], axis=-1), near)
    reference = shapely.intersection(hull, shapely.box(-1e3, near, 1e3, 1e3))
    area = shapely.Polygon(clipped[:, [0, 2]]).area if len(clipped) >= 3 else 0.0
    np.testing.assert_allclose(area, reference.area, atol=1e-6)
    assert (clipped[:, 2] >= near - 1e-9).all()


def test_clip_segments_near_by_hand():
    starts = np.array([[0, 0, 2.0], [0, 0, -1], [4, 0, 2], [0, 0, 0.1], [1, 1, 1]])
    ends = np.array([[1, 0, 3.0], [2, 0, 1], [0, 0, 0], [5, 5, 0.2], [2, 2, 1]])
    clipped_starts, clipped_ends, in_front = geometry.clip_segments_near(starts, ends, 0.5)
    assert in_front.tolist() == [True, True, True, False, True]
    np.testing.assert_allclose(clipped_starts[in_front], [[0, 0, 2], [1.5, 0, 0.5], [4, 0, 2], [1, 1, 1]], atol=1e-12)
    np.testing.assert_allclose(clipped_ends[in_front], [[1, 0, 3], [2, 0, 1], [1, 0, 0.5], [2, 2, 1]], atol=1e-12)


@given(ends=hnp.arrays(np.float64, (2, 3), elements=COORDINATES), near=st.floats(-20, 20))
def test_a_clipped_segment_lies_on_the_segment_and_in_front(ends, near):
    starts, stops, in_front = geometry.clip_segments_near(ends[:1], ends[1:], near)
    assert in_front[0] == (ends[:, 2] >= near).any()
    assume(in_front[0] and np.ptp(ends[:, 2]) > 1e-3)
    for point in (starts[0], stops[0]):
        assert point[2] >= near - 1e-9
        share = (point[2] - ends[0, 2]) / (ends[1, 2] - ends[0, 2])
        assert -1e-9 < share < 1 + 1e-9
        np.testing.assert_allclose(point, ends[0] + share * (ends[1] - ends[0]), atol=1e-9)


def test_footprint_by_hand():
    turned = geometry.transform(Rotation.from_euler("z", 90, degrees=True).as_matrix(), np.array([10.0, 20.0, 5.0]))
    corners = geometry.footprint(np.array([4.0, 2.0, 1.5]), turned)
    # Front left first: forward is +y now, left is -x.
    np.testing.assert_allclose(corners, [[9, 22], [9, 18], [11, 18], [11, 22]], atol=1e-12)
    assert shapely.Polygon(corners).exterior.is_ccw


@given(
    offset=hnp.arrays(np.float64, (2,), elements=st.floats(-8, 8)),
    yaws=st.tuples(ANGLES, ANGLES),
    sizes=hnp.arrays(np.float64, (2, 3), elements=st.floats(0.5, 6)),
)
def test_overlap_of_boxes_agrees_with_shapely(offset, yaws, sizes):
    positions = (np.zeros(3), np.array([*offset, 0.0]))
    a, b = (
        geometry.footprint(size, geometry.transform(Rotation.from_euler("z", yaw).as_matrix(), position))
        for size, yaw, position in zip(sizes, yaws, positions, strict=True)
    )
    shared = shapely.Polygon(a).intersection(shapely.Polygon(b)).area
    apart = shapely.Polygon(a).distance(shapely.Polygon(b))
    if shared > 1e-6 or apart > 1e-6:
        assert geometry.convex_overlap(a, b) == (shared > 1e-6)
    assert geometry.convex_overlap(a, b) == geometry.convex_overlap(b, a)


def test_touching_boxes_do_not_overlap():
    square = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], dtype=float)
    assert not geometry.convex_overlap(square, square + np.array([1, 0]))
    assert geometry.convex_overlap(square, square + np.array([0.99, 0]))
    assert geometry.convex_overlap(square, square)


def test_single_values_go_through_like_batches():
    rotation = geometry.rotation_from_quaternion(quaternions(1)[0])
    assert geometry.yaw_from_rotation(rotation).shape == ()
    pixel, depth = geometry.project(np.array([1.0, 2.0, 4.0]), np.eye(3))
    np.testing.assert_allclose(pixel, [0.25, 0.5])
    assert depth.shape == ()
    one = geometry.transform(rotation, np.ones(3))
    np.testing.assert_allclose(geometry.invert(one) @ one, np.eye(4), atol=1e-12)
    np.testing.assert_allclose(geometry.apply(np.eye(4), np.ones(3)), np.ones(3))

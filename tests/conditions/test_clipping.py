from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial import ConvexHull
from shapely.geometry import Polygon, box

from everroad import geometry
from everroad.conditions.clipping import clip_rings, clip_segments, in_view

COORDINATE = st.floats(-20, 20, width=32)
NEAR = np.array([[0.0, 0.0, 1.0, -0.5]])


@given(points=arrays(np.float64, (9, 3), elements=COORDINATE), cut=st.integers(3, 6))
def test_rings_agree_with_the_one_by_one_clipper(points, cut):
    ring_of_point = np.array([4] * cut + [7] * (9 - cut))
    clipped, ring = clip_rings(points, ring_of_point, NEAR)
    for number in (4, 7):
        expected = geometry.clip_polygon_near(points[ring_of_point == number], 0.5)
        np.testing.assert_allclose(_from_the_lowest(clipped[ring == number]), _from_the_lowest(expected), atol=1e-9)


@given(cloud=arrays(np.float64, (12, 2), elements=st.floats(-10, 10, width=16), unique=True))
def test_area_within_four_planes_is_that_of_the_intersection(cloud):
    if np.linalg.matrix_rank(cloud - cloud.mean(axis=0), tol=0.1) < 2:
        return
    outline = cloud[ConvexHull(cloud).vertices]
    window = np.array([[1.0, 0, 0, 4], [-1, 0, 0, 6], [0, 1, 0, 3], [0, -1, 0, 2]])
    clipped, _ = clip_rings(np.column_stack([outline, np.ones(len(outline))]), np.zeros(len(outline), dtype=np.int64), window)
    area = Polygon(clipped[:, :2]).area if len(clipped) >= 3 else 0.0
    assert np.isclose(area, Polygon(outline).intersection(box(-4, -3, 6, 2)).area, atol=1e-6)


def test_rings_outside_vanish_and_no_points_are_no_error():
    triangle = np.array([[0.0, 0, -1], [1, 0, -1], [0, 1, -1]])
    ahead = triangle + np.array([0, 0, 5])
    clipped, ring = clip_rings(np.concatenate([triangle, ahead]), np.array([0, 0, 0, 1, 1, 1]), NEAR)
    np.testing.assert_array_equal(clipped, ahead)
    assert ring.tolist() == [1, 1, 1]
    assert len(clip_rings(np.zeros((0, 3)), np.zeros(0, dtype=np.int64), NEAR)[0]) == 0


@given(starts=arrays(np.float64, (6, 3), elements=COORDINATE), ends=arrays(np.float64, (6, 3), elements=COORDINATE))
def test_segments_agree_with_the_near_clipper(starts, ends):
    a, b, seen = clip_segments(starts, ends, NEAR)
    expected_a, expected_b, expected_seen = geometry.clip_segments_near(starts, ends, 0.5)
    np.testing.assert_array_equal(seen, expected_seen)
    np.testing.assert_allclose(a[seen], expected_a[seen], atol=1e-4)
    np.testing.assert_allclose(b[seen], expected_b[seen], atol=1e-4)


@given(starts=arrays(np.float64, (6, 3), elements=COORDINATE), ends=arrays(np.float64, (6, 3), elements=COORDINATE))
def test_segments_keep_exactly_their_part_in_view(scene_planes, starts, ends):
    a, b, seen = clip_segments(starts, ends, scene_planes)
    along = np.linspace(0, 1, 201)[:, None, None]
    inside = ((starts + along * (ends - starts)) @ scene_planes[:, :3].T + scene_planes[:, 3] >= 1e-6).all(axis=-1)
    assert not (inside.any(axis=0) & ~seen).any()
    kept = a[seen] + along * (b[seen] - a[seen])
    assert (kept @ scene_planes[:, :3].T + scene_planes[:, 3] >= -1e-4).all()


@given(centre=arrays(np.float64, (1, 3), elements=COORDINATE), radius=st.floats(0.1, 5))
def test_spheres_with_a_visible_point_are_in_view(scene_planes, centre, radius):
    directions = np.random.default_rng(0).normal(size=(200, 3))
    surface = centre + radius * directions / np.linalg.norm(directions, axis=1, keepdims=True)
    visible = (surface @ scene_planes[:, :3].T + scene_planes[:, 3] >= 0).all(axis=1).any()
    assert in_view(centre, np.array([radius]), scene_planes)[0] >= visible


def test_side_planes_stand_at_the_margin(scene_planes):
    from everroad.conditions.clipping import SIDE_MARGIN_PX

    # Camera of the fixture: focal 200, principal point (111.5, 63.5), 224 columns. At depth 10 the planes are here:
    left, right = (-SIDE_MARGIN_PX - 111.5) / 200 * 10, (223 + SIDE_MARGIN_PX - 111.5) / 200 * 10
    for x, plane in ((left, 2), (right, 3)):
        assert abs(np.array([x, 3.0, 10.0]) @ scene_planes[plane, :3]) < 1e-9
    assert (np.array([0.0, 0, 10]) @ scene_planes[:, :3].T + scene_planes[:, 3] > 0).all()


def _from_the_lowest(ring):
    """A ring begun at its lexicographically smallest point."""
    if len(ring) == 0:
        return ring
    return np.roll(ring, -int(np.lexsort(ring.round(6).T[::-1])[0]), axis=0)

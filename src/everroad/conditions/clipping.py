"""The part of points, rings and segments that a camera sees: many at once, against planes of its view."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from everroad.scenario.types import Camera

# Clipped edges run along the side planes; this far outside of the picture no one sees them.
SIDE_MARGIN_PX = 8.0


def view_planes(camera: Camera, near_m: float, far_m: float) -> Float[ndarray, "4 4"]:
    """Near, far, left and right plane as rows (a b c d): a point x y z (camera frame, metres) is in view where ax+by+cz+d >= 0.

    The side planes stand a little outside of the picture. Normals are unit vectors, so the value is a distance in metres.
    """
    across = camera.intrinsics[0]
    left = across + np.array([0, 0, SIDE_MARGIN_PX])
    right = np.array([0, 0, camera.width_px - 1 + SIDE_MARGIN_PX]) - across
    planes = np.zeros((4, 4))
    planes[0] = [0, 0, 1, -near_m]
    planes[1] = [0, 0, -1, far_m]
    planes[2, :3] = left / np.linalg.norm(left)
    planes[3, :3] = right / np.linalg.norm(right)
    return planes


def in_view(centres: Float[ndarray, "n 3"], radii_m: Float[ndarray, "n"], planes: Float[ndarray, "k 4"]) -> Bool[ndarray, "n"]:
    """Which spheres may have a part on the inner side of every plane, all in one frame of reference."""
    distances = planes[:, :3] @ centres.T + planes[:, 3:]
    return np.all(distances >= -radii_m, axis=0)


def clip_rings(
    points_camera: Float[ndarray, "n 3"], ring_of_point: Int[ndarray, "n"], planes: Float[ndarray, "k 4"]
) -> tuple[Float[ndarray, "m 3"], Int[ndarray, "m"]]:
    """Closed polygons clipped to the inner side of the planes (Sutherland-Hodgman), all rings at once.

    A ring's points are consecutive; a ring that is wholly outside has no points in the result. Where a concave ring falls
    apart, its parts stay joined by edges of no width along the plane.
    """
    for plane in planes:
        distance = points_camera @ plane[:3] + plane[3]
        inside = distance >= 0
        if inside.all():
            continue
        following = _following(ring_of_point)
        crosses = inside != inside[following]
        emitted = inside.astype(np.int64) + crosses
        offset = np.cumsum(emitted) - emitted
        clipped = np.empty((int(emitted.sum()), 3))
        clipped[offset[inside]] = points_camera[inside]
        a, b = np.flatnonzero(crosses), following[crosses]
        ratio = distance[a] / (distance[a] - distance[b])
        cut = points_camera[a] + ratio[:, None] * (points_camera[b] - points_camera[a])
        clipped[offset[a] + inside[a]] = cut
        points_camera, ring_of_point = clipped, np.repeat(ring_of_point, emitted)
    return points_camera, ring_of_point


def _following(ring_of_point: Int[ndarray, "n"]) -> Int[ndarray, "n"]:
    """Index of the next point on each point's ring."""
    following = np.arange(1, len(ring_of_point) + 1)
    if len(following):
        last = np.flatnonzero(np.append(ring_of_point[1:] != ring_of_point[:-1], True))
        following[last] = np.append(0, last[:-1] + 1)
    return following


def clip_segments(
    starts_camera: Float[ndarray, "n 3"], ends_camera: Float[ndarray, "n 3"], planes: Float[ndarray, "k 4"]
) -> tuple[Float[ndarray, "n 3"], Float[ndarray, "n 3"], Bool[ndarray, "n"]]:
    """Segments clipped to the inner side of the planes, with a mask of those that have any part there (others: no meaning)."""
    begin, end = np.zeros(len(starts_camera)), np.ones(len(starts_camera))
    for plane in planes:
        a = starts_camera @ plane[:3] + plane[3]
        b = ends_camera @ plane[:3] + plane[3]
        crossing = a / np.where(a == b, 1.0, a - b)
        begin = np.where(a < 0, np.maximum(begin, np.where(b < 0, 2.0, crossing)), begin)
        end = np.where((b < 0) & (a >= 0), np.minimum(end, crossing), end)
    step = ends_camera - starts_camera
    return starts_camera + begin[:, None] * step, starts_camera + end[:, None] * step, begin <= end

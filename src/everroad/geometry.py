"""Rigid transforms, quaternions, pinhole projection and overlap of boxes. Every transform reads ``dst_from_src``.

Frames: world right-handed metres, z up; ego x forward, y left, z up, origin on the ground under the rear axle; camera x right,
y down, z forward. Integer pixel coordinates lie at pixel centres, so a picture spans -0.5 .. width_px - 0.5.
Quaternions are ``wxyz``, unit norm.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

# The eight corners of a unit box (length x, width y, height z), front face first: the first four have x = +0.5.
UNIT_BOX_CORNERS: Float[ndarray, "8 3"] = (
    np.array(
        [
            [1, 1, 1], [1, -1, 1], [1, -1, -1], [1, 1, -1],
            [-1, 1, 1], [-1, -1, 1], [-1, -1, -1], [-1, 1, -1],
        ],
        dtype=np.float64,
    )
    / 2
)  # fmt: skip


def rotation_from_quaternion(quaternion: Float[ndarray, "*n 4"]) -> Float[ndarray, "*n 3 3"]:
    """Rotation matrices of wxyz quaternions; these are normalised first."""
    unit = quaternion / np.linalg.norm(quaternion, axis=-1, keepdims=True)
    w, x, y, z = np.moveaxis(unit, -1, 0)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def quaternion_from_rotation(rotation: Float[ndarray, "*n 3 3"]) -> Float[ndarray, "*n 4"]:
    """wxyz quaternions with w >= 0 of rotation matrices."""
    from scipy.spatial.transform import Rotation

    flat = rotation.reshape(-1, 3, 3)
    xyzw = Rotation.from_matrix(flat).as_quat() if len(flat) else np.zeros((0, 4))
    wxyz = np.roll(xyzw, 1, axis=-1)
    wxyz = np.where(wxyz[:, :1] < 0, -wxyz, wxyz)
    return wxyz.reshape(*rotation.shape[:-2], 4)


def quaternion_from_yaw(yaw_rad: Float[ndarray, "*n"]) -> Float[ndarray, "*n 4"]:
    """wxyz quaternions of rotations about +z."""
    half = np.asarray(yaw_rad, dtype=np.float64) / 2
    zero = np.zeros_like(half)
    return np.stack([np.cos(half), zero, zero, np.sin(half)], axis=-1)


def yaw_from_rotation(rotation: Float[ndarray, "*n 3 3"]) -> Float[ndarray, "*n"]:
    """Heading of the rotated x axis in the xy plane, in (-pi, pi]."""
    return np.asarray(np.arctan2(rotation[..., 1, 0], rotation[..., 0, 0]))


def transform(rotation: Float[ndarray, "*n 3 3"], translation: Float[ndarray, "*n 3"]) -> Float[ndarray, "*n 4 4"]:
    """4x4 rigid transforms from rotations and translations."""
    out = np.zeros((*translation.shape[:-1], 4, 4), dtype=np.float64)
    out[..., :3, :3] = rotation
    out[..., :3, 3] = translation
    out[..., 3, 3] = 1.0
    return out


def invert(dst_from_src: Float[ndarray, "*n 4 4"]) -> Float[ndarray, "*n 4 4"]:
    """src_from_dst of rigid transforms (transpose, not a general inverse)."""
    rotation_t = np.swapaxes(dst_from_src[..., :3, :3], -1, -2)
    return transform(rotation_t, -(rotation_t @ dst_from_src[..., :3, 3:])[..., 0])


def apply(dst_from_src: Float[ndarray, "4 4"], points_src: Float[ndarray, "*n 3"]) -> Float[ndarray, "*n 3"]:
    """Points moved from src to dst."""
    return points_src @ dst_from_src[:3, :3].T + dst_from_src[:3, 3]


def box_corners(size_lwh: Float[ndarray, "3"], dst_from_box: Float[ndarray, "4 4"]) -> Float[ndarray, "8 3"]:
    """Corners of one box in dst, front face first (order of ``UNIT_BOX_CORNERS``)."""
    return apply(dst_from_box, UNIT_BOX_CORNERS * size_lwh)


def project(
    points_camera: Float[ndarray, "*n 3"], intrinsics: Float[ndarray, "3 3"]
) -> tuple[Float[ndarray, "*n 2"], Float[ndarray, "*n"]]:
    """Pinhole projection: pixel coordinates and depth (metres along z). Points with depth <= 0 give meaningless pixels."""
    depth = np.asarray(points_camera[..., 2])
    safe = np.where(np.abs(depth) < 1e-9, 1e-9, depth)
    uv = (points_camera[..., :2] / safe[..., None]) @ intrinsics[:2, :2].T + intrinsics[:2, 2]
    return uv, depth


def clip_polygon_near(points_camera: Float[ndarray, "n 3"], near_m: float) -> Float[ndarray, "m 3"]:
    """Polygon clipped to depth >= near_m (Sutherland-Hodgman against one plane); empty when wholly behind."""
    return _clip_near(points_camera, near_m, closed=True)


def _clip_near(points: Float[ndarray, "n 3"], near_m: float, closed: bool) -> Float[ndarray, "m 3"]:
    if len(points) == 0:
        return points
    z = points[:, 2]
    if (z >= near_m).all():
        return points
    if (z < near_m).all():
        return points[:0]
    out = []
    for i in range(len(points)):
        j = (i + 1) % len(points)
        if z[i] >= near_m:
            out.append(points[i])
        if (closed or j > 0) and (z[i] >= near_m) != (z[j] >= near_m):
            ratio = (near_m - z[i]) / (z[j] - z[i])
            out.append(points[i] + ratio * (points[j] - points[i]))
    return np.stack(out)


def clip_segments_near(
    starts_camera: Float[ndarray, "n 3"], ends_camera: Float[ndarray, "n 3"], near_m: float
) -> tuple[Float[ndarray, "n 3"], Float[ndarray, "n 3"], Bool[ndarray, "n"]]:
    """Segments clipped to depth >= near_m, with a mask of those that have any part in front."""
    za, zb = starts_camera[:, 2], ends_camera[:, 2]
    span = np.where(np.abs(zb - za) < 1e-12, 1e-12, zb - za)
    cut = starts_camera + ((near_m - za) / span)[:, None] * (ends_camera - starts_camera)
    starts = np.where((za < near_m)[:, None], cut, starts_camera)
    ends = np.where((zb < near_m)[:, None], cut, ends_camera)
    return starts, ends, (za >= near_m) | (zb >= near_m)


def slerp(q0: Float[ndarray, "*n 4"], q1: Float[ndarray, "*n 4"], ratio: Float[ndarray, "*n"]) -> Float[ndarray, "*n 4"]:
    """Spherical interpolation of wxyz quaternions along the shorter arc; ratio 0 gives q0, 1 gives q1 (up to sign)."""
    dot = np.sum(q0 * q1, axis=-1, keepdims=True)
    q1 = np.where(dot < 0, -q1, q1)
    angle = np.arccos(np.clip(np.abs(dot), 0.0, 1.0))
    ratio = np.asarray(ratio)[..., None]
    sin = np.sin(angle)
    near = sin < 1e-7
    safe = np.where(near, 1.0, sin)
    a = np.where(near, 1 - ratio, np.sin((1 - ratio) * angle) / safe)
    b = np.where(near, ratio, np.sin(ratio * angle) / safe)
    out = a * q0 + b * q1
    return out / np.linalg.norm(out, axis=-1, keepdims=True)


def footprint(size_lwh: Float[ndarray, "3"], world_from_box: Float[ndarray, "4 4"]) -> Float[ndarray, "4 2"]:
    """The box's rectangle seen from above, counter-clockwise, in the xy plane of dst."""
    unit = np.array([[0.5, 0.5, 0], [-0.5, 0.5, 0], [-0.5, -0.5, 0], [0.5, -0.5, 0]])
    return apply(world_from_box, unit * size_lwh)[:, :2]


def convex_overlap(a: Float[ndarray, "n 2"], b: Float[ndarray, "m 2"]) -> bool:
    """True when two convex polygons share area (separating axis theorem; touching edges do not count)."""
    for polygon in (a, b):
        edges = np.roll(polygon, -1, axis=0) - polygon
        for normal in np.stack([edges[:, 1], -edges[:, 0]], axis=-1):
            pa, pb = a @ normal, b @ normal
            if pa.max() <= pb.min() or pb.max() <= pa.min():
                return False
    return True

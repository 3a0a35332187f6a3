"""KITTI object files of one camera at key frames: label_2, calib, velodyne. Our camera axes are KITTI's too.

A label's location is the middle of the box's bottom face, rotation_y the heading around the camera's y axis (0: along its x
axis), alpha that heading seen along the ray to the box. Truncation is the share of the box's projected rectangle outside the
picture; occlusion comes from the share of the actor's pixels that is seen.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float32
from numpy import ndarray

from everroad import geometry
from everroad.export.lidar import EGO_FROM_LIDAR
from everroad.export.sight import Sight, projected_box
from everroad.scenario.types import ActorState, Camera, SceneFrame

# nuScenes detection class → KITTI type; cones and barriers have none. A cycle is a Cyclist where somebody rides it.
TYPES: dict[str, str] = {
    "car": "Car",
    "truck": "Truck",
    "construction_vehicle": "Truck",
    "bus": "Misc",
    "trailer": "Misc",
    "motorcycle": "Misc",
    "bicycle": "Cyclist",
    "pedestrian": "Pedestrian",
}
# KITTI: 0 fully visible, 1 partly occluded, 2 largely occluded. The shares are ours.
FULLY_SEEN, PARTLY_SEEN = 0.8, 0.4
# KITTI's scanner: x ahead, y left, z up.
_VELO_FROM_LIDAR = geometry.transform(np.array([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]]), np.zeros(3))


def label_lines(frame: SceneFrame, camera: Camera, sights: dict[str, Sight]) -> list[str]:
    """One line of label_2 for each actor with a KITTI type of which a pixel is seen."""
    camera_from_world = geometry.invert(frame.world_from_ego @ camera.ego_from_camera)
    lines = []
    for actor in frame.actors:
        sight, kind = sights.get(actor.track_id), TYPES.get(actor.detection_class or "")
        if kind is None or sight is None or not sight.seen_px:
            continue
        label = label_numbers(actor, camera, camera_from_world, sight.seen_px / sight.whole_px)
        if label is not None:
            numbers = " ".join(f"{number:.6f}" for number in label[2:])
            lines.append(f"{kind} {label[0]:.2f} {int(label[1])} {numbers}")
    return lines


def label_numbers(
    actor: ActorState, camera: Camera, camera_from_world: Float[ndarray, "4 4"], seen_share: float
) -> Float[ndarray, "14"] | None:
    """Truncated, occluded, alpha, left, top, right, bottom, height, width, length, x, y, z, rotation_y; ``None`` behind."""
    box = projected_box(actor, camera, camera_from_world)
    if box is None:
        return None
    inside = np.clip(box, 0, [camera.width_px - 1, camera.height_px - 1] * 2)
    truncated = 1 - _area(inside) / _area(box) if _area(box) > 0 else 0.0
    occluded = 0 if seen_share >= FULLY_SEEN else 1 if seen_share >= PARTLY_SEEN else 2
    camera_from_box = camera_from_world @ actor.world_from_actor
    length, width, height = actor.size_lwh_m.tolist()
    x, y, z = geometry.apply(camera_from_box, np.array([0.0, 0.0, -height / 2])).tolist()
    forward = camera_from_box[:3, 0]
    rotation_y = float(np.arctan2(-forward[2], forward[0]))
    alpha = _wrapped(rotation_y - float(np.arctan2(x, z)))
    return np.array([truncated, occluded, alpha, *inside, height, width, length, x, y, z, rotation_y])


def calibration(camera: Camera) -> str:
    """A calib file: the camera's matrix for all four of KITTI's, no rectification, the scanner where LIDAR_TOP is."""
    projection = np.concatenate([camera.intrinsics, np.zeros((3, 1))], axis=1)
    camera_from_velo = geometry.invert(camera.ego_from_camera) @ EGO_FROM_LIDAR @ geometry.invert(_VELO_FROM_LIDAR)
    rows = {f"P{i}": projection for i in range(4)} | {
        "R0_rect": np.eye(3),
        "Tr_velo_to_cam": camera_from_velo[:3],
        "Tr_imu_to_velo": geometry.invert(EGO_FROM_LIDAR @ geometry.invert(_VELO_FROM_LIDAR))[:3],
    }
    return "".join(f"{name}: {' '.join(f'{x:.12e}' for x in matrix.ravel())}\n" for name, matrix in rows.items())


def velodyne(points: Float32[ndarray, "n 5"]) -> Float32[ndarray, "n 4"]:
    """LIDAR_TOP's points as KITTI's files have them: x ahead, y left, z up, reflectance."""
    xyz = geometry.apply(_VELO_FROM_LIDAR, points[:, :3].astype(np.float64))
    return np.concatenate([xyz, points[:, 3:4]], axis=1).astype(np.float32)


def _area(box: Float[ndarray, "4"]) -> float:
    return float(max(box[2] - box[0], 0) * max(box[3] - box[1], 0))


def _wrapped(angle_rad: float) -> float:
    return float((angle_rad + np.pi) % (2 * np.pi) - np.pi)

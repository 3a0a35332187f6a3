"""Named camera rigs, for scenarios whose source brings no cameras or others than wanted.

The rigs are *like* those of nuScenes: its picture size, typical focal lengths and mounting places, with level cameras at
nominal yaws. nuScenes puts its ego origin on the ground under the rear axle, as we do, so heights are heights above the ground.
"""

from __future__ import annotations

from dataclasses import replace
from math import cos, radians, sin

import numpy as np

from everroad.scenario.types import Camera, Scenario


def level_camera(
    name: str,
    *,
    position_m: tuple[float, float, float],
    yaw_deg: float,
    focal_px: float,
    centre_px: tuple[float, float],
    size_px: tuple[int, int],
) -> Camera:
    """A camera without pitch and roll.

    Args:
        name: its name.
        position_m: optical centre in the ego frame, metres.
        yaw_deg: direction of view, counter-clockwise from straight ahead, degrees.
        focal_px: focal length of both axes, pixels.
        centre_px: principal point (x, y), pixels.
        size_px: (width, height), pixels.
    """
    c, s = cos(radians(yaw_deg)), sin(radians(yaw_deg))
    ego_from_camera = np.eye(4)
    # Columns: the camera's right, down and forward axes in the ego frame.
    ego_from_camera[:3, :3] = [[s, 0, c], [-c, 0, s], [0, -1, 0]]
    ego_from_camera[:3, 3] = position_m
    intrinsics = np.array([[focal_px, 0, centre_px[0]], [0, focal_px, centre_px[1]], [0, 0, 1]], dtype=np.float64)
    # The rigs below are shared by every scenario that asks for them.
    ego_from_camera.setflags(write=False)
    intrinsics.setflags(write=False)
    return Camera(name, size_px[0], size_px[1], intrinsics, ego_from_camera)


def _camera(
    name: str, position_m: tuple[float, float, float], yaw_deg: float, focal_px: float, centre_px: tuple[float, float]
) -> Camera:
    return level_camera(
        name, position_m=position_m, yaw_deg=yaw_deg, focal_px=focal_px, centre_px=centre_px, size_px=(1600, 900)
    )


_NUSCENES_6 = (
    _camera("CAM_FRONT", (1.70, 0.016, 1.51), 0.0, 1266.4, (816.3, 491.5)),
    _camera("CAM_FRONT_RIGHT", (1.55, -0.49, 1.50), -55.0, 1260.8, (808.0, 495.3)),
    _camera("CAM_BACK_RIGHT", (1.01, -0.48, 1.56), -110.0, 1259.5, (807.3, 501.2)),
    _camera("CAM_BACK", (0.03, 0.003, 1.58), 180.0, 809.2, (829.2, 481.8)),
    _camera("CAM_BACK_LEFT", (1.04, 0.48, 1.59), 110.0, 1256.7, (792.1, 492.8)),
    _camera("CAM_FRONT_LEFT", (1.52, 0.49, 1.51), 55.0, 1272.6, (826.6, 479.8)),
)

RIGS: dict[str, tuple[Camera, ...]] = {"nuscenes-front": _NUSCENES_6[:1], "nuscenes-6": _NUSCENES_6}


def get_rig(name: str) -> tuple[Camera, ...]:
    """The cameras of a named rig. Raises ``ValueError`` with the known names for any other."""
    if name not in RIGS:
        raise ValueError(f"rig: expected one of {', '.join(RIGS)}, got '{name}'; name one of them")
    return RIGS[name]


def with_rig(scenario: Scenario, name: str) -> Scenario:
    """The scenario seen by a named rig instead of its own cameras.

    Recorded images go, since other cameras took them. Raises ``ValueError`` for an unknown rig.
    """
    return replace(scenario, cameras=get_rig(name), images={})

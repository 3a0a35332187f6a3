"""A painted drive, and a camera over a textured plane whose pictures are known exactly."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import pytest

from everroad import geometry
from everroad.conditions.rig import fit_camera, front_camera
from everroad.evaluation.consistency.damage_table import painted
from everroad.evaluation.consistency.records import Prepared
from everroad.scenario.rigs import get_rig
from everroad.scenario.types import Camera

FRAMES = 10


@dataclass(frozen=True)
class Drive:
    """Frames of one town by day: pictures, and what is prepared of each."""

    pictures: list[np.ndarray]
    prepared: list[Prepared]


@pytest.fixture(scope="session")
def drive() -> Drive:
    return Drive(*painted(1_000_000, FRAMES - 1, 128, 224))


class Plane:
    """An endless textured plane at z = 0, seen from anywhere."""

    camera: Camera = fit_camera(front_camera(get_rig("nuscenes-front")), 128, 224)
    _cell_m = 0.05

    def __init__(self) -> None:
        noise = np.random.default_rng(1).normal(0, 1, (1200, 1200)).astype(np.float32)
        texture = cv2.GaussianBlur(noise, (0, 0), 8)
        self._texture = 128 + 45 * texture / texture.std()

    def paint(self, world_from_ego: np.ndarray, camera: Camera | None = None) -> np.ndarray:
        """The picture at a pose; grey above the horizon. Four samples a pixel each way."""
        camera = camera or self.camera
        fine = 4
        scaled = camera.intrinsics.copy()
        scaled[:2] *= fine
        scaled[:2, 2] += (fine - 1) / 2
        columns, rows = np.meshgrid(np.arange(camera.width_px * fine), np.arange(camera.height_px * fine))
        mount = world_from_ego @ camera.ego_from_camera
        rays = np.stack([columns, rows, np.ones_like(rows)], -1) @ np.linalg.inv(scaled).T @ mount[:3, :3].T
        down = np.where(rays[..., 2] < -1e-6, -rays[..., 2], np.nan)
        ground = mount[:2, 3] + rays[..., :2] * (mount[2, 3] / down)[..., None]
        at = (ground / self._cell_m + 200).astype(np.float32)
        seen = cv2.remap(self._texture, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
        seen = np.where(np.isfinite(down), seen, 128)
        small = cv2.resize(seen.astype(np.float32), (camera.width_px, camera.height_px), interpolation=cv2.INTER_AREA)
        return np.repeat(np.clip(np.rint(small), 0, 255).astype(np.uint8)[..., None], 3, 2)

    @staticmethod
    def pose(way_m: float, turn_rad: float) -> np.ndarray:
        """After an arc of the rear axle."""
        half = turn_rad / 2
        turn = geometry.rotation_from_quaternion(geometry.quaternion_from_yaw(np.array(turn_rad)))
        return geometry.transform(turn, np.array([way_m * np.cos(half), way_m * np.sin(half), 0.0]))

    def turned_camera(self, degrees: float) -> Camera:
        """The same camera, looking so far to the left."""
        turn = self.pose(0.0, np.deg2rad(degrees))
        return replace(self.camera, name=f"turned {degrees:g}", ego_from_camera=turn @ self.camera.ego_from_camera)


@pytest.fixture(scope="session")
def plane() -> Plane:
    return Plane()

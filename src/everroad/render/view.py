"""One camera over the ego's ground plane: the projections that ground, sky and polygons share.

The *flat* frame is the world's xy with z above the ego's ground plane, moved to the ego's place (so that numbers stay small):
where the ego car stands level, as in towns, it is the world frame up to that shift. On a slope the plane tilts with the car.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from everroad import geometry
from everroad.scenario.types import Camera, SceneFrame

NEAR_M = 0.25


@dataclass(frozen=True, eq=False)
class Lens:
    """What a camera sees of the ground plane wherever the ego stands. The canvas has ``samples`` a pixel along each axis."""

    width_px: int
    height_px: int
    samples: int
    intrinsics: Float[ndarray, "3 3"]
    ego_from_camera: Float[ndarray, "4 4"]

    @cached_property
    def rays_from_pixel(self) -> Float[ndarray, "3 3"]:
        """Homogeneous pixels to ray directions in the ego frame, with depth 1 along the camera's axis."""
        return self.ego_from_camera[:3, :3] @ np.linalg.inv(self.intrinsics)

    def pixel_rays(self, samples: int) -> Float[ndarray, "h w 3"]:
        """Ray directions in the ego frame of every sample's centre."""
        u = (np.arange(self.width_px * samples) + 0.5) / samples - 0.5
        v = (np.arange(self.height_px * samples) + 0.5) / samples - 0.5
        rays = self.rays_from_pixel
        return (v[:, None, None] * rays[:, 1] + rays[:, 2]) + u[None, :, None] * rays[:, 0]

    def ground_mask(self, samples: int) -> Bool[ndarray, "h w"]:
        """Samples whose ray meets the ground."""
        return self._masks[samples]

    @cached_property
    def _masks(self) -> dict[int, np.ndarray]:
        below = self.ego_from_camera[2, 3] > 0
        return {s: (self.pixel_rays(s)[..., 2] < -1e-9) & below for s in {1, self.samples}}

    @cached_property
    def mixed_rows(self) -> dict[int, tuple[int, int]]:
        """By samples a pixel: the row from which ground is seen somewhere, and that from which it fills every row below."""
        out = {}
        for samples, mask in self._masks.items():
            some, full = np.any(mask, axis=1), np.all(mask, axis=1)
            out[samples] = (
                int(np.argmax(some)) if some.any() else len(mask),
                len(mask) - int(np.argmin(full[::-1])) if not full.all() else 0,
            )
        return out

    def ground_points(self, samples: int) -> Float[ndarray, "h w 2"]:
        """Ego-frame xy of the ground at every sample; meaningless outside the mask."""
        rays = self.pixel_rays(samples)
        down = np.maximum(-rays[..., 2:], 1e-9)
        return self.ego_from_camera[:2, 3] + rays[..., :2] * (self.ego_from_camera[2, 3] / down)

    @cached_property
    def ground_depth(self) -> Float[ndarray, "h w"]:
        """Depth of the ground (float32) at every pixel's centre; infinite in the sky."""
        down = -self.pixel_rays(1)[..., 2]
        return np.where(self.ground_mask(1), self.ego_from_camera[2, 3] / np.maximum(down, 1e-9), np.inf).astype(np.float32)

    @cached_property
    def directions(self) -> tuple[Float[ndarray, "h w"], Float[ndarray, "h w"]]:
        """Azimuth and elevation (radians, ego frame, float32) of every canvas sample."""
        rays = self.pixel_rays(self.samples)
        azimuth = np.arctan2(rays[..., 1], rays[..., 0])
        elevation = np.arctan2(rays[..., 2], np.hypot(rays[..., 0], rays[..., 1]))
        return azimuth.astype(np.float32), elevation.astype(np.float32)

    @cached_property
    def first_ground_row(self) -> int:
        """The first picture row with ground in it; the height where there is none."""
        rows = self.ground_mask(self.samples).any(axis=1)
        return int(np.argmax(rows)) // self.samples if rows.any() else self.height_px

    @cached_property
    def row_distance_m(self) -> Float[ndarray, "h"]:
        """Distance to the ground in the middle column, along the ground; infinite above the horizon."""
        v = np.arange(self.height_px, dtype=np.float64)
        rays = self.rays_from_pixel @ np.stack([np.full_like(v, (self.width_px - 1) / 2), v, np.ones_like(v)])
        flat = np.hypot(rays[0], rays[1])
        return np.where(rays[2] < -1e-9, self.ego_from_camera[2, 3] * flat / np.maximum(-rays[2], 1e-9), np.inf)


@dataclass(frozen=True, eq=False)
class View:
    """A lens at the ego's place. Flat points are world points minus ``origin_m`` (x, y and the ground's height)."""

    lens: Lens
    flat_from_ego: Float[ndarray, "4 4"]
    ego_from_world: Float[ndarray, "4 4"]
    origin_m: Float[ndarray, "3"]

    @cached_property
    def flat_from_camera(self) -> Float[ndarray, "4 4"]:
        """Camera points to the flat frame."""
        return self.flat_from_ego @ self.lens.ego_from_camera

    @cached_property
    def camera_from_flat(self) -> Float[ndarray, "4 4"]:
        """Flat points to the camera."""
        return geometry.invert(self.flat_from_camera)

    @cached_property
    def camera_from_world(self) -> Float[ndarray, "4 4"]:
        """World points to the camera, by the ego's full pose (actors)."""
        return geometry.invert(self.lens.ego_from_camera) @ self.ego_from_world

    @cached_property
    def ground_from_pixel(self) -> Float[ndarray, "3 3"]:
        """Homography from pixels to the flat frame's ground, valid below the horizon."""
        centre = self.flat_from_camera[:3, 3]
        rays = self.flat_from_ego[:3, :3] @ self.lens.rays_from_pixel
        return np.stack([centre[0] * rays[2] - centre[2] * rays[0], centre[1] * rays[2] - centre[2] * rays[1], rays[2]])

    def ground_bounds(self, first: int, last: int, farthest_m: float) -> tuple[Float[ndarray, "2"], Float[ndarray, "2"]]:
        """World xy bounds of the ground seen in picture rows ``first`` to ``last`` (exclusive)."""
        across = (-0.5, self.lens.width_px / 2, self.lens.width_px - 0.5)
        corners = np.array([[u, v, 1.0] for v in (first - 0.5, last - 0.5) for u in across])
        rays = corners @ (self.flat_from_ego[:3, :3] @ self.lens.rays_from_pixel).T
        flat = np.maximum(np.hypot(rays[:, 0], rays[:, 1]), 1e-9)
        height = self.flat_from_camera[2, 3]
        reach = np.where(rays[:, 2] < -1e-9, height * flat / np.maximum(-rays[:, 2], 1e-9), np.inf)
        points = self.flat_from_camera[:2, 3] + rays[:, :2] / flat[:, None] * np.minimum(reach, farthest_m)[:, None]
        points = points + self.origin_m[:2]
        return points.min(axis=0), points.max(axis=0)


def make_lens(camera: Camera, samples: int) -> Lens:
    """The lens of a camera."""
    intrinsics, mount = np.array(camera.intrinsics, np.float64), np.array(camera.ego_from_camera, np.float64)
    return Lens(camera.width_px, camera.height_px, samples, intrinsics, mount)


def make_view(frame: SceneFrame, lens: Lens) -> View:
    """The view of a lens at a frame."""
    yaw = float(geometry.yaw_from_rotation(frame.world_from_ego[:3, :3]))
    turn = np.array([[np.cos(yaw), -np.sin(yaw), 0], [np.sin(yaw), np.cos(yaw), 0], [0, 0, 1]])
    return View(
        lens=lens,
        flat_from_ego=geometry.transform(turn, np.zeros(3)),
        ego_from_world=geometry.invert(frame.world_from_ego),
        origin_m=np.array(frame.world_from_ego[:3, 3], np.float64),
    )

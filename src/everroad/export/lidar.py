"""The LIDAR_TOP record of key frames: points that the caller hands in, or points on what the painter's depth shows.

The painter's points come from four virtual views around the sensor. 32 beams, as nuScenes' sensor has them, are turned into the
pixels of those views; the point lies on the pixel's own ray, at its depth, so it lies on the painted surface. Intensity is 0.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float32, Int
from numpy import ndarray

from everroad import geometry
from everroad.export.sight import Witness
from everroad.scenario.files import write_atomically
from everroad.scenario.rigs import level_camera
from everroad.scenario.types import ActorState, Camera, SceneFrame

CHANNEL = "LIDAR_TOP"
# Mounted like nuScenes' sensor: x to the car's right, y ahead, z up.
EGO_FROM_LIDAR = geometry.transform(np.array([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]]), np.array([0.94, 0.0, 1.84]))
EGO_FROM_LIDAR.setflags(write=False)
BEAMS_DEG = np.linspace(-30.67, 10.67, 32)
BEAMS_DEG.setflags(write=False)
AZIMUTHS = 1080
NEAREST_M, FARTHEST_M = 1.5, 100.0
# Points on a box's own faces belong to it.
BOX_MARGIN_M = 0.02
_VIEW_PX, _ABOVE_PX, _BELOW_PX = 360, 52, 156
VIEWS: tuple[Camera, ...] = tuple(
    level_camera(
        f"{CHANNEL}_{yaw:g}", position_m=(0.94, 0.0, 1.84), yaw_deg=yaw, focal_px=_VIEW_PX / 2,
        centre_px=((_VIEW_PX - 1) / 2, float(_ABOVE_PX)), size_px=(_VIEW_PX, _ABOVE_PX + _BELOW_PX),
    )
    for yaw in (0.0, 90.0, 180.0, 270.0)
)  # fmt: skip

# Frame index to points (n, 3 to 5): x y z in the ego frame in metres, then intensity and ring where there are any.
PointsOf = Callable[[int], Float[ndarray, "n c"]]


def painted_points(frame: SceneFrame, witness: Witness) -> Float32[ndarray, "n 5"]:
    """Points (x y z in the sensor's frame, intensity 0, ring from the lowest beam up) on what the painter shows."""
    out = []
    for view, (rows, columns, rings) in zip(VIEWS, _PIXELS, strict=True):
        depth_m = witness.depth(frame, view)[rows, columns].astype(np.float64)
        pixels = np.stack([columns, rows, np.ones(len(rows))], axis=1)
        rays = pixels @ np.linalg.inv(view.intrinsics).T
        there = np.isfinite(depth_m)
        points = geometry.apply(geometry.invert(EGO_FROM_LIDAR) @ view.ego_from_camera, rays[there] * depth_m[there, None])
        distance_m = np.linalg.norm(points, axis=1)
        near = (distance_m >= NEAREST_M) & (distance_m <= FARTHEST_M)
        out.append(np.concatenate([points[near], np.zeros((near.sum(), 1)), rings[there][near, None]], axis=1))
    return np.concatenate(out).astype(np.float32)


def given_points(points_ego: ndarray, frame_index: int) -> Float32[ndarray, "n 5"]:
    """A caller's points (ego frame) as the file has them. Raises ``ValueError`` for another shape or numbers not finite."""
    if points_ego.ndim != 2 or not 3 <= points_ego.shape[1] <= 5:
        raise ValueError(f"lidar points of frame {frame_index}: expected shape (n, 3 to 5), got {points_ego.shape}; mend them")
    if not np.isfinite(points_ego).all():
        raise ValueError(f"lidar points of frame {frame_index}: expected finite numbers, got others; drop those points")
    out = np.zeros((len(points_ego), 5), dtype=np.float32)
    out[:, : points_ego.shape[1]] = points_ego
    out[:, :3] = geometry.apply(geometry.invert(EGO_FROM_LIDAR), points_ego[:, :3].astype(np.float64))
    return out


def write_points(path: Path, points: Float32[ndarray, "n 5"]) -> None:
    """Writes a ``.pcd.bin``: float32 x y z intensity ring, point after point. Whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, points.astype("<f4").tobytes())


def points_in_boxes(
    points: Float32[ndarray, "n 5"], actors: tuple[ActorState, ...], world_from_ego: Float[ndarray, "4 4"]
) -> dict[str, int]:
    """How many points lie in each actor's box, by track id."""
    world_from_lidar = world_from_ego @ EGO_FROM_LIDAR
    xyz = points[:, :3].astype(np.float64)
    out = {}
    for actor in actors:
        box_from_lidar = geometry.invert(actor.world_from_actor) @ world_from_lidar
        inside = np.abs(geometry.apply(box_from_lidar, xyz)) <= actor.size_lwh_m / 2 + BOX_MARGIN_M
        out[actor.track_id] = int(inside.all(axis=1).sum())
    return out


def _beam_pixels() -> list[tuple[Int[ndarray, "n"], Int[ndarray, "n"], Int[ndarray, "n"]]]:
    """Rows, columns and rings of the pixels that the beams of each view hit; each pixel once."""
    elevation, azimuth = np.meshgrid(np.deg2rad(BEAMS_DEG), np.arange(AZIMUTHS) * 2 * np.pi / AZIMUTHS, indexing="ij")
    rays = np.stack(
        [np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)], axis=-1
    ).reshape(-1, 3)
    rings = np.repeat(np.arange(len(BEAMS_DEG)), AZIMUTHS)
    out = []
    for view in VIEWS:
        pixels, depth = geometry.project(rays @ view.ego_from_camera[:3, :3], view.intrinsics)
        pixels = np.rint(pixels).astype(np.int64)
        inside = (depth > 0) & (pixels >= 0).all(axis=1) & (pixels < [view.width_px, view.height_px]).all(axis=1)
        flat = pixels[inside, 1] * view.width_px + pixels[inside, 0]
        flat, first = np.unique(flat, return_index=True)
        out.append((flat // view.width_px, flat % view.width_px, rings[inside][first]))
    return out


_PIXELS = _beam_pixels()

"""Between the ground and the eye: haze, head lamps, the shadows of what moves, wet roads, and rain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, UInt8
from numpy import ndarray

from everroad import geometry
from everroad.render import hashing
from everroad.render.lighting import BEAM_COLOUR, beam
from everroad.render.look import Look
from everroad.render.placed import Placed
from everroad.render.semantics import VEHICLE
from everroad.render.view import NEAR_M, Lens, View

_SHIFT = 4
_BEAM_ON_GROUND = 3.4
_FARTHEST_SHADOW_M = 90.0
_FARTHEST_PX = 60000.0
# Nested outlines: growth of the footprint (metres) and share of the light taken away.
_SHADE = ((0.45, 0.12), (0.25, 0.24), (0.05, 0.38), (-0.2, 0.52))


@dataclass(frozen=True, eq=False)
class GroundAir:
    """For the canvas rows from ``first`` on: the ground's colour is ``ground * gain * scale + add``."""

    first: int
    gain: UInt8[ndarray, "h w 3"]
    scale: float
    add: UInt8[ndarray, "h w 3"]


def make_ground_air(lens: Lens, look: Look) -> GroundAir:
    """Haze over the ground and the ego's own head lamps on it, fixed to the camera."""
    first = lens.mixed_rows[lens.samples][0]
    points = lens.ground_points(lens.samples)[first:]
    heights = np.zeros((*points.shape[:2], 1))
    eye = lens.ego_from_camera[:3, 3]
    far = np.minimum(np.linalg.norm(np.concatenate([points, heights], axis=2) - eye, axis=2), 1e5)
    share = look.haze_share(far)[..., None]
    light = np.ones(3)
    if look.night:
        light = 1 + _BEAM_ON_GROUND * beam(np.concatenate([points, heights], axis=2))[..., None] * np.array(BEAM_COLOUR)
    gain = (1 - share) * light
    scale = max(float(gain.max()), 1.0) / 255.0 if gain.size else 1.0
    return GroundAir(
        first=first,
        gain=np.broadcast_to(np.rint(gain / scale), (*share.shape[:2], 3)).astype(np.uint8),
        scale=scale,
        add=np.rint(share * np.array(look.haze)).astype(np.uint8),
    )


def shade_ground(
    canvas: UInt8[ndarray, "h w 3"], air: GroundAir, shadow: UInt8[ndarray, "h w"], shine: UInt8[ndarray, "h w"] | None
) -> None:
    """Applies shadows (255 takes all light), other cars' lamp light, and the air, to a canvas with only the ground on it."""
    ground = canvas[air.first :]
    if len(ground) == 0:
        return
    lit = cv2.multiply(ground, cv2.cvtColor(255 - shadow[air.first :], cv2.COLOR_GRAY2BGR), scale=1 / 255)
    if shine is not None:
        lit = cv2.add(lit, cv2.multiply(ground, cv2.cvtColor(shine[air.first :], cv2.COLOR_GRAY2BGR), scale=1 / 60))
    canvas[air.first :] = cv2.add(cv2.multiply(lit, air.gain, scale=air.scale), air.add)


def shadows(view: View, things: Sequence[Placed], look: Look) -> UInt8[ndarray, "h w"]:
    """Soft dark ground below everything that moves, and what the sun casts."""
    mask = _empty(view)
    near = [thing for thing in things if thing.instance and _distance(view, thing) < _FARTHEST_SHADOW_M]
    if not near:
        return mask
    world_from_mesh = np.stack([thing.world_from_mesh for thing in near])
    half = np.stack([thing.size_lwh_m for thing in near]) / 2
    sun = np.array(look.sun_direction)
    if look.sun[0] > 0.1:
        base = _ground_quads(world_from_mesh, half, 0.0)
        drift = -sun[:2] / max(float(sun[2]), 0.25) * (1.6 * half[:, 2:])
        top = base.copy()
        top[..., :2] += drift[:, None]
        hulls = np.stack([_hull(np.concatenate(pair)) for pair in zip(base, top, strict=True)])
        _fill(mask, view, hulls, [round(255 * look.shadow * 0.9)] * len(hulls))
    # All outlines of one size before the next, so that neighbours do not cut into each other.
    quads = np.concatenate([_ground_quads(world_from_mesh, half, grow) for grow, _ in _SHADE])
    levels = [round(255 * share * (0.75 if look.night else 1.0)) for _, share in _SHADE for _ in near]
    _fill(mask, view, quads, levels)
    return mask


def shine(view: View, things: Sequence[Placed]) -> UInt8[ndarray, "h w"]:
    """Lamp light on the ground ahead of the other vehicles."""
    mask = _empty(view)
    lit = [t for t in things if t.semantic == VEHICLE and t.near.glow.max() > 0.96 and _distance(view, t) < _FARTHEST_SHADOW_M]
    fans, levels = [], []
    for reach, wide, level in ((11.0, 2.6, 16), (8.0, 2.1, 34), (5.0, 1.5, 60)):
        for thing in lit:
            x, z = thing.size_lwh_m[0] / 2, -thing.size_lwh_m[2] / 2
            fan = np.array([[x, 0.8, z], [x, -0.8, z], [x + reach, -wide, z], [x + reach, wide, z]])
            fans.append(geometry.apply(thing.world_from_mesh, fan))
            levels.append(level)
    if fans:
        _fill(mask, view, np.stack(fans), levels)
    return mask


def _empty(view: View) -> np.ndarray:
    lens = view.lens
    return np.zeros((lens.height_px * lens.samples, lens.width_px * lens.samples), np.uint8)


def _distance(view: View, thing: Placed) -> float:
    return float(np.hypot(*(thing.world_from_mesh[:2, 3] - view.origin_m[:2])))


def _ground_quads(world_from_mesh: np.ndarray, half: np.ndarray, grow_m: float) -> np.ndarray:
    """World corners (n, 4, 3) of boxes' bottoms, grown or shrunk on all sides but never to nothing."""
    size = np.maximum(half[:, :2] + grow_m, 0.3 * half[:, :2])
    signs = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]])
    corners = np.concatenate([signs * size[:, None], np.repeat(-half[:, None, 2:], 4, axis=1)], axis=2)
    return corners @ world_from_mesh[:, :3, :3].transpose(0, 2, 1) + world_from_mesh[:, None, :3, 3]


def _hull(points: np.ndarray) -> np.ndarray:
    """The convex hull seen from above, padded to eight corners by repeating the last."""
    flat = (points[:, :2] - points[0, :2]).astype(np.float32)
    order = np.asarray(cv2.convexHull(flat, returnPoints=False), np.int64)[:, 0]
    return points[np.concatenate([order, np.repeat(order[-1:], 8 - len(order))])]


def _fill(mask: np.ndarray, view: View, polygons_world: np.ndarray, levels: Sequence[int]) -> None:
    """Fills convex polygons (n, c, 3) one after another."""
    points = geometry.apply(view.camera_from_world, polygons_world)
    samples = view.lens.samples

    def fixed(points_camera: np.ndarray) -> np.ndarray:
        pixels, _ = geometry.project(points_camera, view.lens.intrinsics)
        scaled = np.clip((pixels + 0.5) * samples - 0.5, -_FARTHEST_PX, _FARTHEST_PX)
        return np.rint(scaled * (1 << _SHIFT)).astype(np.int32)

    ahead = points[..., 2].min(axis=1) > NEAR_M
    for polygon, outline, whole, level in zip(points, fixed(points), ahead.tolist(), levels, strict=True):
        clipped = polygon if whole else geometry.clip_polygon_near(polygon, NEAR_M)
        if len(clipped) >= 3:
            cv2.fillConvexPoly(mask, outline if whole else fixed(clipped), (level,), cv2.LINE_AA, _SHIFT)


def wet_ground(picture: UInt8[ndarray, "h w 3"], ground: Bool[ndarray, "h w"], horizon_row: int) -> UInt8[ndarray, "h w 3"]:
    """The picture with what is above the horizon mirrored, blurred, in the ground; more so towards the horizon."""
    height, width = ground.shape
    rows = height - horizon_row
    if rows <= 0 or horizon_row < 2:
        return picture
    mirrored = picture[max(horizon_row - rows, 0) : horizon_row][::-1]
    mirrored = cv2.copyMakeBorder(mirrored, 0, rows - len(mirrored), 0, 0, cv2.BORDER_REPLICATE)
    blur = max(height // 12, 1) * 2 + 1
    mirrored = cv2.blur(mirrored, (max(width // 100, 1) * 2 + 1, blur)).astype(np.float32)
    fade = 0.16 + 0.34 * np.exp(-np.arange(rows, dtype=np.float32) / (0.22 * height))
    share = (fade[:, None] * ground[horizon_row:])[..., None]
    out = picture.copy()
    out[horizon_row:] = picture[horizon_row:] * (1 - share) + mirrored * share
    return out


def rain(picture: UInt8[ndarray, "h w 3"], seed: int, frame_index: int) -> UInt8[ndarray, "h w 3"]:
    """Faint streaks, other ones in every frame."""
    height, width = picture.shape[:2]
    draws = hashing.generator(seed, 111, frame_index)
    count = 45
    start = draws.uniform((0, -0.1), (1, 1), (count, 2)) * (width, height)
    length = draws.uniform(0.03, 0.09, count) * height
    end = start + np.stack([0.08 * length, length], axis=1)
    streaks = np.zeros((height, width), np.uint8)
    lines = np.rint(np.stack([start, end], axis=1) * (1 << _SHIFT)).astype(np.int32)
    cv2.polylines(streaks, list(lines), False, (18,), max(height // 200, 1), cv2.LINE_AA, _SHIFT)
    return cv2.add(picture, cv2.cvtColor(streaks, cv2.COLOR_GRAY2BGR))

"""The ego's motion as two consecutive pictures show it: the speed and yaw rate that carry the road of one onto the other's.

The road is the ego's ground plane seen by a known camera, so where a road pixel of this picture lies in the picture before is a
function of two numbers, the way driven (d) and the turn (psi), along an arc of the rear axle:

    X' = R(psi) X + d (cos psi/2, sin psi/2).

The flow of all road pixels is found as these two numbers alone (parametric flow; Bergen et al., ECCV 1992), on pictures seen
from above: of a grid the pair that makes them most alike, then least squares on their gradients with Tukey's weights. General
optical flow is no help here: between pictures this small it takes one dash of a lane marking for the next. The views from above
are high-passed first, because headlights and flicker do not move with the road; from above, so that no distance counts for
another. Axis letters: ``x y`` cells ahead and to the left.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8
from numpy import ndarray

from everroad import geometry
from everroad.evaluation.colour import luma
from everroad.render.semantics import CROSSING, LANE_MARKING, ROAD, SIDEWALK, TERRAIN
from everroad.scenario.types import Camera

GROUND = (ROAD, LANE_MARKING, CROSSING, SIDEWALK, TERRAIN)
# The piece of ground that is looked at: metres beyond the nearest that the camera sees, to each side, and of a cell.
AHEAD_M, ASIDE_M, CELL_M = 16.0, 8.0, 0.1
# What is searched: 36 m/s and 54 degrees a second at 12 Hz.
_MOST_CELLS = 30
_TURNS_RAD = np.deg2rad([-4.5, -3.5, -2.7, -2.0, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0, 2.7, 3.5, 4.5])
_SHADING_M = 0.8
_NOISE = 0.004
_ROUNDS = 12
_LEAST_CELLS = 1000
# Surer than this (standard deviations of the least squares) or not at all.
_SURE_MPS, _SURE_RADPS, _SURE_AGREEMENT = 0.15, np.deg2rad(0.5), 0.5


@dataclass(frozen=True)
class EgoMotion:
    """What one pair of pictures shows. ``agreement``: correlation of the two views of the road, from above, after the motion.
    ``sure``: there was enough to see on the road, and it agreed."""

    speed_mps: float
    yaw_rate_radps: float
    agreement: float
    sure: bool


UNKNOWN = EgoMotion(0.0, 0.0, 0.0, False)


def ground_mask(semantic: UInt8[ndarray, "h w"]) -> Bool[ndarray, "h w"]:
    """Pixels that show the ground plane."""
    return np.isin(semantic, GROUND)


def ego_motion(
    picture: UInt8[ndarray, "h w 3"],
    previous: UInt8[ndarray, "h w 3"],
    mask: Bool[ndarray, "h w"] | None,
    camera: Camera,
    seconds: float,
) -> EgoMotion:
    """Speed and yaw rate between two pictures ``seconds`` apart. ``mask`` says which pixels of the later one show the ground;
    without one all count that would, and what stands on it is left to the robust weights."""
    plan = _plan(_Key(camera))
    now = _from_above(luma(picture), plan, np.eye(3))
    there = np.isfinite(now)
    if mask is not None:
        there &= np.nan_to_num(_from_above(mask.astype(np.float32), plan, np.eye(3))) > 0.99
    if there.sum() < _LEAST_CELLS:
        return UNKNOWN
    now = _high_pass(np.where(there, now, np.nan))
    before = luma(previous)
    way_m, turn_rad = _search(now, before, plan)
    return _refine(now, before, plan, way_m, turn_rad, seconds)


@dataclass(frozen=True, eq=False)
class _Plan:
    """The cells' ground points in the ego frame, their weights (pixels a cell, at most 1) and the camera over them.

    ``ground_from_cell`` takes (column, row, 1) of the view from above to (x, y, 1) of the ground.
    """

    points: Float[ndarray, "x y 2"]
    ground_from_cell: Float[ndarray, "3 3"]
    weights: Float[ndarray, "x y"]
    pixel_from_ground: Float[ndarray, "3 3"]


def _search(now: Float[ndarray, "x y"], before: Float[ndarray, "h w"], plan: _Plan) -> tuple[float, float]:
    """The best whole number of cells driven, and turn of the list."""
    best = (math.inf, 0.0, 0.0)
    there, count = np.isfinite(now), len(now)
    # A cell that is not there has no weight, and no value that would spread.
    ours_all, weights_all = np.where(there, now, 0.0)[:, ::2], np.where(there, plan.weights, 0.0)[:, ::2].astype(np.float32)
    least = 0.25 * float(weights_all[::2].sum())
    for turn_rad in _TURNS_RAD.tolist():
        # Where the road was if the ego had only turned; driving then is a shift of rows, but for the half turn on the way.
        turned = _high_pass(_from_above(before, plan, _moved(0.0, turn_rad)))
        seen = np.isfinite(turned)[:, ::2]
        theirs_all = np.where(seen, turned[:, ::2], 0.0)
        for cells in range(_MOST_CELLS + 1):
            weights = weights_all[: count - cells : 2] * seen[cells::2]
            total = float(weights.sum())
            if total > least:
                apart = np.minimum(np.abs(ours_all[: count - cells : 2] - theirs_all[cells::2]), np.float32(0.08))
                best = min(best, (float((weights * apart).sum()) / total, cells * CELL_M, turn_rad))
    return best[1], best[2]


def _refine(
    now: Float[ndarray, "x y"], before: Float[ndarray, "h w"], plan: _Plan, way_m: float, turn_rad: float, seconds: float
) -> EgoMotion:
    x, y = plan.points[..., 0], plan.points[..., 1]
    doubt, seen, inside = np.full(2, math.inf), now, np.isfinite(now)
    for _ in range(_ROUNDS):
        seen = _high_pass(_from_above(before, plan, _moved(way_m, turn_rad)))
        # The mean of both gradients: one alone is out of place by half of the change.
        ahead, aside = (np.gradient(0.5 * (now + seen), CELL_M, axis=axis) for axis in (0, 1))
        # In this frame's axes: driving moves the road ahead, turning moves it across.
        slopes = np.stack([ahead, aside * x - ahead * y], -1)
        inside = np.isfinite(slopes).all(-1) & np.isfinite(now) & np.isfinite(seen)
        if inside.sum() < _LEAST_CELLS:
            return UNKNOWN
        slopes, apart, weights = slopes[inside], (now - seen)[inside], plan.weights[inside]
        scale = 1.4826 * float(np.median(np.abs(apart))) + _NOISE
        weights = weights * np.where(np.abs(apart) < 4 * scale, (1 - (apart / (4 * scale)) ** 2) ** 2, 0.0)
        normal = (slopes * weights[:, None]).T @ slopes
        if np.linalg.cond(normal) > 1e10:
            return UNKNOWN
        change = np.linalg.solve(normal, (slopes * weights[:, None]).T @ apart)
        way_m, turn_rad = way_m + float(change[0]), turn_rad + float(change[1])
        if abs(way_m) > 1.5 * _MOST_CELLS * CELL_M or abs(turn_rad) > 1.5 * _TURNS_RAD[-1]:
            return UNKNOWN
        doubt = scale * np.sqrt(np.linalg.inv(normal).diagonal()) / seconds
        if abs(change[0]) < 1e-4 and abs(change[1]) < 1e-5:
            break
    agreement = _correlation(now, seen, np.where(inside, plan.weights, 0.0))
    sure = doubt[0] < _SURE_MPS and doubt[1] < _SURE_RADPS and agreement > _SURE_AGREEMENT
    return EgoMotion(way_m / seconds, turn_rad / seconds, agreement, bool(sure))


def _correlation(one: Float[ndarray, "x y"], other: Float[ndarray, "x y"], weights: Float[ndarray, "x y"]) -> float:
    one, other = (np.where(weights > 0, of, 0.0) for of in (one, other))
    power = math.sqrt(float((weights * one**2).sum() * (weights * other**2).sum()))
    return float((weights * one * other).sum()) / power if power > 0 else 0.0


def _moved(way_m: float, turn_rad: float) -> Float[ndarray, "3 3"]:
    """Ground points (x, y, 1) of this frame's ego in the axes of the ego a frame ago."""
    cosine, sine = math.cos(turn_rad), math.sin(turn_rad)
    half = turn_rad / 2
    return np.array([[cosine, -sine, way_m * math.cos(half)], [sine, cosine, way_m * math.sin(half)], [0, 0, 1]])


def _from_above(image: Float[ndarray, "h w"], plan: _Plan, moved: Float[ndarray, "3 3"]) -> Float[ndarray, "x y"]:
    """The picture at the cells' ground points, moved, bilinear; NaN outside."""
    size = plan.weights.shape[::-1]
    pixel_from_cell = plan.pixel_from_ground @ moved @ plan.ground_from_cell
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpPerspective(image, pixel_from_cell, size, flags=flags, borderValue=math.nan))


def _high_pass(view: Float[ndarray, "x y"]) -> Float[ndarray, "x y"]:
    """Less its own blur, which only sees what is there."""
    there = np.isfinite(view)
    width = 2 * round(2 * _SHADING_M / CELL_M) + 1
    total = cv2.blur(np.where(there, view, 0).astype(np.float32), (width, width))
    share = cv2.blur(there.astype(np.float32), (width, width))
    return np.where(there, view - total / np.maximum(share, 1e-6), np.nan)


class _Key:
    """A camera as a key: what is derived of it is kept."""

    def __init__(self, camera: Camera) -> None:
        self.camera = camera
        self.value = (camera.width_px, camera.height_px, camera.intrinsics.tobytes(), camera.ego_from_camera.tobytes())

    def __hash__(self) -> int:
        return hash(self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and self.value == other.value


@lru_cache(maxsize=12)
def _plan(key: _Key) -> _Plan:
    """Of a camera that looks ahead: the cells from the nearest ground on that its middle column sees."""
    camera = key.camera
    pixel_from_ground = camera.intrinsics @ geometry.invert(camera.ego_from_camera)[:3, [0, 1, 3]]
    foot = (
        camera.ego_from_camera[:3, :3] @ np.linalg.inv(camera.intrinsics) @ [camera.width_px / 2, camera.height_px - 1.0, 1.0]
    )
    nearest_m = camera.ego_from_camera[0, 3] + foot[0] / max(-foot[2], 1e-3) * camera.ego_from_camera[2, 3]
    x = nearest_m + np.arange(0.0, AHEAD_M, CELL_M)
    y = np.arange(-ASIDE_M, ASIDE_M + CELL_M / 2, CELL_M)
    points = np.stack(np.meshgrid(x, y, indexing="ij"), -1)
    # Pixels a square metre of ground: the area that the homography gives it.
    depth = points @ pixel_from_ground[2, :2] + pixel_from_ground[2, 2]
    density = abs(float(np.linalg.det(pixel_from_ground))) / np.maximum(depth, 1e-3) ** 3
    ground_from_cell = np.array([[0, CELL_M, x[0]], [CELL_M, 0, y[0]], [0, 0, 1]])
    return _Plan(points, ground_from_cell, np.minimum(density * CELL_M**2, 1.0), pixel_from_ground)

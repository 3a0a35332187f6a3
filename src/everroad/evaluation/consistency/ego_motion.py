"""The ego's motion as two consecutive pictures show it: the speed and yaw rate that carry the road of one onto the other's.

The road is the ego's ground plane seen by a known camera, so where a road pixel of this picture lies in the picture before is a
function of two numbers, the way driven (d) and the turn (psi), along an arc of the rear axle:

    X' = R(psi) X + d (cos psi/2, sin psi/2).

The flow of all road pixels is found as these two numbers alone (parametric flow, Bergen et al. 1992): of a coarse grid the pair
that makes the pictures most alike, then robust least squares on the pictures' gradients (Tukey's weights). General optical flow is
no help here: between pictures this small it takes one dash of a lane marking for the next. Pictures are band-passed first, so that
headlights and flicker, which do not move with the road, do not count. Axis letter: ``r`` road pixels.
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
FARTHEST_M = 30.0
# The grid that is searched, for each frame: 36 m/s and 54 degrees a second at 12 Hz.
_WAYS_M = np.arange(0.0, 3.01, 0.15)
_TURNS_RAD = np.deg2rad([-4.5, -3.0, -2.0, -1.2, -0.6, 0.0, 0.6, 1.2, 2.0, 3.0, 4.5])
_SEARCHED = (450, 150)  # pixels, most telling of the way and of the turn
_FINE_PX, _COARSE_PX = 0.7, 4.0
_ROUNDS = 10
_LEAST_PIXELS = 100
# Surer than this (standard deviations a second, of the least squares) or not at all.
_SURE_MPS, _SURE_RADPS = 0.15, np.deg2rad(0.5)


@dataclass(frozen=True)
class EgoMotion:
    """What one pair of pictures shows. ``sure``: there was enough to see on the road, and it agreed."""

    speed_mps: float
    yaw_rate_radps: float
    sure: bool


UNKNOWN = EgoMotion(0.0, 0.0, False)


def ground_mask(semantic: UInt8[ndarray, "h w"], camera: Camera) -> Bool[ndarray, "h w"]:
    """Pixels that show the ground plane within ``FARTHEST_M``."""
    return np.isin(semantic, GROUND) & _is_near(camera)


def below_horizon(camera: Camera) -> Bool[ndarray, "h w"]:
    """The same where nobody knows what the pixels show; what stands on the ground is left to the robust weights."""
    return _is_near(camera).copy()


def ego_motion(
    picture: UInt8[ndarray, "h w 3"],
    previous: UInt8[ndarray, "h w 3"],
    mask: Bool[ndarray, "h w"],
    camera: Camera,
    seconds: float,
) -> EgoMotion:
    """Speed and yaw rate between two pictures ``seconds`` apart; ``mask`` says which pixels of the later one show the ground."""
    mask = mask & _is_near(camera)
    if mask.sum() < _LEAST_PIXELS:
        return UNKNOWN
    now, before = _band(picture), _band(previous)
    points, seen = _ground_points(_Key(camera))[mask], now[mask]
    chosen = _telling(now, points, mask, camera)
    way_m, turn_rad = _search(points[chosen], seen[chosen], before, camera)
    return _refine(points, seen, before, camera, way_m, turn_rad, seconds)


def _telling(now: ndarray, points: Float[ndarray, "r 2"], mask: Bool[ndarray, "h w"], camera: Camera) -> ndarray:
    """The road pixels that change most with the way driven and with the turn: edges along the road tell nothing of the way."""
    across, down = _slopes(now)
    _, *by = _pixels_and_slopes(points, camera, 0.0, 0.0)
    tell = [np.abs(across[mask] * slope[:, 0] + down[mask] * slope[:, 1]) for slope in by]
    return np.unique(np.concatenate([np.argsort(-of, kind="stable")[:count] for of, count in zip(tell, _SEARCHED, strict=True)]))


def _search(points: ndarray, seen: ndarray, before: ndarray, camera: Camera) -> tuple[float, float]:
    best = (math.inf, 0.0, 0.0)
    for way_m in _WAYS_M.tolist():
        for turn_rad in _TURNS_RAD.tolist():
            values = _sample(before, _pixels(points, camera, way_m, turn_rad))
            inside = np.isfinite(values)
            if inside.sum() > 0.4 * len(seen):
                apart = float(np.minimum(np.abs(seen - values)[inside], 0.08).mean())
                best = min(best, (apart, way_m, turn_rad))
    return best[1], best[2]


def _refine(
    points: ndarray, seen: ndarray, before: ndarray, camera: Camera, way_m: float, turn_rad: float, seconds: float
) -> EgoMotion:
    across, down = _slopes(before)
    inverse, scale = np.zeros((2, 2)), math.inf
    for _ in range(_ROUNDS):
        pixels, by_way, by_turn = _pixels_and_slopes(points, camera, way_m, turn_rad)
        values, gx, gy = (_sample(of, pixels) for of in (before, across, down))
        inside = np.isfinite(values)
        if inside.sum() < _LEAST_PIXELS:
            return UNKNOWN
        slopes = np.stack([gx * slope[:, 0] + gy * slope[:, 1] for slope in (by_way, by_turn)], 1)[inside]
        apart = (seen - values)[inside]
        scale = 1.4826 * float(np.median(np.abs(apart))) + 0.004
        weights = np.where(np.abs(apart) < 4 * scale, (1 - (apart / (4 * scale)) ** 2) ** 2, 0.0)
        normal = (slopes * weights[:, None]).T @ slopes
        if np.linalg.cond(normal) > 1e10:
            return UNKNOWN
        inverse = np.linalg.inv(normal)
        change = inverse @ ((slopes * weights[:, None]).T @ apart)
        way_m, turn_rad = way_m + float(change[0]), turn_rad + float(change[1])
        if abs(change[0]) < 1e-4 and abs(change[1]) < 1e-5:
            break
    doubt = scale * np.sqrt(inverse.diagonal()) / seconds
    sane = abs(way_m) < 2 * _WAYS_M[-1] and abs(turn_rad) < 2 * _TURNS_RAD[-1]
    if not sane:
        return UNKNOWN
    return EgoMotion(way_m / seconds, turn_rad / seconds, bool(doubt[0] < _SURE_MPS and doubt[1] < _SURE_RADPS))


def _band(picture: ndarray) -> ndarray:
    """Luma between two widths of blur."""
    y = luma(picture)
    return cv2.GaussianBlur(y, (0, 0), _FINE_PX) - cv2.GaussianBlur(y, (0, 0), _COARSE_PX)


def _slopes(image: ndarray) -> tuple[ndarray, ndarray]:
    return cv2.Sobel(image, cv2.CV_32F, 1, 0) / 8, cv2.Sobel(image, cv2.CV_32F, 0, 1) / 8


def _sample(image: ndarray, pixels: Float[ndarray, "r 2"]) -> Float[ndarray, "r"]:
    """Bilinear; NaN outside."""
    at = pixels.astype(np.float32)[None]
    return cv2.remap(
        image, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=math.nan
    )[0].astype(np.float64)


def _pixels(points: Float[ndarray, "r 2"], camera: Camera, way_m: float, turn_rad: float) -> Float[ndarray, "r 2"]:
    """Where the camera saw ground points of this frame's ego a frame ago."""
    cosine, sine = math.cos(turn_rad), math.sin(turn_rad)
    x = cosine * points[:, 0] - sine * points[:, 1] + way_m * math.cos(turn_rad / 2)
    y = sine * points[:, 0] + cosine * points[:, 1] + way_m * math.sin(turn_rad / 2)
    matrix = _pixel_from_ground(_Key(camera))
    seen = x[:, None] * matrix[:, 0] + y[:, None] * matrix[:, 1] + matrix[:, 2]
    return seen[:, :2] / np.maximum(seen[:, 2:], 1e-3)


def _pixels_and_slopes(points: ndarray, camera: Camera, way_m: float, turn_rad: float) -> tuple[ndarray, ndarray, ndarray]:
    step = 1e-4
    pixels = _pixels(points, camera, way_m, turn_rad)
    by_way = (_pixels(points, camera, way_m + step, turn_rad) - pixels) / step
    return pixels, by_way, (_pixels(points, camera, way_m, turn_rad + step) - pixels) / step


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
def _pixel_from_ground(key: _Key) -> Float[ndarray, "3 3"]:
    """Homogeneous pixels of ground points (x, y, 1) in the ego frame."""
    camera_from_ego = geometry.invert(key.camera.ego_from_camera)
    return key.camera.intrinsics @ camera_from_ego[:3, [0, 1, 3]]


@lru_cache(maxsize=12)
def _ground_points(key: _Key) -> Float[ndarray, "h w 2"]:
    """Ego-frame ground point of every pixel; NaN at and above the horizon."""
    camera = key.camera
    columns, rows = np.meshgrid(np.arange(camera.width_px), np.arange(camera.height_px))
    rays = np.stack([columns, rows, np.ones_like(rows)], -1) @ (
        camera.ego_from_camera[:3, :3] @ np.linalg.inv(camera.intrinsics)
    ).T
    down = np.where(rays[..., 2] < -1e-9, -rays[..., 2], np.nan)
    return camera.ego_from_camera[:2, 3] + rays[..., :2] * (camera.ego_from_camera[2, 3] / down)[..., None]


def _is_near(camera: Camera) -> Bool[ndarray, "h w"]:
    points = _ground_points(_Key(camera))
    return np.linalg.norm(points - camera.ego_from_camera[:2, 3], axis=-1) < FARTHEST_M

"""First-frame baselines: is the model better than repeating its start image, or than moving it along the ground plane?

Over the frames 8 to 16 at which the ego car is faster than 3 m/s, with squared errors against the painter's frames pooled over
pixels, frames and towns,

    PSNR = -10 log10(mean of (picture - painter)²)  in dB, pictures in [0, 1];   margin = PSNR(model) - PSNR(baseline).

The warp goes from frame 0 to frame i in one step: a pixel of frame i is the ground point that it would show on an empty
plane, looked up where frame 0 shows that point; pixels above the horizon are infinitely far and follow the rotation alone.
"""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray

from everroad import geometry
from everroad.evaluation.measure import INVALID, Measure, Window, pooled
from everroad.scenario.types import Camera, Scenario

FRAMES = Window(8, 16)
FASTER_THAN_MPS = 3.0
NAMES = ("model", "repeat", "warp")
_NEAREST = 1e-3


def ego_speeds(scenario: Scenario) -> Float[ndarray, "f"]:
    """Speed over the ground since the frame before, m/s; 0 at frame 0."""
    moved = np.linalg.norm(np.diff(scenario.world_from_ego.translation_m, axis=0), axis=1)
    return np.concatenate([[0.0], moved / np.diff(scenario.time_s)])


def ground_warp(
    picture: UInt8[ndarray, "h w 3"], camera: Camera, first_from_current: Float[ndarray, "4 4"]
) -> UInt8[ndarray, "h w 3"]:
    """The first frame's picture as the camera would see it now, if the world were flat and still.

    ``first_from_current`` takes points of this frame's ego car to the first frame's. What the first frame does not show is its
    nearest edge pixel.
    """
    pixels = first_pixels(camera, first_from_current).astype(np.float32)
    return cv2.remap(picture, pixels[..., 0], pixels[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def first_pixels(camera: Camera, first_from_current: Float[ndarray, "4 4"]) -> Float[ndarray, "h w 2"]:
    """Where (column, row) the first frame shows each pixel's ground point."""
    columns, rows = np.meshgrid(np.arange(camera.width_px), np.arange(camera.height_px))
    pixels = np.stack([columns, rows, np.ones_like(rows)], -1).astype(np.float64)
    ego_from_camera = camera.ego_from_camera
    directions = pixels @ (ego_from_camera[:3, :3] @ np.linalg.inv(camera.intrinsics)).T  # h w 3, ego axes, depth 1
    # Homogeneous points direction + origin * w: w is the inverse of the distance to the ground, 0 at and above the horizon.
    inverse = np.maximum(-directions[..., 2:] / ego_from_camera[2, 3], 0.0)
    points = np.concatenate([directions + ego_from_camera[:3, 3] * inverse, inverse], -1)
    camera_from_current = geometry.invert(ego_from_camera) @ first_from_current
    seen = points @ camera_from_current[:3].T
    found, _ = geometry.project(np.concatenate([seen[..., :2], np.maximum(seen[..., 2:], _NEAREST)], -1), camera.intrinsics)
    return found


def mean_squared_error(picture: UInt8[ndarray, "h w 3"], truth: UInt8[ndarray, "h w 3"]) -> float:
    """Of values in [0, 1]."""
    return float(np.square(picture.astype(np.float64) / 255 - truth.astype(np.float64) / 255).mean())


def baselines(errors: Float[ndarray, "n f 3"], fast: Float[ndarray, "n f"]) -> dict[str, Measure]:
    """PSNRs, margins and the number of frames: from mean squared errors of ``NAMES``, and where the ego is fast (1, else 0)."""
    sums = FRAMES.sums(np.concatenate([errors * fast[..., None], fast[..., None]], 2))
    names = [*(f"psnr {name}" for name in NAMES), *(f"margin over {name}" for name in NAMES[1:])]
    if sums is None:
        return {"frames": INVALID, **dict.fromkeys(names, INVALID)}
    found = {"frames": Measure(float(sums[:, 3].sum()), True)}
    for i, name in enumerate(NAMES):
        found[f"psnr {name}"] = pooled(sums, lambda rows, i=i: -10 * np.log10(rows[:, i] / rows[:, 3]))
    for i, name in enumerate(NAMES[1:], start=1):
        found[f"margin over {name}"] = pooled(sums, lambda rows, i=i: 10 * np.log10(rows[:, i] / rows[:, 0]))
    return found

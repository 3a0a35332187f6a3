"""Cameras brought to the model's shape: undistorted, cropped, resized, intrinsics that follow; and the variety of training."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import cv2
import numpy as np
from jaxtyping import Float32, UInt8
from numpy import ndarray
from scipy.spatial.transform import Rotation

from everroad.scenario.types import Camera

# The variety that training sees (ours): relative focal length, metres of mounting height, degrees of pitch and of yaw.
FOCAL_JITTER = 0.15
HEIGHT_JITTER_M = 0.3
PITCH_JITTER_DEG = 2.0
YAW_JITTER_DEG = 2.0
# Cameras this close to the straightest one are equally straight: a stereo pair must not win over the centre camera by a hair.
EQUALLY_STRAIGHT_RAD = np.deg2rad(3.0)


def fit_camera(camera: Camera, height_px: int, width_px: int, vertical_anchor: float = 0.5) -> Camera:
    """The camera whose pictures are ``fit_image`` of this camera's: largest crop of the wanted aspect, then a resize.

    The crop is centred from left to right; ``vertical_anchor`` places it from 0 (keeps the top) to 1 (keeps the bottom).
    Distortion coefficients belong to normalised coordinates and stay. Raises ``ValueError`` for a bad size or anchor.
    """
    left, top, width, height = _crop(camera.width_px, camera.height_px, height_px, width_px, vertical_anchor)
    scale_x, scale_y = width_px / width, height_px / height
    # Pixel centres are at integers, so the picture's left edge is at -0.5: u' + 0.5 = (u - left + 0.5) * scale.
    resize_crop = np.array(
        [
            [scale_x, 0.0, (0.5 - left) * scale_x - 0.5],
            [0.0, scale_y, (0.5 - top) * scale_y - 0.5],
            [0.0, 0.0, 1.0],
        ]
    )
    return replace(camera, width_px=width_px, height_px=height_px, intrinsics=resize_crop @ camera.intrinsics)


def fit_image(
    image: UInt8[ndarray, "h w 3"], height_px: int, width_px: int, vertical_anchor: float = 0.5
) -> UInt8[ndarray, "{height_px} {width_px} 3"]:
    """The same crop and resize for a picture. Raises ``ValueError`` for a bad size or anchor."""
    left, top, width, height = _crop(image.shape[1], image.shape[0], height_px, width_px, vertical_anchor)
    crop = image[top : top + height, left : left + width]
    shrinks = height >= height_px
    return cv2.resize(crop, (width_px, height_px), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


def undistort_image(image: UInt8[ndarray, "h w 3"], camera: Camera) -> UInt8[ndarray, "h w 3"]:
    """The picture that the camera would have taken as a pinhole of the same intrinsics; the picture itself without distortion.

    Radial distortion as OpenCV has it: a point at normalised radius r is seen at r (1 + k1 r^2 + k2 r^4 + k3 r^6). A picture of
    another size than the camera's is taken for the same view, scaled. What the lens did not see is black. Sample and pinhole
    pixels follow ``geometry.project``: integers at pixel centres.
    """
    if camera.distortion is None or not any(camera.distortion):
        return image
    height, width = image.shape[:2]
    scale_x, scale_y = width / camera.width_px, height / camera.height_px
    # Pixel centres are at integers, so the left edge is at -0.5, as in ``fit_camera``.
    scaled = np.array([[scale_x, 0, 0.5 * scale_x - 0.5], [0, scale_y, 0.5 * scale_y - 0.5], [0, 0, 1]]) @ camera.intrinsics
    across, down = _undistortion(scaled.tobytes(), tuple(camera.distortion), width, height)
    return cv2.remap(image, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)


# A map of a 1550x2048 picture takes 25 MB; a rig's cameras are read in turn, frame after frame.
@lru_cache(maxsize=9)
def _undistortion(
    intrinsics: bytes, distortion: tuple[float, ...], width_px: int, height_px: int
) -> tuple[Float32[ndarray, "h w"], Float32[ndarray, "h w"]]:
    """Where each pinhole pixel lies in the distorted picture: columns and rows."""
    matrix = np.frombuffer(intrinsics).reshape(3, 3)
    k1, k2, k3 = (*distortion, 0.0, 0.0, 0.0)[:3]
    u, v = np.meshgrid(np.arange(width_px, dtype=np.float64), np.arange(height_px, dtype=np.float64))
    y = (v - matrix[1, 2]) / matrix[1, 1]
    x = (u - matrix[0, 2] - matrix[0, 1] * y) / matrix[0, 0]
    r2 = x * x + y * y
    bend = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
    x, y = x * bend, y * bend
    across = matrix[0, 0] * x + matrix[0, 1] * y + matrix[0, 2]
    down = matrix[1, 1] * y + matrix[1, 2]
    return across.astype(np.float32), down.astype(np.float32)


def front_camera(cameras: Sequence[Camera]) -> Camera:
    """The camera nearest to straight ahead; of nearly equal ones that nearest to the car's centre line.

    Raises ``ValueError`` when there is none.
    """
    if not cameras:
        raise ValueError("cameras: expected at least one, got none; name a rig (--rig nuscenes-front)")
    angles = [float(np.arccos(np.clip(camera.ego_from_camera[0, 2], -1.0, 1.0))) for camera in cameras]
    straight = [c for c, angle in zip(cameras, angles, strict=True) if angle <= min(angles) + EQUALLY_STRAIGHT_RAD]
    return min(straight, key=lambda camera: abs(float(camera.ego_from_camera[1, 3])))


def jitter_camera(camera: Camera, seed: int) -> Camera:
    """The camera with small random changes of focal length, height, pitch and yaw, a function of (seed, camera name) alone."""
    digest = hashlib.sha256(f"rig jitter/{seed}/{camera.name}".encode()).digest()
    draw = np.random.Generator(np.random.Philox(key=int.from_bytes(digest[:16], "little"))).uniform(-1.0, 1.0, 4)
    intrinsics = camera.intrinsics.copy()
    intrinsics[:2, :2] *= 1.0 + FOCAL_JITTER * draw[0]
    turn = Rotation.from_euler("YX", [YAW_JITTER_DEG * draw[3], PITCH_JITTER_DEG * draw[2]], degrees=True)
    ego_from_camera = camera.ego_from_camera.copy()
    ego_from_camera[2, 3] += HEIGHT_JITTER_M * draw[1]
    ego_from_camera[:3, :3] = camera.ego_from_camera[:3, :3] @ turn.as_matrix()
    return replace(camera, intrinsics=intrinsics, ego_from_camera=ego_from_camera)


def _crop(width: int, height: int, height_px: int, width_px: int, vertical_anchor: float) -> tuple[int, int, int, int]:
    """Left, top, width and height in source pixels of the largest crop with the aspect of width_px x height_px."""
    if height_px <= 0 or width_px <= 0:
        raise ValueError(f"fit: expected a positive size, got {width_px}x{height_px}")
    if not 0.0 <= vertical_anchor <= 1.0:
        raise ValueError(f"vertical_anchor: expected 0 (top) to 1 (bottom), got {vertical_anchor}; name another")
    crop_width = min(width, max(1, round(height * width_px / height_px)))
    crop_height = min(height, max(1, round(width * height_px / width_px)))
    return (width - crop_width) // 2, round((height - crop_height) * vertical_anchor), crop_width, crop_height

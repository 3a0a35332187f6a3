"""The camera of a plain video: what is given or assumed about its lens and its mounting, and its crop and size.

Lens options are about the clip's own upright picture, before crop and resize, with integer pixel coordinates at pixel centres.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import radians, tan

import cv2
import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray

from everroad.scenario.checks import check_range
from everroad.scenario.rigs import level_camera
from everroad.scenario.types import LARGEST_PX, Camera

CAMERA_NAME = "CAM_FRONT"
# Assumed where nothing is given: those of nuScenes' front camera, rounded.
ASSUMED_FOV_DEG = 65.0
ASSUMED_HEIGHT_M = 1.5
ASSUMED_AHEAD_M = 1.7
# Of one side of the picture after the resize: less than this is rounding, more is a picture stretched.
STRETCH_PX = 1.0
# Of either side of a picture that is written (ours): below it nothing is to be seen, and lenses make no sense.
LEAST_PX = 16


@dataclass(frozen=True)
class VideoCamera:
    """What is known of a clip's camera; what is ``None`` is assumed. At most one of ``focal_px``, ``fov_deg`` (horizontal) and
    ``intrinsics`` ("fx,fy,cx,cy") may be given. ``crop``: "left,top,width,height" in pixels; ``size``: "WxH" after the crop."""

    size: str | None = None
    crop: str | None = None
    focal_px: float | None = None
    fov_deg: float | None = None
    intrinsics: str | None = None
    camera_height_m: float | None = None

    def __post_init__(self) -> None:
        lenses = {"--focal": self.focal_px, "--fov": self.fov_deg, "--intrinsics": self.intrinsics}
        given = [name for name, value in lenses.items() if value is not None]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)}: expected one of them at most, got {len(given)}; drop one")
        if self.fov_deg is not None:
            check_range("--fov", self.fov_deg, 1.0, 170.0, "degrees")
        if self.focal_px is not None:
            check_range("--focal", self.focal_px, 1.0, 1e6, "px")
        check_range("--camera-height", self.height_m, 0.1, 10.0, "m")
        _numbers("--intrinsics", self.intrinsics, "fx,fy,cx,cy", 4)
        _whole_numbers("--crop", self.crop, "left,top,width,height", ",", 4)
        _whole_numbers("--size", self.size, "WIDTHxHEIGHT", "x", 2)

    @property
    def height_m(self) -> float:
        """Of the camera above the ground, given or assumed."""
        return ASSUMED_HEIGHT_M if self.camera_height_m is None else self.camera_height_m


@dataclass(frozen=True, eq=False)
class PictureFit:
    """A crop and a resize of pictures, and the camera whose pictures come out."""

    left: int
    top: int
    crop_width: int
    crop_height: int
    camera: Camera

    def picture(self, image: UInt8[ndarray, "_ _ 3"]) -> UInt8[ndarray, "h w 3"]:
        """A picture of the clip, cropped and resized."""
        cropped = image[self.top : self.top + self.crop_height, self.left : self.left + self.crop_width]
        size = (self.camera.width_px, self.camera.height_px)
        same = size == (self.crop_width, self.crop_height)
        return cropped if same else cv2.resize(cropped, size, interpolation=cv2.INTER_AREA)


def fit_pictures(known: VideoCamera, width_px: int, height_px: int) -> PictureFit:
    """What to do with pictures of this size. Raises ``ValueError`` for a crop outside of them, for a size that is larger than
    what is cropped or stretches it, and for pictures of less than ``LEAST_PX`` a side."""
    got = f"got {width_px}x{height_px}"
    if max(width_px, height_px) > LARGEST_PX:
        raise ValueError(f"video: expected pictures of at most {LARGEST_PX} px a side, {got}; encode them smaller")
    if min(width_px, height_px) < LEAST_PX:
        raise ValueError(f"video: expected pictures of at least {LEAST_PX} px a side, {got}; take a larger one")
    crop = _whole_numbers("--crop", known.crop, "left,top,width,height", ",", 4)
    left, top, width, height = crop or (0, 0, width_px, height_px)
    wanted = f"a part of the picture of {width_px}x{height_px}, {LEAST_PX} px a side at least"
    beyond = [
        f"{begin} + {side} = {begin + side} is beyond {end}, its {name}"
        for begin, side, end, name in ((left, width, width_px, "right side"), (top, height, height_px, "lower side"))
        if begin + side > end
    ]
    if beyond:
        raise ValueError(f"--crop: expected {wanted}, got {known.crop}, where {' and '.join(beyond)}; name another")
    if min(width, height) < LEAST_PX:
        raise ValueError(f"--crop: expected {wanted}, got {known.crop}; name another")
    out_width, out_height = _whole_numbers("--size", known.size, "WIDTHxHEIGHT", "x", 2) or (width, height)
    _check_size(left, top, width, height, out_width, out_height)
    scale_x, scale_y = out_width / width, out_height / height
    # Pixel centres are at integers, so a picture's left edge is at -0.5: u' + 0.5 = (u - left + 0.5) * scale.
    fitted_from_clip = np.array([
        [scale_x, 0.0, (0.5 - left) * scale_x - 0.5], [0.0, scale_y, (0.5 - top) * scale_y - 0.5], [0.0, 0.0, 1.0],
    ])  # fmt: skip
    matrix = fitted_from_clip @ _lens(known, width_px, height_px)
    mount = level_camera(
        CAMERA_NAME,
        position_m=(ASSUMED_AHEAD_M, 0.0, known.height_m),
        yaw_deg=0.0,
        focal_px=1.0,
        centre_px=(0.0, 0.0),
        size_px=(out_width, out_height),
    ).ego_from_camera
    return PictureFit(left, top, width, height, Camera(CAMERA_NAME, out_width, out_height, matrix, mount))


def _check_size(left: int, top: int, width: int, height: int, out_width: int, out_height: int) -> None:
    """Refuses to enlarge (nothing is gained, and whoever needs it enlarges) and to stretch."""
    if min(out_width, out_height) < LEAST_PX or out_width > width or out_height > height:
        wanted = f"{LEAST_PX}x{LEAST_PX} to {width}x{height}, what there is to see"
        raise ValueError(f"--size: expected {wanted}, got {out_width}x{out_height}; name another")
    if abs(height * out_width / width - out_height) > STRETCH_PX:
        cut_width, cut_height = (
            min(width, round(height * out_width / out_height)),
            min(height, round(width * out_height / out_width)),
        )
        crop = f"{left + (width - cut_width) // 2},{top + (height - cut_height) // 2},{cut_width},{cut_height}"
        raise ValueError(
            f"--size: expected the aspect of {width}x{height}, got {out_width}x{out_height}, which would stretch it; "
            f"add --crop {crop}, or name another"
        )


def _lens(known: VideoCamera, width_px: int, height_px: int) -> Float[ndarray, "3 3"]:
    given = _numbers("--intrinsics", known.intrinsics, "fx,fy,cx,cy", 4)
    if given is None:
        fov_deg = ASSUMED_FOV_DEG if known.fov_deg is None else known.fov_deg
        focal_px = width_px / 2 / tan(radians(fov_deg) / 2) if known.focal_px is None else known.focal_px
        given = [focal_px, focal_px, (width_px - 1) / 2, (height_px - 1) / 2]
    fx, fy, cx, cy = given
    return np.array([[fx, 0.0, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]])


def _numbers(option: str, text: str | None, form: str, count: int) -> list[float] | None:
    if text is None:
        return None
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        values = []
    if len(values) != count or not np.isfinite(values).all():
        raise ValueError(f"{option}: expected {form}, got '{text[:60]}'; write it so")
    check_range(f"{option}: fx and fy", np.array(values[:2]), 1.0, 1e6, "px")
    check_range(f"{option}: cx and cy", np.array(values[2:]), -1e5, 1e5, "px")
    return values


def _whole_numbers(option: str, text: str | None, form: str, separator: str, count: int) -> list[int] | None:
    if text is None:
        return None
    parts = text.split(separator)
    if len(parts) != count or not all(re.fullmatch(r"[0-9]{1,6}", part) for part in parts):
        raise ValueError(f"{option}: expected {form} in whole pixels, got '{text[:60]}'; write it so")
    return [int(part) for part in parts]

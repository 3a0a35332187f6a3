"""Which pixel of another picture shows the same thing: by known depth and motion, or by estimated flow.

The other picture is that of the frame before, or of another camera at the same time. Known: a pixel's point is carried over and
must be seen there at the depth that it has, by all four neighbours that its colour is taken from, so that nothing is compared
with what hides it. Estimated: DIS optical flow (Kroeger et al., ECCV 2016), there and back again to within a pixel.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float32, UInt8
from numpy import ndarray

from everroad import geometry
from everroad.render.semantics import PEDESTRIAN, SKY, TWO_WHEELER, VEHICLE
from everroad.render.view import make_lens
from everroad.scenario.types import Camera

MOVING = (VEHICLE, TWO_WHEELER, PEDESTRIAN)
# A point is the same when its depth is, but for this share and these metres.
_DEPTH_SHARE, _DEPTH_M = 0.04, 0.1
_BACK_PX = 1.0


@dataclass(frozen=True, eq=False)
class Seen:
    """What one picture shows: metres along the camera's axis (infinite: nothing), and which pixels may be compared."""

    depth_m: Float[ndarray, "h w"]
    usable: Bool[ndarray, "h w"]


@dataclass(frozen=True, eq=False)
class Correspondence:
    """Where (column, row) the other picture shows each pixel, and where that is known."""

    places: Float32[ndarray, "h w 2"]
    valid: Bool[ndarray, "h w"]


def static_pixels(depth_m: Float[ndarray, "h w"], semantic: UInt8[ndarray, "h w"]) -> Seen:
    """Everything but the sky and what may move."""
    return Seen(depth_m, np.isfinite(depth_m) & ~np.isin(semantic, (*MOVING, SKY)))


def all_pixels(depth_m: Float[ndarray, "h w"]) -> Seen:
    """Everything but the sky: of two cameras at the same time."""
    return Seen(depth_m, np.isfinite(depth_m))


def ground_pixels(camera: Camera, farthest_m: float = 40.0) -> Seen:
    """The empty ground plane, for pictures of which nobody knows the depth."""
    depth_m = make_lens(camera, 1).ground_depth
    return Seen(depth_m, depth_m < farthest_m)


def known(
    here: Seen, there: Seen, camera: Camera, other_camera: Camera, other_from_here: Float[ndarray, "4 4"]
) -> Correspondence:
    """By depth. ``other_from_here`` takes points of this picture's ego frame to the other's (the identity at the same time)."""
    height, width = here.depth_m.shape
    columns, rows = np.meshgrid(np.arange(width), np.arange(height))
    rays = np.stack([columns, rows, np.ones_like(rows)], -1) @ np.linalg.inv(camera.intrinsics).T
    points = rays * np.where(here.usable, here.depth_m, 1.0)[..., None]
    moved = geometry.invert(other_camera.ego_from_camera) @ other_from_here @ camera.ego_from_camera
    places, depth_m = geometry.project(geometry.apply(moved, points), other_camera.intrinsics)
    high, wide = there.depth_m.shape
    valid = here.usable & (depth_m > 0.1)
    valid &= ((places >= 0) & (places <= [wide - 1, high - 1])).all(-1)
    corner = np.floor(np.where(valid[..., None], places, 0)).astype(np.int64)
    for right, below in ((0, 0), (1, 0), (0, 1), (1, 1)):
        at = np.minimum(corner[..., 1] + below, high - 1), np.minimum(corner[..., 0] + right, wide - 1)
        near = np.abs(there.depth_m[at] - depth_m) < _DEPTH_M + _DEPTH_SHARE * depth_m
        valid &= near & there.usable[at]
    return Correspondence(np.where(valid[..., None], places, 0).astype(np.float32), valid)


def estimated(picture: UInt8[ndarray, "h w 3"], other: UInt8[ndarray, "h w 3"]) -> Correspondence:
    """By optical flow."""
    one, two = (cv2.cvtColor(of, cv2.COLOR_RGB2GRAY) for of in (picture, other))
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    height, width = one.shape
    blank = np.zeros((height, width, 2), np.float32)
    there, back = (np.asarray(flow.calc(*pair, blank.copy())) for pair in ((one, two), (two, one)))
    columns, rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    places = there + np.stack([columns, rows], -1)
    returned = cv2.remap(back, places[..., 0], places[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    valid = np.linalg.norm(there + returned, axis=-1) < _BACK_PX
    valid &= ((places >= 0) & (places <= [width - 1, height - 1])).all(-1)
    return Correspondence(places.astype(np.float32), valid)

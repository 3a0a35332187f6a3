"""The box image and the depth image: what of the boxes one camera sees, with the nearest surface in each pixel.

A box is convex, and the inverse depth of a plane is an affine function of the pixel. So the inverse depth at which a pixel's
ray enters a box is the least of those of the faces that look at the camera: exact, with at most three planes a box and no
search. Both images are made at twice the size; the classes are averaged down (anti-aliasing), of the depths the nearest counts.
"""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int, UInt8
from numpy import ndarray

from everroad.conditions.boxes import NEAR_M, SeenBoxes
from everroad.conditions.types import BOX_LAYERS
from everroad.scenario.types import DETECTION_CLASSES, Camera

OVERSAMPLING = 2
# The front face is brighter where the camera sees it than where it is behind its own box: coming cars differ from leading ones.
FRONT_SEEN, FRONT_HIDDEN = 255, 128
_GROUP_OF_CLASS = {
    "car": "car",
    "truck": "large_vehicle",
    "bus": "large_vehicle",
    "trailer": "large_vehicle",
    "construction_vehicle": "large_vehicle",
    "motorcycle": "two_wheeler",
    "bicycle": "two_wheeler",
    "pedestrian": "pedestrian",
    "traffic_cone": "other",
    "barrier": "other",
}
# Index of BOX_LAYERS for each BoxList.class_index; objects without a detection class are "other".
LAYER_OF_CLASS: tuple[int, ...] = tuple(
    BOX_LAYERS.index(group) for group in (*(_GROUP_OF_CLASS[name] for name in DETECTION_CLASSES), "other")
)
# Corners (order of geometry.UNIT_BOX_CORNERS) of the six faces: +x -x +y -y +z -z; three of them fix its plane.
_FACES: Int[ndarray, "6 4"] = np.array([[0, 1, 2, 3], [5, 4, 7, 6], [4, 0, 3, 7], [1, 5, 6, 2], [4, 5, 1, 0], [3, 2, 6, 7]])
_SUBPIXEL_BITS = 4


def box_images(boxes: SeenBoxes, camera: Camera) -> tuple[UInt8[ndarray, "6 h w"], UInt8[ndarray, "1 h w"]]:
    """Coverage (0 to 255) of each of ``BOX_LAYERS`` and inverse depth (255 at 1 m or nearer, 255 / metres beyond, 0: none).

    A pixel belongs to the box whose surface is nearest there. Depth is along the optical axis, to the surface in that pixel.
    The front face's channel holds ``FRONT_SEEN`` or ``FRONT_HIDDEN``.
    """
    height, width = camera.height_px * OVERSAMPLING, camera.width_px * OVERSAMPLING
    inverse_depth = np.zeros((height, width), dtype=np.float32)
    layer = np.full((height, width), len(BOX_LAYERS), dtype=np.uint8)
    front = np.zeros((height, width), dtype=np.uint8)
    faces, farthest_m = _facing_planes(boxes.corners_m, camera), boxes.corners_m[..., 2].max(axis=1, initial=NEAR_M)
    for i in range(len(boxes)):
        hull = _to_canvas(boxes.hulls_px[i])
        left, top = np.maximum(hull.min(axis=0) >> _SUBPIXEL_BITS, 0).tolist()
        right, bottom = np.minimum((hull.max(axis=0) >> _SUBPIXEL_BITS) + 2, [width, height]).tolist()
        window = np.s_[top:bottom, left:right]
        offset = np.array([left, top]) << _SUBPIXEL_BITS
        inside = np.zeros((bottom - top, right - left), dtype=np.uint8)
        cv2.fillConvexPoly(inside, (hull - offset).astype(np.int32), 1, shift=_SUBPIXEL_BITS)
        surface = _inverse_depth(faces[i], farthest_m[i], left, top, inside.shape)
        nearer = (inside > 0) & (surface > inverse_depth[window])
        np.copyto(inverse_depth[window], surface, where=nearer)
        layer[window][nearer] = LAYER_OF_CLASS[boxes.class_index[i]]
        inside[:] = 0
        if len(boxes.fronts_px[i]) >= 3:
            value = FRONT_SEEN if boxes.front_faces_camera[i] else FRONT_HIDDEN
            cv2.fillConvexPoly(inside, (_to_canvas(boxes.fronts_px[i]) - offset).astype(np.int32), value, shift=_SUBPIXEL_BITS)
        np.copyto(front[window], inside, where=nearer)
    size = (camera.width_px, camera.height_px)
    image = np.zeros((len(BOX_LAYERS), camera.height_px, camera.width_px), dtype=np.uint8)
    for index in {LAYER_OF_CLASS[c] for c in boxes.class_index}:
        cv2.resize((layer == index).view(np.uint8) * np.uint8(255), size, dst=image[index], interpolation=cv2.INTER_AREA)
    if len(boxes):
        cv2.resize(front, size, dst=image[BOX_LAYERS.index("front_face")], interpolation=cv2.INTER_AREA)
    nearest = np.maximum(np.maximum(inverse_depth[::2, ::2], inverse_depth[1::2, ::2]),
                         np.maximum(inverse_depth[::2, 1::2], inverse_depth[1::2, 1::2]))  # fmt: skip
    return image, np.rint(np.minimum(nearest, 1.0) * 255).astype(np.uint8)[None]


def _to_canvas(pixels: Float[ndarray, "p 2"]) -> Int[ndarray, "p 2"]:
    """Pixels on the oversampled canvas in OpenCV's fixed point."""
    fixed = ((pixels + 0.5) * OVERSAMPLING - 0.5) * (1 << _SUBPIXEL_BITS)
    return np.rint(fixed).astype(np.int64)


def _facing_planes(corners: Float[ndarray, "n 8 3"], camera: Camera) -> list[Float[ndarray, "k 3"]]:
    """For each box and each of its faces that look at the camera: (a, b, c) with 1/depth = a u + b v + c on the canvas."""
    a, b, d = (corners[:, _FACES[:, k]] for k in (0, 1, 3))
    normals = np.cross(b - a, d - a)  # n 6 3, outwards
    height = np.einsum("nfi,nfi->nf", normals, a)  # below zero where the camera is on the outer side
    facing: Bool[ndarray, "n 6"] = height < -1e-9
    # A point depth * ray on the plane: depth * (normal . ray) = height, with ray = K^-1 (u, v, 1).
    affine = (normals / np.where(facing, height, 1.0)[..., None]) @ np.linalg.inv(camera.intrinsics)
    affine[..., 2] += affine[..., :2].sum(axis=-1) * (0.5 / OVERSAMPLING - 0.5)
    affine[..., :2] /= OVERSAMPLING
    return [affine[i, facing[i]] for i in range(len(corners))]


def _inverse_depth(
    planes: Float[ndarray, "k 3"], farthest_m: float, left: int, top: int, shape: tuple[int, ...]
) -> Float[ndarray, "h w"]:
    """1/depth (float32) at which each pixel's ray enters the box; that of the near plane where the camera is inside of it,
    and at least that of the box's ``farthest_m`` corner (depth)."""
    nearest = np.full(shape, 1 / NEAR_M, dtype=np.float32)
    u = np.arange(left, left + shape[1], dtype=np.float32)
    v = np.arange(top, top + shape[0], dtype=np.float32)[:, None]
    for a, b, c in planes.astype(np.float32):
        np.minimum(nearest, a * u + (b * v + c), out=nearest)
    # Outline pixels may lie a fraction outside of the box, where a face seen edge-on runs away.
    return np.maximum(nearest, np.float32(1 / farthest_m))

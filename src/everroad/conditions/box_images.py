"""The box image and the depth image: what of the boxes one camera sees, with the nearest surface in each pixel.

A box is convex, and the inverse depth of a plane is an affine function of the pixel. So the inverse depth at which a pixel's
ray enters a box is the least of those of the faces that look at the camera: exact, with at most three planes a box and no
search. Both images are made at twice the size; the classes are averaged down (anti-aliasing), of the depths the nearest counts.
"""

from __future__ import annotations

from collections.abc import Sequence

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
# The canvas of classes holds (layer + 1) << _FRONT_BITS, plus 1 on a front face that is seen and 2 on one that is hidden.
_FRONT_BITS = 2
_FRONT_OF_CODE: UInt8[ndarray, "256"] = np.resize(np.array([0, FRONT_SEEN, FRONT_HIDDEN, 0], dtype=np.uint8), 256)


def box_images(
    views: Sequence[SeenBoxes], cameras: Sequence[Camera]
) -> tuple[UInt8[ndarray, "v 6 h w"], UInt8[ndarray, "v 1 h w"]]:
    """Coverage (0 to 255) of each of ``BOX_LAYERS`` and inverse depth (255 at 1 m or nearer, 255 / metres beyond, 0: none).

    One of each for each of the cameras, which are of one size, from the boxes that it sees. A pixel belongs to the box whose
    surface is nearest there. Depth is along the optical axis, to the surface in that pixel. The front face's channel holds
    ``FRONT_SEEN`` or ``FRONT_HIDDEN``.
    """
    height, width = cameras[0].height_px, cameras[0].width_px
    images = np.zeros((len(cameras), len(BOX_LAYERS), height, width), dtype=np.uint8)
    depths = np.zeros((len(cameras), 1, height, width), dtype=np.uint8)
    inverse_depth = np.zeros((height * OVERSAMPLING, width * OVERSAMPLING), dtype=np.float32)
    codes = np.zeros(inverse_depth.shape, dtype=np.uint8)
    for boxes, camera, image, depth in zip(views, cameras, images, depths, strict=True):
        if len(boxes):
            windows = _draw_boxes(inverse_depth, codes, boxes, camera)
            _move(inverse_depth, codes, windows, boxes, image, depth[0])
    return images, depths


def _draw_boxes(
    inverse_depth: Float[ndarray, "H W"], codes: UInt8[ndarray, "H W"], boxes: SeenBoxes, camera: Camera
) -> Int[ndarray, "n 4"]:
    """Draws one camera's boxes on the oversampled canvases; the left, top, right and bottom of the window of each."""
    hulls = _to_canvas(np.concatenate(boxes.hulls_px))
    counts = np.array([len(hull) for hull in boxes.hulls_px])
    ends = np.cumsum(counts)
    low = np.maximum(np.minimum.reduceat(hulls, ends - counts) >> _SUBPIXEL_BITS, 0)
    high = np.minimum((np.maximum.reduceat(hulls, ends - counts) >> _SUBPIXEL_BITS) + 2, codes.shape[::-1])
    offsets = low << _SUBPIXEL_BITS
    hulls = (hulls - np.repeat(offsets, counts, axis=0)).astype(np.int32)
    windows = np.concatenate([low, high], axis=1)
    faces = _facing_planes(boxes.corners_m, camera)
    farthest_m = boxes.corners_m[..., 2].max(axis=1, initial=NEAR_M)
    columns, rows = (np.arange(size, dtype=np.float32) for size in codes.shape[::-1])
    for i, (left, top, right, bottom) in enumerate(windows.tolist()):
        window = np.s_[top:bottom, left:right]
        code = (LAYER_OF_CLASS[boxes.class_index[i]] + 1) << _FRONT_BITS
        drawn = np.zeros((bottom - top, right - left), dtype=np.uint8)
        cv2.fillConvexPoly(drawn, hulls[ends[i] - counts[i] : ends[i]], code, shift=_SUBPIXEL_BITS)
        surface = _inverse_depth(faces[i], farthest_m[i], columns[left:right], rows[top:bottom, None])
        nearer = (surface > inverse_depth[window]) & (drawn > 0)
        np.copyto(inverse_depth[window], surface, where=nearer)
        if len(boxes.fronts_px[i]) >= 3:
            front = (_to_canvas(boxes.fronts_px[i]) - offsets[i]).astype(np.int32)
            cv2.fillConvexPoly(drawn, front, code + (1 if boxes.front_faces_camera[i] else 2), shift=_SUBPIXEL_BITS)
        np.copyto(codes[window], drawn, where=nearer)
    return windows


def _move(
    inverse_depth: Float[ndarray, "H W"], codes: UInt8[ndarray, "H W"], windows: Int[ndarray, "n 4"], boxes: SeenBoxes,
    image: UInt8[ndarray, "6 h w"], depth: UInt8[ndarray, "h w"],
) -> None:  # fmt: skip
    """Brings the canvases down into the pictures, where boxes were drawn, and blanks them there."""
    layers = np.array(LAYER_OF_CLASS)[boxes.class_index]
    for layer in set(layers.tolist()):
        drawn, part = _windows(windows[layers == layer])
        code = (layer + 1) << _FRONT_BITS
        covered = cv2.inRange(codes[drawn], code, code + 2)  # type: ignore[call-overload]
        _average(covered, image[layer][part])
    drawn, part = _windows(windows)
    _average(cv2.LUT(codes[drawn], _FRONT_OF_CODE), image[BOX_LAYERS.index("front_face")][part])
    surface = inverse_depth[drawn]
    nearest = np.maximum(surface[::2], surface[1::2])
    nearest = np.maximum(nearest[:, ::2], nearest[:, 1::2])
    depth[part] = np.rint(np.minimum(nearest, 1.0) * 255)
    inverse_depth[drawn] = 0
    codes[drawn] = 0


def _windows(windows: Int[ndarray, "n 4"]) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """The rectangle of the picture around some windows of the canvas: on the canvas, and in the picture."""
    left, top = (windows[:, :2].min(axis=0) // OVERSAMPLING).tolist()
    right, bottom = (-(-windows[:, 2:].max(axis=0) // OVERSAMPLING)).tolist()
    n = OVERSAMPLING
    return np.s_[top * n : bottom * n, left * n : right * n], np.s_[top:bottom, left:right]


def _average(drawn: UInt8[ndarray, "H W"], part: UInt8[ndarray, "h w"]) -> None:
    cv2.resize(drawn, part.shape[::-1], dst=part, interpolation=cv2.INTER_AREA)


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
    planes: Float[ndarray, "k 3"], farthest_m: float, u: Float[ndarray, "w"], v: Float[ndarray, "h 1"]
) -> Float[ndarray, "h w"]:
    """1/depth (float32) at which each pixel's ray enters the box; that of the near plane where the camera is inside of it,
    and at least that of the box's ``farthest_m`` corner (depth)."""
    nearest = np.full((len(v), len(u)), 1 / NEAR_M, dtype=np.float32)
    for a, b, c in planes.astype(np.float32):
        np.minimum(nearest, a * u + (b * v + c), out=nearest)
    # Outline pixels may lie a fraction outside of the box, where a face seen edge-on runs away.
    return np.maximum(nearest, np.float32(1 / farthest_m), out=nearest)

"""The map image: what of the vector map one camera sees, one channel a layer.

Drawn at twice the size and averaged down, which anti-aliases areas and lines alike. No surface hides another here: a street
behind a crest is drawn, too.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import Float, Int, UInt8
from numpy import ndarray

from everroad import geometry
from everroad.conditions.clipping import clip_rings, clip_segments, in_view, view_planes
from everroad.conditions.prepared_map import PreparedMap, prepare_map
from everroad.conditions.types import MAP_LAYERS
from everroad.scenario.types import Camera, VectorMap

NEAR_M = 0.5
RANGE_M = 80.0  # along the optical axis; beyond it the map of most logs is patchy and a metre is a hundredth of a pixel high
LINE_WIDTH_M = 0.2
STOP_LINE_WIDTH_M = 0.4
OVERSAMPLING = 2
_SUBPIXEL_BITS = 4
_MARGIN_PX = 2  # by how far, at most, OpenCV's outlines and thick lines reach past their points


def map_images(
    vector_map: VectorMap | None, world_from_ego: Float[ndarray, "4 4"], cameras: Sequence[Camera]
) -> UInt8[ndarray, "v 7 h w"]:
    """Coverage (0 to 255) of each of ``MAP_LAYERS`` for cameras of one size, ``height_px`` x ``width_px``; zeros without a map.

    Points keep their own height. A map without heights (every z is 0) is laid at the height of the ego's origin. Lines are as
    wide as paint on the ground, at least one pixel; a dashed line is drawn unbroken, in the layer of dashed lines.
    """
    height, width = cameras[0].height_px, cameras[0].width_px
    images = np.zeros((len(cameras), len(MAP_LAYERS), height, width), dtype=np.uint8)
    if vector_map is None:
        return images
    prepared = prepare_map(vector_map)
    world_from_map = np.eye(4)
    if prepared.is_flat:
        world_from_map[2, 3] = world_from_ego[2, 3]
    canvas = np.zeros((height * OVERSAMPLING, width * OVERSAMPLING), dtype=np.uint8)
    for camera, image in zip(cameras, images, strict=True):
        camera_from_map = geometry.invert(world_from_ego @ camera.ego_from_camera) @ world_from_map
        planes = view_planes(camera, NEAR_M, RANGE_M)
        _draw_areas(image, canvas, prepared, camera_from_map, camera, planes)
        _draw_lines(image, canvas, prepared, camera_from_map, camera, planes)
    return images


def to_canvas(points_camera: Float[ndarray, "*n 3"], camera: Camera) -> Int[ndarray, "*n 2"]:
    """Pixels of points in front of the camera on the oversampled canvas, in OpenCV's fixed point (``_SUBPIXEL_BITS``)."""
    pixels, _ = geometry.project(points_camera, camera.intrinsics)
    fixed = ((pixels + 0.5) * OVERSAMPLING - 0.5) * (1 << _SUBPIXEL_BITS)
    return np.rint(fixed).astype(np.int32)


def _draw_areas(
    image: UInt8[ndarray, "7 h w"],
    canvas: UInt8[ndarray, "H W"],
    prepared: PreparedMap,
    camera_from_map: Float[ndarray, "4 4"],
    camera: Camera,
    planes: Float[ndarray, "k 4"],
) -> None:
    """Draws the visible areas into their layers of the image. The canvas is blank before and after."""
    seen = in_view(prepared.area_centre, prepared.area_radius, planes @ camera_from_map)
    keep = seen[prepared.area_of_ring][prepared.ring_of_point]
    points = geometry.apply(camera_from_map, prepared.area_points[keep])
    points, ring_of_point = clip_rings(points, prepared.ring_of_point[keep], planes)
    if len(points) == 0:
        return
    pixels = to_canvas(points, camera)
    begins = np.flatnonzero(np.diff(ring_of_point, prepend=-1))
    areas = prepared.area_of_ring[ring_of_point[begins]]
    layers: dict[int, dict[int, list[Int[ndarray, "p 2"]]]] = {}
    ends = np.append(begins[1:], len(pixels))
    for area, layer, begin, end in zip(
        areas.tolist(), prepared.area_layer[areas].tolist(), begins.tolist(), ends.tolist(), strict=True
    ):
        layers.setdefault(layer, {}).setdefault(area, []).append(pixels[begin:end])
    for layer, rings_of_area in layers.items():
        for rings in rings_of_area.values():
            # One call an area: OpenCV's even-odd rule cuts the holes out, but would cut overlapping areas, too.
            cv2.fillPoly(canvas, rings, 255, shift=_SUBPIXEL_BITS)
        _move(canvas, image[layer], np.concatenate([ring for rings in rings_of_area.values() for ring in rings]))


def _draw_lines(
    image: UInt8[ndarray, "7 h w"],
    canvas: UInt8[ndarray, "H W"],
    prepared: PreparedMap,
    camera_from_map: Float[ndarray, "4 4"],
    camera: Camera,
    planes: Float[ndarray, "k 4"],
) -> None:
    """Draws the visible lines into their layers of the image. The canvas is blank before and after."""
    seen = np.flatnonzero(in_view(prepared.segment_centre, prepared.segment_radius, planes @ camera_from_map))
    starts = geometry.apply(camera_from_map, prepared.segment_start[seen])
    ends = geometry.apply(camera_from_map, prepared.segment_end[seen])
    layer = prepared.segment_layer[seen]
    starts, ends, seen = clip_segments(starts, ends, planes)
    starts, ends, layer = starts[seen], ends[seen], layer[seen]
    if len(starts) == 0:
        return
    centres = to_canvas(np.stack([starts, ends], axis=1), camera)
    # Far lines are thinner than the least width of a drawn line and need no surface.
    width = np.where(layer == MAP_LAYERS.index("stop_line"), STOP_LINE_WIDTH_M, LINE_WIDTH_M)
    wide = camera.intrinsics[0, 0] * width / np.minimum(starts[:, 2], ends[:, 2]) > 1.0
    starts, ends, width, layer_of_quad = starts[wide], ends[wide], width[wide], layer[wide]
    side = np.cross(camera_from_map[:3, 2], ends - starts)
    side *= (width / 2 / np.maximum(np.linalg.norm(side, axis=1), 1e-9))[:, None]
    quads = to_canvas(np.stack([starts + side, ends + side, ends - side, starts - side], axis=1), camera)
    for index in set(layer.tolist()):
        mine, my_quads = centres[layer == index], quads[layer_of_quad == index]
        cv2.polylines(canvas, list(mine), False, 255, thickness=OVERSAMPLING, shift=_SUBPIXEL_BITS)
        for quad in my_quads:
            cv2.fillConvexPoly(canvas, quad, 255, shift=_SUBPIXEL_BITS)
        _move(canvas, image[index], np.concatenate([mine.reshape(-1, 2), my_quads.reshape(-1, 2)]))


def _move(canvas: UInt8[ndarray, "H W"], image: UInt8[ndarray, "h w"], fixed: Int[ndarray, "n 2"]) -> None:
    """Averages into the image what lies on the canvas around these points, and blanks it there."""
    low = np.maximum((fixed.min(axis=0) >> _SUBPIXEL_BITS) // OVERSAMPLING - _MARGIN_PX, 0)
    high = np.minimum((fixed.max(axis=0) >> _SUBPIXEL_BITS) // OVERSAMPLING + 1 + _MARGIN_PX, image.shape[::-1])
    if (low >= high).any():
        return
    (left, top), (right, bottom) = low.tolist(), high.tolist()
    drawn = canvas[top * OVERSAMPLING : bottom * OVERSAMPLING, left * OVERSAMPLING : right * OVERSAMPLING]
    part = image[top:bottom, left:right]
    cv2.resize(drawn, (right - left, bottom - top), dst=part, interpolation=cv2.INTER_AREA)
    drawn[:] = 0

"""The map image: what of the vector map one camera sees, one channel a layer.

Drawn at twice the size and averaged down, which anti-aliases areas and lines alike. No surface hides another here: a street
behind a crest is drawn, too.
"""

from __future__ import annotations

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


def map_image(vector_map: VectorMap | None, world_from_ego: Float[ndarray, "4 4"], camera: Camera) -> UInt8[ndarray, "7 h w"]:
    """Coverage (0 to 255) of each of ``MAP_LAYERS``, ``height_px`` x ``width_px`` of the camera; zeros without a map.

    Points keep their own height. A map without heights (every z is 0) is laid at the height of the ego's origin. Lines are as
    wide as paint on the ground, at least one pixel; a dashed line is drawn unbroken, in the layer of dashed lines.
    """
    image = np.zeros((len(MAP_LAYERS), camera.height_px, camera.width_px), dtype=np.uint8)
    if vector_map is None:
        return image
    prepared = prepare_map(vector_map)
    world_from_map = np.eye(4)
    if prepared.is_flat:
        world_from_map[2, 3] = world_from_ego[2, 3]
    camera_from_map = geometry.invert(world_from_ego @ camera.ego_from_camera) @ world_from_map
    planes = view_planes(camera, NEAR_M, RANGE_M)
    canvas = np.zeros((len(MAP_LAYERS), camera.height_px * OVERSAMPLING, camera.width_px * OVERSAMPLING), dtype=np.uint8)
    drawn = _draw_areas(canvas, prepared, camera_from_map, camera, planes)
    drawn |= _draw_lines(canvas, prepared, camera_from_map, camera, planes)
    for layer in drawn:
        cv2.resize(canvas[layer], (camera.width_px, camera.height_px), dst=image[layer], interpolation=cv2.INTER_AREA)
    return image


def to_canvas(points_camera: Float[ndarray, "*n 3"], camera: Camera) -> Int[ndarray, "*n 2"]:
    """Pixels of points in front of the camera on the oversampled canvas, in OpenCV's fixed point (``_SUBPIXEL_BITS``)."""
    pixels, _ = geometry.project(points_camera, camera.intrinsics)
    fixed = ((pixels + 0.5) * OVERSAMPLING - 0.5) * (1 << _SUBPIXEL_BITS)
    return np.rint(fixed).astype(np.int32)


def _draw_areas(
    canvas: UInt8[ndarray, "7 h w"],
    prepared: PreparedMap,
    camera_from_map: Float[ndarray, "4 4"],
    camera: Camera,
    planes: Float[ndarray, "k 4"],
) -> set[int]:
    """Fills the visible areas into the canvas; the layers touched."""
    seen = in_view(geometry.apply(camera_from_map, prepared.area_centre), prepared.area_radius, planes)
    keep = seen[prepared.area_of_ring][prepared.ring_of_point]
    points = geometry.apply(camera_from_map, prepared.area_points[keep])
    points, ring_of_point = clip_rings(points, prepared.ring_of_point[keep], planes)
    if len(points) == 0:
        return set()
    cuts = np.flatnonzero(np.diff(ring_of_point)) + 1
    rings = np.split(to_canvas(points, camera), cuts)
    areas = prepared.area_of_ring[ring_of_point[np.append(0, cuts)]].tolist()
    rings_of_area: dict[int, list[Int[ndarray, "p 2"]]] = {}
    for area, ring in zip(areas, rings, strict=True):
        rings_of_area.setdefault(area, []).append(ring)
    layers = {area: int(prepared.area_layer[area]) for area in rings_of_area}
    for area, area_rings in rings_of_area.items():
        # One call an area: OpenCV fills by the even-odd rule, which cuts the holes out but would cut overlapping areas, too.
        cv2.fillPoly(canvas[layers[area]], area_rings, 255, shift=_SUBPIXEL_BITS)
    return set(layers.values())


def _draw_lines(
    canvas: UInt8[ndarray, "7 h w"],
    prepared: PreparedMap,
    camera_from_map: Float[ndarray, "4 4"],
    camera: Camera,
    planes: Float[ndarray, "k 4"],
) -> set[int]:
    """Draws the visible lines into the canvas; the layers touched."""
    starts = geometry.apply(camera_from_map, prepared.segment_start)
    ends = geometry.apply(camera_from_map, prepared.segment_end)
    seen = in_view((starts + ends) / 2, np.linalg.norm(ends - starts, axis=1) / 2, planes)
    starts, ends, layer = starts[seen], ends[seen], prepared.segment_layer[seen]
    starts, ends, seen = clip_segments(starts, ends, planes)
    starts, ends, layer = starts[seen], ends[seen], layer[seen]
    if len(starts) == 0:
        return set()
    width = np.where(layer == MAP_LAYERS.index("stop_line"), STOP_LINE_WIDTH_M, LINE_WIDTH_M)
    side = np.cross(camera_from_map[:3, 2], ends - starts)
    side *= (width / 2 / np.maximum(np.linalg.norm(side, axis=1), 1e-9))[:, None]
    centres = to_canvas(np.stack([starts, ends], axis=1), camera)
    quads = to_canvas(np.stack([starts + side, ends + side, ends - side, starts - side], axis=1), camera)
    # Far lines are thinner than the least width of a drawn line and need no surface.
    nearest = np.minimum(starts[:, 2], ends[:, 2])
    is_wide = camera.intrinsics[0, 0] * width / nearest > 1.0
    layers = set(layer.tolist())
    for index in layers:
        mine = layer == index
        cv2.polylines(canvas[index], list(centres[mine]), False, 255, thickness=OVERSAMPLING, shift=_SUBPIXEL_BITS)
        for quad in quads[mine & is_wide]:
            cv2.fillConvexPoly(canvas[index], quad, 255, shift=_SUBPIXEL_BITS)
    return layers

"""The pictures of conditions drawn the plain way, to compare with: whole canvases for each camera, a canvas for each layer,
nothing sorted out beforehand, one ring, line or box after the other."""

from __future__ import annotations

import cv2
import numpy as np

from everroad import geometry
from everroad.conditions import box_images, layout
from everroad.conditions.boxes import NEAR_M, seen_boxes
from everroad.conditions.clipping import clip_rings, clip_segments, view_planes
from everroad.conditions.prepared_map import prepare_map
from everroad.conditions.types import BOX_LAYERS, MAP_LAYERS


def plain_map_image(vector_map, world_from_ego, camera):
    prepared, canvas = prepare_map(vector_map), _canvas(len(MAP_LAYERS), camera)
    world_from_map = np.eye(4)
    world_from_map[2, 3] = world_from_ego[2, 3] if prepared.is_flat else 0.0
    camera_from_map = geometry.invert(world_from_ego @ camera.ego_from_camera) @ world_from_map
    planes = view_planes(camera, layout.NEAR_M, layout.RANGE_M)
    points = geometry.apply(camera_from_map, prepared.area_points)
    for area, layer in enumerate(prepared.area_layer):
        rings = [points[prepared.ring_of_point == ring] for ring in np.flatnonzero(prepared.area_of_ring == area)]
        clipped = [clip_rings(ring, np.zeros(len(ring), dtype=np.int64), planes)[0] for ring in rings]
        pixels = [layout.to_canvas(ring, camera) for ring in clipped if len(ring)]
        if pixels:
            cv2.fillPoly(canvas[layer], pixels, 255, shift=4)
    ends = (geometry.apply(camera_from_map, points) for points in (prepared.segment_start, prepared.segment_end))
    for a, b, seen, layer in zip(*clip_segments(*ends, planes), prepared.segment_layer, strict=True):
        if seen:
            _draw_line(canvas[layer], a, b, layer, camera_from_map[:3, 2], camera)
    return _averaged(canvas)


def _draw_line(canvas, a, b, layer, up, camera):
    cv2.polylines(canvas, [layout.to_canvas(np.stack([a, b]), camera)], False, 255, thickness=2, shift=4)
    width = layout.STOP_LINE_WIDTH_M if layer == MAP_LAYERS.index("stop_line") else layout.LINE_WIDTH_M
    side = np.cross(up, b - a)
    side *= width / 2 / max(np.linalg.norm(side), 1e-9)
    if camera.intrinsics[0, 0] * width / min(a[2], b[2]) > 1.0:
        cv2.fillConvexPoly(canvas, layout.to_canvas(np.stack([a + side, b + side, b - side, a - side]), camera), 255, shift=4)


def plain_box_images(frame, camera):
    """Box image and depth image."""
    boxes, canvas = seen_boxes(frame, camera), _canvas(len(BOX_LAYERS), camera)
    nearest = np.zeros(canvas.shape[1:], dtype=np.float32)
    planes = box_images._facing_planes(boxes.corners_m, camera)
    v, u = (np.arange(size, dtype=np.float32) for size in nearest.shape)
    for i in range(len(boxes)):
        farthest_m = max(boxes.corners_m[i, :, 2].max(), NEAR_M)
        surface = box_images._inverse_depth(planes[i], farthest_m, u, v[:, None])
        nearer = _filled(boxes.hulls_px[i], nearest.shape) & (surface > nearest)
        nearest[nearer] = surface[nearer]
        canvas[:, nearer] = 0
        canvas[box_images.LAYER_OF_CLASS[boxes.class_index[i]], nearer] = 255
        if len(boxes.fronts_px[i]) >= 3:
            value = box_images.FRONT_SEEN if boxes.front_faces_camera[i] else box_images.FRONT_HIDDEN
            canvas[BOX_LAYERS.index("front_face"), nearer & _filled(boxes.fronts_px[i], nearest.shape)] = value
    nearest = nearest.reshape(camera.height_px, 2, camera.width_px, 2).max(axis=(1, 3))
    return _averaged(canvas), np.rint(np.minimum(nearest, 1.0) * 255).astype(np.uint8)[None]


def _canvas(layers, camera):
    return np.zeros((layers, 2 * camera.height_px, 2 * camera.width_px), dtype=np.uint8)


def _filled(outline_px, shape):
    mask = np.zeros(shape, dtype=np.uint8)
    cv2.fillConvexPoly(mask, np.rint((2 * outline_px + 0.5) * 16).astype(np.int32), 1, shift=4)
    return mask > 0


def _averaged(canvas):
    layers, height, width = canvas.shape
    fours = canvas.reshape(layers, height // 2, 2, width // 2, 2).astype(np.int64).sum(axis=(2, 4))
    return ((fours + 2) // 4).astype(np.uint8)

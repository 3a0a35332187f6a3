"""Map lines and boxes drawn over a camera's picture, for people."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int, UInt8
from numpy import ndarray

from everroad import geometry
from everroad.conditions.boxes import EDGES, FRONT_FACE, NEAR_M, RANGE_M, clip_boxes_near
from everroad.conditions.clipping import clip_segments, view_planes
from everroad.conditions.layout import RANGE_M as MAP_RANGE_M
from everroad.conditions.prepared_map import PreparedMap, prepare_map
from everroad.conditions.show_ids import write_id
from everroad.conditions.show_map import shown_map
from everroad.conditions.show_paint import (
    COLOUR_OF_LAYER,
    COLOUR_OF_OUTLINE,
    SUBPIXEL_BITS,
    Colour,
    blend,
    colour_of_class,
    fixed_point,
)
from everroad.conditions.types import MAP_LAYERS
from everroad.scenario.types import ActorState, Camera, SceneFrame, VectorMap

# Beyond this the map's lines lie close together and are drawn faintly; boxes there have thin edges.
FAR_M = 30.0
_LINE_WIDTH_M = 0.12
_WIDEST_PX = 2
_OPACITY, _FAR_OPACITY, _FRONT_OPACITY = 0.75, 0.35, 0.3
_SMALLEST_NAMED = 0.06  # of the picture's height
_COLOUR_OF_LINE = COLOUR_OF_LAYER | COLOUR_OF_OUTLINE
# A box of which nearer boxes leave less than this to be seen counts as hidden.
_LEAST_SEEN, _HIDDEN_OPACITY = 0.25, 0.4
_FARTHEST_PX = 20_000.0  # pixel coordinates beyond it say nothing more, and overflow fixed point
_BOTTOM_FRONT, _BOTTOM = (2, 3), (2, 3, 6, 7)  # rows of geometry.UNIT_BOX_CORNERS


@dataclass(frozen=True, eq=False)
class _Box:
    """A box with a part in front of the camera; corners in the camera frame, metres. ``hidden``: behind nearer boxes."""

    actor: ActorState
    corners_m: Float[ndarray, "8 3"]
    distance_m: float
    hidden: bool


def draw_overlay(
    picture: UInt8[ndarray, "h w 3"], frame: SceneFrame, camera: Camera, *, ids: bool = False
) -> UInt8[ndarray, "h w 3"]:
    """The picture with the map's lines and the edges of boxes over it.

    ``camera`` is of the picture's size (``rig.fit_camera``). A box's front is tinted and a line on the ground goes from its
    middle past its front; ``ids`` writes the track id above it, nearest first and not over another. A box that nearer boxes
    hide is drawn thin and faint, without tint and id. What stands behind a wall is drawn like what is seen: nobody says where
    walls are. Raises ``ValueError`` for a picture of another size.
    """
    if picture.shape[:2] != (camera.height_px, camera.width_px):
        size = f"{picture.shape[1]}x{picture.shape[0]}"
        raise ValueError(f"picture: expected {camera.width_px}x{camera.height_px} like the camera, got {size}; fit both")
    canvas = picture.astype(np.float32)
    if frame.map is not None:
        _draw_lines(canvas, frame.map, frame.world_from_ego, camera)
    boxes = _boxes_in_view(frame, camera)
    seen = [box for box in boxes if not box.hidden]
    for box in boxes:
        if box.hidden:
            _blend_edges(canvas, box, camera)
    for box in seen:
        _tint_front(canvas, box, camera)
    image = np.rint(canvas).astype(np.uint8)
    for box in seen:
        _draw_edges(image, box, camera, colour_of_class(box.actor.detection_class), 2 if box.distance_m < FAR_M else 1)
    if ids:
        _write_ids(image, seen, camera)
    return image


def _draw_lines(
    canvas: Float[ndarray, "h w 3"], vector_map: VectorMap, world_from_ego: Float[ndarray, "4 4"], camera: Camera
) -> None:
    """Draws into ``canvas``: thin lines, beside which the road's own paint shows, and faint ones far away."""
    prepared = prepare_map(shown_map(vector_map))
    world_from_map = np.eye(4)
    if prepared.is_flat:
        world_from_map[2, 3] = world_from_ego[2, 3]  # as ``layout.map_image`` lays it
    camera_from_map = geometry.invert(world_from_ego @ camera.ego_from_camera) @ world_from_map
    all_starts, all_ends, all_layers = _all_segments(prepared)
    all_starts, all_ends = geometry.apply(camera_from_map, all_starts), geometry.apply(camera_from_map, all_ends)
    for least_m, most_m, opacity in ((FAR_M, MAP_RANGE_M, _FAR_OPACITY), (NEAR_M, FAR_M, _OPACITY)):
        starts, ends, seen = clip_segments(all_starts, all_ends, view_planes(camera, least_m, most_m))
        starts, ends, layers = starts[seen], ends[seen], all_layers[seen]
        if len(starts) == 0:
            continue
        depth = (starts[:, 2] + ends[:, 2]) / 2
        width = np.clip(np.rint(camera.intrinsics[0, 0] * _LINE_WIDTH_M / depth), 1, _WIDEST_PX).astype(np.int64)
        pixels = fixed_point(geometry.project(np.stack([starts, ends], axis=1), camera.intrinsics)[0])
        for layer in np.unique(layers):
            coverage = np.zeros(canvas.shape[:2], dtype=np.uint8)
            for px in np.unique(width[layers == layer]):
                chosen = list(pixels[(layers == layer) & (width == px)])
                cv2.polylines(coverage, chosen, False, 255, int(px), cv2.LINE_AA, SUBPIXEL_BITS)
            blend(canvas, _COLOUR_OF_LINE[MAP_LAYERS[layer]], coverage, opacity=opacity)


def _all_segments(prepared: PreparedMap) -> tuple[Float[ndarray, "n 3"], Float[ndarray, "n 3"], Int[ndarray, "n"]]:
    """Starts, ends and layers of every line and every area's outline, map frame."""
    ring = prepared.ring_of_point
    following = np.arange(1, len(ring) + 1)
    following[np.flatnonzero(np.diff(ring, append=-1))] = np.flatnonzero(np.diff(ring, prepend=-1))
    return (
        np.concatenate([prepared.area_points, prepared.segment_start]),
        np.concatenate([prepared.area_points[following], prepared.segment_end]),
        np.concatenate([prepared.area_layer[prepared.area_of_ring[ring]], prepared.segment_layer]),
    )


def _boxes_in_view(frame: SceneFrame, camera: Camera) -> list[_Box]:
    """Boxes within ``RANGE_M`` whose part in front of the near plane may be in the picture, farthest first."""
    camera_from_world = geometry.invert(frame.world_from_ego @ camera.ego_from_camera)
    size = np.array([actor.size_lwh_m for actor in frame.actors]).reshape(-1, 3)
    camera_from_box = camera_from_world @ np.array([actor.world_from_actor for actor in frame.actors]).reshape(-1, 4, 4)
    corners = np.einsum("nij,nkj->nki", camera_from_box[:, :3, :3], geometry.UNIT_BOX_CORNERS * size[:, None])
    corners += camera_from_box[:, None, :3, 3]
    distance = np.linalg.norm(camera_from_box[:, :3, 3], axis=1)
    points, valid = clip_boxes_near(corners, NEAR_M)
    pixels, _ = geometry.project(points, camera.intrinsics)
    low = np.where(valid[..., None], pixels, np.inf).min(axis=1)
    high = np.where(valid[..., None], pixels, -np.inf).max(axis=1)
    seen = ((high > -0.5) & (low < np.array([camera.width_px, camera.height_px]) - 0.5)).all(axis=1) & (distance <= RANGE_M)
    order = [i for i in np.argsort(-distance, kind="stable") if seen[i]]
    hidden = _hidden([pixels[i][valid[i]] for i in order[::-1]], camera)[::-1]
    return [_Box(frame.actors[i], corners[i], float(distance[i]), behind) for i, behind in zip(order, hidden, strict=True)]


def _hidden(outlines: list[Float[ndarray, "_ 2"]], camera: Camera) -> list[bool]:
    """Which boxes nearer ones hide; ``outlines`` are pixels whose convex hull is the box's picture, nearest first."""
    covered = np.zeros((camera.height_px, camera.width_px), dtype=np.uint8)
    hidden = []
    for pixels in outlines:
        own = np.zeros_like(covered)
        hull = cv2.convexHull(np.clip(pixels, -_FARTHEST_PX, _FARTHEST_PX).astype(np.float32))[:, 0]
        cv2.fillConvexPoly(own, fixed_point(hull.astype(np.float64)), 1, shift=SUBPIXEL_BITS)
        hidden.append(int((own > covered).sum()) < _LEAST_SEEN * int(own.sum()))
        covered |= own
    return hidden


def _tint_front(canvas: Float[ndarray, "h w 3"], box: _Box, camera: Camera) -> None:
    face = geometry.clip_polygon_near(box.corners_m[FRONT_FACE, :], NEAR_M)
    if len(face) < 3:
        return
    coverage = np.zeros(canvas.shape[:2], dtype=np.uint8)
    outline = fixed_point(geometry.project(face, camera.intrinsics)[0])
    cv2.fillConvexPoly(coverage, outline, 255, cv2.LINE_AA, SUBPIXEL_BITS)
    if coverage.any():
        blend(canvas, colour_of_class(box.actor.detection_class), coverage, opacity=_FRONT_OPACITY)


def _blend_edges(canvas: Float[ndarray, "h w 3"], box: _Box, camera: Camera) -> None:
    coverage = np.zeros(canvas.shape[:2], dtype=np.uint8)
    _draw_edges(coverage, box, camera, 255, 1)
    if coverage.any():
        blend(canvas, colour_of_class(box.actor.detection_class), coverage, opacity=_HIDDEN_OPACITY)


def _draw_edges(image: UInt8[ndarray, "h w *_"], box: _Box, camera: Camera, colour: Colour | int, thickness: int) -> None:
    bottom, nose = box.corners_m[_BOTTOM, :].mean(axis=0), box.corners_m[_BOTTOM_FRONT, :].mean(axis=0)
    mark = np.stack([bottom, nose + 0.5 * (nose - bottom) / np.linalg.norm(nose - bottom)])
    starts = np.concatenate([box.corners_m[EDGES[:, 0]], mark[:1]])
    ends = np.concatenate([box.corners_m[EDGES[:, 1]], mark[1:]])
    starts, ends, seen = geometry.clip_segments_near(starts, ends, NEAR_M)
    pixels = fixed_point(geometry.project(np.stack([starts, ends], axis=1)[seen], camera.intrinsics)[0])
    cv2.polylines(image, list(pixels), False, colour, thickness, cv2.LINE_AA, SUBPIXEL_BITS)


def _write_ids(image: UInt8[ndarray, "h w 3"], boxes: list[_Box], camera: Camera) -> None:
    """Nearest first; one that would lie over another that is there is left out. ``boxes``: farthest first."""
    taken = np.zeros(image.shape[:2], dtype=bool)
    for box in reversed(boxes):
        _write_id(image, box, camera, taken)


def _write_id(image: UInt8[ndarray, "h w 3"], box: _Box, camera: Camera, taken: Bool[ndarray, "h w"]) -> None:
    """Above the box, on a dark ground; not for boxes too small to tell apart or at the picture's very edge, and not where
    ``taken``, which is marked."""
    if box.corners_m[:, 2].min() < NEAR_M:
        return
    pixels, _ = geometry.project(box.corners_m, camera.intrinsics)
    tall_enough = np.ptp(pixels[:, 1]) >= _SMALLEST_NAMED * camera.height_px
    pixels = pixels[(pixels[:, 0] > 0) & (pixels[:, 0] < camera.width_px - 1)]
    if len(pixels) == 0 or not tall_enough:
        return
    middle_px, top_px = float(pixels[:, 0].mean()), float(pixels[:, 1].min())
    write_id(image, box.actor.track_id, middle_px, top_px - 3, colour_of_class(box.actor.detection_class), taken)

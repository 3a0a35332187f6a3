"""A scene from above, for people."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from jaxtyping import Float, Int, UInt8
from numpy import ndarray

from everroad import geometry
from everroad.conditions.prepared_map import PreparedMap, prepare_map
from everroad.conditions.show_ids import write_id
from everroad.conditions.show_map import shown_map
from everroad.conditions.show_paint import (
    BACKGROUND,
    COLOUR_OF_LAYER,
    COLOUR_OF_OUTLINE,
    COLOUR_OF_PATH,
    SUBPIXEL_BITS,
    WHITE,
    Colour,
    colour_of_class,
    fixed_point,
)
from everroad.conditions.show_signals import COLOUR_OF_STATE, disc
from everroad.conditions.types import MAP_LAYERS
from everroad.scenario.types import SceneFrame, Signal

_NOTE: Colour = (200, 200, 205)
# An ordinary car around its rear axle, metres.
_EGO_CORNERS = geometry.UNIT_BOX_CORNERS * [4.6, 1.9, 1.6] + [1.4, 0.0, 0.8]


def draw_birds_eye(
    frame: SceneFrame,
    height_px: int,
    width_px: int,
    ahead_m: float = 60.0,
    behind_m: float = 20.0,
    ego_path_m: Float[ndarray, "f 3"] | None = None,
    *,
    signals: Sequence[Signal] = (),
    ids: bool = False,
) -> UInt8[ndarray, "{height_px} {width_px} 3"]:
    """The scene from above, ego heading up, ``ahead_m`` at the top to ``behind_m`` at the bottom; boxes have a heading mark.

    ``ego_path_m``: places of the ego car in the world frame, before and after, drawn as a line. ``signals``: those of the
    scenario, which say where the frame's hang. ``ids`` writes track ids beside the boxes, nearest first and not over another.
    Where map or actors are unknown the picture says so: it is not that road and traffic are empty.
    """
    metres_per_px = (ahead_m + behind_m) / height_px

    def to_pixels(points_ego: Float[ndarray, "*n 3"]) -> Int[ndarray, "*n 2"]:
        u = width_px / 2 - points_ego[..., 1] / metres_per_px
        v = (ahead_m - points_ego[..., 0]) / metres_per_px
        return fixed_point(np.stack([u, v], axis=-1) - 0.5)

    image = np.full((height_px, width_px, 3), BACKGROUND, dtype=np.uint8)
    ego_from_world = geometry.invert(frame.world_from_ego)
    if frame.map is not None:
        reach_m = max(ahead_m, behind_m) + width_px * metres_per_px
        _draw_map(image, prepare_map(shown_map(frame.map)), ego_from_world, to_pixels, metres_per_px, reach_m)
    if ego_path_m is not None:
        path = to_pixels(geometry.apply(ego_from_world, ego_path_m))
        cv2.polylines(image, [path], False, COLOUR_OF_PATH, 1, cv2.LINE_AA, SUBPIXEL_BITS)
    for actor in frame.actors:
        corners = geometry.box_corners(actor.size_lwh_m, ego_from_world @ actor.world_from_actor)
        _draw_box(image, corners, colour_of_class(actor.detection_class), to_pixels)
    _draw_box(image, _EGO_CORNERS, WHITE, to_pixels)
    states = dict(frame.signals)
    for signal in (signal for signal in signals if signal.signal_id in states):
        place = to_pixels(geometry.apply(ego_from_world, signal.position_m[None]))[0] / (1 << SUBPIXEL_BITS)
        if (np.abs(place) < 2 * max(image.shape)).all():
            disc(image, place, max(3.0, 0.5 / metres_per_px), COLOUR_OF_STATE[states[signal.signal_id]])
    if ids:
        _write_ids(image, frame, ego_from_world, to_pixels)
    if said := _unknown(frame):
        _write_in_the_middle(image, said)
    return image


def _write_ids(
    image: UInt8[ndarray, "h w 3"],
    frame: SceneFrame,
    ego_from_world: Float[ndarray, "4 4"],
    to_pixels: Callable[[Float[ndarray, "*n 3"]], Int[ndarray, "*n 2"]],
) -> None:
    """Above each box in view, those nearest to the ego first."""
    taken = np.zeros(image.shape[:2], dtype=bool)
    poses = [(ego_from_world @ actor.world_from_actor, actor) for actor in frame.actors]
    for pose, actor in sorted(poses, key=lambda item: float(np.linalg.norm(item[0][:2, 3]))):
        middle = to_pixels(pose[None, :3, 3])[0] / (1 << SUBPIXEL_BITS)
        if (middle >= 0).all() and middle[0] < image.shape[1] and middle[1] < image.shape[0]:
            top = to_pixels(geometry.box_corners(actor.size_lwh_m, pose))[:, 1].min() / (1 << SUBPIXEL_BITS)
            write_id(image, actor.track_id, float(middle[0]), float(top) - 2, colour_of_class(actor.detection_class), taken)


def _unknown(frame: SceneFrame) -> str:
    no_map, no_actors = frame.map is None, not frame.actors and not frame.actors_known
    return {(True, True): "no layout", (True, False): "no map", (False, True): "actors unknown"}.get((no_map, no_actors), "")


def _write_in_the_middle(image: UInt8[ndarray, "h w 3"], text: str) -> None:
    """Between the upper edge and the middle, where no car of the ego's stands; smaller where the picture is narrow."""
    (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 1.0, 1)
    scale = min(0.6, 0.9 * image.shape[1] / width)
    place = round((image.shape[1] - scale * width) / 2), round(image.shape[0] / 4 + scale * height / 2)
    cv2.putText(image, text, place, cv2.FONT_HERSHEY_SIMPLEX, scale, _NOTE, 1, cv2.LINE_AA)


def _draw_map(
    image: UInt8[ndarray, "h w 3"],
    prepared: PreparedMap,
    ego_from_world: Float[ndarray, "4 4"],
    to_pixels: Callable[[Float[ndarray, "*n 3"]], Int[ndarray, "*n 2"]],
    metres_per_px: float,
    reach_m: float,
) -> None:
    """Draws into ``image``. Height does not matter from above, and what is wholly out of reach is left out."""
    centres = geometry.apply(ego_from_world, prepared.area_centre)
    near_area = np.linalg.norm(centres[:, :2], axis=1) < reach_m + prepared.area_radius
    begin = np.searchsorted(prepared.ring_of_point, np.arange(len(prepared.area_of_ring) + 1))
    ring_pixels = to_pixels(geometry.apply(ego_from_world, prepared.area_points))
    for area in sorted(np.flatnonzero(near_area), key=lambda i: prepared.area_layer[i]):
        first, last = np.searchsorted(prepared.area_of_ring, [area, area + 1])
        rings = [ring_pixels[begin[ring] : begin[ring + 1]] for ring in range(first, last)]
        colour = COLOUR_OF_LAYER[MAP_LAYERS[prepared.area_layer[area]]]
        cv2.fillPoly(image, rings, colour, cv2.LINE_AA, SUBPIXEL_BITS)
        if MAP_LAYERS[prepared.area_layer[area]] in COLOUR_OF_OUTLINE:
            cv2.polylines(
                image, rings, True, COLOUR_OF_OUTLINE[MAP_LAYERS[prepared.area_layer[area]]], 1, cv2.LINE_AA, SUBPIXEL_BITS
            )
    starts = geometry.apply(ego_from_world, prepared.segment_start)
    ends = geometry.apply(ego_from_world, prepared.segment_end)
    near_line = np.minimum(np.linalg.norm(starts[:, :2], axis=1), np.linalg.norm(ends[:, :2], axis=1)) < 2 * reach_m
    segments = to_pixels(np.stack([starts, ends], axis=1))
    thickness = max(1, round(0.25 / metres_per_px))
    for layer in np.unique(prepared.segment_layer):
        lines = list(segments[near_line & (prepared.segment_layer == layer)])
        cv2.polylines(image, lines, False, COLOUR_OF_LAYER[MAP_LAYERS[layer]], thickness, cv2.LINE_AA, SUBPIXEL_BITS)


def _draw_box(
    image: UInt8[ndarray, "h w 3"],
    corners_ego: Float[ndarray, "8 3"],
    colour: Colour,
    to_pixels: Callable[[Float[ndarray, "*n 3"]], Int[ndarray, "*n 2"]],
) -> None:
    """Draws a filled footprint and a line from its centre past its front into ``image``."""
    outline = to_pixels(corners_ego[[0, 1, 5, 4]])
    cv2.fillConvexPoly(image, outline, colour, cv2.LINE_AA, SUBPIXEL_BITS)
    centre, nose = corners_ego.mean(axis=0), corners_ego[:4].mean(axis=0)
    mark = to_pixels(np.stack([centre, nose + 0.5 * (nose - centre) / np.linalg.norm(nose - centre)]))
    dark = tuple(c // 3 for c in colour)
    cv2.polylines(image, [outline, mark], True, dark, 1, cv2.LINE_AA, SUBPIXEL_BITS)

"""Pictures of scenarios and conditions for people: bird's eye, conditions in one picture, and a video of both."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, Int, UInt8
from numpy import ndarray

from everroad import geometry
from everroad.conditions.box_images import FRONT_HIDDEN, LAYER_OF_CLASS
from everroad.conditions.boxes import class_index
from everroad.conditions.build import build_conditions
from everroad.conditions.prepared_map import PreparedMap, prepare_map
from everroad.conditions.rig import fit_camera, front_camera
from everroad.conditions.types import BOX_LAYERS, MAP_LAYERS, Conditions
from everroad.media import VideoWriter, panels
from everroad.scenario.types import Camera, Scenario, SceneFrame

_BACKGROUND = (18, 20, 26)
_EGO = (255, 255, 255)
_COLOUR_OF_LAYER: dict[str, tuple[int, int, int]] = {
    "drivable_area": (62, 66, 76),
    "walkway": (92, 84, 70),
    "ped_crossing": (150, 140, 190),
    "stop_line": (255, 90, 90),
    "divider_solid": (235, 235, 235),
    "divider_dashed": (150, 205, 235),
    "road_divider": (250, 200, 60),
    "car": (70, 140, 255),
    "large_vehicle": (255, 140, 50),
    "two_wheeler": (60, 215, 150),
    "pedestrian": (255, 80, 160),
    "other": (175, 175, 90),
}
_SUBPIXEL_BITS = 4


def draw_birds_eye(
    frame: SceneFrame, height_px: int, width_px: int, ahead_m: float = 60.0, behind_m: float = 20.0
) -> UInt8[ndarray, "{height_px} {width_px} 3"]:
    """The scene from above, ego heading up, ``ahead_m`` at the top to ``behind_m`` at the bottom; boxes have a heading mark."""
    metres_per_px = (ahead_m + behind_m) / height_px

    def to_pixels(points_ego: Float[ndarray, "*n 3"]) -> Int[ndarray, "*n 2"]:
        u = width_px / 2 - points_ego[..., 1] / metres_per_px
        v = (ahead_m - points_ego[..., 0]) / metres_per_px
        return np.rint((np.stack([u, v], axis=-1) - 0.5) * (1 << _SUBPIXEL_BITS)).astype(np.int32)

    image = np.full((height_px, width_px, 3), _BACKGROUND, dtype=np.uint8)
    ego_from_world = geometry.invert(frame.world_from_ego)
    if frame.map is not None:
        reach_m = max(ahead_m, behind_m) + width_px * metres_per_px
        _draw_map(image, prepare_map(frame.map), ego_from_world, to_pixels, metres_per_px, reach_m)
    for actor in frame.actors:
        corners = geometry.box_corners(actor.size_lwh_m, ego_from_world @ actor.world_from_actor)
        colour = _COLOUR_OF_LAYER[BOX_LAYERS[LAYER_OF_CLASS[class_index(actor.detection_class)]]]
        _draw_box(image, corners, colour, to_pixels)
    ego = geometry.UNIT_BOX_CORNERS * [4.6, 1.9, 1.6] + [1.4, 0.0, 0.8]  # an ordinary car around its rear axle
    _draw_box(image, ego, _EGO, to_pixels)
    return image


def draw_conditions(conditions: Conditions, row: int = 0, view: int = 0) -> UInt8[ndarray, "h w 3"]:
    """Map and boxes of one sample and view in one picture; boxes are lighter the nearer they are, and so are their fronts."""
    picture = np.full((conditions.height_px, conditions.width_px, 3), _BACKGROUND, dtype=np.float32)
    for channel, layer in zip(conditions.map_image[row, view].numpy(), MAP_LAYERS, strict=True):
        _blend(picture, _COLOUR_OF_LAYER[layer], channel)
    boxes = dict(zip(BOX_LAYERS, conditions.box_image[row, view].numpy(), strict=True))
    # Depth runs from 255 at 1 m to 3 at 85 m; a root spreads that over the range of the eye.
    light = 0.4 + 0.6 * np.sqrt(conditions.depth_image[row, view, 0].numpy() * np.float32(1 / 255))
    for layer in BOX_LAYERS[:-1]:
        _blend(picture, _COLOUR_OF_LAYER[layer], boxes[layer], light)
    # Hidden front faces are left out of this picture: only what is above their value shows.
    _blend(picture, (255, 255, 255), np.maximum(boxes["front_face"], FRONT_HIDDEN) - FRONT_HIDDEN)
    return np.rint(picture).astype(np.uint8)


def show_scenario(
    scenario: Scenario,
    out_mp4: Path,
    camera_names: Sequence[str] = (),
    height_px: int = 256,
    width_px: int = 448,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """A video at the scenario's own frame rate: bird's eye beside what each camera's conditions say.

    Without names the camera nearest to straight ahead is shown. ``progress`` hears (frames done, frames in all). Raises
    ``ValueError`` for a name that the rig lacks or a scenario without cameras.
    """
    cameras = [fit_camera(camera, height_px, width_px) for camera in _chosen(scenario, camera_names)]
    previous = None
    with VideoWriter(out_mp4, scenario.frame_rate_hz or 1.0) as video:
        for index in range(len(scenario)):
            frame = scenario.frame(index)
            conditions = build_conditions(frame, previous, cameras)
            views = [draw_conditions(conditions, view=view) for view in range(len(cameras))]
            captions = [f"bird's eye, {frame.time_s:.2f} s", *(camera.name for camera in cameras)]
            video.write(panels([draw_birds_eye(frame, height_px, height_px), *views], captions))
            previous = frame
            if progress is not None:
                progress(index + 1, len(scenario))


def _chosen(scenario: Scenario, names: Sequence[str]) -> list[Camera]:
    if not names:
        return [front_camera(scenario.cameras)]
    of_name = {camera.name: camera for camera in scenario.cameras}
    for name in names:
        if name not in of_name:
            raise ValueError(f"camera: expected one of {', '.join(of_name) or 'none (no rig)'}, got '{name}'; name one")
    return [of_name[name] for name in names]


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
    ring_pixels = to_pixels(geometry.apply(ego_from_world, prepared.area_points))
    for area in sorted(np.flatnonzero(near_area), key=lambda i: prepared.area_layer[i]):
        rings = [ring_pixels[prepared.ring_of_point == ring] for ring in np.flatnonzero(prepared.area_of_ring == area)]
        colour = _COLOUR_OF_LAYER[MAP_LAYERS[prepared.area_layer[area]]]
        cv2.fillPoly(image, rings, colour, cv2.LINE_AA, _SUBPIXEL_BITS)
    starts = geometry.apply(ego_from_world, prepared.segment_start)
    ends = geometry.apply(ego_from_world, prepared.segment_end)
    near_line = np.minimum(np.linalg.norm(starts[:, :2], axis=1), np.linalg.norm(ends[:, :2], axis=1)) < 2 * reach_m
    segments = to_pixels(np.stack([starts, ends], axis=1))
    thickness = max(1, round(0.25 / metres_per_px))
    for layer in np.unique(prepared.segment_layer):
        lines = list(segments[near_line & (prepared.segment_layer == layer)])
        cv2.polylines(image, lines, False, _COLOUR_OF_LAYER[MAP_LAYERS[layer]], thickness, cv2.LINE_AA, _SUBPIXEL_BITS)


def _draw_box(
    image: UInt8[ndarray, "h w 3"],
    corners_ego: Float[ndarray, "8 3"],
    colour: tuple[int, int, int],
    to_pixels: Callable[[Float[ndarray, "*n 3"]], Int[ndarray, "*n 2"]],
) -> None:
    """Draws a filled footprint and a line from its centre past its front into ``image``."""
    outline = to_pixels(corners_ego[[0, 1, 5, 4]])
    cv2.fillConvexPoly(image, outline, colour, cv2.LINE_AA, _SUBPIXEL_BITS)
    centre, nose = corners_ego.mean(axis=0), corners_ego[:4].mean(axis=0)
    mark = to_pixels(np.stack([centre, nose + 0.5 * (nose - centre) / np.linalg.norm(nose - centre)]))
    dark = tuple(c // 3 for c in colour)
    cv2.polylines(image, [outline, mark], True, dark, 1, cv2.LINE_AA, _SUBPIXEL_BITS)


def _blend(
    picture: Float[ndarray, "h w 3"],
    colour: tuple[int, int, int],
    coverage: UInt8[ndarray, "h w"],
    light: Float[ndarray, "h w"] | None = None,
) -> None:
    """Lays a colour, times ``light``, over ``picture`` where there is coverage."""
    left, top, width, height = cv2.boundingRect(coverage)
    window = np.s_[top : top + height, left : left + width]
    alpha = coverage[window][..., None] * np.float32(1 / 255)
    paint = np.array(colour, dtype=np.float32)
    if light is not None:
        paint = paint * light[window][..., None]
    picture[window] += alpha * (paint - picture[window])

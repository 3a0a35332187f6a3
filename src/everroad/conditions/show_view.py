"""One frame of a scenario as one picture: bird's eye beside its cameras, which stand as they do on the car."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray

from everroad.conditions.build import build_conditions
from everroad.conditions.rig import fit_camera, fit_image, undistort_image
from everroad.conditions.show_birds_eye import draw_birds_eye
from everroad.conditions.show_camera import draw_overlay
from everroad.conditions.show_conditions import draw_conditions
from everroad.conditions.show_signals import draw_signals
from everroad.media import CAPTION_HEIGHT_PX, panels, read_image
from everroad.scenario.images import recorded_path
from everroad.scenario.types import Camera, Scenario, SceneFrame

MOST_IN_A_ROW = 5
LEAST_HEIGHT_PX, MOST_HEIGHT_PX = 32, 2160
# Cameras up to here look ahead, the others back; those straight to the side stand with the ones ahead.
_AHEAD_DEG = 92.0
_GAP_PX, _MARGIN_GREY = 4, 24  # as ``media.panels`` has them

Picture = UInt8[ndarray, "_h _w 3"]


@dataclass(frozen=True, eq=False)
class View:
    """What of a scenario is shown: ``rows`` of its own cameras, each drawn ``height_px`` high at its own aspect.

    ``image_folder`` is what the scenario's image paths are relative to. ``ids`` writes track ids into the pictures.
    """

    scenario: Scenario
    rows: tuple[tuple[Camera, ...], ...]
    image_folder: Path
    height_px: int
    ids: bool

    @property
    def cameras(self) -> tuple[Camera, ...]:
        return tuple(camera for row in self.rows for camera in row)


def make_view(
    scenario: Scenario,
    camera_names: Sequence[str] = (),
    image_folder: Path | None = None,
    height_px: int = 288,
    ids: bool = False,
) -> View:
    """A view of the named cameras, or of all. Raises ``ValueError`` for a name that the rig lacks and a senseless height."""
    if not LEAST_HEIGHT_PX <= height_px <= MOST_HEIGHT_PX:
        raise ValueError(f"height: expected {LEAST_HEIGHT_PX} to {MOST_HEIGHT_PX} px, got {height_px}; name another")
    of_name = {camera.name: camera for camera in scenario.cameras}
    for name in camera_names:
        if name not in of_name:
            raise ValueError(f"camera: expected one of {', '.join(of_name) or 'none (no rig)'}, got '{name}'; name one")
    chosen = [of_name[name] for name in dict.fromkeys(camera_names)] or list(scenario.cameras)
    return View(scenario, rig_rows(chosen), Path() if image_folder is None else image_folder, height_px, ids)


def rig_rows(cameras: Sequence[Camera]) -> tuple[tuple[Camera, ...], ...]:
    """Cameras as seen from the driver's seat: those that look ahead from left to right above those that look back, also with
    the car's left on the left. At most ``MOST_IN_A_ROW`` stand in a row."""
    ahead = [camera for camera in cameras if abs(_yaw_deg(camera)) <= _AHEAD_DEG]
    back = [camera for camera in cameras if abs(_yaw_deg(camera)) > _AHEAD_DEG]
    # Of a pair that looks one way, such as a stereo pair, the left one stands on the left.
    ahead.sort(key=lambda camera: (-round(_yaw_deg(camera) / 5), -camera.ego_from_camera[1, 3]))
    back.sort(key=lambda camera: (round(_yaw_deg(camera) % 360.0 / 5), -camera.ego_from_camera[1, 3]))
    return tuple(tuple(part) for row in (ahead, back) for part in _even_parts(row))


def draw_view(view: View, frame_index: int) -> Picture:
    """The picture of one frame; all frames of a view have one even size. Raises ``ValueError`` for an unreadable image."""
    frame = view.scenario.frame(frame_index)
    rows = [_draw_row(view, frame, row) for row in view.rows]
    width_px = max((row.shape[1] for row in rows), default=0)
    block = np.concatenate([_widened(row, width_px) for row in rows]) if rows else None
    above_px = view.height_px * 2 if block is None else block.shape[0] - CAPTION_HEIGHT_PX
    path_m = view.scenario.world_from_ego.translation_m
    from_above = draw_birds_eye(frame, above_px, above_px, ego_path_m=path_m, signals=view.scenario.signals, ids=view.ids)
    beside = panels([from_above], [f"bird's eye, frame {frame_index}, {frame.time_s:.2f} s"])
    if block is None:
        return beside
    gap = np.full((block.shape[0], _GAP_PX, 3), _MARGIN_GREY, dtype=np.uint8)
    return np.concatenate([beside, gap, block], axis=1)


def shown_camera(view: View, camera: Camera) -> Camera:
    """The camera at the height and width of its picture."""
    return fit_camera(camera, view.height_px, max(1, round(view.height_px * camera.width_px / camera.height_px)))


def base_picture(view: View, frame: SceneFrame, camera: Camera) -> Picture:
    """What the overlay goes over, of the size of ``shown_camera``: the recorded image, undistorted, or else the conditions."""
    shown = shown_camera(view, camera)
    path = recorded_path(view.scenario, view.image_folder, camera.name, frame.frame_index)
    if path is None:
        return draw_conditions(build_conditions(frame, None, [shown]))
    return fit_image(undistort_image(read_image(path), camera), shown.height_px, shown.width_px)


def _draw_row(view: View, frame: SceneFrame, row: Sequence[Camera]) -> Picture:
    pictures = []
    for camera in row:
        shown = shown_camera(view, camera)
        overlaid = draw_overlay(base_picture(view, frame, camera), frame, shown, ids=view.ids)
        pictures.append(draw_signals(overlaid, frame, shown, view.scenario.signals))
    return panels(pictures, [_caption(view, camera, frame.frame_index) for camera in row], _GAP_PX)


def _caption(view: View, camera: Camera, frame_index: int) -> str:
    """Says it where a camera that has recorded images has none."""
    missing = any(view.scenario.images.get(camera.name, ())) and not view.scenario.images[camera.name][frame_index]
    return f"{camera.name}, no image" if missing else camera.name


def _yaw_deg(camera: Camera) -> float:
    """Direction of view, counter-clockwise from straight ahead, in (-180, 180]."""
    ahead, left = camera.ego_from_camera[:2, 2]
    return float(np.rad2deg(np.arctan2(left, ahead)))


def _even_parts(row: list[Camera]) -> list[list[Camera]]:
    count = -(-len(row) // MOST_IN_A_ROW)
    return [list(part) for part in np.array_split(np.array(row, dtype=object), count)] if count else []


def _widened(row: Picture, width_px: int) -> Picture:
    missing = width_px - row.shape[1]
    return np.pad(row, ((0, 0), (missing // 2, missing - missing // 2), (0, 0)), constant_values=_MARGIN_GREY)

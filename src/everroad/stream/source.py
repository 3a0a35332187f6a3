"""Where a run's inputs come from: conditions frame by frame, start image and reference pictures of a scenario's camera."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, UInt8
from numpy import ndarray
from torch import Tensor

from everroad.conditions.build import build_conditions
from everroad.conditions.rig import fit_camera, fit_image, front_camera, undistort_image
from everroad.conditions.types import Conditions
from everroad.media import read_image
from everroad.render.painter import Painter
from everroad.scenario.images import recorded_path
from everroad.scenario.resample import resample
from everroad.scenario.types import Camera, Scenario

Picture = UInt8[ndarray, "h w 3"]
# A start picture smaller than the frame by more than this shows the model nothing (ours).
MOST_ENLARGED = 8


@runtime_checkable
class PictureFormat(Protocol):
    """Size and rate of a model's pictures."""

    @property
    def height_px(self) -> int:
        """Rows."""
        ...

    @property
    def width_px(self) -> int:
        """Columns."""
        ...

    @property
    def frame_rate_hz(self) -> float:
        """Frames a second."""
        ...


@dataclass(frozen=True)
class Source:
    """One camera of a scenario, brought to a model's frame rate and size.

    ``camera`` is the fitted one, ``own_camera`` the scenario's. ``image_folder`` is what the scenario's image paths are
    relative to. ``resampled_from_hz`` is the scenario's own frame rate where it was another.
    """

    scenario: Scenario
    camera: Camera
    own_camera: Camera
    vertical_anchor: float
    image_folder: Path
    resampled_from_hz: float | None

    def conditions(self, frame_index: int) -> Conditions:
        """What the model is told at a frame."""
        previous = self.scenario.frame(frame_index - 1) if frame_index > 0 else None
        return build_conditions(self.scenario.frame(frame_index), previous, [self.camera])

    def recorded_path(self, frame_index: int) -> Path | None:
        """The recorded image of a frame; ``None`` where there is none."""
        return recorded_path(self.scenario, self.image_folder, self.camera.name, frame_index)

    def recorded(self, path: Path) -> Picture:
        """A recorded image at the model's size, undistorted. Raises ``ValueError`` for an unreadable one."""
        return self._fit(undistort_image(read_image(path), self.own_camera))

    def fitted(self, path: Path) -> Picture:
        """A picture file of the user's own at the model's size, taken as it is: nobody said that this camera's lens took it.

        Raises ``ValueError`` for an unreadable one, or one far smaller than the model's frame.
        """
        image, camera = read_image(path), self.camera
        if image.shape[0] * MOST_ENLARGED < camera.height_px or image.shape[1] * MOST_ENLARGED < camera.width_px:
            least = f"{-(-camera.width_px // MOST_ENLARGED)}x{-(-camera.height_px // MOST_ENLARGED)}"
            got = f"{image.shape[1]}x{image.shape[0]}"
            raise ValueError(f"{path}: expected a picture of at least {least} pixels, got {got}; take a larger one")
        return self._fit(image)

    def _fit(self, image: UInt8[ndarray, "_h _w 3"]) -> Picture:
        return fit_image(image, self.camera.height_px, self.camera.width_px, self.vertical_anchor)


def make_source(
    scenario: Scenario,
    config: PictureFormat,
    camera_name: str | None = None,
    image_folder: Path | None = None,
    vertical_anchor: float = 0.5,
) -> Source:
    """The source of a run; without a camera name, of the camera nearest to straight ahead.

    Raises ``ValueError`` for a camera that the scenario lacks.
    """
    own_rate_hz = scenario.frame_rate_hz
    resampled = resample(scenario, config.frame_rate_hz)
    own_camera = _camera(scenario, camera_name)
    camera = fit_camera(own_camera, config.height_px, config.width_px, vertical_anchor)
    changed = None if resampled is scenario else own_rate_hz
    folder = Path() if image_folder is None else image_folder
    return Source(resampled, camera, own_camera, vertical_anchor, folder, changed)


def start_image(source: Source, start: str, painted: Callable[[int], Picture]) -> tuple[str, Picture]:
    """Where frame 0's picture came from, and the picture. ``start``: "recorded", "painter", or the path of a picture file.

    Raises ``ValueError`` for a recorded image that is not there and a file that cannot be read.
    """
    if start == "painter":
        return "painter", painted(0)
    if start != "recorded":
        return start, source.fitted(Path(start))
    path = source.recorded_path(0)
    if path is None:
        name = source.camera.name
        raise ValueError(
            f"start image: expected a recorded image of {name}, got a scenario without; use the painter's or a file"
        )
    return f"recorded: {path.name}", source.recorded(path)


def painted_frames(source: Source) -> Callable[[int], Picture]:
    """The painter's pictures by frame index; its scenery is derived at the first call."""
    painters: list[Painter] = []

    def paint(frame_index: int) -> Picture:
        if not painters:
            painters.append(Painter(source.scenario))
        rgb = painters[0].paint(source.scenario.frame(frame_index), source.camera).rgb
        assert rgb is not None
        return rgb

    return paint


def to_images(picture: Picture, device: torch.device) -> Float[Tensor, "1 1 3 h w"]:
    """One picture as the model's encoder takes it: [0, 1], one stream, one view."""
    return torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))[None, None].to(device).float() / 255


def _camera(scenario: Scenario, name: str | None) -> Camera:
    if name is None:
        return front_camera(scenario.cameras)
    of_name = {camera.name: camera for camera in scenario.cameras}
    if name not in of_name:
        known = ", ".join(of_name) or "none (the scenario has no cameras)"
        raise ValueError(f"camera: expected one of {known}, got '{name}'; name one of them")
    return of_name[name]

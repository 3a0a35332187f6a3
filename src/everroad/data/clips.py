"""Clips: consecutive camera frames with their conditions, as training reads them; and those of authored towns, painted
(recorded ones: ``data.recorded_clips``).

Axis letters: ``f`` frames of one clip, ``c h w`` channels and pixels. One camera view (``v`` = 1 in the conditions).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import UInt8
from numpy import ndarray
from torch import Tensor

from everroad.conditions.types import Conditions, cat_conditions
from everroad.scenario.types import Camera, Scenario, SceneFrame

FRAME_RATE_HZ = 12.0


@dataclass(frozen=True)
class ClipSpec:
    """Which frames of which town a clip shows. ``camera_seed`` addresses the change of the rig; ``None`` leaves it as it is."""

    town_seed: int
    first_frame: int
    frames: int
    camera_seed: int | None
    town_seconds: float = 20.0

    def __post_init__(self) -> None:
        if self.first_frame < 0 or self.frames < 1:
            raise ValueError(f"clip: expected first_frame >= 0 and frames >= 1, got {self.first_frame} and {self.frames}")


@dataclass(frozen=True)
class Clip:
    """Pictures and, row by row, their conditions (b = f).

    Row 0's ego motion is present wherever the town or recording has a frame before the clip.
    """

    images: UInt8[Tensor, "f 3 h w"]
    conditions: Conditions

    def __post_init__(self) -> None:
        assert self.conditions.batch_size == len(self.images), "one row of conditions for each frame"


# One town's clips in the order of their specs, at (height_px, width_px). Worker processes import it by name.
RenderTown = Callable[[Sequence[Any], int, int], list[Clip]]


def render_clip(spec: ClipSpec, height_px: int, width_px: int) -> Clip:
    """One clip by itself: authors the town, paints its frames and draws their conditions."""
    return render_town([spec], height_px, width_px)[0]


def render_town(specs: Sequence[ClipSpec], height_px: int, width_px: int) -> list[Clip]:
    """Several clips of one town, which is authored once. Raises ``ValueError`` where the specs name more than one town."""
    from everroad.conditions.rig import fit_camera, front_camera, jitter_camera
    from everroad.render.painter import Painter
    from everroad.scenario.town import author_town

    towns = {(spec.town_seed, spec.town_seconds) for spec in specs}
    if len(towns) != 1:
        raise ValueError(f"expected clips of one town, got {len(towns)} towns; call render_town once for each")
    town_seed, town_seconds = towns.pop()
    scenario = author_town(town_seed, seconds=town_seconds, frame_rate_hz=FRAME_RATE_HZ)
    painter = Painter(scenario)

    clips = []
    for spec in specs:
        camera = front_camera(scenario.cameras)
        if spec.camera_seed is not None:
            camera = jitter_camera(camera, spec.camera_seed)
        camera = fit_camera(camera, height_px, width_px)

        def paint(frame: SceneFrame, camera: Camera = camera) -> UInt8[ndarray, "h w 3"]:
            rgb = painter.paint(frame, camera, frozenset({"rgb"})).rgb
            assert rgb is not None
            return rgb

        clips.append(make_clip(scenario, camera, spec.first_frame, spec.frames, paint))
    return clips


def make_clip(
    scenario: Scenario, camera: Camera, first_frame: int, frames: int, picture: Callable[[SceneFrame], UInt8[ndarray, "h w 3"]]
) -> Clip:
    """Frames of a scenario with their pictures and conditions; ``camera`` is the fitted one."""
    from everroad.conditions.build import build_conditions

    images, rows = [], []
    previous = scenario.frame(first_frame - 1) if first_frame else None
    for frame_index in range(first_frame, first_frame + frames):
        frame = scenario.frame(frame_index)
        images.append(torch.from_numpy(picture(frame)).permute(2, 0, 1))
        rows.append(build_conditions(frame, previous, [camera]))
        previous = frame
    return Clip(torch.stack(images).contiguous(), cat_conditions(rows))

"""Clips of recorded images with their conditions, and the blocks that are made of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray

from everroad.conditions.rig import fit_camera, fit_image, undistort_image
from everroad.data.addressing import addressed_generator
from everroad.data.blocks import BlockSource, draw_starts
from everroad.data.clips import FRAME_RATE_HZ, Clip, make_clip
from everroad.data.recordings import Stretch
from everroad.media import read_image
from everroad.scenario.resample import resample
from everroad.scenario.storage import load_scenario
from everroad.scenario.types import Camera, SceneFrame


@dataclass(frozen=True)
class RecordedSpec:
    """Which frames of which camera of which recording a clip shows, and where a taller picture is cropped."""

    path: str
    camera: str
    first_frame: int
    frames: int
    vertical_anchor: float = 0.5


@dataclass(frozen=True)
class RecordedConfig(BlockSource):
    """Blocks of recordings. A "town" of a block is one stretch, drawn in proportion to its length, so that every frame serves
    about as often; nothing of the camera varies, since that would take another picture."""

    stretches: tuple[Stretch, ...]
    vertical_anchor: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        least = min((stretch.frames for stretch in self.stretches), default=0)
        if least < self.frames + self.segments - 1:
            wanted = f"{self.segments} segments of {self.frames} frames at different starts"
            raise ValueError(f"stretches: expected room for {wanted} in each, got {least} frames; make the segments shorter")

    def specs(self, block_index: int, town_index: int) -> list[RecordedSpec]:
        """The clips of one stretch, in time order, and without overlap where it is long enough."""
        draw = addressed_generator(self.seed, "stretches", block_index, town_index)
        lengths = np.array([stretch.frames for stretch in self.stretches])
        stretch = self.stretches[draw.choice(len(lengths), p=lengths / lengths.sum())]
        return [
            RecordedSpec(stretch.path, stretch.camera, stretch.first_frame + start, self.frames, self.vertical_anchor)
            for start in draw_starts(draw, stretch.frames, self.segments, self.frames)
        ]


def read_recorded(specs: Sequence[RecordedSpec], height_px: int, width_px: int) -> list[Clip]:
    """Several clips of one camera of one recording (``clips.RenderTown``). Raises ``ValueError`` where the specs name more than
    one, a picture cannot be read, or a frame has none."""
    sources = {(spec.path, spec.camera, spec.vertical_anchor) for spec in specs}
    if len(sources) != 1:
        raise ValueError(f"expected clips of one camera of one recording, got {len(sources)}; call read_recorded once for each")
    path, name, anchor = sources.pop()
    scenario = resample(load_scenario(path), FRAME_RATE_HZ)
    own = next(camera for camera in scenario.cameras if camera.name == name)
    camera = fit_camera(own, height_px, width_px, anchor)
    pictures = [Path(path).parent / image for image in scenario.images[name]]

    def picture(frame: SceneFrame) -> UInt8[ndarray, "h w 3"]:
        return fitted_picture(pictures[frame.frame_index], own, height_px, width_px, anchor)

    return [make_clip(scenario, camera, spec.first_frame, spec.frames, picture) for spec in specs]


def fitted_picture(
    path: Path, camera: Camera, height_px: int, width_px: int, vertical_anchor: float
) -> UInt8[ndarray, "h w 3"]:
    """A picture that ``camera`` recorded, without its distortion, as the fitted camera sees it."""
    return fit_image(undistort_image(read_image(path), camera), height_px, width_px, vertical_anchor)

"""Sample strips: what the model makes of one evaluation town, or of a recording, beside the true pictures."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import torch
from jaxtyping import UInt8
from numpy import ndarray
from torch import Tensor

from everroad.conditions.build import build_conditions
from everroad.conditions.rig import fit_camera, front_camera
from everroad.conditions.types import Conditions
from everroad.data.recorded_clips import RecordedConfig, RecordedSpec, read_recorded
from everroad.model.world_model import WorldModel
from everroad.render.painter import Painter
from everroad.scenario.town import author_town
from everroad.stream.generate import next_frame
from everroad.stream.start import start

STRIP_SEED = 1_000_003
STRIP_FRAMES = (1, 4, 8, 16, 32)


@dataclass(frozen=True)
class Reference:
    """True pictures and their conditions, frames 0 .. f-1."""

    images: UInt8[Tensor, "f 3 h w"]
    conditions: tuple[Conditions, ...]


@lru_cache(maxsize=2)
def painted_town(town_seed: int, frames: int, height_px: int, width_px: int) -> Reference:
    """The first frames of a town by the painter, unjittered front camera."""
    scenario = author_town(town_seed, seconds=(frames + 1) / 12.0)
    painter = Painter(scenario)
    camera = fit_camera(front_camera(scenario.cameras), height_px, width_px)
    images, conditions, previous = [], [], None
    for index in range(frames):
        frame = scenario.frame(index)
        rgb = painter.paint(frame, camera, frozenset({"rgb"})).rgb
        assert rgb is not None
        images.append(torch.from_numpy(rgb).permute(2, 0, 1))
        conditions.append(build_conditions(frame, previous, [camera]))
        previous = frame
    return Reference(torch.stack(images), tuple(conditions))


def recorded_end(source: RecordedConfig, frames: int) -> Reference:
    """The last frames, up to ``frames``, of the longest stretch of recordings."""
    longest = max(source.stretches, key=lambda stretch: stretch.frames)
    frames = min(frames, longest.frames)
    first = longest.first_frame + longest.frames - frames
    spec = RecordedSpec(longest.path, longest.camera, first, frames, source.vertical_anchor)
    clip = read_recorded([spec], source.height_px, source.width_px)[0]
    return Reference(clip.images, tuple(clip.conditions.split()))


def rollout_strip(model: WorldModel, truth: Reference) -> UInt8[ndarray, "h w 3"]:
    """Two rows, truth above model, of those of the frames ``STRIP_FRAMES`` that there are, of a roll-out from frame 0."""
    shown = [index for index in STRIP_FRAMES if index < len(truth.images)]
    device = next(model.parameters()).device
    image = truth.images[:1, None].float() / 255
    state = start(model, image.to(device), truth.conditions[0], 0, ("CAM_FRONT",), model_hash="strip")
    pairs = []
    for index in range(1, shown[-1] + 1):
        frame, state = next_frame(model, state, truth.conditions[index])
        if index in shown:
            made = frame.decode_uint8(model)[0, 0].cpu()
            pairs.append(torch.cat([truth.images[index], made], 1).permute(1, 2, 0).numpy())
    strip = np.concatenate(pairs, 1)
    return cv2.resize(strip, None, fx=1.5, fy=1.5, interpolation=cv2.INTER_NEAREST).astype(np.uint8)

"""Renderers that need no town, for tests of what goes on around them. Worker processes import them by name."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

import torch

from everroad.conditions.types import BoxList, Conditions, Presence
from everroad.data.addressing import addressed_generator
from everroad.data.clips import Clip, ClipSpec


def fake_conditions(rows: int, height_px: int, width_px: int, seed: int) -> Conditions:
    draw = addressed_generator("fake conditions", seed)

    def picture(channels: int) -> torch.Tensor:
        return torch.from_numpy(draw.integers(0, 256, (rows, 1, channels, height_px, width_px), dtype="uint8"))

    def numbers(*shape: int) -> torch.Tensor:
        return torch.from_numpy(draw.standard_normal((rows, *shape), dtype="float32"))

    return Conditions(
        map_image=picture(7),
        box_image=picture(6),
        depth_image=picture(1),
        boxes=BoxList(
            corners_m=numbers(1, 4, 8, 3),
            velocity_mps=numbers(1, 4, 3),
            class_index=torch.from_numpy(draw.integers(0, 11, (rows, 1, 4))),
            mask=numbers(1, 4) > 0,
        ),
        intrinsics=numbers(1, 3, 3),
        ego_from_camera=numbers(1, 4, 4),
        previous_from_current=numbers(4, 4),
        seconds_since_previous=torch.full((rows,), 1 / 12),
        weather=torch.zeros(rows, dtype=torch.int64),
        time_of_day=torch.zeros(rows, dtype=torch.int64),
        present=Presence(*(torch.ones(rows, dtype=torch.bool) for _ in range(6))),
    )


def fake_town(specs: Sequence[ClipSpec], height_px: int, width_px: int) -> list[Clip]:
    """Pictures whose first channel holds the town's frame index, so that a test can tell frames apart."""
    clips = []
    for spec in specs:
        images = torch.zeros(spec.frames, 3, height_px, width_px, dtype=torch.uint8)
        images[:, 0] = (spec.first_frame + torch.arange(spec.frames, dtype=torch.uint8))[:, None, None]
        images[:, 1] = spec.town_seed % 256
        clips.append(Clip(images, fake_conditions(spec.frames, height_px, width_px, spec.town_seed + spec.first_frame)))
    return clips


def broken_town(specs: Sequence[ClipSpec], height_px: int, width_px: int) -> list[Clip]:
    raise ValueError(f"no paint left for town {specs[0].town_seed}")


def dying_town(specs: Sequence[ClipSpec], height_px: int, width_px: int) -> list[Clip]:
    os._exit(9)


def slow_town(specs: Sequence[ClipSpec], height_px: int, width_px: int) -> list[Clip]:
    time.sleep(60)
    return fake_town(specs, height_px, width_px)

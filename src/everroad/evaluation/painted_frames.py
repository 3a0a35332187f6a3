"""Painted pictures with their semantic ids: what the segmenter learns from. Rendered once, kept in a cache that may be deleted.

A set is wholly addressed by its config: the same config and painter give the same pictures, whatever the number of workers.
Axis letters: ``n`` pictures, ``h w`` pixels.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from everroad import __version__
from everroad.conditions.rig import fit_camera, front_camera, jitter_camera
from everroad.data.addressing import addressed_generator, addressed_seed, digest
from everroad.data.blocks import FIRST_EVALUATION_SEED
from everroad.data.clips import FRAME_RATE_HZ
from everroad.evaluation.painted_cache import cached_towns, training_towns
from everroad.render.painter import Painter
from everroad.scenario.town import author_town
from everroad.scenario.types import Camera

FORMAT_VERSION = 1


@dataclass(frozen=True)
class PaintedSet:
    """Which pictures: ``frames`` of each of ``towns`` training towns, spread over ``town_seconds``.

    ``close_ups`` is the share of pictures that show a part of the view at twice the scale: what frames of twice the size hold.
    """

    seed: int = 0
    towns: int = 120
    frames: int = 20
    height_px: int = 128
    width_px: int = 224
    town_seconds: float = 20.0
    close_ups: float = 0.25

    def __post_init__(self) -> None:
        if not 0 < self.town_seconds <= 3600:
            raise ValueError(f"town_seconds: expected more than 0 and at most 3600, got {self.town_seconds}")
        for name in ("height_px", "width_px"):
            if getattr(self, name) % 8 or not 8 <= getattr(self, name) <= 4096:
                raise ValueError(f"{name}: expected a multiple of 8 from 8 to 4096, got {getattr(self, name)}")
        last = int(self.town_seconds * FRAME_RATE_HZ)
        if not 1 <= self.towns <= FIRST_EVALUATION_SEED:
            raise ValueError(f"towns: expected 1 to {FIRST_EVALUATION_SEED}, got {self.towns}")
        if not 1 <= self.frames <= last:
            raise ValueError(f"frames: expected 1 to {last}, what towns of {self.town_seconds} s have, got {self.frames}")
        if not 0 <= self.close_ups <= 1:
            raise ValueError(f"close_ups: expected a share from 0 to 1, got {self.close_ups}")


@dataclass(frozen=True)
class PaintedFrames:
    """Pictures and the class of every pixel."""

    images: UInt8[Tensor, "n 3 h w"]
    semantic: UInt8[Tensor, "n h w"]


def town_seeds(config: PaintedSet) -> list[int]:
    """Different training towns."""
    return training_towns(config.towns, config.seed, "painted towns")


def render_painted(config: PaintedSet, town_index: int) -> PaintedFrames:
    """One town's pictures; each frame has a rig of its own."""
    seed = town_seeds(config)[town_index]
    assert seed < FIRST_EVALUATION_SEED
    scenario = author_town(seed, seconds=config.town_seconds, frame_rate_hz=FRAME_RATE_HZ)
    painter = Painter(scenario)
    draw = addressed_generator(config.seed, "painted frames", town_index)
    spread = np.linspace(0, len(scenario), config.frames, endpoint=False)
    frames = np.minimum(spread + draw.uniform(0, len(scenario) / config.frames, config.frames), len(scenario) - 1).astype(int)
    is_close, place = draw.random(config.frames) < config.close_ups, draw.random((config.frames, 2))
    images, semantic = [], []
    for i, frame_index in enumerate(frames.tolist()):
        camera = jitter_camera(front_camera(scenario.cameras), addressed_seed(config.seed, "painted rig", town_index, i))
        fitted = _close_up(camera, config, place[i]) if is_close[i] else fit_camera(camera, config.height_px, config.width_px)
        painting = painter.paint(scenario.frame(frame_index), fitted, frozenset({"rgb", "semantic"}))
        assert painting.rgb is not None
        assert painting.semantic is not None
        images.append(torch.from_numpy(painting.rgb).permute(2, 0, 1))
        semantic.append(torch.from_numpy(painting.semantic))
    return PaintedFrames(torch.stack(images).contiguous(), torch.stack(semantic))


def _close_up(camera: Camera, config: PaintedSet, place: np.ndarray) -> Camera:
    """A window of the view at twice the size; ``place`` (row, column) is 0 at the top and left, 1 at the bottom and right."""
    twice = fit_camera(camera, 2 * config.height_px, 2 * config.width_px)
    intrinsics = twice.intrinsics.copy()
    intrinsics[0, 2] -= round(float(place[1]) * config.width_px)
    intrinsics[1, 2] -= round(float(place[0]) * config.height_px)
    return replace(twice, intrinsics=intrinsics, height_px=config.height_px, width_px=config.width_px)


@cache
def painter_digest() -> str:
    """Changes with what the painter paints: of two pictures of a training town, so that a cache of other looks is not used."""
    probe = render_painted(PaintedSet(towns=1, frames=2, height_px=64, width_px=112), 0)
    return hashlib.sha256(probe.images.numpy().tobytes() + probe.semantic.numpy().tobytes()).hexdigest()[:16]


def painted_frames(
    config: PaintedSet, cache_dir: Path, workers: int = 1, progress: Callable[[int, int], None] | None = None
) -> PaintedFrames:
    """The whole set, read from ``cache_dir`` and rendered where it is missing there, by ``workers`` processes (0: this one).

    Files of other sets in the folder are deleted. ``progress`` hears (towns ready, towns in all).
    """
    tag = digest({"format_version": FORMAT_VERSION, "config": config, "painter": painter_digest(), "everroad": __version__})
    made = cached_towns("painted", tag, config, config.towns, _town, cache_dir, workers=workers, progress=progress)
    return PaintedFrames(made["images"], made["semantic"])


def _town(config: PaintedSet, town_index: int) -> dict[str, Tensor]:
    made = render_painted(config, town_index)
    return {"images": made.images, "semantic": made.semantic}

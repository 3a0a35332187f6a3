"""Blocks: the unit in which training pictures are made, used and thrown away.

A block is T towns with S segments (clips) of F frames each, wholly addressed by (seed, block index). Clip ``n`` belongs to town
``n // S`` and is its segment ``n % S``; segments of one town are in time order and share one camera, so that an anchor may come
from an earlier segment. Axis letters: ``n`` clips of the block, ``f`` frames, ``b`` gathered samples.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Int, UInt8
from numpy import ndarray
from numpy.random import Generator
from torch import Tensor

from everroad.conditions.types import Conditions, cat_conditions, map_tensors
from everroad.data.addressing import addressed_generator, addressed_seed
from everroad.data.clips import FRAME_RATE_HZ, Clip, ClipSpec

# Town seeds from here up are for evaluation and are never trained on.
FIRST_EVALUATION_SEED = 1_000_000


@dataclass(frozen=True)
class BlockShape:
    """How many towns, segments of each and frames of each segment a block has."""

    towns: int
    segments: int
    frames: int

    @property
    def clips(self) -> int:
        return self.towns * self.segments


@dataclass(frozen=True)
class BlockSource(ABC):
    """What the blocks of a run are made of, as far as prefetcher and workers know it: plain values that they send, digest and
    compare. What a block calls a town is whatever its clips are read from together."""

    seed: int
    towns: int
    segments: int
    frames: int
    height_px: int
    width_px: int

    def __post_init__(self) -> None:
        for name in ("towns", "segments", "height_px", "width_px"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: expected at least 1, got {getattr(self, name)}")
        if self.frames < 2:
            raise ValueError(f"frames: expected at least 2, a previous one and a target, got {self.frames}")

    @property
    def shape(self) -> BlockShape:
        return BlockShape(self.towns, self.segments, self.frames)

    @abstractmethod
    def specs(self, block_index: int, town_index: int) -> Sequence[Any]:
        """The clips of one town of a block, in time order, as the function that makes them takes them."""


@dataclass(frozen=True)
class BlockConfig(BlockSource):
    """Blocks of authored towns, painted; town seeds come from ``seed_start`` up to, not including, ``seed_end``."""

    town_seconds: float = 20.0
    seed_start: int = 0
    seed_end: int = FIRST_EVALUATION_SEED
    jitter: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.seed_start <= self.seed_end - self.towns:
            raise ValueError(
                f"town seeds: expected at least {self.towns} of them, one a town, got {self.seed_start} to {self.seed_end}; "
                "widen the range"
            )
        if self.seed_end > FIRST_EVALUATION_SEED:
            raise ValueError(
                f"seed_end: expected at most {FIRST_EVALUATION_SEED}, got {self.seed_end}; evaluation has the rest"
            )
        if self.town_frames < self.frames + self.segments - 1:
            raise ValueError(
                f"town_seconds: expected room for {self.segments} segments of {self.frames} frames at different starts, "
                f"got {self.town_seconds} s ({self.town_frames} frames); make the towns longer or the segments shorter"
            )

    @property
    def town_frames(self) -> int:
        """Frames of one town that may be used."""
        return int(self.town_seconds * FRAME_RATE_HZ)

    def specs(self, block_index: int, town_index: int) -> list[ClipSpec]:
        """The clips of one town of a block."""
        return block_specs(self, block_index)[town_index * self.segments :][: self.segments]


def block_specs(config: BlockConfig, block_index: int) -> list[ClipSpec]:
    """The clips of a block, segments of one town adjacent and in time order; towns of one block differ."""
    draw = addressed_generator(config.seed, "towns", block_index)
    town_seeds = config.seed_start + draw.choice(config.seed_end - config.seed_start, size=config.towns, replace=False)
    assert town_seeds.max() < FIRST_EVALUATION_SEED
    return [
        ClipSpec(
            town_seed=int(town_seed),
            first_frame=first_frame,
            frames=config.frames,
            camera_seed=addressed_seed(config.seed, "camera", block_index, town_index) if config.jitter else None,
            town_seconds=config.town_seconds,
        )
        for town_index, town_seed in enumerate(town_seeds)
        for first_frame in segment_starts(config, block_index, town_index)
    ]


def segment_starts(config: BlockConfig, block_index: int, town_index: int) -> list[int]:
    """First frames of a town's segments: increasing, and without overlap where the town is long enough."""
    draw = addressed_generator(config.seed, "segments", block_index, town_index)
    return draw_starts(draw, config.town_frames, config.segments, config.frames)


def draw_starts(draw: Generator, available: int, segments: int, frames: int) -> list[int]:
    """Where segments start in ``available`` frames (``segments + frames - 1`` at least): increasing, and without overlap
    where there is room."""
    slack = available - segments * frames
    if slack >= 0:
        gaps = sorted(draw.integers(0, slack + 1, size=segments).tolist())
        return [gap + i * frames for i, gap in enumerate(gaps)]
    return sorted(draw.choice(available - frames + 1, size=segments, replace=False).tolist())


@dataclass(frozen=True)
class Block:
    """The clips of one block in memory. Row ``clip * f + frame`` of ``conditions`` belongs to ``images[clip, frame]``."""

    index: int
    images: UInt8[Tensor, "n f 3 h w"]
    conditions: Conditions

    @property
    def frames(self) -> int:
        return self.images.shape[1]

    def images_at(self, clip: Int[ndarray, "b"], frame: Int[ndarray, "b"]) -> UInt8[Tensor, "b 3 h w"]:
        """The pictures at (clip, frame), 0 to 255."""
        return self.images.flatten(0, 1)[self._rows(clip, frame)]

    def conditions_at(self, clip: Int[ndarray, "b"], frame: Int[ndarray, "b"]) -> Conditions:
        """The conditions at (clip, frame)."""
        rows = self._rows(clip, frame)
        return map_tensors(self.conditions, lambda tensor: tensor[rows])

    def _rows(self, clip: Int[ndarray, "b"], frame: Int[ndarray, "b"]) -> Int[Tensor, "b"]:
        n, f = self.images.shape[:2]
        if ((clip < 0) | (clip >= n) | (frame < 0) | (frame >= f)).any():
            raise IndexError(f"expected clips 0 to {n - 1} and frames 0 to {f - 1}, got clips {clip} and frames {frame}")
        return torch.from_numpy(clip * f + frame)


def join_clips(index: int, clips: Sequence[Clip]) -> Block:
    """Clips of one length and size as a block."""
    return Block(index, torch.stack([clip.images for clip in clips]), cat_conditions([clip.conditions for clip in clips]))

"""Labelled clips twice over: as the painter shows them, and as a world model does that streams the same towns.

Each training town has one rig and one drive. The model begins with the painter's picture of frame 0 and streams to the last
clip's end, and the clips' frames are taken from its stream: what has drifted by then is in them, as it is in use. Boxes, depth
and poses are the painter's in both, so that only the pictures differ. No clip has frame 0, which is the painter's in both.
Axis letters: ``n`` clips, ``f`` key frames and the one more, ``h w`` pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from everroad import __version__
from everroad.conditions.rig import fit_camera, front_camera, jitter_camera
from everroad.data.addressing import addressed_generator, addressed_seed, digest
from everroad.data.blocks import FIRST_EVALUATION_SEED
from everroad.data.clips import FRAME_RATE_HZ
from everroad.evaluation.labelled_clips import LabelledClips, LabelledSet, painted_clip, town_seeds
from everroad.evaluation.painted_cache import cached_towns
from everroad.evaluation.painted_frames import painter_digest
from everroad.evaluation.reference import EvaluationTown, open_scenario
from everroad.evaluation.run.shown import as_batch, resized
from everroad.evaluation.sources.open import Format
from everroad.evaluation.sources.types import PictureSource
from everroad.scenario.town import author_town
from everroad.scenario.types import Camera

FORMAT_VERSION = 1
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class PairedSet:
    """Which clips, and the size and rate of the pictures that are shrunk to the clips' size: those of the model."""

    clips: LabelledSet
    form: Format

    def __post_init__(self) -> None:
        if self.form.frame_rate_hz != FRAME_RATE_HZ:
            raise ValueError(f"model: expected pictures at {FRAME_RATE_HZ:g} Hz, got {self.form.frame_rate_hz:g}; use another")


def painted_clips(wanted: PairedSet, cache_dir: Path, workers: int = 1, progress: Progress | None = None) -> LabelledClips:
    """As the painter shows them, read from ``cache_dir`` and rendered where missing, by ``workers`` processes (0: this one)."""
    tag = _tag(wanted)
    made = cached_towns("real", tag, wanted, wanted.clips.towns, _painted, cache_dir, workers=workers, progress=progress)
    return LabelledClips(**made)


def generated_clips(
    painted: LabelledClips,
    wanted: PairedSet,
    source: PictureSource,
    cache_dir: Path,
    streams: int = 4,
    progress: Progress | None = None,
) -> LabelledClips:
    """``painted`` with the pictures of ``source``, read from ``cache_dir``, streamed where missing, ``streams`` towns a batch.

    What the source is said to be (``described``) is what the files belong to. Sources keep files beside each other.
    """
    about = dict(source.described())
    for free in ("card", "device"):  # the weights have a hash, and devices differ by rounding
        about.pop(free, None)
    tag, kind = _tag(wanted, about), f"generated-{digest(about, 8)}"
    render = _Streamed(source, streams)
    made = cached_towns(kind, tag, wanted, wanted.clips.towns, render, cache_dir, workers=0, progress=progress)
    return replace(painted, images=made["images"])


def open_training_town(wanted: PairedSet, town_index: int) -> EvaluationTown:
    """A training town whose front camera is a little different from those of the others."""
    config = wanted.clips
    seed = town_seeds(config)[town_index]
    assert seed < FIRST_EVALUATION_SEED
    scenario = author_town(seed, seconds=config.town_seconds, frame_rate_hz=FRAME_RATE_HZ)
    camera = jitter_camera(front_camera(scenario.cameras), addressed_seed(config.seed, "downstream rig", town_index))
    return open_scenario(replace(scenario, cameras=(camera,)), len(scenario) - 1, wanted.form, seed, "")


def clip_frames(wanted: PairedSet, town: EvaluationTown, town_index: int) -> list[list[int]]:
    """The frames of each of a town's clips: its key frames and the one after the last."""
    config = wanted.clips
    draw = addressed_generator(config.seed, "downstream clips", town_index)
    room = (len(town.source.scenario) - 1 - config.clip_frames) / config.clips
    firsts = (1 + np.arange(config.clips) * room + draw.uniform(0, room, config.clips)).astype(int).tolist()
    keys = [[first + k * config.key_frame_step for k in range(config.key_frames)] for first in firsts]
    return [[*of, of[-1] + 1] for of in keys]


@dataclass
class _Streamed:
    """Renders a town by streaming the batch of towns that it belongs to. Mutable: holds the others until they are asked for."""

    source: PictureSource
    streams: int
    held: dict[int, Tensor] = field(default_factory=dict)

    def __call__(self, wanted: PairedSet, town_index: int) -> dict[str, Tensor]:
        if town_index not in self.held:
            first = town_index // self.streams * self.streams
            self.held = self._stream(wanted, list(range(first, min(first + self.streams, wanted.clips.towns))))
        return {"images": self.held.pop(town_index)}

    def _stream(self, wanted: PairedSet, indices: list[int]) -> dict[int, Tensor]:
        towns = [open_training_town(wanted, i) for i in indices]
        asked = [clip_frames(wanted, town, i) for town, i in zip(towns, indices, strict=True)]
        cameras = [_clip_camera(wanted, town) for town in towns]
        frames = [{j for clip in clips for j in clip} for clips in asked]
        last = max(max(of) for of in frames)
        kept: list[dict[int, np.ndarray]] = [{} for _ in indices]
        for frame_index, pictures in enumerate(self.source.pictures(towns)):
            for i, picture in enumerate(pictures):
                if frame_index in frames[i]:
                    kept[i][frame_index] = resized(picture, cameras[i])
            if frame_index == last:
                break
        return {
            index: torch.stack([as_batch([kept[i][j] for j in clip]) for clip in asked[i]]) for i, index in enumerate(indices)
        }


def _painted(wanted: PairedSet, town_index: int) -> dict[str, Tensor]:
    town = open_training_town(wanted, town_index)
    camera = _clip_camera(wanted, town)
    parts = []
    for clip in clip_frames(wanted, town, town_index):
        frames = [town.source.scenario.frame(j) for j in clip]
        part = painted_clip(wanted.clips, town.painter, frames, camera, town.seed, clip[0])
        parts.append(part | {"images": as_batch([resized(town.picture(j), camera) for j in clip])})
    return {of.name: torch.stack([part[of.name] for part in parts]) for of in fields(LabelledClips)}


def _clip_camera(wanted: PairedSet, town: EvaluationTown) -> Camera:
    return fit_camera(town.source.own_camera, wanted.clips.height_px, wanted.clips.width_px)


def _tag(wanted: PairedSet, about: Any = None) -> str:
    parts = {"format_version": FORMAT_VERSION, "set": wanted, "painter": painter_digest(), "everroad": __version__}
    return digest(parts | {"source": about})

"""The ablation test of one model: ``ablate``. All alterations and the unaltered video are streamed in lockstep over the same
towns, and of every picture only a few sums stay."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, UInt8
from numpy import ndarray
from torch import Tensor

from everroad.evaluation.ablation.altered import ALTERATIONS, Alteration
from everroad.evaluation.ablation.altered_model import AlteredModel, Told
from everroad.evaluation.ablation.asking import asked_instead, asked_of, is_altered
from everroad.evaluation.ablation.measures import FOLLOWED_ABOVE, IGNORED_BELOW, Result, result, row
from everroad.evaluation.ablation.seeing import Eye, Judge
from everroad.evaluation.ablation.yardsticks import LEVER_M, YARDSTICKS
from everroad.evaluation.candidates import Candidate
from everroad.evaluation.colour import delta_e, lab
from everroad.evaluation.measure import DRAWS, measures_to_json
from everroad.evaluation.reference import EvaluationTown, evaluation_seeds, open_town
from everroad.evaluation.segmenter import load_packaged_segmenter
from everroad.evaluation.sources.types import Picture, PictureSource
from everroad.stream.hardware import describe_hardware, usable_device, versions
from everroad.stream.state import make_with

FORMAT, FORMAT_VERSION = "everroad.ablation", 1
Progress = Callable[[int, int], None]


def ablate(
    candidate: Candidate,
    *,
    towns: int = 4,
    frames: int = 24,
    steps: int | None = None,
    device: str = "cpu",
    dtype: str = "float32",
    alterations: Sequence[Alteration] = ALTERATIONS,
    command: str | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Generates frames 1 to ``frames`` of the first ``towns`` evaluation towns, unaltered and under each alteration, and
    returns the report: the protocol and, by alteration, what ``measures.Result`` says.

    Args:
        candidate: the model, in evaluation mode.
        towns, frames: how many; two towns at least, since a shuffle needs another one.
        steps: denoise steps a frame; the model's own if not given.
        device, dtype: where and in what ("float32", "bfloat16") the world model computes.
        alterations: which; all of them if not given.
        command: the command line to repeat this, for the report.
        progress: hears (frames done, frames in all), a frame of one town under one alteration counting as one.

    Raises:
        ValueError: arguments that are refused.
    """
    check_counts(towns, frames)
    torch_device, config = usable_device(device), candidate.world_model.config
    made_with = make_with(candidate.world_model, steps=steps, dtype=dtype)
    judge, card = load_packaged_segmenter()
    judge = judge.to(torch_device)
    opened = [open_town(seed, frames, config) for seed in evaluation_seeds(towns)]
    told = Told(opened)

    def source(alteration: Alteration | None) -> PictureSource:
        return AlteredModel(candidate, alteration, steps, dtype, torch_device, told)

    def labels(pictures: UInt8[Tensor, "b 3 h w"]) -> UInt8[Tensor, "b h w"]:
        return judge.labels(pictures.to(torch_device)).cpu()

    found = ablate_source(source, opened, frames, labels, alterations=alterations, told=told, progress=progress)
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "protocol": {
            "name": "ablation",
            "town_seeds": [town.seed for town in opened],
            "noise_seeds": [town.seed for town in opened],
            "frames": frames,
            "frame_rate_hz": config.frame_rate_hz,
            "height_px": config.height_px,
            "width_px": config.width_px,
            "camera": opened[0].source.camera.name,
            "start": "painter",
            "dtype": dtype,
            "ignored_below": IGNORED_BELOW,
            "followed_above": FOLLOWED_ABOVE,
            "lever_m": LEVER_M,
            "bootstrap_draws": DRAWS,
            "segmenter_sha256": card.get("sha256"),
        },
        "model": {
            **AlteredModel(candidate).described(),
            "model_hash": made_with.model_hash,
            "steps": made_with.steps,
            "sigmas": list(made_with.sigmas),
        },
        "hardware": describe_hardware(torch_device),
        "versions": versions(),
        "command": command,
        "alterations": {of.alteration.name: measures_to_json(of.to_measures()) for of in found},
    }


def ablate_source(
    source: Callable[[Alteration | None], PictureSource],
    towns: Sequence[EvaluationTown],
    frames: int,
    judge: Judge,
    *,
    alterations: Sequence[Alteration] = ALTERATIONS,
    told: Told | None = None,
    progress: Progress | None = None,
) -> list[Result]:
    """The same of anything that makes pictures: ``source`` of no alteration and of each. ``judge`` names the painter's class of
    every pixel; ``told`` is what the sources share, if they do.

    Raises ``ValueError`` for fewer than two towns and for no frame.
    """
    check_counts(len(towns), frames)
    told = Told(towns) if told is None else told
    eye = Eye(towns, judge)
    plain = _Video(source(None).pictures(towns))
    videos = [_Altered(source(alteration).pictures(towns), alteration) for alteration in alterations]
    per_frame = len(towns) * (1 + len(videos))
    before = [town.reference(0) for town in towns]
    for frame_index in range(1, frames + 1):
        now = [town.reference(frame_index) for town in towns]
        asked = [asked_of(town, frame_index, *pair) for town, *pair in zip(towns, now, before, strict=True)]
        before, painted = now, [lab(reference.picture) for reference in now]
        towns_apart = [float(delta_e(colours, painted[n - 1]).mean()) for n, colours in enumerate(painted)]
        unaltered = eye.sees(*plain.advance(), asked, frame_index, ("layout", "motion"))
        colours = [lab(picture) for picture in plain.shown]
        for video in videos:
            yardstick = YARDSTICKS[video.alteration.part]
            seen = eye.sees(*video.advance(), asked, frame_index, () if yardstick is None else (yardstick.kind,))
            apart = [float(delta_e(lab(picture), of).mean()) for picture, of in zip(video.shown, colours, strict=True)]
            instead = asked_instead(video.alteration, towns, frame_index, asked) or [None] * len(towns)
            pairs = zip(apart, towns_apart, strict=True)
            rows = np.stack(list(map(partial(row, video.alteration), pairs, seen, unaltered, asked, instead)))
            video.add(is_altered(video.alteration, told.at(frame_index), asked), rows)
        if progress is not None:
            progress(frame_index * per_frame, frames * per_frame)
    return [result(video.alteration, np.sum(video.rows, axis=0)) for video in videos]


@dataclass
class _Video:
    """A running batch of towns and the pictures that it showed last. Mutable: the loop moves it on."""

    stream: Iterator[list[Picture]]
    shown: list[Picture] = field(init=False)

    def __post_init__(self) -> None:
        self.shown = next(self.stream)

    def advance(self) -> tuple[list[Picture], list[Picture]]:
        """The next pictures and those before them."""
        before, self.shown = self.shown, next(self.stream)
        return self.shown, before


@dataclass
class _Altered(_Video):
    """With what is kept of the video: whether each town was altered yet, and the rows of its frames since, zeros before."""

    alteration: Alteration
    altered: Bool[ndarray, "n"] | bool = False
    rows: list[Float[ndarray, "n q"]] = field(default_factory=list)

    def add(self, altered: Bool[ndarray, "n"], rows: Float[ndarray, "n q"]) -> None:
        """One frame."""
        self.altered = self.altered | altered
        self.rows.append(np.where(self.altered, 1.0, 0.0)[:, None] * rows)


def check_counts(towns: int, frames: int) -> None:
    """Raises ``ValueError`` for fewer than two towns and for no frame."""
    if towns < 2 or frames < 1:
        raise ValueError(f"ablation: expected 2 towns and 1 frame at least, got {towns} and {frames}; ask for more")

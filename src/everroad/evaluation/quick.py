"""``evaluate_quick``: how well do models follow a layout, remember and move? A few evaluation towns, one report.

All towns are one batch, and all models make a frame before any makes the next: a frame is painted and its conditions are drawn
once, and of every picture only a few numbers stay.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8
from numpy import ndarray
from torch import Tensor

from everroad.conditions.types import cat_conditions
from everroad.evaluation import quick_report
from everroad.evaluation.candidates import Candidate, refuse_unlike
from everroad.evaluation.first_frame_baselines import FRAMES as BASELINE_FRAMES
from everroad.evaluation.first_frame_baselines import ground_warp, mean_squared_error
from everroad.evaluation.quick_measures import Trace, measure_model, measure_painter
from everroad.evaluation.records import Record, make_record
from everroad.evaluation.reference import EvaluationTown, Reference, evaluation_seeds, open_town
from everroad.evaluation.segmenter import Segmenter, load_packaged_segmenter
from everroad.model.memory import Memory
from everroad.stream.generate import next_frame
from everroad.stream.hardware import Stopwatch, usable_device
from everroad.stream.start import start
from everroad.stream.state import COMPUTE_DTYPES, StreamState, refuse_steps, shortened

Picture = UInt8[ndarray, "h w 3"]
MOST_TOWNS, MOST_FRAMES = 1000, 1_000_000


@dataclass
class _Stream:
    """A candidate's running batch of towns. Mutable: the loop moves it on."""

    candidate: Candidate
    state: StreamState
    empty: Memory
    trace: Trace


def evaluate_quick(
    candidates: Sequence[Candidate],
    out_dir: Path,
    *,
    towns: int = 8,
    frames: int = 240,
    steps: int | None = None,
    device: str = "cpu",
    dtype: str = "float32",
    threads: int | None = None,
    overwrite: bool = False,
    command: str | None = None,
    segmenter: tuple[Segmenter, Mapping[str, Any]] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Generates frames 1 to ``frames`` of the first ``towns`` evaluation towns with every candidate, measures them, writes
    ``sheet.png`` and, last, ``report.json`` into ``out_dir``, and returns the report.

    Args:
        candidates: what to measure, all of one frame size and rate, in evaluation mode.
        out_dir: new folder, or one of an earlier evaluation with ``overwrite``.
        towns: how many towns, of seeds 1,000,000 and on.
        frames: how many frames of each; measures whose frames are not reached are invalid.
        steps: denoise steps a frame; each model's own if not given.
        device, dtype: where and in what ("float32", "bfloat16") the world models compute.
        threads: torch's threads; left as they are if not given.
        overwrite: replace an earlier evaluation.
        command: the command line to repeat this, for the report.
        segmenter: another judge than the packaged one, with its card.
        progress: hears (frames done, frames in all), a frame of one candidate and town counting as one.

    Raises:
        ValueError: arguments that are refused, before any folder is made.
    """
    _check(candidates, towns, frames, steps, dtype)
    quick_report.check_folder(out_dir, overwrite)
    torch_device = usable_device(device)
    with _threads(threads):
        judge, judge_card = load_packaged_segmenter() if segmenter is None else segmenter
        config = candidates[0].world_model.config
        opened = [open_town(seed, frames, config) for seed in evaluation_seeds(towns)]
        run = _Run(opened, judge.to(torch_device), torch_device, Stopwatch(torch_device))
        streams = run.start(candidates, steps, dtype)
        shown: dict[int, list[list[Picture]]] = {}
        for frame_index in range(1, frames + 1):
            pictures = run.advance(streams, frame_index)
            if frame_index in quick_report.sheet_frames(frames):
                shown[frame_index] = pictures
            if progress is not None:
                progress(frame_index * towns * len(candidates), frames * towns * len(candidates))
        report = {
            **quick_report.protocol(candidates[0], opened, frames, dtype, judge_card, torch_device, command),
            "painter": measure_painter(run.trace),
            "models": [
                quick_report.describe(stream.candidate, stream.state.made_with) | measure_model(stream.trace, run.trace, opened)
                for stream in streams
            ],
            "seconds": run.watch.total_s(),
        }
    quick_report.write(out_dir, report, quick_report.sheet(shown, [c.name for c in candidates], opened))
    return report


@dataclass(frozen=True)
class _Run:
    """The towns, the judge, and what the painter's own pictures measure."""

    towns: list[EvaluationTown]
    judge: Segmenter
    device: torch.device
    watch: Stopwatch
    trace: Trace = field(default_factory=Trace)
    first: list[Picture] = field(default_factory=list)

    def start(self, candidates: Sequence[Candidate], steps: int | None, dtype: str) -> list[_Stream]:
        """Every candidate's streams at frame 0, the painter's picture."""
        references = self._paint(0)
        self.first.extend(reference.picture for reference in references)
        image = _to_tensor(self.first).to(self.device)[:, None].float() / 255
        conditions = cat_conditions([town.conditions(0) for town in self.towns])
        names = [self.towns[0].source.camera.name]
        streams = []
        for candidate in candidates:
            model = candidate.world_model.to(self.device)
            state = start(model, image, conditions, [town.seed for town in self.towns], names, steps=steps, dtype=dtype)
            streams.append(_Stream(candidate, state, state.memory, Trace()))
            streams[-1].trace.records.append(self.trace.records[0])
        return streams

    def advance(self, streams: list[_Stream], frame_index: int) -> list[list[Picture]]:
        """One frame of every town by every candidate. Returns rows of pictures by town: the painter's, then the candidates'."""
        references = self._paint(frame_index)
        with self.watch.stage("conditions"):
            conditions = cat_conditions([town.conditions(frame_index) for town in self.towns])
        rows = [[reference.picture] for reference in references]
        self._measure_baselines(frame_index, references)
        for stream in streams:
            model = stream.candidate.world_model
            if stream.candidate.zero_memory:
                stream.state = replace(stream.state, memory=stream.empty)
            with self.watch.stage("generate"):
                frame, stream.state = next_frame(model, stream.state, conditions)
                made = frame.decode_uint8(model)[:, 0].cpu()
            pictures = list(made.permute(0, 2, 3, 1).contiguous().numpy())
            stream.trace.records.append(self._record(pictures, references))
            if BASELINE_FRAMES.first <= frame_index <= BASELINE_FRAMES.last:
                errors = [mean_squared_error(p, r.picture) for p, r in zip(pictures, references, strict=True)]
                stream.trace.errors[frame_index] = np.array(errors)
            for row, picture in zip(rows, pictures, strict=True):
                row.append(picture)
        return rows

    def _paint(self, frame_index: int) -> list[Reference]:
        with self.watch.stage("paint"):
            references = [town.reference(frame_index) for town in self.towns]
        self.trace.ids.append([reference.masks.ids for reference in references])
        self.trace.records.append(self._record([reference.picture for reference in references], references))
        return references

    def _record(self, pictures: Sequence[Picture], references: Sequence[Reference]) -> list[Record]:
        with self.watch.stage("measure"):
            labels = self.judge.labels(_to_tensor(pictures).to(self.device)).cpu().numpy()
            return [make_record(*of_town) for of_town in zip(pictures, labels, references, strict=True)]

    def _measure_baselines(self, frame_index: int, references: Sequence[Reference]) -> None:
        """The errors of repeating and of warping the first frame."""
        if not BASELINE_FRAMES.first <= frame_index <= BASELINE_FRAMES.last:
            return
        with self.watch.stage("measure"):
            errors = []
            for town, first, reference in zip(self.towns, self.first, references, strict=True):
                warped = ground_warp(first, town.source.camera, town.first_from_current(frame_index))
                errors.append([mean_squared_error(picture, reference.picture) for picture in (first, warped)])
            self.trace.errors[frame_index] = np.array(errors)


def _to_tensor(pictures: Sequence[Picture]) -> UInt8[Tensor, "b 3 h w"]:
    return torch.from_numpy(np.ascontiguousarray(np.stack(pictures).transpose(0, 3, 1, 2)))


def _check(candidates: Sequence[Candidate], towns: int, frames: int, steps: int | None, dtype: str) -> None:
    if not candidates:
        raise ValueError("evaluate: expected at least one model, got none")
    if towns < 1 or frames < 1:
        raise ValueError(f"evaluate: expected at least 1 town and 1 frame, got {towns} and {frames}")
    for name, count, most in (("towns", towns, MOST_TOWNS), ("frames", frames, MOST_FRAMES)):
        if count > most:
            raise ValueError(f"evaluate: expected at most {most} {name}, got {shortened(count)}; ask for fewer")
    refuse_steps(steps)
    if dtype not in COMPUTE_DTYPES:
        raise ValueError(f"dtype: expected {' or '.join(COMPUTE_DTYPES)}, got '{dtype}'")
    refuse_unlike(candidates)


@contextmanager
def _threads(threads: int | None) -> Iterator[None]:
    before = torch.get_num_threads()
    if threads is not None:
        torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)

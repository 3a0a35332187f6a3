"""``everroad evaluate halves``: one video's two halves against each other, which is the floor of what needs no layout.

No distance to real video can be expected below that between two halves of the same real video. Each half is cut into stretches
of as many frames, which are what towns are elsewhere: intervals come from drawing them again. Kernel and Fréchet distances are
of the second half from the first, over features of pictures and of clips inside a stretch; their intervals draw the second
half's stretches. The camera is assumed (``scenario.video_camera``), so a speed is as good as that.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray
from rich.table import Table
from rich.text import Text

from everroad.conditions.rig import fit_camera, fit_image
from everroad.evaluation.colour import delta_e, lab
from everroad.evaluation.consistency.correspondence import estimated
from everroad.evaluation.consistency.ego_motion import EgoMotion, ego_motion
from everroad.evaluation.consistency.stacking import stack_records
from everroad.evaluation.consistency.warp_error import NAMES, WarpRecord, first_record, warp_measures, warp_record
from everroad.evaluation.features.files import load_packaged_features
from everroad.evaluation.features.network import FeatureNetwork, as_input
from everroad.evaluation.measure import DRAWS, Measure, Window, measures_to_json, pooled
from everroad.evaluation.networks.i3d import LEAST_FRAMES, I3dFeatures, load_i3d
from everroad.evaluation.networks.inception import InceptionFeatures, load_inception
from everroad.evaluation.picture_statistics import Statistics, picture_statistics
from everroad.evaluation.protocols import get_protocol
from everroad.evaluation.report.tree import numbers
from everroad.evaluation.run.distances import frechet_between, kernel_between
from everroad.evaluation.run.shown import as_batch
from everroad.evaluation.sources.types import Picture
from everroad.evaluation.trunk import Seen
from everroad.scenario.files import write_atomically
from everroad.scenario.types import Camera
from everroad.scenario.video_camera import VideoCamera, fit_pictures
from everroad.scenario.video_decode import VideoBreakError, read_timed_frames
from everroad.stream.hardware import describe_hardware, versions
from everroad.training.ship import git_commit

FORMAT, FORMAT_VERSION = "everroad.evaluation.halves", 1
HEIGHT_PX, WIDTH_PX = 128, 224
CLIP_FRAMES, CLIP_STRIDE = LEAST_FRAMES, 4
EGO_EVERY = 4  # ego motion is dear
LEAST_STRETCHES = 2
HALVES = ("first half", "second half")


@dataclass(frozen=True)
class Cut:
    """How a video is cut: frames of a half, stretches of a half, frames of a stretch. What is left over counts for nothing."""

    half: int
    stretches: int
    length: int
    seconds: float

    def place(self, frame_index: int) -> tuple[int, int, int] | None:
        """Half, stretch, and frame of the stretch."""
        half, within = divmod(frame_index, self.half)
        stretch, at = divmod(within, self.length)
        return (half, stretch, at) if half < 2 and stretch < self.stretches else None


@dataclass(frozen=True)
class Networks:
    """Town features, and public networks where they are asked for."""

    features: FeatureNetwork
    device: torch.device
    public: tuple[InceptionFeatures, I3dFeatures] | None = None


@dataclass
class Stretch:
    """What is kept of a stretch. Grows with every frame."""

    pooled: list[ndarray] = field(default_factory=list)
    embeddings: list[ndarray] = field(default_factory=list)
    motions: list[ndarray] = field(default_factory=list)
    inception: list[ndarray] = field(default_factory=list)
    i3d: list[ndarray] = field(default_factory=list)
    statistics: list[Statistics] = field(default_factory=list)
    warps: list[WarpRecord] = field(default_factory=list)
    egos: list[EgoMotion] = field(default_factory=list)

    def clips(self) -> Float[ndarray, "k d"]:
        """Features of its clips: mean and deviation over time of its pictures' and its motions'."""
        found = []
        for first in range(0, len(self.pooled) - CLIP_FRAMES + 1, CLIP_STRIDE):
            last = first + CLIP_FRAMES
            parts = np.stack(self.embeddings[first:last]), np.stack(self.motions[first : last - 1])
            found.append(np.concatenate([value for part in parts for value in (part.mean(0), part.std(0))]))
        return np.stack(found)


@dataclass
class _Watcher:
    """Takes the frames of one stretch after the other; remembers the picture before and those of a clip."""

    networks: Networks
    camera: Camera
    seconds: float
    recent: list[Picture] = field(default_factory=list)
    seen: Seen | None = None

    def take(self, picture: Picture, stretch: Stretch) -> None:
        at = len(stretch.pooled)
        if at == 0:
            self.recent, self.seen = [], None
        before = self.recent[-1] if self.recent else None
        self.recent = [*self.recent[-CLIP_FRAMES + 1 :], picture]
        self._features(picture, stretch)
        stretch.statistics.append(picture_statistics(picture, lab(picture)))
        if before is None:
            stretch.warps.append(first_record(picture))
        else:
            stretch.warps.append(warp_record(picture, before, estimated(picture, before)))
            if at % EGO_EVERY == 0:
                stretch.egos.append(ego_motion(picture, before, None, self.camera, self.seconds))
        if self.networks.public is not None:
            inception, i3d = self.networks.public
            stretch.inception.append(inception.features(as_batch([picture])).numpy()[0])
            first = at - CLIP_FRAMES + 1
            if first >= 0 and first % CLIP_STRIDE == 0:
                stretch.i3d.append(i3d.features(as_batch(self.recent)[None]).numpy()[0])

    def _features(self, picture: Picture, stretch: Stretch) -> None:
        with torch.no_grad():
            seen = self.networks.features.see(as_input(as_batch([picture]).to(self.networks.device)))
            pooled_features, embedding = self.networks.features.picture_features(seen)
            if self.seen is not None:
                stretch.motions.append(self.networks.features.motion_features(self.seen, seen)[0].cpu().numpy())
        stretch.pooled.append(pooled_features[0].cpu().numpy())
        stretch.embeddings.append(embedding[0].cpu().numpy())
        self.seen = seen


def evaluate_halves(
    video: Path, stretches: int = 8, *, public: bool = False, device: str = "cpu", command: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """The report in JSON's types. Raises ``ValueError`` for what is no video, is too short, or smaller than ``WIDTH_PX`` x
    ``HEIGHT_PX``, and for public weights that are not there."""
    cut, camera = _plan(video, stretches)
    on = torch.device(device)
    features, card = load_packaged_features()
    protocol = get_protocol("stage-long")
    nets = None
    if public:
        nets = load_inception(protocol.picture_preparation, device=device), load_i3d(protocol.clip_preparation, device=device)
    halves = [[Stretch() for _ in range(stretches)] for _ in HALVES]
    watcher = _Watcher(Networks(features.to(on), on, nets), camera, cut.seconds)
    for i, picture in enumerate(_pictures(video)):
        place = cut.place(i)
        if place is not None:
            watcher.take(fit_image(picture, HEIGHT_PX, WIDTH_PX), halves[place[0]][place[1]])
        if progress is not None:
            progress(i + 1, max(2 * cut.half, i + 1))
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "video": video.name,
        "protocol": {
            "frames": 2 * cut.half, "frame_rate_hz": round(1 / cut.seconds, 4), "stretches_a_half": stretches,
            "frames_a_stretch": cut.length, "height_px": HEIGHT_PX, "width_px": WIDTH_PX, "clip_frames": CLIP_FRAMES,
            "clip_stride": CLIP_STRIDE, "ego_motion_every": EGO_EVERY, "bootstrap_draws": DRAWS,
        },
        "measures": measures_to_json(measures(halves, cut)),
        "judges": {"town-features": card},
        "public_networks": None if nets is None else [of.described() for of in nets],
        "hardware": describe_hardware(on),
        "versions": versions(),
        "git_commit": git_commit(),
        "command": command,
    }  # fmt: skip


def measures(halves: list[list[Stretch]], cut: Cut) -> dict[str, dict[str, Measure]]:
    """Between the halves, and of each half."""
    first, second = halves
    found = {"between the halves": {**_distances(first, second), **_looks(first, second)}}
    window = Window(1, cut.length - 1)
    warps = [stack_records([[s.warps[i] for s in of] for i in range(cut.length)]) for of in halves]
    over = warp_measures(warps[1], warps[0], window)
    found["between the halves"] |= {f"{name}, second over first": over[f"share {name}"] for name in NAMES}
    for title, own, records in zip(HALVES, halves, warps, strict=True):
        of_time = warp_measures(records, records, window)
        found[title] = {f"{name}, estimated flow": of_time[name] for name in NAMES} | _ego(own)
    return found


def _distances(first: list[Stretch], second: list[Stretch]) -> dict[str, Measure]:
    sides = {"town-KID town-FID": lambda s: np.stack(s.pooled), "town-KVD town-FVD": Stretch.clips}
    if first[0].inception:
        sides |= {"KID FID": lambda s: np.stack(s.inception), "KVD FVD": lambda s: np.stack(s.i3d)}
    found = {}
    for names, features in sides.items():
        ours, theirs = [features(of) for of in second], [features(of) for of in first]
        found |= dict(zip(names.split(), (kernel_between(ours, theirs), frechet_between(ours, theirs)), strict=True))
    return found


def _looks(first: list[Stretch], second: list[Stretch]) -> dict[str, Measure]:
    """Colour, contrast and gradient energy as the evaluation has them, but of whole halves: their frames do not belong
    together one by one."""
    columns = []
    for half in (first, second):
        of_stretches = [[np.append(s.mean_lab, [s.variance, s.gradient_energy]) for s in of.statistics] for of in half]
        columns.append(np.array(of_stretches).sum(1))
    count = np.full((len(first), 1), len(first[0].statistics))
    sums = np.concatenate([*columns, count], 1)
    return {
        "colour error": pooled(sums, lambda rows: delta_e(rows[:, 5:8] / rows[:, 10:], rows[:, :3] / rows[:, 10:])),
        "contrast": pooled(sums, lambda rows: np.sqrt(rows[:, 8] / rows[:, 3])),
        "gradient energy": pooled(sums, lambda rows: rows[:, 9] / rows[:, 4]),
    }


def _ego(half: list[Stretch]) -> dict[str, Measure]:
    sums = np.array([[len(s.egos), *np.sum([(e.sure, e.sure * e.speed_mps) for e in s.egos], 0)] for s in half])
    return {
        "ego motion, sure frames": pooled(sums, lambda rows: rows[:, 1] / rows[:, 0]),
        "ego motion, speed of sure frames, m/s": pooled(sums, lambda rows: rows[:, 2] / rows[:, 1]),
    }


def _plan(video: Path, stretches: int) -> tuple[Cut, Camera]:
    """Reads the video once, so that nothing is made of one that breaks off."""
    if stretches < LEAST_STRETCHES:
        raise ValueError(f"--stretches: expected {LEAST_STRETCHES} at least, got {stretches}; intervals come from them")
    frames, last_s, size = 0, 0.0, (0, 0)
    try:
        for frame in read_timed_frames(video):
            size = size if frames else frame.rgb().shape[1::-1]
            frames, last_s = frames + 1, frame.time_s
    except VideoBreakError as error:
        raise ValueError(f"{video}: expected a whole video, got '{error}' after {frames} frames; encode it again") from None
    least = 2 * stretches * CLIP_FRAMES
    if frames < least:
        raise ValueError(
            f"{video}: expected {least} frames at least for 2 x {stretches} stretches, got {frames}; "
            "take a longer video, or fewer --stretches"
        )
    if size[0] < WIDTH_PX or size[1] < HEIGHT_PX:
        raise ValueError(
            f"{video}: expected pictures of {WIDTH_PX}x{HEIGHT_PX} at least, got {size[0]}x{size[1]}; take a larger one"
        )
    camera = fit_camera(fit_pictures(VideoCamera(), *size).camera, HEIGHT_PX, WIDTH_PX)
    return Cut(frames // 2, stretches, frames // 2 // stretches, last_s / (frames - 1)), camera


def _pictures(video: Path) -> Iterator[Picture]:
    return (frame.rgb() for frame in read_timed_frames(video))


def write_halves(path: Path, report: dict[str, Any]) -> None:
    """Beside and renamed."""
    write_atomically(path, (json.dumps(report, indent=2, allow_nan=False) + "\n").encode())


def halves_table(report: dict[str, Any]) -> Table:
    """For a terminal."""
    protocol = report["protocol"]
    cut = f"2 x {protocol['stretches_a_half']} stretches of {protocol['frames_a_stretch']} frames"
    table = Table(title=Text(f"{report['video']}: {cut} at {protocol['frame_rate_hz']:g} Hz"))
    table.caption = Text("[low, high]: 95 % of the draws of stretches; -: no value")
    for title in ("", "measure"):
        table.add_column(title)
    table.add_column("value", justify="right")
    for part, found in report["measures"].items():
        for i, (name, measure) in enumerate(found.items()):
            value = " ".join(numbers(measure)).strip() if measure["valid"] else "-"
            table.add_row(part if i == 0 else "", Text(name), Text(value), end_section=i == len(found) - 1)
    return table

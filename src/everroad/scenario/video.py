"""A plain video as a scenario: pictures and their camera; neither map nor actors, and ego motion only where a table tells it.

Frames at the wanted rate are decoded one at a time and written as JPEG beside the scenario file. docs/own_data.md has the
formats and what is assumed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import groupby, islice
from math import ceil, floor
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8
from numpy import ndarray

from everroad.scenario.resample import SAME_TIME_S, check_frames, check_rate
from everroad.scenario.types import LONGEST_S, Poses, Scenario
from everroad.scenario.video_camera import ASSUMED_FOV_DEG, CAMERA_NAME, PictureFit, VideoCamera, fit_pictures
from everroad.scenario.video_decode import VideoBreakError, read_timed_frames, read_typical_rate_hz, read_video_header
from everroad.scenario.video_folder import SOURCE, check_picture_folder, picture_folder, pictures_beside, publish
from everroad.scenario.video_picks import RATE_TOLERANCE, pick_frames
from everroad.scenario.video_poses import read_poses_csv

VIDEO_ENDINGS = (".mp4", ".mov", ".mkv", ".avi", ".webm")
DEFAULT_RATE_HZ = 12.0
# Visually lossless, and a fifth of a PNG (ours).
JPEG_QUALITY = 95
# Of the scenario's frames with a picture (ours): a clip with fewer has a wrong time stamp rather than a gap.
LEAST_SHARE = 0.01

Progress = Callable[[int, int], None]  # frames done, frames in all


@dataclass(frozen=True)
class VideoOptions:
    """How a video becomes a scenario. ``seconds``: at most so much of its beginning. ``poses``: a CSV table of ego poses."""

    camera: VideoCamera = field(default_factory=VideoCamera)
    seconds: float | None = None
    poses: Path | None = None

    def __post_init__(self) -> None:
        if self.seconds is not None and not 0 < self.seconds <= LONGEST_S:
            wanted = f"more than 0 and at most {LONGEST_S:g} s"
            raise ValueError(f"--seconds: expected {wanted}, got {self.seconds:g}; name others, or leave it out for all")


def is_video(path: Path) -> bool:
    """Whether the name is that of a video that can be converted."""
    return path.suffix.lower() in VIDEO_ENDINGS


def convert_video(
    path: Path,
    out: Path,
    options: VideoOptions,
    *,
    frame_rate_hz: float | None = None,
    progress: Progress | None = None,
) -> Scenario:
    """Writes a video's frames to ``<out without .json>_images/`` and a scenario of them to ``out``, and returns the scenario.

    Frame k is the clip's nearest frame to k / rate seconds after its first; where the clip has none within half of 1 / rate the
    path is "". Without ``frame_rate_hz`` the rate is ``DEFAULT_RATE_HZ``.

    Both outputs appear together at the end; a failure or an interrupt leaves neither. Pictures of an earlier conversion to the
    same ``out`` are replaced. Raises ``ValueError`` for what is no video, a video that breaks off before its end (or
    ``seconds``), a rate above the clip's own, options that do not fit the clip, a clip that has a picture for less than
    ``LEAST_SHARE`` of the frames, and a picture folder that holds something else.
    """
    rate_hz = DEFAULT_RATE_HZ if frame_rate_hz is None else frame_rate_hz
    expected = _expected_frames(path, rate_hz, options.seconds)
    check_picture_folder(out)
    table = None if options.poses is None else read_poses_csv(options.poses)
    with pictures_beside(out) as beside:
        names, fit = _write_pictures(path, beside, rate_hz, options, _of(progress, expected))
        time_s = np.arange(len(names)) / rate_hz
        folder = picture_folder(out).name
        scenario = Scenario(
            name=path.stem,
            time_s=time_s,
            world_from_ego=_standing(len(names)) if table is None else table.at(time_s),
            cameras=(fit.camera,),
            images={CAMERA_NAME: tuple(f"{folder}/{name}" if name else "" for name in names)},
            source=f"{SOURCE}{path.name}; {_said_of(options)}",
            ego_motion_known=table is not None,
            actors_known=False,
        )
        publish(beside, scenario, out)
    return scenario


def _expected_frames(path: Path, rate_hz: float, seconds: float | None) -> int:
    """How many frames to expect of ``seconds`` or of the whole clip; 0 where nothing says so."""
    check_rate(rate_hz)
    header = read_video_header(path)
    own_hz = header.frame_rate_hz
    if own_hz is not None and rate_hz > own_hz * (1 + RATE_TOLERANCE):
        own_hz = read_typical_rate_hz(path) or own_hz  # the header's is a mean: gaps make it less
    if own_hz is not None and rate_hz > own_hz * (1 + RATE_TOLERANCE):
        wanted = f"at most the clip's own {own_hz:.6g} Hz (frames are not made up)"
        raise ValueError(f"{path}: expected a frame rate of {wanted}, got {rate_hz:g} Hz; pass --frame-rate {own_hz:.4g}")
    known = [s for s in (seconds, header.last_frame_s) if s is not None]
    if not known:
        return 0
    frames = _frames_until(min(known), rate_hz)
    check_frames(float(frames), min(known), rate_hz)
    return frames


def _frames_until(seconds: float, rate_hz: float) -> int:
    return int((seconds + SAME_TIME_S) * rate_hz) + 1


def _write_pictures(
    path: Path, folder: Path, rate_hz: float, options: VideoOptions, done: Callable[[int], None]
) -> tuple[list[str], PictureFit]:
    """Writes the pictures; their names, "" where the clip has none, and how they were fitted."""
    names: list[str] = []
    fit = None
    timed = ((frame.time_s, frame) for frame in read_timed_frames(path))
    # Counted and not timed: asking for one more instant would decode past what is wanted, and a clip may be broken there.
    last = None if options.seconds is None else _frames_until(options.seconds, rate_hz)
    try:
        for index, frame in islice(pick_frames(timed, rate_hz), last):
            name = ""
            if frame is not None:
                image = frame.rgb()
                fit = fit_pictures(options.camera, image.shape[1], image.shape[0]) if fit is None else fit
                name = f"{index:06d}.jpg"
                _write_jpeg(folder / name, fit.picture(image))
            names.append(name)
            check_frames(float(len(names)), index / rate_hz, rate_hz)
            if name:  # not for each of the hours that a wrong stamp spans
                done(len(names))
    except VideoBreakError as error:
        raise ValueError(_said_of_break(path, error)) from None
    if fit is None:
        raise ValueError(f"{path}: expected at least one frame, got none; check the file")
    _check_share(path, names, rate_hz)
    return names, fit


def _check_share(path: Path, names: list[str], rate_hz: float) -> None:
    there = sum(map(bool, names))
    if there >= LEAST_SHARE * len(names):
        return
    runs = [list(run) for _, run in groupby(range(len(names)), lambda i: bool(names[i]))]
    longest = max((run for run in runs if not names[run[0]]), key=len)
    before_s = max(ceil(100 * (longest[0] - 1) / rate_hz), 1) / 100
    wanted = f"a picture for {LEAST_SHARE:.0%} of the frames at least"
    got = f"{there} for {len(names)} (none from {longest[0] / rate_hz:.6g} to {longest[-1] / rate_hz:.6g} s)"
    raise ValueError(f"{path}: expected {wanted}, got {got}; pass --seconds {before_s:g} for what is before")


def _of(progress: Progress | None, expected: int) -> Callable[[int], None]:
    def done(frames: int) -> None:
        if progress is not None:
            progress(frames, max(frames, expected))

    return done


def _write_jpeg(path: Path, image: UInt8[ndarray, "h w 3"]) -> None:
    _, data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    try:
        path.write_bytes(data.tobytes())
    except OSError as error:
        error.filename = str(path)  # writing, unlike opening, does not say of what
        raise


def _said_of_break(path: Path, error: VideoBreakError) -> str:
    if error.until_s is None:
        return f"{path}: expected a readable video, got '{error}' before its first frame; check the file"
    whole_s = floor(error.until_s * 100) / 100
    if whole_s == 0:
        return f"{path}: expected a whole video, got '{error}' right after its beginning; copy the file again"
    return (
        f"{path}: expected a whole video, got '{error}' after {whole_s:g} s; pass --seconds {whole_s:g} for what is whole, or "
        "copy the file again"
    )


def _standing(frames: int) -> Poses:
    return Poses(np.zeros((frames, 3)), np.tile([1.0, 0.0, 0.0, 0.0], (frames, 1)))


def _said_of(options: VideoOptions) -> str:
    known = options.camera
    given = known.intrinsics or known.focal_px or known.fov_deg
    lens = f"assumed, {ASSUMED_FOV_DEG:g} degrees wide" if given is None else "given"
    return f"lens {lens}; camera level at {known.height_m:g} m; poses {'unknown' if options.poses is None else 'given'}"

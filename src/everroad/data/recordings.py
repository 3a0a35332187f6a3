"""Recordings: scenario files whose recorded images are there, and which of their frames training may use.

Frames count at ``clips.FRAME_RATE_HZ``, to which a recording is resampled as it is for generation. A frame is used where its
camera has a picture of its own: a missing one leaves a gap, and a repeated one (the source had fewer pictures a second) shows
no motion where the poses say there is some. Both end a stretch, and a clip lies within one stretch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from everroad.conditions.rig import front_camera
from everroad.data.clips import FRAME_RATE_HZ
from everroad.media import read_image, refuse_broken_image
from everroad.scenario.images import picture_size
from everroad.scenario.resample import SAME_TIME_S, resample
from everroad.scenario.storage import load_scenario
from everroad.scenario.types import Camera

Cameras = Literal["front", "all"]
FILES = (".json", ".json.gz")


@dataclass(frozen=True)
class Stretch:
    """Consecutive frames of one camera of one recording, each with a picture of its own. ``digest`` is of the scenario file and
    of the pictures' paths, sizes and times of change."""

    path: str
    camera: str
    first_frame: int
    frames: int
    digest: str


@dataclass(frozen=True)
class _Recording:
    """What is read of a recording to find its stretches; ``images`` are those of the cameras that have any."""

    time_s: tuple[float, ...]
    cameras: tuple[Camera, ...]
    images: dict[str, tuple[str, ...]]
    digest: str


def recording_files(path: Path) -> list[Path]:
    """The scenario files of a folder, by name; or the one file that ``path`` names. Raises ``ValueError`` for none."""
    if path.is_file():
        return [path]
    found = sorted(file for file in path.iterdir() if file.name.endswith(FILES)) if path.is_dir() else []
    if not found:
        got = "a folder without any" if path.is_dir() else "nothing there"
        raise ValueError(
            f"{path}: expected a folder of scenario files (.json, .json.gz), got {got}; convert recordings into it"
        )
    return found


def find_stretches(
    path: Path, least_frames: int, until_s: float | None = None, cameras: Cameras = "front", *, from_s: float = 0.0
) -> tuple[Stretch, ...]:
    """The stretches of at least ``least_frames`` frames in a folder of recordings (or one file).

    ``until_s`` leaves out each recording's frames from that time on, ``from_s`` those before it; "front" takes the camera
    nearest to straight ahead of those with pictures. Every picture is looked for, and must have its end; a stretch's first one
    is read.

    Raises ``ValueError`` for files that are no scenarios, have no images, or whose pictures are missing, broken or not of their
    camera's size, and where no stretch is long enough.
    """
    found, longest = [], 0
    for file in recording_files(path):
        status = file.stat()
        recording = _recording(file, status.st_mtime_ns, status.st_size)
        if not recording.images:
            raise ValueError(f"{file}: expected a scenario with recorded images, got one without; take it out of the folder")
        end_s = float("inf") if until_s is None else until_s
        skipped, usable = (sum(time_s < limit_s - SAME_TIME_S for time_s in recording.time_s) for limit_s in (from_s, end_s))
        for camera in [front_camera(recording.cameras)] if cameras == "front" else recording.cameras:
            names = recording.images[camera.name]
            for start, frames in unbroken(names[skipped:usable]):
                first = skipped + start
                longest = max(longest, frames)
                if frames >= least_frames:
                    pictures = [file.parent / name for name in names[first : first + frames]]
                    digest = _digest_of(file, recording.digest, pictures, first)
                    _check_sizes(pictures, camera)
                    found.append(Stretch(str(file), camera.name, first, frames, digest))
    if not found:
        wanted = f"{least_frames} frames on end at {FRAME_RATE_HZ:g} Hz, each with a picture of its own"
        mend = "record more pictures a second, or ask for less (plan.frames, plan.segments)"
        raise ValueError(f"{path}: expected {wanted}, got at most {longest}; {mend}")
    return tuple(found)


def stretch_pictures(stretch: Stretch) -> list[Path]:
    """The pictures of a stretch's frames."""
    file = Path(stretch.path)
    status = file.stat()
    names = _recording(file, status.st_mtime_ns, status.st_size).images[stretch.camera]
    return [file.parent / name for name in names[stretch.first_frame : stretch.first_frame + stretch.frames]]


def stretch_camera(stretch: Stretch) -> Camera:
    """The camera that took a stretch's pictures, as recorded."""
    file = Path(stretch.path)
    status = file.stat()
    cameras = _recording(file, status.st_mtime_ns, status.st_size).cameras
    return next(camera for camera in cameras if camera.name == stretch.camera)


def unbroken(images: Sequence[str]) -> list[tuple[int, int]]:
    """(first frame, frames) of each stretch: "" is no picture, and the same one again begins a new stretch."""
    found, first = [], 0
    for i in range(len(images) + 1):
        ends = i == len(images) or not images[i] or (i > first and images[i] == images[i - 1])
        if ends:
            if i > first:
                found.append((first, i - first))
            first = i if i < len(images) and images[i] else i + 1
    return found


@lru_cache(maxsize=4096)
def _recording(file: Path, mtime_ns: int, size: int) -> _Recording:
    """Read once for each state of the file: a plan is checked before anything is made, and then used."""
    scenario = resample(load_scenario(file), FRAME_RATE_HZ)
    images = {camera: names for camera, names in scenario.images.items() if any(names)}
    cameras = tuple(camera for camera in scenario.cameras if camera.name in images)
    return _Recording(tuple(scenario.time_s.tolist()), cameras, images, hashlib.sha256(file.read_bytes()).hexdigest())


def _digest_of(file: Path, of_file: str, pictures: Sequence[Path], first: int) -> str:
    digest = hashlib.sha256(of_file.encode())
    for frame, picture in enumerate(pictures, first):
        if not picture.is_file():
            raise ValueError(
                f"{picture}: expected the picture of frame {frame} of {file}, got no file; add it, or leave it out"
            )
        refuse_broken_image(picture)
        status = picture.stat()
        digest.update(f"{picture} {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _check_sizes(pictures: Sequence[Path], camera: Camera) -> None:
    read_image(pictures[0])
    for picture in pictures:
        width, height = picture_size(picture)
        if (width, height) != (camera.width_px, camera.height_px):
            raise ValueError(
                f"{picture}: expected {camera.width_px}x{camera.height_px} like camera {camera.name}, got {width}x{height}; "
                "mend the camera's size and intrinsics"
            )

"""Where scenarios come from: one function that recognises the source, and one that converts it to a scenario file."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from everroad.scenario.argoverse2 import is_argoverse2, read_argoverse2
from everroad.scenario.nuscenes.choice import EVERYTHING, SceneChoice
from everroad.scenario.nuscenes.dataset import is_nuscenes
from everroad.scenario.nuscenes.reader import read_nuscenes
from everroad.scenario.resample import check_rate, resample
from everroad.scenario.rigs import with_rig
from everroad.scenario.storage import load_scenario, save_scenario
from everroad.scenario.types import Scenario
from everroad.scenario.video import Progress, VideoOptions, convert_video, is_video

RECOGNISED = "a scenario file (.json or .json.gz), the folder of an Argoverse 2 log or a data set in nuScenes' format"
DEFAULT_LOG_RATE_HZ = 12.0
_OPTION_OF = {
    "scene": "--scene", "version": "--data-version", "cameras": "--camera", "sweeps": "--key-frames", "exact": "--exact",
}  # fmt: skip


def read_scenario(
    path: str | Path,
    *,
    rig: str | None = None,
    without_map: bool = False,
    frame_rate_hz: float | None = None,
    choice: SceneChoice = EVERYTHING,
    progress: Progress | None = None,
) -> Scenario:
    """A scenario from whatever ``path`` holds. Paths of recorded images are relative to the folder that holds ``path``.

    Args:
        path: a scenario file, the folder of an Argoverse 2 log, or a data set in nuScenes' format.
        rig: a named rig (``rigs.RIGS``) instead of the source's cameras.
        without_map: leave map and ground height out; the way to read a log that has none.
        frame_rate_hz: wanted frame rate, 0.001 to 10,000. ``None``: a file and a nuScenes scene keep their own, a log comes at
            ``DEFAULT_LOG_RATE_HZ``.
        choice: which scene of a nuScenes data set, and how; for other sources there is nothing to choose.
        progress: gets megabytes read and to read while a data set is indexed, which happens once.

    Raises ``ValueError`` for a source that is not recognised, or that its reader refuses.
    """
    path = Path(path)
    if frame_rate_hz is not None:
        check_rate(frame_rate_hz)
    if is_video(path) and not path.is_dir():
        wanted = "a scenario, which keeps a video's frames as pictures"
        raise ValueError(f"{path}: expected {wanted}, got the video itself; run 'everroad scenario convert' on it first")
    if is_nuscenes(path):
        return read_nuscenes(
            path,
            choice.scene,
            version=choice.version,
            cameras=choice.cameras,
            sweeps=choice.sweeps,
            rig=rig,
            without_map=without_map,
            frame_rate_hz=frame_rate_hz,
            exact=choice.exact,
            progress=progress,
        )
    refuse_choice(path, choice)
    if path.is_dir() and is_argoverse2(path):
        rate_hz = DEFAULT_LOG_RATE_HZ if frame_rate_hz is None else frame_rate_hz
        return read_argoverse2(path, rig=rig, without_map=without_map, frame_rate_hz=rate_hz)
    if path.is_dir() or not path.name.endswith((".json", ".json.gz")):
        got = "a folder with neither poses nor annotations" if path.is_dir() else f"'{path.name}'"
        raise ValueError(f"{path}: expected {RECOGNISED}, got {got}; name another")
    scenario = load_scenario(path)
    if without_map:
        scenario = replace(scenario, map=None, ground=None)
    if rig is not None:
        scenario = with_rig(scenario, rig)
    return scenario if frame_rate_hz is None else resample(scenario, frame_rate_hz)


def refuse_choice(path: Path, choice: SceneChoice) -> None:
    """Raises ``ValueError`` for a choice, which is of a nuScenes data set's scenes, where the source is something else."""
    if choice.chosen:
        got = f"a choice of {', '.join(_OPTION_OF[name] for name in choice.chosen)}"
        raise ValueError(f"{path}: expected a data set in nuScenes' format to choose from, got {got}; leave it out")


def convert_scenario(
    path: str | Path,
    out: str | Path,
    *,
    rig: str | None = None,
    without_map: bool = False,
    frame_rate_hz: float | None = None,
    choice: SceneChoice = EVERYTHING,
    video: VideoOptions | None = None,
    progress: Progress | None = None,
) -> Scenario:
    """Reads like ``read_scenario``, writes a scenario file to ``out`` and returns what it wrote.

    Paths of recorded images are kept pointing at the same pictures. A plain video is converted by ``video.convert_video``, with
    ``video`` options and ``progress``, which are for nothing else. Raises ``ValueError`` for refused input or an ``out`` that
    cannot be written or is no ``.json`` or ``.json.gz``; then nothing is made.
    """
    path, out = Path(path), Path(out)
    if not out.name.endswith((".json", ".json.gz")):
        raise ValueError(f"{out}: expected a file name that ends in .json or .json.gz, got '{out.name}'; name it so")
    if is_video(path) and not path.is_dir():
        if rig is not None:
            raise ValueError(f"--rig: expected none for a video, whose own camera took the pictures, got '{rig}'; drop it")
        if without_map:
            raise ValueError(f"{path}: expected no --without-map for a video, which has no map, got it; drop it")
        refuse_choice(path, choice)
        return convert_video(path, out, video or VideoOptions(), frame_rate_hz=frame_rate_hz, progress=progress)
    if video not in (None, VideoOptions()):
        options = "--size, --crop, --seconds, --poses, --focal, --fov, --intrinsics or --camera-height"
        raise ValueError(f"{path}: expected a video, to which alone {options} apply, got something else; drop them")
    options = {"rig": rig, "without_map": without_map, "frame_rate_hz": frame_rate_hz}
    scenario = images_seen_from(read_scenario(path, **options, choice=choice, progress=progress), path, out)
    save_scenario(scenario, out)
    return scenario


def images_seen_from(scenario: Scenario, path: Path, out: Path) -> Scenario:
    """A scenario read from ``path`` whose recorded images' paths point at the same pictures from ``out``."""
    moved = Path(os.path.relpath(path.parent, out.parent))
    images = {camera: tuple(str(moved / p) if p else "" for p in paths) for camera, paths in scenario.images.items()}
    return replace(scenario, images=images)

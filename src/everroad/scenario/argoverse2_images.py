"""Recorded pictures of an Argoverse 2 log: ``sensors/cameras/<camera>/<timestamp_ns>.jpg``, matched to frames by their stamps.

Cameras run at rates of their own (ring cameras 20 Hz, the stereo pair 5 Hz) and not in step with the annotated sweeps. A frame
gets a camera's nearest picture, if that is no further away than half of the time between two of the camera's pictures and half
of the time between two frames: no picture then stands for two frames, and a slow camera has frames without one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from jaxtyping import Int
from numpy import ndarray

CAMERAS_FOLDER = Path("sensors") / "cameras"
# Of a camera with a single picture, which has no period: that of the ring cameras.
NOMINAL_PERIOD_NS = 50_000_000
_PICTURE = re.compile(r"([0-9]{1,18})\.jpg")


def find_images(
    log_dir: Path, camera_names: Iterable[str], stamps_ns: Int[ndarray, "f"], frame_rate_hz: float
) -> dict[str, tuple[str, ...]]:
    """One path a frame for every camera that has pictures, "" where none is near, relative to the folder that holds the log.

    ``stamps_ns`` are the frames' absolute times, ``frame_rate_hz`` their mean rate (0 for a single frame). Pictures are found
    by name and not opened.
    """
    prefix = Path(os.path.relpath(log_dir, log_dir.parent)) / CAMERAS_FOLDER
    images = {}
    for name in camera_names:
        taken_ns = _stamps_in(log_dir / CAMERAS_FOLDER / name)
        if len(taken_ns):
            picked = nearest_pictures(taken_ns, stamps_ns, frame_rate_hz)
            images[name] = tuple("" if i < 0 else str(prefix / name / f"{taken_ns[i]}.jpg") for i in picked)
    return images


def nearest_pictures(taken_ns: Int[ndarray, "n"], wanted_ns: Int[ndarray, "f"], frame_rate_hz: float) -> Int[ndarray, "f"]:
    """Index of the nearest of increasing stamps for every instant; -1 where it is too far away."""
    after = np.clip(np.searchsorted(taken_ns, wanted_ns), 1, max(len(taken_ns) - 1, 1))
    after = np.minimum(after, len(taken_ns) - 1)
    before = np.maximum(after - 1, 0)
    nearest = np.where(wanted_ns - taken_ns[before] <= taken_ns[after] - wanted_ns, before, after)
    period_ns = float(np.median(np.diff(taken_ns))) if len(taken_ns) > 1 else NOMINAL_PERIOD_NS
    frame_ns = 1e9 / frame_rate_hz if frame_rate_hz > 0 else period_ns
    away_ns = np.abs(taken_ns[nearest] - wanted_ns)
    return np.where(away_ns <= min(period_ns, frame_ns) / 2, nearest, -1)


def _stamps_in(folder: Path) -> Int[ndarray, "n"]:
    """Stamps of the pictures in a camera's folder, increasing; none where there is no folder. Other files are not read."""
    if not folder.is_dir():
        return np.zeros(0, dtype=np.int64)
    found = (_PICTURE.fullmatch(entry.name) for entry in os.scandir(folder))
    return np.array(sorted(int(match[1]) for match in found if match), dtype=np.int64)

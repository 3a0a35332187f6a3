"""The cameras of a scene: what they are, when they recorded, and which of them is the clock."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int
from numpy import ndarray

from everroad import geometry
from everroad.scenario.nuscenes.dataset import DataSet
from everroad.scenario.rigs import RIGS
from everroad.scenario.types import Camera, Poses

CLOCK = "CAM_FRONT"
# How far from a frame a camera's picture may be taken, in periods of that camera: every instant has one within half a period,
# and the rest is jitter (ours).
NEAR_PERIODS = 0.6
_ORDER = tuple(camera.name for camera in RIGS["nuscenes-6"])


@dataclass(frozen=True, eq=False)
class Track:
    """What one camera recorded in a scene, in the order of time.

    ``sample`` says which of the scene's samples a record is the key frame of, -1 for a sweep. ``global_from_ego`` are the ego
    poses of the records, ``image`` where their file names stand in the index.
    """

    camera: Camera
    stamp_us: Int[ndarray, "n"]
    sample: Int[ndarray, "n"]
    global_from_ego: Poses
    image: Int[ndarray, "n"]


def camera_tracks(data_set: DataSet, scene: int, names: Sequence[str] | None) -> tuple[Track, ...]:
    """The cameras of a scene: those of ``names`` in that order, or all, nuScenes' six first, then by name.

    Raises ``ValueError`` for an unknown camera, one without usable intrinsics, and one whose calibration or picture size
    changes within the scene.
    """
    index, rows = data_set.index, data_set.rows("image", scene)
    sensors, row_of = np.unique(np.asarray(index["image.camera"][rows]), return_inverse=True)
    channels = [data_set.texts("camera.channel", sensor, sensor + 1)[0] for sensor in sensors.tolist()]
    known = sorted(set(channels), key=lambda name: (_ORDER.index(name) if name in _ORDER else len(_ORDER), name))
    where = f"{data_set.root / data_set.version}: scene '{data_set.scene_names[scene]}'"
    if not known:
        raise ValueError(f"{where}: expected records of a camera, got none; name another scene")
    for name in names or ():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean '{near[0]}'?" if near else "name one of them"
            raise ValueError(f"{where}: expected a camera out of {', '.join(known)}, got '{name}'; {hint}")
    of_row = np.array(channels)[row_of]
    try:
        return tuple(_track(data_set, name, np.flatnonzero(of_row == name) + rows.start) for name in names or known)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None


def clock_of(tracks: Sequence[Track]) -> Track:
    """The camera whose records are the frames: ``CAM_FRONT``, else the one that looks nearest straight ahead."""
    named = [track for track in tracks if track.camera.name == CLOCK]
    return named[0] if named else max(tracks, key=lambda track: track.camera.ego_from_camera[0, 2])


def nearest_images(track: Track, stamp_us: Int[ndarray, "f"]) -> Int[ndarray, "f"]:
    """The record nearest in time to each instant, -1 where it is further than ``NEAR_PERIODS`` of the camera's own period."""
    after = np.clip(np.searchsorted(track.stamp_us, stamp_us), 0, len(track.stamp_us) - 1)
    before = np.maximum(after - 1, 0)
    earlier = stamp_us - track.stamp_us[before] <= track.stamp_us[after] - stamp_us
    nearest = np.where(earlier, before, after)
    periods_us = np.diff(track.stamp_us if len(track.stamp_us) > 1 else stamp_us)
    reach_us = NEAR_PERIODS * float(np.median(periods_us)) if len(periods_us) else 0.0
    return np.where(np.abs(track.stamp_us[nearest] - stamp_us) <= reach_us, nearest, -1)


def key_images(track: Track, sample: Int[ndarray, "f"]) -> Int[ndarray, "f"]:
    """The record that is the key frame of each sample, -1 where the camera has none."""
    record_of = np.full(max([*track.sample.tolist(), *sample.tolist()]) + 1, -1)
    keys = np.flatnonzero(track.sample >= 0)
    record_of[track.sample[keys]] = keys
    return record_of[sample]


def _track(data_set: DataSet, name: str, rows: Int[ndarray, "n"]) -> Track:
    index = data_set.index
    span = slice(int(rows[0]), int(rows[-1]) + 1)  # the rows of one camera of a scene stand side by side
    sensors = np.unique(index["image.camera"][span])
    mounts = [
        np.concatenate([index[f"camera.{field}"][sensor].ravel() for field in ("translation_m", "rotation_wxyz", "intrinsics")])
        for sensor in sensors.tolist()
    ]
    sizes_px = np.unique(np.asarray(index["image.size_px"][span]), axis=0)
    if not all(np.array_equal(mounts[0], mount, equal_nan=True) for mount in mounts) or len(sizes_px) > 1:
        what = "picture size" if len(sizes_px) > 1 else "calibration"
        raise ValueError(f"camera {name}: expected one {what} in the scene, got several; leave it out with --camera")
    intrinsics = np.array(index["camera.intrinsics"][sensors[0]])
    if np.isnan(intrinsics).any():
        raise ValueError(f"camera {name}: expected a 3x3 camera_intrinsic, got none; mend it or leave it out with --camera")
    rotation = geometry.rotation_from_quaternion(np.array(index["camera.rotation_wxyz"][sensors[0]]))
    ego_from_camera = geometry.transform(rotation, np.array(index["camera.translation_m"][sensors[0]]))
    width_px, height_px = sizes_px[0].tolist()
    stamp_us = np.array(index["image.stamp_us"][span])
    if (np.diff(stamp_us) <= 0).any():
        at = int(np.argmax(np.diff(stamp_us) <= 0))
        got = f"{data_set.texts('image.filename', span.start + at + 1, span.start + at + 2)[0]} at {stamp_us[at]} again"
        raise ValueError(f"camera {name}: expected increasing timestamps, got {got}; drop one record of sample_data")
    return Track(
        camera=Camera(name, width_px, height_px, intrinsics, ego_from_camera),
        stamp_us=stamp_us,
        sample=np.array(index["image.sample"][span]),
        global_from_ego=Poses(np.array(index["image.translation_m"][span]), np.array(index["image.rotation_wxyz"][span])),
        image=np.arange(span.start, span.stop),
    )

"""A scene of a data set in nuScenes' format as a scenario (docs/nuscenes.md has the rules in full).

- *World frame*: the data set's global frame, shifted by whole metres in x and y so that the ego car starts near the origin.
  ``Scenario.source`` says: global = world + shift. Heights stay; the ego frame is nuScenes' own.
- *Frames* are the records of one camera, the clock: all of them (sweeps, about 12 Hz), or its key frames (2 Hz). Ego pose and
  time are those of the record; the other cameras have poses of their own, some milliseconds off, which a scenario does not
  hold.
- *Images* are paths, one a camera and frame: in key frames that of the same sample, else the one nearest in time.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from everroad.scenario.nuscenes.boxes import instants, scene_actors
from everroad.scenario.nuscenes.cameras import Track, camera_tracks, clock_of, key_images, nearest_images
from everroad.scenario.nuscenes.choice import check_exact
from everroad.scenario.nuscenes.dataset import DataSet, mended, open_data_set, scene_row
from everroad.scenario.nuscenes.description import time_of_day_of, weather_of
from everroad.scenario.nuscenes.maps import expansion_path, patch_around, read_map
from everroad.scenario.nuscenes.tables import Progress
from everroad.scenario.resample import resample
from everroad.scenario.rigs import with_rig
from everroad.scenario.storage import load_scenario
from everroad.scenario.types import Poses, Scenario, VectorMap

_SHIFT = re.compile(r"global = world \+ \((-?\d+), (-?\d+), 0\) m")


def read_nuscenes(
    path: str | Path,
    scene: str | None = None,
    *,
    version: str | None = None,
    cameras: Sequence[str] | None = None,
    sweeps: bool = True,
    rig: str | None = None,
    without_map: bool = False,
    frame_rate_hz: float | None = None,
    exact: bool = False,
    progress: Progress | None = None,
) -> Scenario:
    """One scene as a scenario. Image paths are relative to the folder that holds ``path``.

    Args:
        path: the root of the data set, or one of its version folders.
        scene: its name; may be left out where there is one.
        version: name of the version folder; may be left out where there is one.
        cameras: names of the cameras to take; all that the scene has if not given.
        sweeps: a frame for every record of the clock camera; otherwise its key frames alone, which goes with the tables only.
        rig: a name of ``RIGS`` to use instead of the cameras; recorded images go.
        without_map: read no map.
        frame_rate_hz: resample to this rate; ``None`` keeps the camera's own times.
        exact: read the whole scenario that Everroad's exporter wrote beside the tables (``exact_path``) instead of the tables.
        progress: gets megabytes read and to read while the index of the data set is made, which happens once.

    Raises ``ValueError`` in one line for tables, a scene, a camera or a map that cannot be read, naming them.
    """
    check_exact(sweeps, exact)
    data_set = open_data_set(path, version=version, progress=progress)
    row = scene_row(data_set, scene)
    data_set = mended(data_set, row, progress)
    image_base = os.path.relpath(data_set.root, Path(path).parent)
    if exact:
        made = _read_exact(data_set, data_set.scene_names[row], image_base, cameras)
        made = replace(made, map=None, ground=None) if without_map else made
    else:
        made = _read_tables(data_set, row, image_base, cameras, sweeps, without_map)
    made = made if rig is None else with_rig(made, rig)
    return made if frame_rate_hz is None else resample(made, frame_rate_hz)


def exact_path(root: str | Path, scene: str) -> Path:
    """Where the exporter keeps the whole scenario of a scene: what the tables cannot hold."""
    return Path(root) / "everroad" / scene / "scene.json"


def global_from_world_m(scenario: Scenario) -> Float[ndarray, "3"]:
    """The shift between a scenario that ``read_nuscenes`` made and the data set: global = world + shift.

    Raises ``ValueError`` for a scenario from elsewhere.
    """
    found = _SHIFT.search(scenario.source)
    if found is None:
        raise ValueError(
            f"source: expected 'global = world + (x, y, 0) m', got '{scenario.source}'; take one read from nuScenes"
        )
    return np.array([float(found[1]), float(found[2]), 0.0])


def _read_exact(data_set: DataSet, name: str, image_base: str, cameras: Sequence[str] | None) -> Scenario:
    path = exact_path(data_set.root, name)
    if not path.is_file():
        raise ValueError(f"{path}: expected a scenario that Everroad exported, got nothing; leave --exact out")
    scenario = load_scenario(path)
    known = [camera.name for camera in scenario.cameras]
    for camera in cameras or ():
        if camera not in known:
            raise ValueError(f"{path}: expected a camera out of {', '.join(known)}, got '{camera}'; name one of them")
    kept = [camera for camera in scenario.cameras if cameras is None or camera.name in cameras]
    base = Path(image_base) / "everroad" / name
    images = {
        camera.name: tuple(os.path.normpath(base / image) if image else "" for image in scenario.images[camera.name])
        for camera in kept
        if camera.name in scenario.images
    }
    return replace(scenario, cameras=tuple(kept), images=images)


def _read_tables(
    data_set: DataSet, row: int, image_base: str, cameras: Sequence[str] | None, sweeps: bool, without_map: bool
) -> Scenario:
    name = data_set.scene_names[row]
    where = f"{data_set.root / data_set.version}: scene '{name}'"
    sample_us = np.array(data_set.index["sample.stamp_us"][data_set.rows("sample", row)])
    if not len(sample_us):
        raise ValueError(f"{where}: expected at least one sample, got none; name another scene")
    tracks = camera_tracks(data_set, row, cameras)
    clock = clock_of(tracks)
    frames = np.arange(len(clock.stamp_us)) if sweeps else np.flatnonzero(clock.sample >= 0)
    if not len(frames):
        raise ValueError(f"{where}: expected key frames of {clock.camera.name}, got none; leave --key-frames out")
    stamp_us, key_sample = clock.stamp_us[frames], clock.sample[frames]
    path_m = clock.global_from_ego.translation_m[frames]
    shift_m = np.array([*np.rint(path_m[0, :2]), 0.0]) + 0.0  # no -0 in texts
    vector_map, place = _read_place(data_set, row, path_m, shift_m, without_map)
    (description,) = data_set.texts("scene.description", row, row + 1)
    try:
        return Scenario(
            name=name,
            time_s=(stamp_us - stamp_us[0]) / 1e6,
            world_from_ego=Poses(path_m - shift_m, clock.global_from_ego.rotation_wxyz[frames]),
            cameras=tuple(track.camera for track in tracks),
            map=vector_map,
            actors=scene_actors(data_set, row, instants(stamp_us, key_sample, sample_us), sample_us, -shift_m),
            weather=weather_of(description),
            time_of_day=time_of_day_of(description),
            start_stamp_ns=int(stamp_us[0]) * 1000,
            source=f"nuscenes {data_set.version}, {place}, global = world + ({shift_m[0]:.0f}, {shift_m[1]:.0f}, 0) m",
            images={
                track.camera.name: _images(
                    data_set, track, nearest_images(track, stamp_us) if sweeps else key_images(track, key_sample), image_base
                )
                for track in tracks
            },
        )
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None


def _images(data_set: DataSet, track: Track, records: ndarray, image_base: str) -> tuple[str, ...]:
    names = data_set.texts("image.filename", int(track.image[0]), int(track.image[-1]) + 1)
    return tuple(os.path.normpath(Path(image_base) / names[record]) if record >= 0 else "" for record in records.tolist())


def _read_place(
    data_set: DataSet, row: int, path_m: Float[ndarray, "f 3"], shift_m: Float[ndarray, "3"], without_map: bool
) -> tuple[VectorMap | None, str]:
    """The map around the ego path, if there is one, and the place in words."""
    (location,) = data_set.texts("scene.location", row, row + 1)
    if without_map:
        return None, location
    expansion = expansion_path(data_set.root, location)
    if not expansion.is_file():
        return None, f"{location} without a map expansion"
    return read_map(expansion, patch_around(path_m), -shift_m), location

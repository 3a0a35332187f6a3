"""Scenarios as files: one versioned JSON file, packed with gzip when its name ends in ``.gz``.

The round trip is exact: every number comes back bit for bit (as float64, whatever width it had), and what is absent stays
apart from what is empty. Only what lies outside an actor's first and last sight is not kept: there the nearest pose, no
velocity and no attribute come back, and never count, since ``valid`` is false.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy import ndarray
from pydantic_core import to_json

from everroad.scenario.files import parse_json, read_bytes, write_atomically
from everroad.scenario.schema import FORMAT_VERSION, ActorFile, PosesFile, ScenarioFile
from everroad.scenario.storage_map import ground_from_file, ground_to_json, map_from_file, map_to_json, points_from_file
from everroad.scenario.types import Actor, Camera, Poses, Scenario, Signal


def save_scenario(scenario: Scenario, path: str | Path) -> None:
    """Writes the scenario, whole or not at all.

    Raises ``ValueError`` for a path that cannot be written, ``OSError`` for a full disk.
    """
    try:
        content = to_json(_to_json(scenario))
    except ValueError as error:
        raise ValueError(f"{path}: expected text that UTF-8 can hold in the scenario, got '{error}'; mend it") from None
    if b"NaN" in content or b"Infinity" in content:  # as a number, or in a name, which only parsing tells apart
        json.loads(content, parse_constant=lambda number: _refuse(path, number))
    write_atomically(Path(path), content + b"\n")


def _refuse(path: str | Path, number: str) -> None:
    raise ValueError(f"{path}: expected finite numbers in the scenario, got '{number}'; mend it")


def load_scenario(path: str | Path) -> Scenario:
    """Reads a scenario file. Raises ``ValueError`` in one line that names the file and the field."""
    path = Path(path)
    stored = parse_json(ScenarioFile, read_bytes(path), path)
    try:
        return _from_file(stored)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _to_json(scenario: Scenario) -> dict[str, Any]:
    return {
        "format_version": FORMAT_VERSION,
        "name": scenario.name,
        "source": scenario.source,
        "start_stamp_ns": int(scenario.start_stamp_ns),
        "time_s": scenario.time_s.tolist(),
        "world_from_ego": _poses_to_json(scenario.world_from_ego),
        "cameras": [
            {
                "name": camera.name,
                "width_px": int(camera.width_px),
                "height_px": int(camera.height_px),
                "intrinsics": camera.intrinsics.tolist(),
                "ego_from_camera": camera.ego_from_camera.tolist(),
                "distortion": None if camera.distortion is None else [float(k) for k in camera.distortion],
            }
            for camera in scenario.cameras
        ],
        "map": None if scenario.map is None else map_to_json(scenario.map),
        "ground": None if scenario.ground is None else ground_to_json(scenario.ground),
        "actors": [_actor_to_json(actor) for actor in scenario.actors],
        "signals": [
            {"signal_id": s.signal_id, "position_m": s.position_m.tolist(), "lane_id": s.lane_id, "states": list(s.states)}
            for s in scenario.signals
        ],
        "weather": scenario.weather,
        "time_of_day": scenario.time_of_day,
        "appearance_seed": int(scenario.appearance_seed),
        "images": {camera: list(paths) for camera, paths in scenario.images.items()},
        # Written only where false: all other files stay readable for versions that do not know them.
        **{name: False for name in ("ego_motion_known", "actors_known") if not getattr(scenario, name)},
    }


def _from_file(stored: ScenarioFile) -> Scenario:
    frames = len(stored.time_s)
    return Scenario(
        name=stored.name,
        time_s=np.array(stored.time_s, dtype=np.float64),
        world_from_ego=_poses_from_file("world_from_ego", stored.world_from_ego),
        cameras=tuple(
            Camera(
                name=camera.name,
                width_px=camera.width_px,
                height_px=camera.height_px,
                intrinsics=np.array(camera.intrinsics, dtype=np.float64),
                ego_from_camera=np.array(camera.ego_from_camera, dtype=np.float64),
                distortion=None if camera.distortion is None else tuple(camera.distortion),
            )
            for camera in stored.cameras
        ),
        map=None if stored.map is None else map_from_file(stored.map),
        ground=None if stored.ground is None else ground_from_file(stored.ground),
        actors=tuple(_actor_from_file(actor, frames) for actor in stored.actors),
        signals=tuple(
            Signal(s.signal_id, np.array(s.position_m, dtype=np.float64), s.lane_id, tuple(s.states)) for s in stored.signals
        ),
        weather=stored.weather,
        time_of_day=stored.time_of_day,
        appearance_seed=stored.appearance_seed,
        start_stamp_ns=stored.start_stamp_ns,
        source=stored.source,
        images={camera: tuple(paths) for camera, paths in stored.images.items()},
        ego_motion_known=stored.ego_motion_known,
        actors_known=stored.actors_known,
    )


def _poses_to_json(poses: Poses) -> dict[str, Any]:
    return {"translation_m": _rows(poses.translation_m), "rotation_wxyz": _rows(poses.rotation_wxyz)}


def _rows(array: ndarray) -> list[Any]:
    """As ``tolist``; an actor that stands is one row seen many times, and its list one object many times."""
    return array.tolist() if array.strides[0] or not len(array) else [array[0].tolist()] * len(array)


def _poses_from_file(where: str, stored: PosesFile) -> Poses:
    moves, turns = len(stored.translation_m), len(stored.rotation_wxyz)
    if moves != turns:
        raise ValueError(f"{where}: expected a rotation for each of {moves} translations, got {turns}; mend it")
    try:
        return Poses(points_from_file(stored.translation_m), points_from_file(stored.rotation_wxyz, 4))
    except ValueError as error:
        raise ValueError(f"{where}.{error}") from None


def _actor_to_json(actor: Actor) -> dict[str, Any]:
    seen = np.flatnonzero(actor.valid)
    span = slice(int(seen[0]), int(seen[-1]) + 1) if len(seen) else slice(0, 0)
    poses = Poses(actor.poses.translation_m[span], actor.poses.rotation_wxyz[span])
    return {
        "track_id": actor.track_id,
        "category": actor.category,
        "source_category": actor.source_category,
        "size_lwh_m": actor.size_lwh_m.tolist(),
        "first_frame": span.start,
        "poses": _poses_to_json(poses),
        "valid": None if actor.valid[span].all() else actor.valid[span].tolist(),
        "velocity_mps": None if actor.velocity_mps is None else _rows(actor.velocity_mps[span]),
        "attributes": None if actor.attributes is None else list(actor.attributes[span]),
    }


def _actor_from_file(stored: ActorFile, frames: int) -> Actor:
    name, first = f"actor {stored.track_id}", stored.first_frame
    span = _poses_from_file(f"{name} poses", stored.poses)
    seen = len(span)
    if first + seen > frames:
        raise ValueError(f"{name}: expected at most {frames} frames, got first_frame {first} and {seen} poses; shorten it")
    for field, values in (("valid", stored.valid), ("velocity_mps", stored.velocity_mps), ("attributes", stored.attributes)):
        if values is not None and len(values) != seen:
            raise ValueError(f"{name} {field}: expected {seen} entries, one a pose, got {len(values)}; mend it")
    pad = (first, frames - first - seen)
    nowhere = Poses(np.zeros((frames, 3)), np.tile([1.0, 0.0, 0.0, 0.0], (frames, 1)))
    return Actor(
        track_id=stored.track_id,
        category=stored.category,
        size_lwh_m=np.array(stored.size_lwh_m, dtype=np.float64),
        poses=Poses(*(np.pad(a, (pad, (0, 0)), mode="edge") for a in (span.translation_m, span.rotation_wxyz)))
        if seen
        else nowhere,
        valid=np.pad(np.ones(seen, dtype=bool) if stored.valid is None else np.array(stored.valid, dtype=bool), pad),
        velocity_mps=None if stored.velocity_mps is None else np.pad(points_from_file(stored.velocity_mps), (pad, (0, 0))),
        source_category=stored.source_category,
        attributes=None if stored.attributes is None else ("",) * pad[0] + tuple(stored.attributes) + ("",) * pad[1],
    )

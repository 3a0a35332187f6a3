"""Argoverse 2 sensor logs, read with pyarrow alone: https://argoverse.github.io/user-guide/datasets/sensor.html

How a log becomes a scenario:

- *World frame*: the log's city frame, shifted by whole metres in x and y and centimetres in z so that the ego car starts at
  the origin (to within that); single precision is then enough downstream. ``Scenario.source`` says: city = world + shift.
- *Ego frame*: the log's origin is at the height of the rear axle. It moves straight down (in ego axes) by one constant, the
  median height of the origin above the ground raster, or ``NOMINAL_ORIGIN_HEIGHT_M`` without a map; cameras rise by as much.
- *Frames* are the annotated sweeps, about 10 Hz, then resampled. Boxes come in the ego frame and go to the world with the pose
  of their own time stamp. They stand on the ground by themselves (docs/own_data.md has the figures): nothing moves them.
  Velocities are central differences of positions; an actor that was seen once has none. An ``EGO_VEHICLE`` box is left out: it
  is centred at the logged origin, says how large the car is, and not where.
- *Cameras* are the log's own, as pinholes. The columns k1, k2, k3 tell of the lens, not of the pictures: "all camera imagery
  is provided in an undistorted format" (user guide, Sensor Suite; the same in issues 219 and 226 of argoverse/av2-api, whose
  ``PinholeCamera`` reads none of them). To apply them would bend straight pictures, so ``Camera.distortion`` is ``None``. A
  named rig replaces the cameras on request.
- *Recorded pictures* in ``sensors/cameras`` are matched to the frames after resampling, so a frame has the picture nearest to
  its own instant (``argoverse2_images``). They are paths; a missing or broken picture is found when it is used.
- *Ground* is the log's raster around the ego path, NaN where the log knows none. Map points carry their own z.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from everroad import geometry
from everroad.scenario.argoverse2_actors import actors_from_boxes
from everroad.scenario.argoverse2_ground import crop_ground, read_ground
from everroad.scenario.argoverse2_images import find_images
from everroad.scenario.argoverse2_map import read_map
from everroad.scenario.argoverse2_tables import (
    ANNOTATION_FILES,
    EXTRINSICS_FILE,
    INTRINSICS_FILE,
    POSES_FILE,
    read_boxes,
    read_cameras,
    read_poses,
)
from everroad.scenario.resample import bracket, resample
from everroad.scenario.rigs import get_rig
from everroad.scenario.types import Camera, GroundHeight, Poses, Scenario, VectorMap

# Height of the log's ego origin where no ground raster says it (ours; the rasters of real logs give 0.30 to 0.32 m).
NOMINAL_ORIGIN_HEIGHT_M = 0.33

MAP_FILES = ("log_map_archive_*.json", "*_ground_height_*.npy", "*Sim2_city.json")


def is_argoverse2(path: str | Path) -> bool:
    """Whether a folder holds any of an Argoverse 2 log's files, complete or not."""
    known = (POSES_FILE, *ANNOTATION_FILES, INTRINSICS_FILE, EXTRINSICS_FILE)
    return any((Path(path) / name).exists() for name in known) or any(Path(path).glob(f"map/{MAP_FILES[0]}"))


def read_argoverse2(
    log_dir: str | Path, *, rig: str | None = None, without_map: bool = False, frame_rate_hz: float | None = 12.0
) -> Scenario:
    """One log folder as a scenario.

    Args:
        log_dir: the folder with the ``.feather`` files, ``map/`` and ``calibration/``.
        rig: a name of ``RIGS`` to use instead of the log's cameras, which then may be absent.
        without_map: read neither map nor ground height.
        frame_rate_hz: wanted frame rate; ``None`` keeps the sweeps of the log.

    Raises ``ValueError`` in one line for a missing, truncated or senseless file, naming it and the option that helps.
    """
    log_dir = Path(log_dir)
    boxes = read_boxes(log_dir)
    stamps_ns = np.unique(boxes.stamp_ns)
    time_s = (stamps_ns - stamps_ns[0]) / 1e9
    city_from_axle = _poses_at(stamps_ns, log_dir / POSES_FILE)
    cameras = read_cameras(log_dir) if rig is None else get_rig(rig)
    vector_map, ground, axle_height_m, world_from_city_m = _read_place(log_dir, city_from_axle, without_map)
    world_from_axle = Poses(city_from_axle.translation_m + world_from_city_m, city_from_axle.rotation_wxyz)
    try:
        scenario = Scenario(
            name=log_dir.resolve().name,
            time_s=time_s,
            world_from_ego=_lowered(world_from_axle, axle_height_m),
            cameras=tuple(_raised(camera, axle_height_m) for camera in cameras) if rig is None else cameras,
            map=vector_map,
            ground=ground,
            actors=actors_from_boxes(boxes, stamps_ns, time_s, world_from_axle),
            start_stamp_ns=int(stamps_ns[0]),
            source=f"argoverse2, city = world + ({', '.join(f'{-shift:.2f}' for shift in world_from_city_m)}) m",
        )
    except ValueError as error:
        raise ValueError(f"{log_dir}: {error}") from None
    if frame_rate_hz is not None:
        scenario = resample(scenario, frame_rate_hz)
    return scenario if rig is not None else _with_images(scenario, log_dir)


def _with_images(scenario: Scenario, log_dir: Path) -> Scenario:
    stamps_ns = scenario.start_stamp_ns + np.rint(scenario.time_s * 1e9).astype(np.int64)
    names = [camera.name for camera in scenario.cameras]
    return replace(scenario, images=find_images(log_dir, names, stamps_ns, scenario.frame_rate_hz))


def _poses_at(stamps_ns: Int[ndarray, "f"], path: Path) -> Poses:
    """Logged ego poses at the sweeps; between two of them where a sweep has none of its own."""
    pose_stamps_ns, poses = read_poses(path)
    first_ns, last_ns = pose_stamps_ns[0], pose_stamps_ns[-1]
    if stamps_ns[0] < first_ns or stamps_ns[-1] > last_ns:
        wanted = f"{stamps_ns[0]} to {stamps_ns[-1]}"
        raise ValueError(
            f"{path}: expected poses over the annotated time, {wanted} ns, got {first_ns} to {last_ns} ns; complete the log"
        )
    at = bracket((pose_stamps_ns - first_ns) / 1e9, (stamps_ns - first_ns) / 1e9)
    return Poses(at.linear(poses.translation_m), at.slerp(poses.rotation_wxyz))


def _read_place(
    log_dir: Path, city_from_axle: Poses, without_map: bool
) -> tuple[VectorMap | None, GroundHeight | None, float, Float[ndarray, "3"]]:
    """Map and ground in the world frame, height of the log's ego origin above the ground, shift from city to world."""
    path_m = city_from_axle.translation_m
    if without_map:
        return None, None, NOMINAL_ORIGIN_HEIGHT_M, _world_from_city(path_m[0], NOMINAL_ORIGIN_HEIGHT_M)
    map_path, heights_path, sim2_path = (_map_file(log_dir, pattern) for pattern in MAP_FILES)
    ground = read_ground(heights_path, sim2_path)
    above_m = path_m[:, 2] - ground.at(path_m[:, :2])
    if not np.isfinite(above_m).any():
        raise ValueError(f"{heights_path}: expected ground heights below the ego path, got none; pass --without-map")
    axle_height_m = float(np.nanmedian(above_m))
    world_from_city_m = _world_from_city(path_m[0], axle_height_m)
    cropped = crop_ground(ground, path_m[:, :2], world_from_city_m)
    return read_map(map_path, world_from_city_m, ground), cropped, axle_height_m, world_from_city_m


def _world_from_city(first_axle_m: Float[ndarray, "3"], axle_height_m: float) -> Float[ndarray, "3"]:
    x, y, z = first_axle_m
    return -np.array([np.round(x), np.round(y), np.round(z - axle_height_m, 2)])


def _map_file(log_dir: Path, pattern: str) -> Path:
    found = sorted((log_dir / "map").glob(pattern))
    if len(found) != 1:
        raise ValueError(
            f"{log_dir / 'map'}: expected one {pattern}, got {len(found)}; add the log's map or pass --without-map"
        )
    return found[0]


def _lowered(world_from_axle: Poses, by_m: float) -> Poses:
    up = geometry.rotation_from_quaternion(world_from_axle.rotation_wxyz)[:, :, 2]
    return Poses(world_from_axle.translation_m - by_m * up, world_from_axle.rotation_wxyz)


def _raised(camera: Camera, by_m: float) -> Camera:
    """The camera in an ego frame whose origin lies lower by ``by_m``."""
    ego_from_camera = camera.ego_from_camera.copy()
    ego_from_camera[2, 3] += by_m
    return replace(camera, ego_from_camera=ego_from_camera)

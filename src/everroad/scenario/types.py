"""Contract 1: ``Scenario``, what happens, as plain NumPy data that knows no data set.

World frame: right-handed metres (float64), z up. Ego frame: x forward, y left, z up, origin on the ground under the rear axle.
Camera frame: x right, y down, z forward; integer pixel coordinates at pixel centres. Quaternions: wxyz. Box size: length,
width, height; box origin at the box centre, box x axis forward. Axis letters: ``f`` frames, ``p`` points of a polyline.

Whatever is missing is absent (``None`` or an empty tuple), never zero, and that is legal. Every class validates itself and
raises ``ValueError`` saying what was expected and what came.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from everroad import geometry
from everroad.scenario.checks import (
    FASTEST_MPS,
    LARGEST_M,
    check_once,
    check_positions,
    check_range,
    check_shape,
    check_unit_quaternions,
)
from everroad.scenario.map_types import Area, Divider, GroundHeight, Lane, MarkColour, MarkType, VectorMap

Weather = Literal["clear", "overcast", "rain", "fog"]
TimeOfDay = Literal["day", "dusk", "night"]
SignalColour = Literal["red", "yellow", "green", "off", "unknown"]

# What is plausible (ours, like those of ``checks``).
LARGEST_PX = 32_768
SMALLEST_M = 1e-4
LONGEST_S, SHORTEST_STEP_S = 1e12, 1e-6

WEATHERS: tuple[str, ...] = get_args(Weather)
TIMES_OF_DAY: tuple[str, ...] = get_args(TimeOfDay)

# Full nuScenes category name → nuScenes detection class; categories that are not listed have none.
DETECTION_CLASS_OF_CATEGORY: dict[str, str] = {
    "vehicle.car": "car",
    "vehicle.truck": "truck",
    "vehicle.bus.bendy": "bus",
    "vehicle.bus.rigid": "bus",
    "vehicle.trailer": "trailer",
    "vehicle.construction": "construction_vehicle",
    "vehicle.motorcycle": "motorcycle",
    "vehicle.bicycle": "bicycle",
    "human.pedestrian.adult": "pedestrian",
    "human.pedestrian.child": "pedestrian",
    "human.pedestrian.construction_worker": "pedestrian",
    "human.pedestrian.police_officer": "pedestrian",
    "movable_object.trafficcone": "traffic_cone",
    "movable_object.barrier": "barrier",
}
DETECTION_CLASSES: tuple[str, ...] = (
    "car", "truck", "bus", "trailer", "construction_vehicle", "pedestrian", "motorcycle", "bicycle", "traffic_cone", "barrier",
)  # fmt: skip
# The rest of the nuScenes taxonomy, legal as ``category`` without a detection class.
OTHER_CATEGORIES: tuple[str, ...] = (
    "animal",
    "human.pedestrian.personal_mobility",
    "human.pedestrian.stroller",
    "human.pedestrian.wheelchair",
    "movable_object.debris",
    "movable_object.pushable_pullable",
    "static_object.bicycle_rack",
    "vehicle.emergency.ambulance",
    "vehicle.emergency.police",
    "vehicle.ego",
)
CATEGORIES: tuple[str, ...] = (*DETECTION_CLASS_OF_CATEGORY, *OTHER_CATEGORIES)


__all__ = [
    "CATEGORIES", "DETECTION_CLASSES", "DETECTION_CLASS_OF_CATEGORY", "TIMES_OF_DAY", "WEATHERS", "Actor", "ActorState", "Area",
    "Camera", "Divider", "GroundHeight", "Lane", "MarkColour", "MarkType", "Poses", "Scenario", "SceneFrame", "Signal",
    "SignalColour", "TimeOfDay", "VectorMap", "Weather",
]  # fmt: skip


@dataclass(frozen=True, eq=False)
class Poses:
    """Rigid poses ``dst_from_src``, one a frame."""

    translation_m: Float[ndarray, "f 3"]
    rotation_wxyz: Float[ndarray, "f 4"]

    def __post_init__(self) -> None:
        check_shape("translation_m", self.translation_m, (None, 3))
        check_shape("rotation_wxyz", self.rotation_wxyz, (len(self.translation_m), 4))
        check_positions("translation_m", self.translation_m)
        check_unit_quaternions("rotation_wxyz", self.rotation_wxyz)

    def __len__(self) -> int:
        return len(self.translation_m)

    def matrix(self, index: int) -> Float[ndarray, "4 4"]:
        """dst_from_src of one frame."""
        return geometry.transform(geometry.rotation_from_quaternion(self.rotation_wxyz[index]), self.translation_m[index])

    def matrices(self) -> Float[ndarray, "f 4 4"]:
        """dst_from_src of every frame."""
        return geometry.transform(geometry.rotation_from_quaternion(self.rotation_wxyz), self.translation_m)


@dataclass(frozen=True, eq=False)
class Camera:
    """One pinhole camera fixed to the ego car.

    ``distortion`` (k1, k2, k3) is the radial distortion that the recorded images still have: they are undistorted when they are
    read (``conditions.rig.undistort_image``). ``None`` where they are a pinhole's. All else about the camera is the pinhole's.
    """

    name: str
    width_px: int
    height_px: int
    intrinsics: Float[ndarray, "3 3"]
    ego_from_camera: Float[ndarray, "4 4"]
    distortion: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        name, size = f"camera {self.name}", f"{self.width_px}x{self.height_px}"
        if not (1 <= self.width_px <= LARGEST_PX and 1 <= self.height_px <= LARGEST_PX):
            raise ValueError(f"{name}: expected a width and height of 1 to {LARGEST_PX} px, got {size}; mend it")
        check_shape(f"{name} intrinsics", self.intrinsics, (3, 3))
        check_shape(f"{name} ego_from_camera", self.ego_from_camera, (4, 4))
        check_range(f"{name} focal lengths", self.intrinsics.diagonal()[:2], 1e-1, 1e6, "px")
        check_range(f"{name} intrinsics", self.intrinsics, -1e6, 1e6)
        check_range(f"{name} ego_from_camera", self.ego_from_camera, -LARGEST_M, LARGEST_M)
        if self.distortion is not None and len(self.distortion) > 3:
            got = f"{len(self.distortion)} numbers"
            raise ValueError(f"{name} distortion: expected at most k1, k2, k3, got {got}; drop the rest")
        below = [self.intrinsics[1, 0].item(), *self.intrinsics[2].tolist()]
        if np.abs(np.array(below) - [0, 0, 0, 1]).max() > 1e-6:
            raise ValueError(
                f"{name} intrinsics: expected rows [fx, s, cx], [0, fy, cy], [0, 0, 1], got {below[0]} and {below[1:]}; mend it"
            )
        rotation, last = self.ego_from_camera[:3, :3], self.ego_from_camera[3]
        if np.abs(last - [0, 0, 0, 1]).max() > 1e-6:
            raise ValueError(f"{name} ego_from_camera: expected [0, 0, 0, 1] as last row, got {last.tolist()}; mend it")
        if np.abs(rotation @ rotation.T - np.eye(3)).max() > 1e-3 or np.linalg.det(rotation) < 0:
            raise ValueError(f"{name}: expected a rigid ego_from_camera, got a rotation part that is none; mend it")


@dataclass(frozen=True, eq=False)
class Actor:
    """One tracked object. ``category`` is a full nuScenes name or ``None``; ``source_category`` is what the source called it.

    ``poses`` is world_from_actor at every frame; entries outside ``valid`` are never read. ``velocity_mps`` is in the world
    frame. ``attributes`` has one nuScenes attribute name (or "") a frame.
    """

    track_id: str
    category: str | None
    size_lwh_m: Float[ndarray, "3"]
    poses: Poses
    valid: Bool[ndarray, "f"]
    velocity_mps: Float[ndarray, "f 3"] | None = None
    source_category: str | None = None
    attributes: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        n = len(self.poses)
        name = f"actor {self.track_id}"
        check_shape(f"{name} size_lwh_m", self.size_lwh_m, (3,))
        check_range(f"{name} size_lwh_m", self.size_lwh_m, SMALLEST_M, LARGEST_M, "m")
        if self.category is not None and self.category not in CATEGORIES:
            raise ValueError(f"{name}: expected a nuScenes category or none, got '{self.category}'; use source_category")
        check_shape(f"{name} valid", self.valid, (n,))
        if self.velocity_mps is not None:
            check_shape(f"{name} velocity_mps", self.velocity_mps, (n, 3))
            check_range(f"{name} velocity_mps", self.velocity_mps, -FASTEST_MPS, FASTEST_MPS, "m/s")
        if self.attributes is not None and len(self.attributes) != n:
            raise ValueError(f"{name} attributes: expected {n} entries, one a frame, got {len(self.attributes)}; mend it")

    @property
    def detection_class(self) -> str | None:
        """The nuScenes detection class, or ``None`` where the category has none."""
        return DETECTION_CLASS_OF_CATEGORY.get(self.category or "")


@dataclass(frozen=True, eq=False)
class Signal:
    """A traffic signal for one lane: where it hangs and its state per frame."""

    signal_id: str
    position_m: Float[ndarray, "3"]
    lane_id: str | None
    states: tuple[SignalColour, ...]

    def __post_init__(self) -> None:
        check_shape(f"signal {self.signal_id} position_m", self.position_m, (3,))
        check_positions(f"signal {self.signal_id} position_m", self.position_m)


@dataclass(frozen=True, eq=False)
class ActorState:
    """One actor at one instant, world frame. ``acceleration_mps2`` is along the actor's heading, ``None`` where unknown."""

    track_id: str
    category: str | None
    detection_class: str | None
    size_lwh_m: Float[ndarray, "3"]
    world_from_actor: Float[ndarray, "4 4"]
    velocity_mps: Float[ndarray, "3"] | None
    acceleration_mps2: float | None


@dataclass(frozen=True, eq=False)
class SceneFrame:
    """One instant of a scenario: what the painter, the conditions and the simulator work on."""

    frame_index: int
    time_s: float
    world_from_ego: Float[ndarray, "4 4"]
    cameras: tuple[Camera, ...]
    map: VectorMap | None
    ground: GroundHeight | None
    actors: tuple[ActorState, ...]
    weather: Weather | None
    time_of_day: TimeOfDay | None
    appearance_seed: int
    signals: tuple[tuple[str, SignalColour], ...] = ()
    ego_motion_known: bool = True
    actors_known: bool = True


@dataclass(frozen=True, eq=False)
class Scenario:
    """A driving scenario of ``f`` frames. Times start at 0 and increase; ``start_stamp_ns`` is the absolute time of frame 0.

    ``images`` maps a camera name to one recorded image path a frame ("" where none), relative to the scenario file.

    ``ego_motion_known`` is false where nobody measured how the car moves, such as in a plain video: ``world_from_ego`` then
    says where the car is drawn, and not that it stands. ``actors_known`` is false where nobody looked for actors: that there
    are none then does not say that the road is empty. It counts only while there are none.
    """

    name: str
    time_s: Float[ndarray, "f"]
    world_from_ego: Poses
    cameras: tuple[Camera, ...] = ()
    map: VectorMap | None = None
    ground: GroundHeight | None = None
    actors: tuple[Actor, ...] = ()
    signals: tuple[Signal, ...] = ()
    weather: Weather | None = None
    time_of_day: TimeOfDay | None = None
    appearance_seed: int = 0
    start_stamp_ns: int = 0
    source: str = "unknown"
    images: dict[str, tuple[str, ...]] = field(default_factory=dict)
    ego_motion_known: bool = True
    actors_known: bool = True

    def __post_init__(self) -> None:
        n = len(self.time_s)
        if n == 0:
            raise ValueError("time_s: expected at least one frame, got none; add one")
        self._check_times()
        if len(self.world_from_ego) != n:
            raise ValueError(f"world_from_ego: expected {n} poses, one a frame, got {len(self.world_from_ego)}; mend it")
        check_once("actor name", (actor.track_id for actor in self.actors))
        check_once("camera name", (camera.name for camera in self.cameras))
        for actor in self.actors:
            if len(actor.poses) != n:
                raise ValueError(f"actor {actor.track_id}: expected {n} poses, one a frame, got {len(actor.poses)}; mend it")
        self._check_signals()
        if self.weather is not None and self.weather not in WEATHERS:
            raise ValueError(f"weather: expected one of {', '.join(WEATHERS)} or none, got '{self.weather}'; mend it")
        if self.time_of_day is not None and self.time_of_day not in TIMES_OF_DAY:
            raise ValueError(
                f"time_of_day: expected one of {', '.join(TIMES_OF_DAY)} or none, got '{self.time_of_day}'; mend it"
            )
        for name, paths in self.images.items():
            if name not in {camera.name for camera in self.cameras}:
                raise ValueError(f"images of {name}: expected images of the scenario's cameras, got no such one; drop them")
            if len(paths) != n:
                raise ValueError(f"images of {name}: expected {n} paths, one a frame, got {len(paths)}; mend it")

    def _check_times(self) -> None:
        check_range("time_s", self.time_s, -LONGEST_S, LONGEST_S, "s")
        if abs(self.time_s[0]) > 1e-9:
            raise ValueError(f"time_s: expected to start at 0, got {self.time_s[0]}; take the first time off all")
        close = np.diff(self.time_s) < SHORTEST_STEP_S
        if close.any():
            i = int(np.argmax(close))
            wanted, (before, after) = f"increasing times, {SHORTEST_STEP_S:g} s apart at least", self.time_s[i : i + 2]
            raise ValueError(f"time_s: expected {wanted}, got {before} then {after} at frame {i + 1}; mend or drop that frame")

    def _check_signals(self) -> None:
        check_once("signal_id", (signal.signal_id for signal in self.signals))
        lanes = None if self.map is None or self.map.lanes is None else {lane.lane_id for lane in self.map.lanes}
        for signal in self.signals:
            name, states = f"signal {signal.signal_id}", len(signal.states)
            if states != len(self):
                raise ValueError(f"{name}: expected {len(self)} states, one a frame, got {states}; mend it")
            if lanes is not None and signal.lane_id is not None and signal.lane_id not in lanes:
                raise ValueError(f"{name}: expected a lane_id of the map or none, got '{signal.lane_id}'; mend or drop it")

    def __len__(self) -> int:
        return len(self.time_s)

    @property
    def frame_rate_hz(self) -> float:
        """Mean frame rate; 0 for a single frame."""
        return float((len(self) - 1) / self.time_s[-1]) if len(self) > 1 else 0.0

    def frame(self, index: int) -> SceneFrame:
        """One instant. Raises ``IndexError`` outside 0 .. f-1."""
        if not 0 <= index < len(self):
            raise IndexError(f"frame {index}: expected 0 to {len(self) - 1}")
        return SceneFrame(
            frame_index=index,
            time_s=float(self.time_s[index]),
            world_from_ego=self.world_from_ego.matrix(index),
            cameras=self.cameras,
            map=self.map,
            ground=self.ground,
            actors=self._actor_states(index),
            weather=self.weather,
            time_of_day=self.time_of_day,
            appearance_seed=self.appearance_seed,
            signals=tuple((s.signal_id, s.states[index]) for s in self.signals),
            ego_motion_known=self.ego_motion_known,
            actors_known=self.actors_known or bool(self.actors),
        )

    def _actor_states(self, index: int) -> tuple[ActorState, ...]:
        there = [actor for actor in self.actors if actor.valid[index]]
        if not there:
            return ()
        # All poses at once: one by one they cost more than the rest of a frame.
        turned = geometry.rotation_from_quaternion(np.stack([actor.poses.rotation_wxyz[index] for actor in there]))
        poses = geometry.transform(turned, np.stack([actor.poses.translation_m[index] for actor in there]))
        return tuple(self._actor_state(actor, index, pose) for actor, pose in zip(there, poses, strict=True))

    def _actor_state(self, actor: Actor, index: int, pose: Float[ndarray, "4 4"]) -> ActorState:
        velocity = None if actor.velocity_mps is None else actor.velocity_mps[index]
        return ActorState(
            track_id=actor.track_id,
            category=actor.category,
            detection_class=actor.detection_class,
            size_lwh_m=actor.size_lwh_m,
            world_from_actor=pose,
            velocity_mps=velocity,
            acceleration_mps2=self._acceleration(actor, index, pose[:3, 0]),
        )

    def _acceleration(self, actor: Actor, index: int, heading: Float[ndarray, "3"]) -> float | None:
        before = max(index - 2, 0)
        if actor.velocity_mps is None or before == index or not actor.valid[before]:
            return None
        change = actor.velocity_mps[index] - actor.velocity_mps[before]
        return float(change @ heading / (self.time_s[index] - self.time_s[before]))

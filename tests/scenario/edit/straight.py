"""A straight road to edit on: two lanes each way, 500 m long; the ego drives 10 m/s in the right one of its own."""

from __future__ import annotations

import numpy as np

from everroad import geometry
from everroad.scenario.rigs import RIGS
from everroad.scenario.types import Actor, Lane, Poses, Scenario, VectorMap

SPEED_MPS, FRAMES, RATE_HZ = 10.0, 121, 12.0
OFFSETS = {"inner": 3.5, "outer": 0.0, "far-inner": 7.0, "far-outer": 10.5}


def _lane(name: str, y: float, *, back: bool) -> Lane:
    x = np.array([450.0, -50.0]) if back else np.array([-50.0, 450.0])
    inner = {"outer": "inner", "far-outer": "far-inner"}
    return Lane(
        name, np.stack([x, np.full(2, y), np.zeros(2)], axis=-1), 3.5, left_neighbour=inner.get(name),
        right_neighbour={v: k for k, v in inner.items()}.get(name), is_intersection=False,
    )  # fmt: skip


def road(*, with_map: bool = True, frames: int = FRAMES) -> Scenario:
    time_s = np.arange(frames) / RATE_HZ
    poses = Poses(np.stack([SPEED_MPS * time_s, 0 * time_s, 0 * time_s], axis=-1), np.tile([1.0, 0, 0, 0], (frames, 1)))
    lanes = tuple(_lane(name, y, back=name.startswith("far")) for name, y in OFFSETS.items())
    vector_map = VectorMap(lanes=lanes) if with_map else None
    return Scenario("straight", time_s, poses, RIGS["nuscenes-front"], vector_map, weather="clear", time_of_day="day")


def standing(track_id: str, x: float, y: float, frames: int = FRAMES, yaw: float = 0.0, z: float = 0.75) -> Actor:
    poses = Poses(np.tile([x, y, z], (frames, 1)), np.tile(geometry.quaternion_from_yaw(np.array(yaw)), (frames, 1)))
    return Actor(track_id, "vehicle.car", np.array([4.0, 2.0, 1.5]), poses, np.ones(frames, bool), np.zeros((frames, 3)))

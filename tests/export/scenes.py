"""A hand-made drive of 13 frames at 12 Hz, with every layer of the map, for the tests of the export."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from everroad import geometry
from everroad.scenario.edit.time import cut
from everroad.scenario.rigs import level_camera
from everroad.scenario.types import Actor, Area, Camera, Divider, Lane, Poses, Scenario, Signal, VectorMap

FRAMES = 13


def camera(name: str = "CAM_FRONT", yaw_deg: float = 0.0, size_px: tuple[int, int] = (112, 64)) -> Camera:
    """A small level camera."""
    width, height = size_px
    return level_camera(
        name,
        position_m=(1.7, 0.0, 1.5),
        yaw_deg=yaw_deg,
        focal_px=0.8 * width,
        centre_px=((width - 1) / 2, (height - 1) / 2),
        size_px=size_px,
    )


def actor(
    track_id: str,
    category: str | None,
    size: tuple[float, float, float],
    start_m: tuple[float, float],
    velocity_mps: tuple[float, float] = (0.0, 0.0),
    yaw_rad: float = 0.0,
    frames: int = FRAMES,
    attributes: tuple[str, ...] | None = None,
    valid: np.ndarray | None = None,
) -> Actor:
    """An actor with a steady velocity on the ground."""
    time_s = np.arange(frames) / 12
    xy = np.array(start_m) + time_s[:, None] * np.array(velocity_mps)
    place = np.concatenate([xy, np.full((frames, 1), size[2] / 2)], axis=1)
    turn = np.tile(geometry.quaternion_from_yaw(np.array(yaw_rad)), (frames, 1))
    velocity = np.tile([*velocity_mps, 0.0], (frames, 1))
    there = np.ones(frames, dtype=bool) if valid is None else valid
    return Actor(track_id, category, np.array(size), Poses(place, turn), there, velocity, None, attributes)


def crossroads() -> VectorMap:
    """A road along x and a junction, with every layer."""

    def box(x0: float, y0: float, x1: float, y1: float) -> Area:
        return Area(np.array([[x0, y0, 0.0], [x1, y0, 0], [x1, y1, 0], [x0, y1, 0]]))

    line = np.array([[-50.0, 0, 0], [30, 0, 0]])
    turn = np.array([[30.0, -1.75, 0], [34, -1.5, 0], [37, 0.5, 0], [38, 4, 0]])
    return VectorMap(
        drivable_areas=(
            box(-50, -7, 30, 7),
            Area(box(30, -20, 50, 20).exterior_m, (box(43, -3, 47, 3).exterior_m,)),
        ),
        lane_dividers=(
            Divider(line + np.array([0, 3.5, 0]), "dashed", "white"),
            Divider(line - np.array([0, 3.5, 0]), "solid", "white"),
        ),
        road_dividers=(Divider(line, "double_solid", "yellow"),),
        ped_crossings=(box(24, -7, 28, 7),),
        stop_lines=(Divider(np.array([[23.0, -7, 0], [23, 0, 0]]), "solid", "white"),),
        walkways=(box(-50, 7, 30, 10), box(-50, -10, 30, -7)),
        lanes=(
            Lane("in", line - np.array([0, 1.75, 0]), 3.5, ("turn",), None, None, 13.9, False),
            Lane("turn", turn, 3.5, (), None, None, None, True),
        ),
    )


def drive(name: str = "drive", **changes) -> Scenario:
    """Everything together."""
    x = -20 + 6.0 * np.arange(FRAMES) / 12
    poses = Poses(np.stack([x, np.full(FRAMES, -1.75), np.zeros(FRAMES)], axis=1), np.tile([1.0, 0.0, 0.0, 0.0], (FRAMES, 1)))
    late = np.arange(FRAMES) >= 6
    scenario = Scenario(
        name=name,
        time_s=np.arange(FRAMES) / 12,
        world_from_ego=poses,
        cameras=(camera(), camera("CAM_BACK", 180.0, (96, 48))),
        map=crossroads(),
        actors=(
            actor("ahead", "vehicle.car", (4.5, 1.9, 1.5), (-4.0, -1.75), (8.0, 0.0)),
            actor("parked", "vehicle.car", (4.5, 1.9, 1.5), (-2.0, -5.5), attributes=("vehicle.parked",) * FRAMES),
            actor("walker", "human.pedestrian.adult", (0.6, 0.7, 1.75), (6.0, 2.0), (0.0, -1.0), -np.pi / 2),
            actor("behind", "vehicle.truck", (8.0, 2.5, 3.0), (-40.0, -1.75), (6.0, 0.0), valid=late),
            actor("thing", None, (0.5, 0.5, 0.5), (0.0, 4.0)),
        ),
        signals=(Signal("light", np.array([30.0, -6.0, 5.0]), "in", ("red",) * FRAMES),),
        weather="rain",
        time_of_day="dusk",
        start_stamp_ns=1_600_000_000_123_456_789,
        source="hand-made",
    )
    return replace(scenario, **changes)


def first_frames(scenario: Scenario, frames: int) -> Scenario:
    """The first frames alone."""
    return cut(scenario, 0, frames - 1)

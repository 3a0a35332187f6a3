"""A small hand-made crossroads for the painter's tests."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from everroad import geometry
from everroad.scenario.types import Actor, ActorState, Area, Camera, Divider, Poses, Scenario, SceneFrame, VectorMap

HEIGHT_M = 1.51
FORWARD_M = 1.7
CAMERA_FROM_EGO_AXES = np.array([[0.0, -1, 0], [0, 0, -1], [1, 0, 0]])


def front(height_px: int = 128, width_px: int = 224, focal_px: float = 177.3, pitch_rad: float = 0.0) -> Camera:
    """A level front camera, or one pitched down."""
    c, s = np.cos(pitch_rad), np.sin(pitch_rad)
    down = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
    intrinsics = np.array([[focal_px, 0, (width_px - 1) / 2], [0, focal_px, (height_px - 1) / 2], [0, 0, 1]])
    mount = geometry.transform(down @ CAMERA_FROM_EGO_AXES.T, np.array([FORWARD_M, 0.0, HEIGHT_M]))
    return Camera("CAM_FRONT", width_px, height_px, intrinsics, mount)


def rectangle(x0: float, y0: float, x1: float, y1: float) -> Area:
    """An axis-aligned area."""
    return Area(np.array([[x0, y0, 0.0], [x1, y0, 0], [x1, y1, 0], [x0, y1, 0]]))


def crossroads() -> VectorMap:
    """Two roads of 14 m that cross at (60, 0), pavements of 3 m, lines, a crossing and a stop line."""
    line = np.array([[-100.0, 0, 0], [52, 0, 0]])
    return VectorMap(
        drivable_areas=(rectangle(-100, -7, 220, 7), rectangle(53, -120, 67, 120)),
        lane_dividers=(
            Divider(line + np.array([0, 3.5, 0]), "dashed", "white"),
            Divider(line - np.array([0, 3.5, 0]), "dashed", "white"),
        ),
        road_dividers=(Divider(line, "double_solid", "yellow"),),
        ped_crossings=(rectangle(46, -7, 50, 7),),
        stop_lines=(Divider(np.array([[44.5, -7.0, 0], [44.5, 0, 0]]), "solid", "white"),),
        walkways=(
            rectangle(-100, 7, 53, 10),
            rectangle(-100, -10, 53, -7),
            rectangle(67, 7, 220, 10),
            rectangle(67, -10, 220, -7),
        ),
    )


def poses_along_x(x_m: np.ndarray, yaw_rad: float = 0.0) -> Poses:
    """Poses on the x axis."""
    n = len(x_m)
    return Poses(
        np.stack([x_m, np.zeros(n), np.zeros(n)], axis=1), np.tile(geometry.quaternion_from_yaw(np.array(yaw_rad)), (n, 1))
    )


def box_actor(
    track_id: str, x: float, y: float, size: tuple[float, float, float], category: str | None, yaw: float = 0.0
) -> Actor:
    """An actor that stands still on the ground for two frames."""
    position = np.array([x, y, size[2] / 2])
    poses = Poses(np.tile(position, (2, 1)), np.tile(geometry.quaternion_from_yaw(np.array(yaw)), (2, 1)))
    return Actor(track_id, category, np.array(size), poses, np.ones(2, bool))


def scenario(
    *actors: Actor, vector_map: VectorMap | None = None, ego_x_m: tuple[float, float] = (0.0, 1.0), seed: int = 3
) -> Scenario:
    """Two frames at the crossroads, or on another map."""
    return Scenario(
        name="hand-made",
        time_s=np.array([0.0, 1 / 12]),
        world_from_ego=poses_along_x(np.array(ego_x_m)),
        cameras=(front(),),
        map=vector_map,
        actors=actors,
        weather="clear",
        time_of_day="day",
        appearance_seed=seed,
    )


def with_actors(frame: SceneFrame, *actors: ActorState) -> SceneFrame:
    """The frame with other actors."""
    return replace(frame, actors=actors)

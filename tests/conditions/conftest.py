"""Hand-made scenes whose pictures can be worked out on paper."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from everroad import geometry
from everroad.scenario.types import ActorState, Area, Camera, Divider, SceneFrame, VectorMap

HEIGHT_M = 1.5


def level_camera(yaw_deg=0.0, name="CAM_FRONT", focal_px=200.0, height_px=128, width_px=224, position_m=(0.0, 0.0, HEIGHT_M)):
    """A level camera with the principal point in the middle of the picture."""
    c, s = np.cos(np.deg2rad(yaw_deg)), np.sin(np.deg2rad(yaw_deg))
    rotation = np.array([[s, 0.0, c], [-c, 0.0, s], [0.0, -1.0, 0.0]])
    intrinsics = np.array([[focal_px, 0, (width_px - 1) / 2], [0, focal_px, (height_px - 1) / 2], [0, 0, 1.0]])
    return Camera(name, width_px, height_px, intrinsics, geometry.transform(rotation, np.array(position_m)))


def pose(x=0.0, y=0.0, z=0.0, yaw_deg=0.0):
    rotation = geometry.rotation_from_quaternion(geometry.quaternion_from_yaw(np.array(np.deg2rad(yaw_deg))))
    return geometry.transform(rotation, np.array([x, y, z], dtype=np.float64))


def actor(x, y, z=0.0, yaw_deg=0.0, size=(4.0, 2.0, 1.5), detection_class="car", velocity=None, track_id="a"):
    """A box that stands on the ground at height z."""
    return ActorState(
        track_id=track_id,
        category=None,
        detection_class=detection_class,
        size_lwh_m=np.array(size, dtype=np.float64),
        world_from_actor=pose(x, y, z + size[2] / 2, yaw_deg),
        velocity_mps=None if velocity is None else np.array(velocity, dtype=np.float64),
        acceleration_mps2=None,
    )


def frame(actors=(), vector_map=None, world_from_ego=None, time_s=0.0, index=0, weather="clear", time_of_day="day", cameras=()):
    ego = np.eye(4) if world_from_ego is None else world_from_ego
    return SceneFrame(index, time_s, ego, tuple(cameras), vector_map, None, tuple(actors), weather, time_of_day, 0)


def rectangle(x0, x1, y0, y1, z=0.0):
    return np.array([[x0, y0, z], [x1, y0, z], [x1, y1, z], [x0, y1, z]], dtype=np.float64)


def road(**layers):
    """A map of areas (given as exterior arrays or Area) and lines (Divider)."""
    wrap = {
        name: tuple(Area(item) if isinstance(item, np.ndarray) else item for item in items) for name, items in layers.items()
    }
    return VectorMap(**wrap)


def line(*points, mark="solid"):
    return Divider(np.array(points, dtype=np.float64), mark)


@pytest.fixture(scope="session")
def scene():
    """The makers above."""
    return SimpleNamespace(
        camera=level_camera, pose=pose, actor=actor, frame=frame, rectangle=rectangle, road=road, line=line, height_m=HEIGHT_M
    )


@pytest.fixture(scope="session")
def scene_planes():
    """View planes of the level camera, 0.5 to 80 m."""
    from everroad.conditions.clipping import view_planes

    return view_planes(level_camera(), 0.5, 80.0)

"""Scenarios of a few boxes on a plane."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from everroad import geometry
from everroad.scenario.types import Actor, Area, Poses, Scenario, VectorMap

RATE_HZ = 12.0
CAR_M = (4.0, 2.0, 1.5)


def poses(xy: np.ndarray, yaw: np.ndarray | float = 0.0, z: float = 0.0) -> Poses:
    place = np.concatenate([xy, np.full((len(xy), 1), z)], 1)
    return Poses(place, geometry.quaternion_from_yaw(np.broadcast_to(np.asarray(yaw, float), len(xy)).copy()))


def line(frames: int, speed_mps: float, start: tuple[float, float] = (0.0, 0.0)) -> np.ndarray:
    return np.stack([start[0] + speed_mps * np.arange(frames) / RATE_HZ, np.full(frames, start[1])], 1)


def make_actor(
    name: str, xy: np.ndarray, yaw: float = 0.0, category: str = "vehicle.car", size: tuple[float, ...] = CAR_M
) -> Actor:
    return Actor(name, category, np.array(size), poses(xy, yaw, z=size[2] / 2), np.ones(len(xy), bool))


def make_scenario(ego: np.ndarray, *actors: Actor, road: tuple[float, float, float, float] | None = None) -> Scenario:
    """``road``: left, low, right and high end of a drivable rectangle."""
    found = None
    if road is not None:
        left, low, right, high = road
        corners = np.array([[left, low, 0], [right, low, 0], [right, high, 0], [left, high, 0]], float)
        found = VectorMap(drivable_areas=(Area(corners),))
    return Scenario("plane", np.arange(len(ego)) / RATE_HZ, poses(ego), map=found, actors=actors)


class Plane:
    """What the tests of this folder share."""

    rate_hz: float = RATE_HZ
    line: Callable[..., np.ndarray] = staticmethod(line)
    actor: Callable[..., Actor] = staticmethod(make_actor)
    scenario: Callable[..., Scenario] = staticmethod(make_scenario)


@pytest.fixture
def plane() -> Plane:
    return Plane()

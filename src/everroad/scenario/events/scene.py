"""What an event is staged in: the ego's way with its speeds, the lanes around it, and helpers that all events share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from everroad.scenario.edit.add_actor import size_of
from everroad.scenario.edit.course import Course
from everroad.scenario.edit.lanes import Lanes, Spot, find_spot, index_lanes
from everroad.scenario.edit.motion import Plan, make_actor
from everroad.scenario.edit.placing import ego_way
from everroad.scenario.fleet import EGO_REAR_OVERHANG_M, EGO_SIZE_M
from everroad.scenario.resample import bracket
from everroad.scenario.types import Actor, Poses, Scenario

EGO_FRONT_M = EGO_SIZE_M[0] - EGO_REAR_OVERHANG_M
EGO_HALF_WIDTH_M = EGO_SIZE_M[1] / 2
LEAST_SPEED_MPS = 4.0  # below it nothing is dangerous


class DoesNotFitError(ValueError):
    """The event cannot happen at that time: no lane, no junction, the ego too slow. Another time may do, or the advice."""

    def __init__(self, reason: str, advice: str = "try another seed, time or parameters") -> None:
        super().__init__(reason)
        self.advice = advice


@dataclass(frozen=True, eq=False)
class Scene:
    """A scenario seen along the ego's way: arc length and speed of the ego's origin at every frame."""

    scenario: Scenario
    lanes: Lanes | None
    course: Course
    s_m: Float[ndarray, "f"]
    speed_mps: Float[ndarray, "f"]

    @property
    def time_s(self) -> Float[ndarray, "f"]:
        """The times of the frames."""
        return self.scenario.time_s

    def ego_s(self, at_s: float) -> float:
        """Where the ego's origin is at a time."""
        return float(np.interp(at_s, self.time_s, self.s_m))

    def ego_speed(self, at_s: float) -> float:
        """How fast it is then."""
        return float(np.interp(at_s, self.time_s, self.speed_mps))

    def ego_at(self, s_m: float) -> float:
        """When the ego's origin comes to an arc length. Raises ``DoesNotFitError`` where it never does."""
        after = np.flatnonzero(self.s_m >= s_m)
        if not len(after) or after[0] == 0:
            raise DoesNotFitError(f"the ego does not come by {s_m:.0f} m of its way")
        i = int(after[0])
        share = (s_m - self.s_m[i - 1]) / max(self.s_m[i] - self.s_m[i - 1], 1e-9)
        return float(self.time_s[i - 1] + share * (self.time_s[i] - self.time_s[i - 1]))


@dataclass(frozen=True, eq=False)
class Cast:
    """Who an event brings: one actor, the ego's new poses where the ego does something else than before, and, where the actor
    runs a red light, which signal shows it to whom."""

    actor: Actor
    world_from_ego: Poses | None = None
    signal: str = ""


def look_at(scenario: Scenario) -> Scene:
    """The scene of a scenario. Raises ``ValueError`` for one of less than three frames."""
    if len(scenario) < 3:
        raise ValueError(f"scenario: expected three frames at least, got {len(scenario)}; take a longer one")
    lanes = index_lanes(scenario)
    course, s_m = ego_way(scenario, lanes)
    return Scene(scenario, lanes, course, s_m, np.gradient(s_m, scenario.time_s))


def fast_enough(scene: Scene, at_s: float, least_mps: float = LEAST_SPEED_MPS) -> float:
    """The ego's speed then. Raises ``DoesNotFitError`` where it is too slow for anything to be dangerous."""
    speed = scene.ego_speed(at_s)
    if speed < least_mps:
        raise DoesNotFitError(f"the ego is slower than {least_mps:g} m/s")
    return speed


def lane_beside(scene: Scene, at_s: float, ahead_m: float, aside_m: float, *, opposite: bool = False) -> Spot | None:
    """The lane ``aside_m`` to the left of the ego's way some metres ahead, that runs along it (or against it)."""
    assert scene.lanes is not None
    xyz, yaw = scene.course.at(np.array([scene.ego_s(at_s) + ahead_m]), np.array([aside_m]))
    return find_spot(scene.lanes, xyz[0, :2], float(yaw[0]), 1.4, opposite=opposite)


def actor_on(
    scene: Scene,
    name: str,
    category: str,
    course: Course,
    plan: Plan,
    *,
    within_m: tuple[float, float] | None = None,
    turned_rad: float = 0.0,
) -> Actor:
    """An actor of usual size that moves as planned, there while it is on the course (or on the stretch ``within_m`` of it).

    Raises ``DoesNotFitError`` where no road user could move so, or nothing of it is on the course.
    """
    from_m, to_m = (0.0, course.length_m) if within_m is None else within_m
    valid = (plan.s_m >= from_m) & (plan.s_m <= to_m)
    if not valid.any():
        raise DoesNotFitError("the map ends too early")
    ground = scene.scenario.ground
    try:
        return make_actor(
            name, category, size_of(category), course, plan, scene.time_s, valid, ground=ground, turned_rad=turned_rad
        )
    except ValueError as error:
        raise DoesNotFitError(str(error).split(";")[0]) from None


def braked(scene: Scene, from_s: float, braking_mps2: float) -> tuple[Poses, float]:
    """The ego on its own path, but braking from a time on until it stands and stays: poses, and where its origin stops."""
    s_b, v_b = scene.ego_s(from_s), scene.ego_speed(from_s)
    stops_s = v_b / braking_mps2
    since = np.clip(scene.time_s - from_s, 0.0, stops_s)
    s_m = np.where(scene.time_s <= from_s, scene.s_m, s_b + v_b * since - braking_mps2 * since**2 / 2)
    rising = np.maximum.accumulate(scene.s_m) + 1e-9 * np.arange(len(scene.s_m))
    if s_m.max() > rising[-1]:
        raise DoesNotFitError("the drive ends before the ego has braked")
    was_s = np.where(scene.time_s <= from_s, scene.time_s, np.interp(s_m, rising, scene.time_s))
    at = bracket(scene.time_s, was_s)
    poses = scene.scenario.world_from_ego
    return Poses(at.linear(poses.translation_m), at.slerp(poses.rotation_wxyz)), s_b + v_b * stops_s / 2

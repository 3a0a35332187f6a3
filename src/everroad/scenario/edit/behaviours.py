"""What an added actor does: stand, cruise, cut in, brake hard, or cross the road."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from everroad.scenario.checks import check_range
from everroad.scenario.edit.course import make_course
from everroad.scenario.edit.motion import FASTEST_MPS, HARDEST_BRAKING_MPS2, Plan, drive, paced, swerve, there_and_stop
from everroad.scenario.edit.placing import LANE_WIDTH_M, Placed

DEFAULT_SPEED_MPS = 8.0


def _check_speed(name: str, value: float) -> None:
    check_range(name, value, 0.0, FASTEST_MPS, "m/s")


@dataclass(frozen=True)
class Parked:
    """Stands where it is put."""


@dataclass(frozen=True)
class Cruise:
    """Follows the lane and those after it at a speed, slower in bends."""

    speed_mps: float = DEFAULT_SPEED_MPS

    def __post_init__(self) -> None:
        _check_speed("speed_mps", self.speed_mps)


@dataclass(frozen=True)
class CutIn:
    """Drives along, and from ``at_s`` on changes to the lane on one ``side`` within ``over_s`` seconds."""

    at_s: float
    side: Literal["left", "right"]
    over_s: float = 3.0
    speed_mps: float = DEFAULT_SPEED_MPS

    def __post_init__(self) -> None:
        _check_speed("speed_mps", self.speed_mps)
        check_range("over_s", self.over_s, 0.5, 60.0, "s")


@dataclass(frozen=True)
class BrakeHard:
    """Drives along, and from ``at_s`` on brakes at ``braking_mps2`` down to ``to_mps``."""

    at_s: float
    speed_mps: float = DEFAULT_SPEED_MPS
    braking_mps2: float = 6.0
    to_mps: float = 0.0

    def __post_init__(self) -> None:
        _check_speed("speed_mps", self.speed_mps)
        check_range("braking_mps2", self.braking_mps2, 0.5, HARDEST_BRAKING_MPS2, "m/s^2")
        check_range("to_mps", self.to_mps, 0.0, self.speed_mps, "m/s")


@dataclass(frozen=True)
class Cross:
    """Waits ``start_m`` to the side of the lane's centre and from ``at_s`` on crosses to ``end_m`` on the other side."""

    at_s: float
    speed_mps: float = 1.5
    side: Literal["left", "right"] = "right"
    start_m: float = 5.5
    end_m: float = 5.5

    def __post_init__(self) -> None:
        check_range("speed_mps", self.speed_mps, 0.1, FASTEST_MPS, "m/s")
        for name in ("start_m", "end_m"):
            check_range(name, getattr(self, name), 0.0, 100.0, "m")


Behaviour = Parked | Cruise | CutIn | BrakeHard | Cross


def check_time(behaviour: Behaviour, last_s: float) -> None:
    """Raises ``ValueError`` where it begins outside the scenario."""
    at_s = getattr(behaviour, "at_s", 0.0)
    if not 0.0 <= at_s <= last_s:
        raise ValueError(f"at_s: expected 0 to {last_s:g}, the scenario's seconds, got {at_s:g}; name a time within")


def plan_of(
    behaviour: Behaviour, placed: Placed, size_lwh_m: Float[ndarray, "3"], time_s: Float[ndarray, "f"], width_m: float | None
) -> tuple[Placed, Plan]:
    """The plan, and the course it is on: the placed one, or one across it. ``width_m``: of the lane, where it is known."""
    still, here = np.zeros_like(time_s), np.full_like(time_s, placed.left_m)
    match behaviour:
        case Parked():
            return placed, Plan(np.full_like(time_s, placed.s_m), still, here, still)
        case Cruise(speed_mps=speed):
            s_m, pace = paced(placed.course, time_s, placed.s_m, speed)
            return placed, Plan(s_m, pace, here, still)
        case CutIn():
            s_m, pace = paced(placed.course, time_s, placed.s_m, behaviour.speed_mps)
            over = (width_m or LANE_WIDTH_M) * (1 if behaviour.side == "left" else -1)
            left, rate = swerve(
                time_s, np.ones_like(time_s), behaviour.at_s, behaviour.over_s, placed.left_m, placed.left_m + over
            )
            return placed, Plan(s_m, pace, left, rate)
        case BrakeHard():
            slows_s = (behaviour.speed_mps - behaviour.to_mps) / behaviour.braking_mps2
            phases = [(behaviour.at_s, 0.0), (slows_s, -behaviour.braking_mps2)]
            return placed, Plan(*drive(time_s, placed.s_m, behaviour.speed_mps, phases), here, still)
        case Cross():
            return _across(behaviour, placed, time_s)


def _across(behaviour: Cross, placed: Placed, time_s: ndarray) -> tuple[Placed, Plan]:
    sign = -1.0 if behaviour.side == "right" else 1.0
    there = np.array([placed.s_m, placed.s_m])
    ends, _ = placed.course.at(there, np.array([sign * behaviour.start_m, -sign * behaviour.end_m]) + placed.left_m)
    course = make_course(ends)
    still = np.zeros_like(time_s)
    phases = [(behaviour.at_s, 0.0), *there_and_stop(course.length_m, behaviour.speed_mps)]
    return Placed(course, 0.0, 0.0, None), Plan(*drive(time_s, 0.0, 0.0, phases), still, still)

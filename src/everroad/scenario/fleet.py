"""Everything that drives: one table of vehicles and bicycles, replaced as a whole at every simulation step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

ROUTE_LENGTH = 4
EGO_TRACK = 0
EGO_SIZE_M = (4.6, 1.9, 1.6)
EGO_REAR_OVERHANG_M = 0.95  # behind the rear axle, where the ego's origin lies


class Kind(NamedTuple):
    """One sort of road user: nuScenes category, share of the traffic, mean size, spread of the size."""

    category: str
    share: float
    size_lwh_m: tuple[float, float, float]
    spread: float


KINDS: tuple[Kind, ...] = (
    Kind("vehicle.car", 0.60, (4.55, 1.86, 1.58), 0.06),
    Kind("vehicle.car", 0.12, (5.1, 2.0, 1.9), 0.05),
    Kind("vehicle.truck", 0.11, (7.6, 2.4, 3.0), 0.08),
    Kind("vehicle.bus.rigid", 0.10, (11.5, 2.52, 3.2), 0.03),
    Kind("vehicle.motorcycle", 0.07, (2.15, 0.8, 1.5), 0.05),
    Kind("vehicle.bicycle", 0.0, (1.75, 0.62, 1.7), 0.04),
)
BICYCLE = len(KINDS) - 1
LONGEST_TURNING_M = 5.8  # longer ones would sweep over the next lane in a turn, so they only go straight on


@dataclass(frozen=True, eq=False)
class Fleet:
    """``n`` road users; row 0 is the ego. Metres, metres a second, seconds.

    ``route`` is the segment each is on and the next ones; ``previous`` the one before (-1: none). ``s_m`` is the arc length of
    the reference point on ``route[:, 0]``; the body reaches from ``s - rear`` to ``s + front``. ``reserved``: may use the
    connector ahead. ``waited``: steps spent standing at a stop line. ``choices`` counts the route decisions taken so far, which
    addresses the next. ``gap_m``, ``leader_mps``: to and of the leader, a step ago.
    A lane change is a lateral offset that goes from ``change_left_m`` to 0 between ``change_s_m`` and ``change_s_m + change_m``
    of the new lane; ``change_from`` is the old lane (-1: none), ``change_shift_m`` its arc length less the new one's.
    """

    track: Int[ndarray, "n"]
    kind: Int[ndarray, "n"]
    size_m: Float[ndarray, "n 3"]
    front_m: Float[ndarray, "n"]
    rear_m: Float[ndarray, "n"]
    straight_only: Bool[ndarray, "n"]
    eagerness: Float[ndarray, "n"]
    acceleration_mps2: Float[ndarray, "n"]
    headway_s: Float[ndarray, "n"]
    bias_left_m: Float[ndarray, "n"]
    route: Int[ndarray, "n 4"]
    previous: Int[ndarray, "n"]
    s_m: Float[ndarray, "n"]
    speed_mps: Float[ndarray, "n"]
    applied_mps2: Float[ndarray, "n"]
    gap_m: Float[ndarray, "n"]
    leader_mps: Float[ndarray, "n"]
    reserved: Bool[ndarray, "n"]
    waited: Int[ndarray, "n"]
    choices: Int[ndarray, "n"]
    change_from: Int[ndarray, "n"]
    change_shift_m: Float[ndarray, "n"]
    change_s_m: Float[ndarray, "n"]
    change_m: Float[ndarray, "n"]
    change_left_m: Float[ndarray, "n"]

    def __len__(self) -> int:
        return len(self.track)


def select(fleet: Fleet, rows: Bool[ndarray, "n"] | Int[ndarray, "k"]) -> Fleet:
    """The road users of some rows."""
    return Fleet(*(getattr(fleet, f.name)[rows] for f in fields(Fleet)))


def join(fleets: Sequence[Fleet]) -> Fleet:
    """Tables one below the other."""
    return Fleet(*(np.concatenate([getattr(fleet, f.name) for fleet in fleets]) for f in fields(Fleet)))


def recruit(
    draw: np.random.Generator, track: int, kind: int, route: Sequence[int], s_m: float, speed_mps: float, choices: int
) -> Fleet:
    """One new road user as a table of one row; size and temper are drawn."""
    is_ego = track == EGO_TRACK
    mean = KINDS[kind].size_lwh_m
    size = np.array(EGO_SIZE_M) if is_ego else np.array(mean) * draw.normal(1, KINDS[kind].spread, 3).clip(0.85, 1.12)
    rear = EGO_REAR_OVERHANG_M if is_ego else size[0] / 2
    bicycle, long = kind == BICYCLE, KINDS[kind].size_lwh_m[0] > LONGEST_TURNING_M
    floats = {
        "front_m": size[0] - rear,
        "rear_m": rear,
        "eagerness": draw.uniform(0.55, 0.95) if bicycle else draw.uniform(0.85, 1.06),
        "acceleration_mps2": draw.uniform(0.7, 1.0) if bicycle else draw.uniform(1.3, 2.0) * (0.7 if long else 1.0),
        "headway_s": draw.uniform(1.0, 1.7),
        "bias_left_m": draw.uniform(-0.12, 0.12),
        "s_m": s_m, "speed_mps": speed_mps, "applied_mps2": 0.0, "gap_m": 1e6, "leader_mps": 0.0,
        "change_shift_m": 0.0, "change_s_m": 0.0, "change_m": 1.0, "change_left_m": 0.0,
    }  # fmt: skip
    return Fleet(
        track=np.array([track]), kind=np.array([kind]), size_m=size[None], straight_only=np.array([long or bicycle]),
        route=np.array([route]), previous=np.array([-1]), reserved=np.array([False]), waited=np.array([0]),
        choices=np.array([choices]),
        change_from=np.array([-1]), **{name: np.array([value], dtype=np.float64) for name, value in floats.items()},
    )  # fmt: skip

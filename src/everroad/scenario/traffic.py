"""Traffic, step by step: the fleet of an instant becomes that of the next, and what it did is written down.

Within a step accelerations are constant, so positions between two instants are exact quadratics and any frame rate may be read
off.
Nothing depends on how long the simulation goes on, so a longer one begins with the shorter one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from everroad.scenario.curves import along_offset, look_up
from everroad.scenario.driving import accelerations
from everroad.scenario.fleet import EGO_TRACK, Fleet
from everroad.scenario.lane_change import change_lanes, lateral
from everroad.scenario.lane_graph import LaneGraph
from everroad.scenario.right_of_way import grant
from everroad.scenario.routes import follow
from everroad.scenario.signals import SignalPlan
from everroad.scenario.spawning import Places, dismiss, place_one, populate

SIM_STEP_S = 0.125
_SPAWN_EVERY_STEPS = 4


@dataclass(frozen=True, eq=False)
class Motion:
    """What drives at one instant: the fleet, the instant's number, and the next free track number."""

    fleet: Fleet
    sim_step: int
    next_track: int


class Whereabouts(NamedTuple):
    """Reference points, headings, and speeds along them (``n`` each; metres, radians, metres a second)."""

    xy_m: Float[ndarray, "n 2"]
    yaw_rad: Float[ndarray, "n"]
    speed_mps: Float[ndarray, "n"]


def where(graph: LaneGraph, fleet: Fleet, after_s: Float[ndarray, "n"] | float = 0.0) -> Whereabouts:
    """Where everybody is ``after_s`` seconds (at most one step) after the fleet's instant."""
    s_m = fleet.s_m + fleet.speed_mps * after_s + fleet.applied_mps2 * np.square(after_s) / 2
    segment, length = fleet.route[:, 0], graph.curves.length_m[fleet.route[:, 0]]
    left, slope = lateral(s_m, fleet.change_from, fleet.change_s_m, fleet.change_m, fleet.change_left_m)
    over = (s_m > length) & (fleet.route[:, 1] >= 0)
    segment = np.where(over, fleet.route[:, 1], segment)
    s_m, left = np.where(over, s_m - length, s_m), left + fleet.bias_left_m
    xy, yaw = look_up(graph.curves, segment, s_m, left)
    along = along_offset(graph.curves, segment, s_m, left)
    speed = (fleet.speed_mps + fleet.applied_mps2 * after_s) * np.hypot(along, slope)
    return Whereabouts(xy, yaw + np.arctan2(slope, along), speed)


def start(graph: LaneGraph, places: Places, seed: int) -> Motion:
    """The ego on some road in town, and traffic around it."""
    in_town = ~graph.bicycle & ~graph.leaves_town & (graph.leg_out >= 0)
    ego = place_one(graph, places, None, in_town[places.segment], seed, EGO_TRACK)
    assert ego is not None
    xy = where(graph, ego).xy_m
    fleet, next_track = populate(graph, places, ego, xy[0], seed, 1, ring=False, tries=160)
    return Motion(fleet, 0, next_track)


def advance(
    graph: LaneGraph,
    places: Places,
    plan: SignalPlan,
    seed: int,
    motion: Motion,
    blocked: Bool[ndarray, "nodes 4"],
    sim_time_s: float,
) -> tuple[Fleet, Motion]:
    """One step: the fleet as it is now with the accelerations it applies until the next instant, and the motion then."""
    fleet = change_lanes(graph, motion.fleet, seed, motion.sim_step)
    fleet = grant(graph, plan, fleet, sim_time_s, blocked)
    wanted, gap, leader = accelerations(graph, fleet)
    now = replace(fleet, applied_mps2=np.maximum(wanted, -fleet.speed_mps / SIM_STEP_S), gap_m=gap, leader_mps=leader)
    later = _moved(graph, now, seed)
    xy = where(graph, later).xy_m
    later = dismiss(graph, later, xy)
    next_track = motion.next_track
    if motion.sim_step % _SPAWN_EVERY_STEPS == 0:
        later, next_track = populate(graph, places, later, xy[0], seed, next_track, ring=True, tries=4)
    return now, Motion(later, motion.sim_step + 1, next_track)


def _moved(graph: LaneGraph, fleet: Fleet, seed: int) -> Fleet:
    s_m = fleet.s_m + fleet.speed_mps * SIM_STEP_S + fleet.applied_mps2 * SIM_STEP_S**2 / 2
    speed = np.maximum(fleet.speed_mps + fleet.applied_mps2 * SIM_STEP_S, 0.0)
    done = (fleet.change_from >= 0) & (s_m >= fleet.change_s_m + fleet.change_m)
    route, previous, reserved, choices = fleet.route, fleet.previous, fleet.reserved, fleet.choices
    over = np.flatnonzero((s_m > graph.curves.length_m[route[:, 0]]) & (route[:, 1] >= 0))
    if len(over):
        route, previous, reserved, choices = route.copy(), previous.copy(), reserved.copy(), choices.copy()
    for row in over.tolist():
        s_m[row] -= graph.curves.length_m[route[row, 0]]
        previous[row] = route[row, 0]
        last = int(route[row, -1])
        track, straight_only = int(fleet.track[row]), bool(fleet.straight_only[row])
        new = -1 if last < 0 else follow(graph, last, seed, track, int(choices[row]), straight_only)
        route[row] = [*route[row, 1:], new]
        choices[row] += 1
        if graph.is_connector[route[row, 0]]:
            reserved[row] = False
    return replace(
        fleet, s_m=s_m, speed_mps=speed, route=route, previous=previous, reserved=reserved, choices=choices,
        change_from=np.where(done, -1, fleet.change_from),
    )  # fmt: skip

"""Pedestrians: they follow pavements, wait at crossings until nobody is coming, and some just stand about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from everroad.scenario.curves import look_up
from everroad.scenario.draws import uniform
from everroad.scenario.walks import CROSSING, WalkGraph

_PULL = 0.22  # share of the way to the path that is made up in a step: rounds off the corners of the path
_TURN_RATE_RADPS = 3.0
_ACCELERATION_MPS2 = 1.5
_CROSSING_PACE_MPS = 1.45
_TOP_SPEED_MPS = 2.0
_PATIENCE_STEPS = 120
_CROSSING_SHARE = 0.45


@dataclass(frozen=True, eq=False)
class Walkers:
    """``n`` pedestrians. ``walk`` and ``s_m`` are where each is heading along; ``xy_m`` and ``yaw_rad`` where it is;
    ``velocity_mps`` and ``yaw_rate_radps`` hold until the next step. ``waited`` counts steps spent at a kerb."""

    track: Int[ndarray, "n"]
    size_m: Float[ndarray, "n 3"]
    pace_mps: Float[ndarray, "n"]
    bias_left_m: Float[ndarray, "n"]
    walk: Int[ndarray, "n"]
    s_m: Float[ndarray, "n"]
    speed_mps: Float[ndarray, "n"]
    xy_m: Float[ndarray, "n 2"]
    yaw_rad: Float[ndarray, "n"]
    velocity_mps: Float[ndarray, "n 2"]
    yaw_rate_radps: Float[ndarray, "n"]
    choices: Int[ndarray, "n"]
    waited: Int[ndarray, "n"]

    def __len__(self) -> int:
        return len(self.track)


def select(walkers: Walkers, rows: Bool[ndarray, "n"] | Int[ndarray, "k"]) -> Walkers:
    """The pedestrians of some rows."""
    return Walkers(*(getattr(walkers, f.name)[rows] for f in fields(Walkers)))


def join(tables: Sequence[Walkers]) -> Walkers:
    """Tables one below the other."""
    return Walkers(*(np.concatenate([getattr(table, f.name) for table in tables]) for f in fields(Walkers)))


def nobody() -> Walkers:
    """An empty table."""
    whole, real, pair = np.zeros(0, np.int64), np.zeros(0), np.zeros((0, 2))
    return Walkers(whole, np.zeros((0, 3)), real, real, whole, real, real, pair, real, pair, real, whole, whole)


def crossings_in_use(graph: WalkGraph, walkers: Walkers, nodes: int) -> Bool[ndarray, "nodes 4"]:
    """Legs on whose crossing somebody walks."""
    out = np.zeros((nodes, 4), bool)
    on = walkers.walk[graph.kind[walkers.walk] == CROSSING]
    out[graph.node[on], graph.side[on]] = True
    return out


def _next_walk(graph: WalkGraph, walk: int, seed: int, track: int, choice: int, may_cross: bool) -> int:
    options = graph.options[walk]
    crossing = [o for o in options if graph.kind[o] == CROSSING]
    others = [o for o in options if graph.kind[o] != CROSSING]
    if crossing and may_cross and uniform(seed, "cross", track, choice) < _CROSSING_SHARE:
        return crossing[0]
    return others[int(uniform(seed, "walk", track, choice) * len(others))]


def advance(
    graph: WalkGraph, walkers: Walkers, seed: int, step_s: float, free: Bool[ndarray, "nodes 4"]
) -> tuple[Walkers, Walkers]:
    """One step: the pedestrians as they are now, with the velocities they hold until the next instant, and as they are then.
    ``free``: legs that may be crossed now."""
    s_m, walk, choices, waited = walkers.s_m.copy(), walkers.walk.copy(), walkers.choices.copy(), walkers.waited.copy()
    target_speed = walkers.pace_mps.copy()
    at_end = (s_m + walkers.speed_mps * step_s >= graph.curves.length_m[walk]) & (walkers.pace_mps > 0)
    for row in np.flatnonzero(at_end).tolist():
        if not graph.options[walk[row]]:
            target_speed[row] = 0.0
            continue
        track = int(walkers.track[row])
        following = _next_walk(graph, int(walk[row]), seed, track, int(choices[row]), int(waited[row]) < _PATIENCE_STEPS)
        if graph.kind[following] == CROSSING and not free[graph.node[following], graph.side[following]]:
            target_speed[row] = 0.0
            waited[row] += 1
            continue
        s_m[row] -= graph.curves.length_m[walk[row]]
        walk[row] = following
        choices[row] += 1
        waited[row] = 0
    hurried = np.where(graph.kind[walk] == CROSSING, np.maximum(target_speed, _CROSSING_PACE_MPS), target_speed)
    target_speed = np.where(target_speed > 0, hurried, 0.0)
    change = np.clip(target_speed - walkers.speed_mps, -_ACCELERATION_MPS2 * step_s, _ACCELERATION_MPS2 * step_s)
    speed = np.where(target_speed == 0, np.minimum(walkers.speed_mps + change, 0.4), walkers.speed_mps + change)
    s_m = np.minimum(s_m + speed * step_s, graph.curves.length_m[walk])
    aim, _ = look_up(graph.curves, walk, s_m, walkers.bias_left_m)
    velocity = (aim - walkers.xy_m) * (_PULL / step_s)
    pace = np.hypot(velocity[:, 0], velocity[:, 1])
    velocity *= np.minimum(1.0, _TOP_SPEED_MPS / np.maximum(pace, 1e-9))[:, None]
    direction = np.arctan2(velocity[:, 1], velocity[:, 0])
    turn = (direction - walkers.yaw_rad + np.pi) % (2 * np.pi) - np.pi
    yaw_rate = np.where(pace > 0.25, np.clip(turn / step_s * 0.4, -_TURN_RATE_RADPS, _TURN_RATE_RADPS), 0.0)
    now = replace(walkers, velocity_mps=velocity, yaw_rate_radps=yaw_rate)
    later = replace(
        now, s_m=s_m, walk=walk, choices=choices, waited=waited, speed_mps=speed,
        xy_m=walkers.xy_m + velocity * step_s, yaw_rad=walkers.yaw_rad + yaw_rate * step_s,
    )  # fmt: skip
    return now, later

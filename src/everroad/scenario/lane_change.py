"""Lane changes: who wants one, whether the gap is there, and the path across."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from everroad.scenario import idm
from everroad.scenario.curves import along_offset, look_up, project_onto
from everroad.scenario.draws import uniform
from everroad.scenario.driving import STANDSTILL_GAP_M
from everroad.scenario.fleet import BICYCLE, Fleet
from everroad.scenario.lane_graph import LaneGraph
from everroad.scenario.road_users import Occupancy, occupancy, way_ahead
from everroad.scenario.routes import extend

_EVERY_STEPS = 8  # each road user thinks about it once a second
_WHIM = 0.05  # chance of changing for no reason, per thought
_LEAST_GAP_M = 3.0
_HARDEST_ASKED_MPS2 = 1.5  # what a change may ask of the one behind and of oneself (as in MOBIL, Kesting et al. 2007)
_LEAST_SPEED_MPS = 4.0


def change_length_m(speed_mps: float) -> float:
    """How far along the road a lane change takes."""
    return max(28.0, 3.4 * speed_mps)


def lateral(
    s_m: Float[ndarray, "n"],
    change_from: ndarray,
    start_m: Float[ndarray, "n"],
    length_m: Float[ndarray, "n"],
    left_m: Float[ndarray, "n"],
) -> tuple[Float[ndarray, "n"], Float[ndarray, "n"]]:
    """Offset to the left of the lane (metres) and its slope along the lane: a quintic, flat and unbent at both ends."""
    u = np.clip((s_m - start_m) / length_m, 0, 1)
    active = change_from >= 0
    offset = left_m * (1 - u**3 * (10 - 15 * u + 6 * u * u))
    slope = -left_m / length_m * 30 * (u * (1 - u)) ** 2
    return np.where(active, offset, 0.0), np.where(active, slope, 0.0)


def _gap_is_safe(fleet: Fleet, places: Occupancy, ahead: Float[ndarray, "n 4"], row: int, lane: int, s_m: float) -> bool:
    """May ``row`` appear at ``s_m`` of ``lane``? Neither it nor who comes behind would have to brake hard."""
    there = (places.segment == lane) & (places.owner != row)
    coming_row, coming_k = np.nonzero(fleet.route[:, 1:] == lane)
    owner = np.concatenate([places.owner[there], coming_row])
    position = np.concatenate([places.s_m[there], -ahead[coming_row, coming_k + 1]])
    behind = position <= s_m
    gap = np.where(
        behind,
        s_m - fleet.rear_m[row] - position - fleet.front_m[owner],
        position - fleet.rear_m[owner] - s_m - fleet.front_m[row],
    )
    if (gap < _LEAST_GAP_M).any():
        return False
    follower, leader = np.where(behind, owner, row), np.where(behind, row, owner)
    asked = idm.interaction(
        fleet.speed_mps[follower], gap, fleet.speed_mps[follower] - fleet.speed_mps[leader],
        fleet.acceleration_mps2[follower], fleet.headway_s[follower] * 0.7, np.full(len(owner), STANDSTILL_GAP_M),
    )  # fmt: skip
    return bool((asked > -_HARDEST_ASKED_MPS2).all())


def _wants(seed: int, fleet: Fleet, row: int, sim_step: int, limit_mps: float) -> bool:
    draw = uniform(seed, "lane change", int(fleet.track[row]), sim_step)
    held_up = fleet.gap_m[row] < 40 and fleet.leader_mps[row] < 0.75 * limit_mps * fleet.eagerness[row]
    return draw < (0.6 if held_up else _WHIM)


def change_lanes(graph: LaneGraph, fleet: Fleet, seed: int, sim_step: int) -> Fleet:
    """The fleet with new lane changes begun."""
    current = fleet.route[:, 0]
    left_over = graph.curves.length_m[current] - fleet.s_m
    able = (
        (fleet.change_from < 0)
        & ~fleet.reserved
        & ~graph.is_connector[current]
        & (fleet.kind != BICYCLE)
        & ~fleet.straight_only
    )
    able &= (fleet.s_m > fleet.rear_m + 2) & (fleet.speed_mps > _LEAST_SPEED_MPS)
    able &= left_over > np.maximum(28.0, 3.4 * fleet.speed_mps) + fleet.front_m + 4
    able &= (fleet.track + sim_step) % _EVERY_STEPS == 0
    able &= (graph.left[current] >= 0) | (graph.right[current] >= 0)
    for row in np.flatnonzero(able).tolist():
        if not _wants(seed, fleet, row, sim_step, float(graph.speed_limit_mps[current[row]])):
            continue
        sides = [int(s) for s in (graph.left[current[row]], graph.right[current[row]]) if s >= 0]
        lane = sides[int(uniform(seed, "side", int(fleet.track[row]), sim_step) * len(sides))]
        fleet = _begin(graph, fleet, seed, row, lane)
    return fleet


def _begin(graph: LaneGraph, fleet: Fleet, seed: int, row: int, lane: int) -> Fleet:
    here, _ = look_up(graph.curves, fleet.route[row : row + 1, 0], fleet.s_m[row : row + 1])
    s_m, left_m = project_onto(graph.curves, lane, here[0])
    speed = float(fleet.speed_mps[row]) / float(
        along_offset(graph.curves, np.array([lane]), np.array([s_m]), np.array([left_m]))[0]
    )
    length = change_length_m(speed)
    if s_m + length + fleet.front_m[row] + 3 > graph.curves.length_m[lane]:
        return fleet
    if not _gap_is_safe(fleet, occupancy(graph, fleet), way_ahead(graph, fleet), row, lane, s_m):
        return fleet
    route, choices = extend(graph, [lane], seed, int(fleet.track[row]), int(fleet.choices[row]), bool(fleet.straight_only[row]))

    def put(values: ndarray, value: int | float | list[int]) -> ndarray:
        out = values.copy()
        out[row] = value
        return out

    return replace(
        fleet,
        route=put(fleet.route, route),
        choices=put(fleet.choices, choices),
        s_m=put(fleet.s_m, s_m),
        speed_mps=put(fleet.speed_mps, speed),
        change_from=put(fleet.change_from, int(fleet.route[row, 0])),
        change_shift_m=put(fleet.change_shift_m, float(fleet.s_m[row]) - s_m),
        change_s_m=put(fleet.change_s_m, s_m),
        change_m=put(fleet.change_m, length),
        change_left_m=put(fleet.change_left_m, left_m),
        previous=put(fleet.previous, -1),
    )

"""How hard each road user accelerates: the Intelligent Driver Model, with curves and stop lines."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from everroad.scenario import idm
from everroad.scenario.curves import locate
from everroad.scenario.fleet import EGO_TRACK, Fleet
from everroad.scenario.lane_graph import LaneGraph
from everroad.scenario.lane_rules import CURVE_BRAKING_MPS2
from everroad.scenario.road_users import FAR_M, leaders, occupancy, way_ahead

ANTICIPATION_S = 0.6  # curves are answered to where one will be then
CURVE_BRAKING_LIMIT_MPS2 = 2.5
STANDSTILL_GAP_M = 2.0
STOP_LINE_GAP_M = 0.8
EGO_TOP_SPEED_MPS = 19.5


class StopLine(NamedTuple):
    """Per road user: the connector at the next intersection (-1: none within the route) and the distance from its front to the
    stop line before it."""

    connector: Int[ndarray, "n"]
    distance_m: Float[ndarray, "n"]


def next_stop_line(graph: LaneGraph, fleet: Fleet, ahead: Float[ndarray, "n 4"]) -> StopLine:
    """The stop line of the lane that each is on, or of the one that it is turning into."""
    k = np.where(graph.is_connector[fleet.route[:, 0]], 2, 1)
    rows = np.arange(len(fleet))
    return StopLine(fleet.route[rows, k], ahead[rows, k] - fleet.front_m)


def decision_distance_m(fleet: Fleet) -> Float[ndarray, "n"]:
    """From how far a road user reckons with a stop line: it can still stop there in comfort."""
    return fleet.speed_mps**2 / (2 * idm.COMFORTABLE_BRAKING_MPS2) + 0.5 * fleet.speed_mps + 10.0


def _speed_cap(graph: LaneGraph, fleet: Fleet, ahead: Float[ndarray, "n 4"]) -> Float[ndarray, "n"]:
    """The comfortable speed a moment from now, from the curve there and from those of the next segments."""
    reach = fleet.speed_mps * ANTICIPATION_S
    segment, s_m = fleet.route[:, 0], fleet.s_m + reach
    over = (s_m > graph.curves.length_m[segment]) & (fleet.route[:, 1] >= 0)
    s_m = np.where(over, reach - ahead[:, 1], s_m)
    segment = np.where(over, fleet.route[:, 1], segment)
    index, _ = locate(graph.curves, segment, s_m)
    cap = graph.speed_cap_mps[index]
    entry = np.where(fleet.route[:, 1:] >= 0, graph.speed_cap_mps[graph.curves.first[fleet.route[:, 1:]]], FAR_M)
    room = np.maximum(ahead[:, 1:] - reach[:, None], 0)
    return np.minimum(cap, np.sqrt(entry**2 + 2 * CURVE_BRAKING_MPS2 * room).min(axis=1))


def accelerations(graph: LaneGraph, fleet: Fleet) -> tuple[Float[ndarray, "n"], Float[ndarray, "n"], Float[ndarray, "n"]]:
    """Acceleration of each road user now, and its leader's gap and speed."""
    ahead = way_ahead(graph, fleet)
    gap, leader_speed = leaders(graph, fleet, occupancy(graph, fleet), ahead)
    speed, pull = fleet.speed_mps, fleet.acceleration_mps2
    cap = _speed_cap(graph, fleet, ahead)
    desired = graph.speed_limit_mps[fleet.route[:, 0]] * fleet.eagerness
    desired = np.where(fleet.track == EGO_TRACK, np.minimum(desired, EGO_TOP_SPEED_MPS), desired)
    free = np.maximum(idm.free_acceleration(speed, desired, pull), -1.5)
    curve = np.maximum((cap - speed) / ANTICIPATION_S, -CURVE_BRAKING_LIMIT_MPS2)
    follow = idm.interaction(speed, gap, speed - leader_speed, pull, fleet.headway_s, np.full(len(fleet), STANDSTILL_GAP_M))
    line = next_stop_line(graph, fleet, ahead)
    must_stop = (line.connector >= 0) & ~fleet.reserved & (line.distance_m < decision_distance_m(fleet))
    halt = idm.interaction(speed, line.distance_m, speed, pull, fleet.headway_s * 0.5, np.full(len(fleet), STOP_LINE_GAP_M))
    wanted = np.minimum(free, curve) + np.minimum(follow, np.where(must_stop, halt, 0.0))
    return np.clip(wanted, -idm.HARDEST_BRAKING_MPS2, pull), gap, leader_speed

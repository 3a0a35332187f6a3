"""Who may enter an intersection: connectors are reserved, and no two that cross are ever held at once.

A road user holds a connector from the moment it is promised until its tail has left it. So intersections are free of collisions by
construction, with or without signals; signals only add when a promise may be given.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Bool
from numpy import ndarray

from everroad.scenario.driving import decision_distance_m, next_stop_line
from everroad.scenario.fleet import Fleet
from everroad.scenario.lane_graph import LaneGraph
from everroad.scenario.road_users import way_ahead
from everroad.scenario.signals import GREEN, RED, SignalPlan, colours

_QUEUE_GAP_M = 3.0
EGO_ASKS_EARLIER_M = 30.0  # the ego and who is on its lane mostly have priority, so that a drive is not spent waiting
_WALK_S = 6.0  # a signal must stay red this long for a walk over the crossing to begin


def held_connectors(graph: LaneGraph, fleet: Fleet) -> list[int]:
    """Connectors in use or promised."""
    current, previous = fleet.route[:, 0], fleet.previous
    tail = (previous >= 0) & (fleet.s_m < fleet.rear_m + 0.5)
    tail &= graph.is_connector[previous]
    line = next_stop_line(graph, fleet, way_ahead(graph, fleet))
    return [
        *current[graph.is_connector[current]].tolist(),
        *previous[tail].tolist(),
        *line.connector[fleet.reserved & (line.connector >= 0)].tolist(),
    ]


def _exit_has_room(graph: LaneGraph, fleet: Fleet, row: int, connector: int, bound_for: list[int]) -> bool:
    """Would the road user, and those promised the same exit before it, find room there, so that nobody waits in the middle?"""
    exit_lane = graph.options[connector][0]
    on_it = np.flatnonzero((fleet.route[:, 0] == exit_lane) | (fleet.change_from == exit_lane))
    needed = fleet.size_m[row, 0] + _QUEUE_GAP_M
    needed += sum(fleet.size_m[other, 0] + _QUEUE_GAP_M for other in bound_for if other != row)
    if len(on_it) == 0:
        return needed < graph.curves.length_m[exit_lane]
    room = (fleet.s_m[on_it] - fleet.rear_m[on_it] + 2.0 * fleet.speed_mps[on_it]).min()
    return bool(needed < room)


def grant(graph: LaneGraph, plan: SignalPlan, fleet: Fleet, sim_time_s: float, blocked: Bool[ndarray, "nodes 4"]) -> Fleet:
    """The fleet with new promises: the ego's lane first, then by distance. ``blocked``: legs on whose crossing somebody walks."""
    ahead = way_ahead(graph, fleet)
    line = next_stop_line(graph, fleet, ahead)
    on_connector = graph.is_connector[fleet.route[:, 0]]
    lane = np.where(on_connector, fleet.route[:, 1], fleet.route[:, 0])
    reach = decision_distance_m(fleet) + np.where(lane == lane[0], EGO_ASKS_EARLIER_M, 0.0)
    asking = ~fleet.reserved & (line.connector >= 0) & (line.distance_m < reach) & (fleet.change_from < 0)
    if not asking.any():
        return fleet
    order = line.distance_m - np.where(lane == lane[0], 1e3, 0.0)
    held = held_connectors(graph, fleet)
    reserved = fleet.reserved.copy()
    for row in sorted(np.flatnonzero(asking).tolist(), key=lambda r: order[r]):
        connector = int(line.connector[row])
        node, leg_in, leg_out = int(graph.end_node[connector]), int(graph.leg_in[connector]), int(graph.leg_out[connector])
        if blocked[node, leg_in] or blocked[node, leg_out] or graph.conflicts[connector, held].any():
            continue
        if colours(plan, leg_in, sim_time_s)[node] != GREEN:
            continue
        same_approach = (lane == lane[row]) | (fleet.change_from == lane[row])
        if (same_approach & ~reserved & (line.distance_m < line.distance_m[row])).any():
            continue
        exit_lane = graph.options[connector][0]
        to_same = [r for r in range(len(fleet)) if _bound_for(graph, fleet, line.connector, reserved, r, exit_lane)]
        if not _exit_has_room(graph, fleet, row, connector, to_same):
            continue
        reserved[row] = True
        held.append(connector)
    return replace(fleet, reserved=reserved)


def _bound_for(graph: LaneGraph, fleet: Fleet, promised: ndarray, reserved: ndarray, row: int, exit_lane: int) -> bool:
    current = int(fleet.route[row, 0])
    if graph.is_connector[current] and graph.options[current][0] == exit_lane:
        return True
    return bool(reserved[row]) and promised[row] >= 0 and graph.options[int(promised[row])][0] == exit_lane


def crossable(graph: LaneGraph, plan: SignalPlan, fleet: Fleet, sim_time_s: float) -> Bool[ndarray, "nodes 4"]:
    """Legs that may be crossed on foot now: nobody holds a connector that comes or goes by them, and any signal there is red."""
    out = np.ones((len(plan.signalised), 4), bool)
    for connector in held_connectors(graph, fleet):
        node = graph.end_node[connector]
        out[node, graph.leg_in[connector]] = False
        out[node, graph.leg_out[connector]] = False
    for side in range(4):
        for moment_s in (sim_time_s, sim_time_s + _WALK_S):
            out[:, side] &= ~plan.signalised | (colours(plan, side, moment_s) == RED)
    return out

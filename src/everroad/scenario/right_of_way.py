"""Who may enter an intersection: connectors are reserved, and no two that cross are ever held at once.

A road user holds a connector from the moment it is promised until its tail has left it. So intersections are free of collisions
by construction, with or without signals; signals only add when a promise may be given.
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
from everroad.scenario.signals import GREEN, SignalPlan, colours, red_left_s

EGO_ASKS_EARLIER_M = 30.0  # the ego and who is on its lane mostly have priority, so that a drive is not spent waiting
_QUEUE_GAP_M = 3.0
_AT_LINE_M, _STANDING_MPS = 4.0, 1.0
_NEAR_LINE_M = 12.0
_OVERDUE_STEPS = 100


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


def _exit_has_room(graph: LaneGraph, fleet: Fleet, row: int, exit_lane: int, bound_for_it: Bool[ndarray, "n"]) -> bool:
    """Would the road user, and those bound for the exit before it, find room there, so that nobody waits in the middle?"""
    on_it = np.flatnonzero((fleet.route[:, 0] == exit_lane) | (fleet.change_from == exit_lane))
    needed = float((fleet.size_m[:, 0] + _QUEUE_GAP_M)[bound_for_it].sum() + fleet.size_m[row, 0] + _QUEUE_GAP_M)
    if len(on_it) == 0:
        return needed < float(graph.curves.length_m[exit_lane])
    room = (fleet.s_m[on_it] - fleet.rear_m[on_it] + 2.0 * fleet.speed_mps[on_it]).min()
    return bool(needed < room)


def grant(graph: LaneGraph, plan: SignalPlan, fleet: Fleet, sim_time_s: float, blocked: Bool[ndarray, "nodes 4"]) -> Fleet:
    """The fleet with new promises: the ego's lane first, then who has waited longest, then by distance. ``blocked``: legs whose
    crossing is in use.

    Who stands at the line and waits for others to clear, or comes on the ego's lane, has a claim: nobody after it gets a
    connector that crosses its own. So a stream of others cannot keep it waiting for ever.
    """
    line = next_stop_line(graph, fleet, way_ahead(graph, fleet))
    lane = np.where(graph.is_connector[fleet.route[:, 0]], fleet.route[:, 1], fleet.route[:, 0])
    with_ego = (lane == lane[0]) | (lane == fleet.change_from[0])
    reach = decision_distance_m(fleet) + np.where(with_ego, EGO_ASKS_EARLIER_M, 0.0)
    asking = ~fleet.reserved & (line.connector >= 0) & (line.distance_m < reach) & (fleet.change_from < 0)
    stands = (line.distance_m < _AT_LINE_M) & (fleet.speed_mps < _STANDING_MPS) & ~fleet.reserved
    waited = np.where(stands, fleet.waited + 1, 0)
    order = np.lexsort((line.distance_m, -waited, ~with_ego))
    held, claimed = held_connectors(graph, fleet), []
    reserved = fleet.reserved.copy()
    for row in order[asking[order]].tolist():
        connector = int(line.connector[row])
        node, leg_in, leg_out = int(graph.end_node[connector]), int(graph.leg_in[connector]), int(graph.leg_out[connector])
        if colours(plan, leg_in, sim_time_s)[node] != GREEN:
            continue
        same_approach = (lane == lane[row]) | (fleet.change_from == lane[row])
        if (same_approach & ~reserved & (line.distance_m < line.distance_m[row])).any():
            continue
        exit_lane = int(graph.exit_lane[connector])
        bound_for_it = graph.exit_lane[fleet.route[:, 0]] == exit_lane
        bound_for_it |= reserved & (graph.exit_lane[line.connector] == exit_lane)
        if not _exit_has_room(graph, fleet, row, exit_lane, bound_for_it):
            continue
        in_the_way = blocked[node, leg_in] or blocked[node, leg_out] or graph.conflicts[connector, held].any()
        if not in_the_way and not graph.conflicts[connector, claimed].any():
            reserved[row] = True
            held.append(connector)
        elif stands[row] or with_ego[row]:
            claimed.append(connector)
    return replace(fleet, reserved=reserved, waited=waited)


def crossable(graph: LaneGraph, plan: SignalPlan, fleet: Fleet, sim_time_s: float) -> Bool[ndarray, "nodes 4"]:
    """Legs that may be crossed on foot now: nobody holds a connector that comes or goes by them, nobody near the stop line
    wants one and has green, nobody has waited very long to leave by them, and any signal there stays red long enough."""
    out = np.ones((len(plan.signalised), 4), bool)
    line = next_stop_line(graph, fleet, way_ahead(graph, fleet))
    waiting = (line.connector >= 0) & ~fleet.reserved & (line.distance_m < _NEAR_LINE_M)
    lit = np.stack([colours(plan, side, sim_time_s) for side in range(4)], axis=1)
    wanted = [c for c in line.connector[waiting].tolist() if lit[graph.end_node[c], graph.leg_in[c]] == GREEN]
    for connector in (*held_connectors(graph, fleet), *wanted):
        node = graph.end_node[connector]
        out[node, graph.leg_in[connector]] = False
        out[node, graph.leg_out[connector]] = False
    overdue = line.connector[(line.connector >= 0) & (fleet.waited > _OVERDUE_STEPS)]
    out[graph.end_node[overdue], graph.leg_out[overdue]] = False
    for side in range(4):
        out[:, side] &= red_left_s(plan, side, sim_time_s) >= plan.walk_s[:, side]
    return out & np.isfinite(plan.walk_s)

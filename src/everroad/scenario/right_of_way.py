"""Who may enter an intersection: connectors are reserved, and nobody gets one that crosses one held by another.

A road user holds a connector from the moment it is promised until its tail is out of the other's way. So intersections are free
of collisions by construction, with or without signals; signals only add when a promise may be given.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from everroad.scenario.driving import StopLine, decision_distance_m, next_stop_line
from everroad.scenario.fleet import Fleet
from everroad.scenario.lane_graph import LaneGraph
from everroad.scenario.road_users import way_ahead
from everroad.scenario.signals import GREEN, YELLOW_S, SignalPlan, colours, green_left_s, of_sides, red_left_s

EGO_ASKS_EARLIER_M = 30.0  # the ego and who is on its lane mostly have priority, so that a drive is not spent waiting
_QUEUE_GAP_M = 3.0
_AT_LINE_M, _STANDING_MPS = 4.0, 1.0
_NEAR_LINE_M = 12.0
_OVERDUE_STEPS = 100
_PAST_CROSSING_M = 7.0  # from the stop line to beyond the pedestrian crossing
_SLOWEST_APPROACH_MPS = 4.0


class Held(NamedTuple):
    """Connectors in use or promised, and how far along each the tail of its holder is (-1: not yet there)."""

    connector: Int[ndarray, "h"]
    tail_m: Float[ndarray, "h"]


def held_connectors(graph: LaneGraph, fleet: Fleet, line: StopLine) -> Held:
    """Who holds what. ``line``: the next stop lines."""
    current, tail_m = fleet.route[:, 0], fleet.s_m - fleet.rear_m
    on = graph.is_connector[current]
    left = (fleet.previous >= 0) & (tail_m < 0.5) & graph.is_connector[fleet.previous]
    promised = line.connector[fleet.reserved & (line.connector >= 0)]
    return Held(
        np.concatenate([current[on], fleet.previous[left], promised]),
        np.concatenate([tail_m[on], tail_m[left] + graph.curves.length_m[fleet.previous[left]], np.full(len(promised), -1.0)]),
    )


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
    held, claimed = held_connectors(graph, fleet, line), np.zeros(0, np.int64)
    reserved = fleet.reserved.copy()
    green_s = of_sides(green_left_s, plan, sim_time_s)
    for row in order[asking[order]].tolist():
        connector = int(line.connector[row])
        node, leg_in, leg_out = int(graph.end_node[connector]), int(graph.leg_in[connector]), int(graph.leg_out[connector])
        left_s = float(green_s[leg_in][node])
        if left_s <= 0 or line.distance_m[row] > max(float(fleet.speed_mps[row]), _SLOWEST_APPROACH_MPS) * (left_s + YELLOW_S):
            continue
        same_approach = (lane == lane[row]) | (fleet.change_from == lane[row])
        if (same_approach & ~reserved & (line.distance_m < line.distance_m[row])).any():
            continue
        exit_lane = int(graph.exit_lane[connector])
        bound_for_it = graph.exit_lane[fleet.route[:, 0]] == exit_lane
        bound_for_it |= reserved & (graph.exit_lane[line.connector] == exit_lane)
        if not _exit_has_room(graph, fleet, row, exit_lane, bound_for_it):
            continue
        in_the_way = (
            blocked[node, leg_in]
            or blocked[node, leg_out]
            or (held.tail_m < graph.clear_after_m[held.connector, connector]).any()
        )
        if not in_the_way and not (graph.clear_after_m[claimed, connector] > 0).any():
            reserved[row] = True
            held = Held(np.append(held.connector, connector), np.append(held.tail_m, -1.0))
        elif stands[row] or with_ego[row]:
            claimed = np.append(claimed, connector)
    return replace(fleet, reserved=reserved, waited=waited)


def crossable(graph: LaneGraph, plan: SignalPlan, fleet: Fleet, sim_time_s: float) -> Bool[ndarray, "nodes 4"]:
    """Legs that may be crossed on foot now: nobody holds a connector that comes or goes by them, nobody near the stop line
    wants one and has green, nobody has waited very long to leave by them, and any signal there stays red long enough."""
    out = np.ones((len(plan.signalised), 4), bool)
    line = next_stop_line(graph, fleet, way_ahead(graph, fleet))
    waiting = (line.connector >= 0) & ~fleet.reserved & (line.distance_m < _NEAR_LINE_M)
    lit = np.stack(of_sides(colours, plan, sim_time_s), axis=1)
    wanted = [c for c in line.connector[waiting].tolist() if lit[graph.end_node[c], graph.leg_in[c]] == GREEN]
    held = held_connectors(graph, fleet, line)
    coming = np.append(held.connector[held.tail_m < _PAST_CROSSING_M], np.array(wanted, np.int64))
    out[graph.end_node[coming], graph.leg_in[coming]] = False
    going = np.append(held.connector, np.array(wanted, np.int64))
    out[graph.end_node[going], graph.leg_out[going]] = False
    overdue = line.connector[(line.connector >= 0) & (fleet.waited > _OVERDUE_STEPS)]
    out[graph.end_node[overdue], graph.leg_out[overdue]] = False
    out &= np.stack(of_sides(red_left_s, plan, sim_time_s), axis=1) >= plan.walk_s
    return out & np.isfinite(plan.walk_s)

"""The graph that traffic drives on: lanes, connectors through intersections, and which of these cannot be used at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from everroad.scenario.curves import CurveTable, build_curves
from everroad.scenario.lane_rules import clear_after, speed_caps
from everroad.scenario.roads import Leg, Road, Roads
from everroad.scenario.streets import KERBSIDE_WIDTH_M
from everroad.scenario.turns import turn_curve

STRAIGHT, LEFT, RIGHT = range(3)
BICYCLE_SPEED_LIMIT_MPS = 7.0
_FINE_M = 0.25


@dataclass(frozen=True, eq=False)
class LaneGraph:
    """``c`` segments: lanes and connectors, for cars and (``bicycle``) for bicycles; curve i of ``curves`` is segment i.

    ``end_node`` of a lane is the intersection it runs into (-1: out of town), of a connector its own intersection.
    ``options`` lists what may follow a segment; ``exit_lane`` is the one that follows a connector (-1 for
    lanes). ``straight_out``: going straight on from here leads out of town.
    ``speed_cap_mps`` has one entry a curve point; it and ``clear_after_m`` are explained in ``lane_rules``.
    """

    curves: CurveTable
    is_connector: Bool[ndarray, "c"]
    bicycle: Bool[ndarray, "c"]
    road: Int[ndarray, "c"]
    lane: Int[ndarray, "c"]
    end_node: Int[ndarray, "c"]
    leg_in: Int[ndarray, "c"]
    leg_out: Int[ndarray, "c"]
    movement: Int[ndarray, "c"]
    leaves_town: Bool[ndarray, "c"]
    straight_out: Bool[ndarray, "c"]
    left: Int[ndarray, "c"]
    right: Int[ndarray, "c"]
    options: tuple[tuple[int, ...], ...]
    exit_lane: Int[ndarray, "c"]
    width_m: Float[ndarray, "c"]
    speed_limit_mps: Float[ndarray, "c"]
    speed_cap_mps: Float[ndarray, "m"]
    clear_after_m: Float[ndarray, "c c"]


@dataclass
class _Segment:
    line: ndarray
    limit: float
    width: float
    bicycle: bool
    is_connector: bool
    road: int = -1
    lane: int = -1
    node: int = -1
    leg_in: int = -1
    leg_out: int = -1
    movement: int = STRAIGHT
    leaves: bool = False
    left: int = -1
    right: int = -1


def _lanes_of(index: int, road: Road, forward: bool, first: int) -> list[_Segment]:
    profile = road.street.profile
    start, end = (road.start_m, road.end_m) if forward else (road.end_m, road.start_m)
    into = road.end if forward else road.start
    out_of = road.start if forward else road.end
    side = -1.0 if forward else 1.0
    shared = {
        "road": index, "node": into.node if into else -1, "leg_in": into.side if into else -1,
        "leg_out": out_of.side if out_of else -1, "leaves": into is None, "is_connector": False,
    }  # fmt: skip
    out = []
    for lane in range(profile.lanes):
        line = road.street.line(start, end, side * profile.lane_offset_m(lane), _FINE_M)
        left = first + lane - 1 if lane > 0 else -1
        right = first + lane + 1 if lane < profile.lanes - 1 else -1
        out.append(
            _Segment(line, profile.speed_limit_mps, profile.lane_width_m, False, lane=lane, left=left, right=right, **shared)
        )
    if profile.kerbside == "bicycle":
        line = road.street.line(start, end, side * profile.kerbside_offset_m, _FINE_M)
        out.append(_Segment(line, BICYCLE_SPEED_LIMIT_MPS, KERBSIDE_WIDTH_M["bicycle"], True, lane=profile.lanes, **shared))
    return out


def _turning_lanes(lanes: int, movement: int, usable: dict[int, bool]) -> range:
    """Lanes of an approach that may turn: the outer one; but where neither going straight on nor turning the other way keeps
    one in town all of them, and where only going straight on does not, half of them. So every lane has a way that stays."""
    if usable[STRAIGHT] or not usable[movement]:
        count = 1
    else:
        count = (lanes + 1) // 2 if usable[RIGHT if movement == LEFT else LEFT] else lanes
    return range(count) if movement == LEFT else range(lanes - count, lanes)


def _yaw(line: ndarray, at_end: bool) -> float:
    a, b = (line[-2], line[-1]) if at_end else (line[0], line[1])
    return float(np.arctan2(b[1] - a[1], b[0] - a[0]))


def _connectors(
    leg: Leg, legs: tuple[Leg, ...], arriving: list[tuple[int, _Segment]], leaving: dict[int, list[tuple[int, _Segment]]]
):
    """Yields (lane id, connector, exit lane id) for every allowed movement from one leg."""
    profile = leg.street.profile
    ahead = leaving.get((leg.side + 2) % 4, [])
    turns = {STRAIGHT: (leg.side + 2) % 4, LEFT: (leg.side - 1) % 4, RIGHT: (leg.side + 1) % 4}
    usable = {movement: bool(leaving.get(side)) and not leaving[side][0][1].leaves for movement, side in turns.items()}
    for lane_id, lane in arriving:
        shared = {"node": leg.node, "leg_in": leg.side, "bicycle": lane.bicycle, "is_connector": True, "lane": lane.lane}
        for exit_id, exit_lane in ahead:
            if exit_lane.lane == lane.lane:
                opposite = legs[(leg.side + 2) % 4]
                offset = profile.kerbside_offset_m if lane.bicycle else profile.lane_offset_m(lane.lane)
                line = leg.street.line(leg.station(leg.cut_m), opposite.station(opposite.cut_m), leg.outward * offset, _FINE_M)
                yield (
                    lane_id,
                    _Segment(
                        line,
                        lane.limit,
                        lane.width,
                        movement=STRAIGHT,
                        leg_out=opposite.side,
                        leaves=exit_lane.leaves,
                        **shared,
                    ),
                    exit_id,
                )
        if lane.bicycle:
            continue
        for movement, side in ((LEFT, turns[LEFT]), (RIGHT, turns[RIGHT])):
            exits = [x for x in leaving.get(side, []) if not x[1].bicycle]
            if not exits or lane.lane not in _turning_lanes(profile.lanes, movement, usable):
                continue
            if movement == LEFT:
                exit_id, exit_lane = exits[min(lane.lane, len(exits) - 1)]
                longest = 40.0
            else:
                exit_id, exit_lane = exits[max(len(exits) - (profile.lanes - lane.lane), 0)]
                out_profile = legs[side].street.profile
                inset = min(
                    profile.kerb_m - profile.lane_offset_m(lane.lane),
                    out_profile.kerb_m - out_profile.lane_offset_m(exit_lane.lane),
                )
                radius = max(profile.corner_radius_m, out_profile.corner_radius_m)
                longest = 1.2 * (radius + inset)
            line = turn_curve(lane.line[-1], _yaw(lane.line, True), exit_lane.line[0], _yaw(exit_lane.line, False), longest)
            limit = min(lane.limit, exit_lane.limit)
            yield (
                lane_id,
                _Segment(line, limit, lane.width, movement=movement, leg_out=side, leaves=exit_lane.leaves, **shared),
                exit_id,
            )


def _straight_out(segments: list[_Segment], options: list[list[int]]) -> Bool[ndarray, "c"]:
    """Segments from which going straight on, again and again, leads out of town."""
    onward = [
        next((o for o in options[index] if segment.is_connector or segments[o].movement == STRAIGHT), -1)
        for index, segment in enumerate(segments)
    ]
    out = np.array([s.leaves and not s.is_connector for s in segments])
    usable = np.array([(o >= 0) and s.movement == STRAIGHT for s, o in zip(segments, onward, strict=True)])
    following = np.array(onward)
    while (found := usable & out[following] & ~out).any():
        out = out | found
    return out


def build_lane_graph(roads: Roads) -> LaneGraph:
    """Lanes and connectors of all roads, a function of the roads alone."""
    segments: list[_Segment] = []
    for index, road in enumerate(roads.roads):
        for forward in (True, False):
            segments += _lanes_of(index, road, forward, len(segments))
    arriving: dict[tuple[int, int], list[tuple[int, _Segment]]] = {}
    leaving: dict[int, dict[int, list[tuple[int, _Segment]]]] = {}
    for index, segment in enumerate(segments):
        road = roads.roads[segment.road]
        if segment.node >= 0:
            arriving.setdefault((segment.node, segment.leg_in), []).append((index, segment))
        if segment.leg_out >= 0:
            ends = [leg for leg in (road.start, road.end) if leg is not None]
            origin = ends[0] if len(ends) == 1 else next(leg for leg in ends if leg.node != segment.node)
            leaving.setdefault(origin.node, {}).setdefault(segment.leg_out, []).append((index, segment))
    options: list[list[int]] = [[] for _ in segments]
    for (node, side), lanes in arriving.items():
        legs = roads.legs[node]
        for lane_id, connector, exit_id in _connectors(legs[side], legs, lanes, leaving[node]):
            options[lane_id].append(len(segments))
            segments.append(connector)
            options.append([exit_id])
    limits = np.array([s.limit for s in segments])
    curves = build_curves([s.line for s in segments])

    def column(name: str) -> ndarray:
        return np.array([getattr(s, name) for s in segments])

    return LaneGraph(
        curves=curves, is_connector=column("is_connector"), bicycle=column("bicycle"), road=column("road"), lane=column("lane"),
        end_node=column("node"), leg_in=column("leg_in"), leg_out=column("leg_out"), movement=column("movement"),
        leaves_town=column("leaves"), straight_out=_straight_out(segments, options), left=column("left"), right=column("right"),
        options=tuple(map(tuple, options)),
        exit_lane=np.array([o[0] if s.is_connector else -1 for s, o in zip(segments, options, strict=True)]),
        width_m=column("width"), speed_limit_mps=limits,
        speed_cap_mps=speed_caps(curves, limits),
        clear_after_m=clear_after(curves, np.where(column("is_connector"), column("node"), -1)),
    )  # fmt: skip

"""The graph that pedestrians walk on: pavements along the roads, round the corners, and over the crossings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int
from numpy import ndarray

from everroad.scenario.corners import leg_line, lines_around
from everroad.scenario.curves import CurveTable, build_curves
from everroad.scenario.roads import Leg, Roads

PAVEMENT, CORNER, CROSSING = range(3)


@dataclass(frozen=True, eq=False)
class WalkGraph:
    """``c`` walks, every one in both directions (walk ``i ^ 1`` is the way back). ``node`` and ``side`` are a crossing's leg.
    ``options``: what may follow; empty where a pavement leaves town."""

    curves: CurveTable
    kind: Int[ndarray, "c"]
    node: Int[ndarray, "c"]
    side: Int[ndarray, "c"]
    leaves_town: Bool[ndarray, "c"]
    options: tuple[tuple[int, ...], ...]


def _middle_m(leg: Leg) -> float:
    return leg.street.profile.sidewalk_m / 2


def _kerb_stop_m(leg: Leg) -> float:
    """Distance from the node at which one turns onto the crossing."""
    return sum(leg.crossing_m) / 2


def build_walks(roads: Roads) -> WalkGraph:
    """All walks of a town. Their ends are the places where a crossing meets a pavement: (node, side, left or right hand)."""
    walks: list[tuple[tuple, tuple, ndarray, int, int, int]] = []
    for index, road in enumerate(roads.roads):
        start = road.start.station(_kerb_stop_m(road.start)) if road.start else road.start_m
        end = road.end.station(_kerb_stop_m(road.end)) if road.end else road.end_m
        offset = road.street.profile.kerb_m + road.street.profile.sidewalk_m / 2
        for hand, sign in (("left", 1.0), ("right", -1.0)):
            other = "right" if hand == "left" else "left"  # the leg at the far end is seen from its own node
            begin = (road.start.node, road.start.side, hand) if road.start else ("out", index, hand)
            finish = (road.end.node, road.end.side, other) if road.end else ("out", index, hand)
            walks.append((begin, finish, road.street.line(start, end, sign * offset), PAVEMENT, -1, -1))
    for legs in roads.legs:
        for first, second, line in lines_around(legs, _middle_m, _kerb_stop_m):
            ends = (first.node, first.side, "left"), (second.node, second.side, "right")
            walks.append((*ends, line, CORNER, -1, -1))
        for leg in legs:
            if leg.crosswalk:
                reach = leg.street.profile.kerb_m + _middle_m(leg)
                at = _kerb_stop_m(leg)
                line = np.concatenate([leg_line(leg, at, at - 1.0, reach)[:1], leg_line(leg, at, at - 1.0, -reach)[:1]])
                walks.append(((leg.node, leg.side, "left"), (leg.node, leg.side, "right"), line, CROSSING, leg.node, leg.side))
    both = [
        w for begin, finish, line, *rest in walks for w in ((begin, finish, line, *rest), (finish, begin, line[::-1], *rest))
    ]
    starting: dict[tuple, list[int]] = {}
    for index, walk in enumerate(both):
        starting.setdefault(walk[0], []).append(index)
    return WalkGraph(
        curves=build_curves([w[2] for w in both]),
        kind=np.array([w[3] for w in both]), node=np.array([w[4] for w in both]), side=np.array([w[5] for w in both]),
        leaves_town=np.array([w[1][0] == "out" for w in both]),
        options=tuple(tuple(o for o in starting.get(w[1], []) if o != i ^ 1 and w[1][0] != "out") for i, w in enumerate(both)),
    )  # fmt: skip

"""Where a road user goes next: addressed choices of connectors at intersections."""

from __future__ import annotations

from collections.abc import Sequence

from everroad.scenario.draws import uniform
from everroad.scenario.fleet import EGO_TRACK, ROUTE_LENGTH
from everroad.scenario.lane_graph import LEFT, RIGHT, STRAIGHT, LaneGraph

_WEIGHTS = {STRAIGHT: 0.55, LEFT: 0.22, RIGHT: 0.23}
_EGO_WEIGHTS = {STRAIGHT: 0.40, LEFT: 0.34, RIGHT: 0.26}


def follow(graph: LaneGraph, segment: int, seed: int, track: int, choice: int, straight_only: bool) -> int:
    """The segment after ``segment`` (-1: the road leaves town). The ego never takes a road out of town."""
    options: Sequence[int] = graph.options[segment]
    if len(options) <= 1:
        return options[0] if options else -1
    if straight_only:
        options = [o for o in options if graph.movement[o] == STRAIGHT] or options
    elif track == EGO_TRACK:
        options = [o for o in options if not graph.leaves_town[o]]
    table = _EGO_WEIGHTS if track == EGO_TRACK else _WEIGHTS
    weights = [table[int(graph.movement[o])] for o in options]
    pick = uniform(seed, "route", track, choice) * sum(weights)
    for option, weight in zip(options, weights, strict=True):
        pick -= weight
        if pick < 0:
            return option
    return options[-1]


def extend(
    graph: LaneGraph, route: Sequence[int], seed: int, track: int, choices: int, straight_only: bool
) -> tuple[list[int], int]:
    """The route filled up to ``ROUTE_LENGTH`` segments (-1 beyond the edge of town), and the number of choices taken."""
    out = list(route)
    while len(out) < ROUTE_LENGTH:
        out.append(-1 if out[-1] < 0 else follow(graph, out[-1], seed, track, choices, straight_only))
        choices += 1
    return out, choices

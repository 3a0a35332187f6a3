"""Towns that several tests look at, authored once."""

from __future__ import annotations

from functools import cache

from everroad.scenario.lane_graph import LaneGraph, build_lane_graph
from everroad.scenario.roads import Roads, cut_roads
from everroad.scenario.streets import lay_streets
from everroad.scenario.town import author_town
from everroad.scenario.types import Scenario

SEEDS = (1, 7, 1_000_003)
SECONDS = 16.0


@cache
def town(seed: int) -> Scenario:
    return author_town(seed, SECONDS)


@cache
def roads(seed: int) -> Roads:
    return cut_roads(lay_streets(seed), seed)


@cache
def lane_graph(seed: int) -> LaneGraph:
    return build_lane_graph(roads(seed))

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from everroad.scenario.edit.lanes import find_spot, get_lane, index_lanes, lane_length_m, route, turn_of
from everroad.scenario.types import Lane, VectorMap

from ..towns import SEEDS, town
from .straight import road


def test_the_nearest_lane_of_the_direction_is_found():
    lanes = index_lanes(road())
    spot = find_spot(lanes, np.array([30.0, 3.0]), 0.1)
    assert (spot.lane_id, round(spot.along_m, 6), round(spot.left_m, 6)) == ("inner", 80.0, -0.5)
    assert find_spot(lanes, np.array([30.0, 6.0]), 0.0, 5.0, opposite=True).lane_id == "far-inner"
    assert find_spot(lanes, np.array([30.0, 6.0]), 0.0, 2.0) is None
    assert index_lanes(road(with_map=False)) is None


def test_a_route_goes_on_and_comes_from_somewhere():
    scenario = town(SEEDS[0])
    lanes = index_lanes(scenario)
    lane = next(x for x in scenario.map.lanes if x.is_intersection and abs(turn_of(x)) < 0.2)
    points, start, ids = route(lanes, lane.lane_id, 60.0, 40.0)
    assert lane.lane_id in ids
    assert start >= 40.0
    for before, after in pairwise(ids):
        assert after in lanes.by_id[before].successors
    hops = np.linalg.norm(np.diff(points[:, :2], axis=0), axis=1)
    assert hops.sum() == pytest.approx(sum(lane_length_m(lanes.by_id[i]) for i in ids), abs=0.5)


def test_points_that_come_twice_have_no_direction():
    there, end = [0.0, 0.0, 0.0], [0.0, 50.0, 0.0]
    point, doubled = Lane("point", np.array([there, there]), 3.5), Lane("north", np.array([there, there, end, end]), 3.5)
    lanes = index_lanes(replace(road(), map=VectorMap(lanes=(point, doubled))))
    assert find_spot(lanes, np.zeros(2), 0.0) is None  # nobody runs east
    assert find_spot(lanes, np.zeros(2), np.pi / 2).lane_id == "north"
    assert turn_of(doubled) == 0
    bent = Lane("bent", np.array([there, end, [-50.0, 50.0, 0.0], [-50.0, 50.0, 0.0]]), 3.5)
    assert turn_of(bent) == pytest.approx(np.pi / 2)


def test_an_unknown_lane_is_refused_with_a_near_match():
    with pytest.raises(ValueError, match=r"did you mean 'far-inner'\?"):
        get_lane(index_lanes(road()), "far-iner")

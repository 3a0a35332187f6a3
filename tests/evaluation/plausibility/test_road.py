"""The share of a footprint off a rectangle of road."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from everroad.evaluation.plausibility.road import LANE_WIDTH_M, off_road
from everroad.scenario.types import Lane, VectorMap


def test_the_share_is_the_area_beyond_the_edge(plane) -> None:
    xy = np.stack([np.full(5, 20.0), np.array([0.0, 2.0, 3.0, 4.0, 6.0])], 1)
    scenario = plane.scenario(plane.line(5, 1.0), plane.actor("drifting", xy), road=(-50, -3, 50, 3))
    share, valid = off_road(scenario)
    assert valid.all()
    assert not share[0].any()
    # Two metres wide; edges at 3 m, mended by 5 cm.
    assert share[1] == pytest.approx([0, 0, 0.475, 0.975, 1], abs=0.01)


def test_who_walks_and_who_is_far_away_is_not_asked(plane) -> None:
    still = np.tile([[20.0, 40.0]], (3, 1))
    walker = plane.actor("walker", still, category="human.pedestrian.adult")
    far = plane.actor("far", still + [500.0, 0.0])
    _, valid = off_road(plane.scenario(plane.line(3, 1.0), walker, far, road=(-50, -3, 50, 3)))
    assert valid.any(1).tolist() == [True, False, False]


def test_lanes_do_where_there_are_no_areas_and_without_a_map_nothing_is_valid(plane) -> None:
    scenario = plane.scenario(plane.line(3, 1.0), plane.actor("beside", np.tile([[20.0, LANE_WIDTH_M / 2]], (3, 1))))
    assert not off_road(scenario)[1].any()
    lane = Lane("one", np.array([[-50.0, 0, 0], [80.0, 0, 0]]))
    share, valid = off_road(replace(scenario, map=VectorMap(lanes=(lane,))))
    assert valid.all()
    assert share[1] == pytest.approx(0.475, abs=0.01)

from __future__ import annotations

import numpy as np
import pytest
import shapely

from everroad.scenario.corners import lines_around
from everroad.scenario.roads import EAST, NORTH, SOUTH, WEST
from everroad.scenario.streets import COLUMNS, LEAST_RADIUS_M, ROWS, lay_streets

from .towns import roads


@pytest.mark.parametrize("seed", range(8))
def test_every_intersection_has_three_legs_or_more(seed):
    for legs in roads(seed).legs:
        assert [leg.side for leg in legs] == [EAST, NORTH, WEST, SOUTH]
        assert sum(leg.open for leg in legs) >= 3


@pytest.mark.parametrize("seed", range(8))
def test_streets_meet_at_their_nodes_and_bend_gently(seed):
    grid = lay_streets(seed)
    for i in range(COLUMNS):
        for j in range(ROWS):
            column, row = grid.columns[i], grid.rows[j]
            a = column.at(column.node_station_m[j : j + 1], 0.0)
            b = row.at(row.node_station_m[i : i + 1], 0.0)
            np.testing.assert_allclose(a, b, atol=0.05)
    for street in (*grid.columns, *grid.rows):
        spacing = street.length_m / (len(street.xy_m) - 1)
        np.testing.assert_allclose(np.hypot(*np.diff(street.xy_m, axis=0).T), spacing, rtol=1e-3)
        bend = np.abs(np.diff(street.yaw_rad)).max() / spacing
        assert bend < 1 / (0.5 * LEAST_RADIUS_M)


@pytest.mark.parametrize("seed", range(8))
def test_roads_begin_where_intersections_end(seed):
    for road in roads(seed).roads:
        assert road.end_m - road.start_m > 20
        for leg, station in ((road.start, road.start_m), (road.end, road.end_m)):
            if leg is not None:
                assert leg.open
                assert station == leg.station(leg.cut_m)
                near, far = leg.crossing_m
                assert leg.corner_m < near < far < leg.cut_m


@pytest.mark.parametrize("seed", range(4))
def test_kerbs_and_pavements_never_cross_at_corners(seed):
    for legs in roads(seed).legs:
        kerbs = lines_around(legs, lambda leg: 0.0, lambda leg: leg.cut_m)
        backs = lines_around(legs, lambda leg: leg.street.profile.sidewalk_m, lambda leg: leg.cut_m)
        ring = shapely.Polygon(np.concatenate([line for _, _, line in kerbs]))
        assert ring.is_valid
        for (_, _, kerb), (_, _, back) in zip(kerbs, backs, strict=True):
            assert shapely.Polygon(np.concatenate([kerb, back[::-1]])).is_valid

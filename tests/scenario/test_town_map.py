from __future__ import annotations

import numpy as np
import pytest
import shapely

from .towns import SEEDS, town


def polygon(area):
    return shapely.Polygon(area.exterior_m[:, :2])


def drivable(scenario):
    return shapely.union_all([polygon(a).buffer(1e-3) for a in scenario.map.drivable_areas])


@pytest.mark.parametrize("seed", SEEDS)
def test_the_drivable_area_is_one_piece_and_holds_every_lane(seed):
    scenario = town(seed)
    ground = drivable(scenario)
    assert ground.geom_type == "Polygon"
    ground = ground.buffer(0.05)  # lines are simplified to 4 cm
    shapely.prepare(ground)
    for lane in scenario.map.lanes:
        strip = shapely.LineString(lane.centerline_m[:, :2]).buffer(1.0, cap_style="flat")
        assert ground.contains(strip), lane.lane_id


@pytest.mark.parametrize("seed", SEEDS)
def test_areas_are_simple_and_small(seed):
    layers = town(seed).map
    for area in (*layers.drivable_areas, *layers.walkways, *layers.ped_crossings):
        assert polygon(area).is_valid
        assert len(area.exterior_m) < 150
        assert not area.holes_m
    assert sum(len(a.exterior_m) for a in (*layers.drivable_areas, *layers.walkways)) < 12_000


@pytest.mark.parametrize("seed", SEEDS)
def test_walkways_lie_beside_the_road_and_crossings_on_it(seed):
    scenario = town(seed)
    ground = drivable(scenario)
    for area in scenario.map.walkways:
        assert polygon(area).intersection(ground).area < 0.02 * polygon(area).area + 0.1
    for area in scenario.map.ped_crossings:
        assert ground.contains(polygon(area))


@pytest.mark.parametrize("seed", SEEDS)
def test_lanes_refer_to_lanes_and_stop_lines_end_lanes(seed):
    layers = town(seed).map
    names = {lane.lane_id for lane in layers.lanes}
    for lane in layers.lanes:
        assert {*lane.successors, *filter(None, (lane.left_neighbour, lane.right_neighbour))} <= names
    ends = np.array([lane.centerline_m[-1, :2] for lane in layers.lanes if not lane.is_intersection and lane.successors])
    middles = np.array([line.points_m[:, :2].mean(axis=0) for line in layers.stop_lines])
    nearest = np.linalg.norm(ends[:, None] - middles[None], axis=-1).min(axis=1)
    assert nearest.max() < 6.0


@pytest.mark.parametrize("seed", SEEDS)
def test_marks(seed):
    layers = town(seed).map
    assert {d.colour for d in layers.lane_dividers} == {"white"}
    assert {d.colour for d in layers.road_dividers} == {"yellow"}
    assert {d.mark for d in layers.lane_dividers} <= {"solid", "dashed"}
    assert all((d.points_m[:, 2] == 0).all() for d in (*layers.lane_dividers, *layers.road_dividers))

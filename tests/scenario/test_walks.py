from __future__ import annotations

import numpy as np
import pytest
import shapely

from everroad.scenario.walks import CROSSING, build_walks

from .towns import SEEDS, roads, town


@pytest.mark.parametrize("seed", SEEDS)
def test_walks_join_end_to_start_and_come_in_pairs(seed):
    graph = build_walks(roads(seed))
    for walk, options in enumerate(graph.options):
        points = graph.curves.points(walk)
        np.testing.assert_allclose(points, graph.curves.points(walk ^ 1)[::-1], atol=1e-6)
        assert bool(options) != bool(graph.leaves_town[walk])
        for option in options:
            assert option != walk ^ 1
            np.testing.assert_allclose(points[-1], graph.curves.points(option)[0], atol=0.02)


@pytest.mark.parametrize("seed", SEEDS)
def test_only_crossings_touch_the_road(seed):
    graph = build_walks(roads(seed))
    layers = town(seed).map
    ground = shapely.union_all([shapely.Polygon(a.exterior_m[:, :2]) for a in layers.drivable_areas])
    crossings = shapely.union_all([shapely.Polygon(a.exterior_m[:, :2]) for a in layers.ped_crossings]).buffer(0.6)
    for walk in range(0, len(graph.options), 2):
        line = shapely.LineString(graph.curves.points(walk))
        if graph.kind[walk] == CROSSING:
            assert line.intersection(ground).difference(crossings).length < 0.1
        else:
            assert line.intersection(ground).length < 0.1

from __future__ import annotations

from itertools import pairwise

import numpy as np
import shapely

from everroad.scenario import crowd, walkers
from everroad.scenario.walks import CROSSING, build_walks

from .towns import roads, town

SEED, STEP_S = 1, 0.125


def walk_about(steps: int, free: np.ndarray):
    graph = build_walks(roads(SEED))
    pavements = crowd.lay_pavements(graph, SEED)
    middle = pavements.xy_m.mean(axis=0)
    people, _ = crowd.populate(graph, pavements, walkers.nobody(), middle, SEED, 0, ring=False)
    out = []
    for _ in range(steps):
        now, people = walkers.advance(graph, people, SEED, STEP_S, free)
        out.append(now)
    return graph, out


def test_people_stay_on_pavements_and_crossings():
    _, crowds = walk_about(400, np.ones((25, 4), bool))
    layers = town(SEED).map
    ground = shapely.union_all(
        [shapely.Polygon(a.exterior_m[:, :2]) for a in (*layers.walkways, *layers.ped_crossings)]
    ).buffer(0.7)
    shapely.prepare(ground)
    for people in crowds[::20]:
        assert shapely.contains_xy(ground, people.xy_m[:, 0], people.xy_m[:, 1]).all()


def test_people_walk_at_walking_pace_and_turn_smoothly():
    _, crowds = walk_about(200, np.ones((25, 4), bool))
    for now, later in pairwise(crowds):
        np.testing.assert_allclose(later.xy_m, now.xy_m + now.velocity_mps * STEP_S)
        assert np.hypot(*now.velocity_mps.T).max() < 2.5
        assert np.abs(now.yaw_rate_radps).max() <= 3.0


def test_nobody_steps_onto_a_crossing_that_is_not_free():
    graph, crowds = walk_about(400, np.zeros((25, 4), bool))
    assert not any((graph.kind[people.walk] == CROSSING).any() for people in crowds)
    graph, crowds = walk_about(400, np.ones((25, 4), bool))
    assert any((graph.kind[people.walk] == CROSSING).any() for people in crowds)
    used = walkers.crossings_in_use(graph, crowds[-1], 25)
    on = crowds[-1].walk[graph.kind[crowds[-1].walk] == CROSSING]
    assert used.sum() == len(set(zip(graph.node[on].tolist(), graph.side[on].tolist(), strict=True)))

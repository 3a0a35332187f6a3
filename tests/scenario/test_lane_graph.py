from __future__ import annotations

import numpy as np
import pytest

from everroad.scenario.lane_graph import LEFT, RIGHT, STRAIGHT
from everroad.scenario.lane_rules import CLEARANCE_M, CURVE_BRAKING_MPS2, LATERAL_ACCELERATION_MPS2

from .towns import SEEDS, lane_graph, roads


@pytest.mark.parametrize("seed", SEEDS)
def test_connectors_meet_their_lanes(seed):
    graph = lane_graph(seed)
    curves = graph.curves
    last = curves.first + curves.count - 1
    for segment, options in enumerate(graph.options):
        for option in options:
            np.testing.assert_allclose(curves.xy_m[last[segment]], curves.xy_m[curves.first[option]], atol=5e-3)
            turn = curves.yaw_rad[curves.first[option]] - curves.yaw_rad[last[segment]]
            assert abs((turn + np.pi) % (2 * np.pi) - np.pi) < 0.03


@pytest.mark.parametrize("seed", range(12))
def test_whoever_is_in_town_can_stay_there(seed):
    graph = lane_graph(seed)
    for lane in np.flatnonzero(~graph.is_connector & ~graph.bicycle & ~graph.leaves_town):
        assert any(not graph.leaves_town[c] for c in graph.options[lane]), f"lane {lane} can only leave"


@pytest.mark.parametrize("seed", SEEDS)
def test_turns_turn_the_way_they_say(seed):
    graph = lane_graph(seed)
    first, last = graph.curves.first, graph.curves.first + graph.curves.count - 1
    angle = graph.curves.yaw_rad[last] - graph.curves.yaw_rad[first]
    turns = graph.is_connector
    assert (angle[turns & (graph.movement == LEFT)] > 0.8).all()
    assert (angle[turns & (graph.movement == RIGHT)] < -0.8).all()
    assert (np.abs(angle[turns & (graph.movement == STRAIGHT)]) < 0.8).all()


@pytest.mark.parametrize("seed", SEEDS)
def test_turns_are_no_tighter_than_a_car_can_steer(seed):
    graph = lane_graph(seed)
    assert np.abs(graph.curves.curvature_per_m).max() < 1 / 3.5


@pytest.mark.parametrize("seed", SEEDS)
def test_neighbours_are_mutual_and_a_lane_width_apart(seed):
    graph = lane_graph(seed)
    for lane in np.flatnonzero(graph.right >= 0):
        other = int(graph.right[lane])
        assert graph.left[other] == lane
        apart = np.linalg.norm(graph.curves.points(int(lane))[0] - graph.curves.points(other)[0])
        assert apart == pytest.approx(graph.width_m[lane], abs=1e-2)


@pytest.mark.parametrize("seed", SEEDS)
def test_speed_caps_respect_curves_and_can_be_braked_for(seed):
    graph = lane_graph(seed)
    curves, cap = graph.curves, graph.speed_cap_mps
    owner = np.repeat(np.arange(len(curves.first)), curves.count)
    assert (cap <= graph.speed_limit_mps[owner] + 1e-6).all()
    assert (cap**2 * np.abs(curves.curvature_per_m) <= LATERAL_ACCELERATION_MPS2 + 1e-6).all()
    within = owner[1:] == owner[:-1]
    fall = (cap[:-1] ** 2 - cap[1:] ** 2)[within]
    assert (fall <= 2 * CURVE_BRAKING_MPS2 * curves.spacing_m[owner[1:]][within] + 1e-6).all()


@pytest.mark.parametrize("seed", SEEDS)
def test_conflicts_against_brute_force(seed):
    graph = lane_graph(seed)
    draw = np.random.default_rng(0)
    connectors = np.flatnonzero(graph.is_connector)
    for a in draw.choice(connectors, 60):
        b = int(draw.choice(connectors[graph.end_node[connectors] == graph.end_node[a]]))
        if a == b:
            continue
        apart = np.linalg.norm(graph.curves.points(int(a))[:, None] - graph.curves.points(b)[None], axis=-1).min(axis=1)
        clear = graph.clear_after_m[a, b]
        if apart.min() < CLEARANCE_M - 0.6:
            assert clear >= np.flatnonzero(apart < CLEARANCE_M - 0.6).max() * graph.curves.spacing_m[a]
        if apart.min() > CLEARANCE_M:
            assert clear == -np.inf


def test_going_straight_side_by_side_is_no_conflict_and_crossing_is():
    graph = lane_graph(SEEDS[0])
    straight = np.flatnonzero(graph.is_connector & (graph.movement == STRAIGHT) & ~graph.bicycle)
    pairs = {"beside": 0, "across": 0}
    for a in straight:
        for b in straight[(graph.end_node[straight] == graph.end_node[a]) & (straight != a)]:
            if graph.leg_in[a] == graph.leg_in[b]:
                pairs["beside"] += 1
                assert graph.clear_after_m[a, b] == -np.inf
            if (graph.leg_in[a] - graph.leg_in[b]) % 2 == 1:
                pairs["across"] += 1
                assert graph.clear_after_m[a, b] > 0
    assert min(pairs.values()) > 0


@pytest.mark.parametrize("seed", range(6))
def test_roads_keep_room_between_intersections(seed):
    assert min(road.end_m - road.start_m for road in roads(seed).roads) > 30.0


def test_towns_have_two_to_six_lanes_and_curves():
    lanes = {2 * road.street.profile.lanes for seed in range(12) for road in roads(seed).roads}
    assert lanes == {2, 4, 6}
    bends = [float(np.ptp(road.street.yaw_rad)) for seed in range(6) for road in roads(seed).roads]
    assert max(bends) > 0.5
    assert min(bends) < 0.3


@pytest.mark.parametrize("seed", SEEDS)
def test_going_straight_on_leads_out_of_town_where_it_is_said_to(seed):
    graph = lane_graph(seed)
    for lane in np.flatnonzero(~graph.is_connector):
        here = int(lane)
        while not graph.leaves_town[here]:
            straight = [c for c in graph.options[here] if graph.movement[c] == STRAIGHT]
            if not straight:
                break
            here = int(graph.exit_lane[straight[0]])
        assert graph.straight_out[lane] == graph.leaves_town[here]

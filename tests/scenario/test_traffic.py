from __future__ import annotations

from functools import cache
from itertools import pairwise

import numpy as np
import pytest

from everroad.scenario import traffic
from everroad.scenario.driving import next_stop_line
from everroad.scenario.lane_graph import LaneGraph
from everroad.scenario.right_of_way import held_connectors
from everroad.scenario.road_users import way_ahead
from everroad.scenario.signals import plan_signals
from everroad.scenario.spawning import lay_places

from .towns import lane_graph, roads

STEPS = 240


@cache
def drive(seed: int):
    graph, plan = lane_graph(seed), plan_signals(roads(seed), seed)
    places = lay_places(graph, seed)
    motion = traffic.start(graph, places, seed)
    nobody_walks = np.zeros((len(plan.signalised), 4), bool)
    fleets = []
    for sim_step in range(STEPS):
        fleet, motion = traffic.advance(graph, places, plan, seed, motion, nobody_walks, sim_step * traffic.SIM_STEP_S)
        fleets.append(fleet)
    return fleets


def crossing_pairs(graph: LaneGraph, fleet) -> int:
    held = held_connectors(graph, fleet, next_stop_line(graph, fleet, way_ahead(graph, fleet)))
    inside = held.tail_m[:, None] < graph.clear_after_m[np.ix_(held.connector, held.connector)]
    return int((inside & inside.T).sum())


@pytest.mark.parametrize("seed", [4, 9])
def test_no_two_crossing_connectors_are_held_at_once(seed):
    graph = lane_graph(seed)
    held = [
        len(held_connectors(graph, fleet, next_stop_line(graph, fleet, way_ahead(graph, fleet))).connector)
        for fleet in drive(seed)
    ]
    assert max(held) >= 3
    assert sum(crossing_pairs(lane_graph(seed), fleet) for fleet in drive(seed)) == 0


def test_traffic_moves_changes_lanes_and_turns():
    speeds, movements, changes, newcomers = [], set(), 0, 0
    for seed in (4, 9):
        graph, fleets = lane_graph(seed), drive(seed)
        speeds.append(np.concatenate([fleet.speed_mps for fleet in fleets]))
        movements |= {int(graph.movement[s]) for fleet in fleets for s in fleet.route[:, 0] if graph.is_connector[s]}
        changes += sum(int((fleet.change_from >= 0).sum()) for fleet in fleets)
        newcomers += len({int(track) for fleet in fleets for track in fleet.track}) - len(fleets[0])
    speed = np.concatenate(speeds)
    assert speed.min() >= 0
    assert speed.max() < 21
    assert speed.mean() > 3
    assert movements == {0, 1, 2}
    assert changes > 0
    assert newcomers > 0


@pytest.mark.parametrize("seed", [4, 9])
def test_positions_are_continuous_from_step_to_step(seed):
    """Where a step's quadratic ends, the next one begins: for everybody, over lane ends and the ends of lane changes."""
    graph, fleets = lane_graph(seed), drive(seed)
    for now, later in pairwise(fleets):
        end, begin = traffic.where(graph, now, traffic.SIM_STEP_S), traffic.where(graph, later)
        _, a, b = np.intersect1d(now.track, later.track, return_indices=True)
        assert np.abs(end.xy_m[a] - begin.xy_m[b]).max() < 0.02
        turn = (end.yaw_rad[a] - begin.yaw_rad[b] + np.pi) % (2 * np.pi) - np.pi
        assert np.abs(turn).max() < 0.03
        assert np.abs(end.speed_mps[a] - begin.speed_mps[b]).max() < 0.15

"""A closed circuit: a town in which the ego drives round a block, alone, and on over the beginning of its way again.

The second time it stands at exactly the poses of the first, so that a frame shows the same place in both laps.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from everroad import geometry
from everroad.scenario.edit.course import Course, make_course
from everroad.scenario.edit.ego_path import lane_path
from everroad.scenario.edit.lanes import lane_length_m
from everroad.scenario.edit.motion import paced
from everroad.scenario.town import author_town
from everroad.scenario.types import Poses, Scenario

SPEED_MPS = 11.0
# How far from the sum of the lanes' lengths the lap may be: corners are rounded.
_SLACK_M = 5.0


@dataclass(frozen=True)
class Circuit:
    """The scenario, and how many frames one lap has: frame ``lap + i`` is at the pose of frame ``i``."""

    scenario: Scenario
    lap: int


def closed_circuit(seed: int, again: int, frame_rate_hz: float = 12.0) -> Circuit:
    """The town of a seed with its shortest way back, from the middle of the longest lane on it, and ``again`` frames more.

    Nobody else is there and no signal changes; of rain, whose drops fall anew in every frame, only the clouds stay. Raises
    ``ValueError`` for a town without a way back.
    """
    town = author_town(seed, seconds=2 / frame_rate_hz, frame_rate_hz=frame_rate_hz)
    lanes = way_back(town)
    points = lane_path(town, (*lanes, *lanes, lanes[0]))
    lengths = {lane.lane_id: lane_length_m(lane) for lane in (town.map.lanes if town.map and town.map.lanes else ())}
    course = make_course(points)
    start_m = lengths[lanes[0]] / 2
    lap_m = _lap(course, start_m, sum(lengths[name] for name in lanes))
    # In time fine enough, then stretched to a whole number of frames.
    fine_s = np.arange(0.0, 10 * lap_m / SPEED_MPS, 0.01)
    driven_m, _ = paced(course, fine_s, start_m, SPEED_MPS)
    lap_s = float(np.interp(start_m + lap_m, driven_m, fine_s))
    lap = int(np.ceil(lap_s * frame_rate_hz))
    xyz, yaw = course.at(np.interp(np.arange(lap) * (lap_s / lap), fine_s, driven_m))
    frames = np.arange(lap + again + 1)
    poses = Poses(xyz[frames % lap], geometry.quaternion_from_yaw(yaw[frames % lap]))
    scenario = replace(
        town, name=f"{town.name}-circuit", time_s=frames / frame_rate_hz, world_from_ego=poses, actors=(), signals=(),
        weather="overcast" if town.weather == "rain" else town.weather,
    )  # fmt: skip
    return Circuit(scenario, lap)


def way_back(scenario: Scenario) -> tuple[str, ...]:
    """The lanes of the shortest closed way on the map, the longest of them first. Raises ``ValueError`` where there is none."""
    lanes = scenario.map.lanes if scenario.map is not None and scenario.map.lanes is not None else ()
    number = {lane.lane_id: i for i, lane in enumerate(lanes)}
    length = np.array([lane_length_m(lane) for lane in lanes])
    steps = [(i, number[name]) for i, lane in enumerate(lanes) for name in lane.successors if name in number]
    none = ValueError(f"{scenario.name}: expected a map with a way back to where it began, got none; name another seed")
    if not steps:
        raise none
    rows, columns = np.array(steps).T
    graph = csr_array((length[rows], (rows, columns)), shape=(len(lanes), len(lanes)))
    ways, before = dijkstra(graph, return_predecessors=True)
    # From a lane to one that follows it, and from there back again.
    laps = length[rows] + ways[columns, rows]
    best = int(np.argmin(laps))
    if not np.isfinite(laps[best]):
        raise none
    circle = [int(rows[best])]
    while circle[-1] != columns[best]:
        circle.append(int(before[columns[best], circle[-1]]))
    circle = circle[::-1]
    longest = int(np.argmax(length[circle]))
    return tuple(lanes[i].lane_id for i in circle[longest:] + circle[:longest])


def _lap(course: Course, start_m: float, about_m: float) -> float:
    """The length after which the course is where it began."""
    here, _ = course.at(np.array([start_m]))
    tried_m = about_m + np.arange(-_SLACK_M, _SLACK_M, 0.002)
    there, _ = course.at(start_m + tried_m)
    return float(tried_m[np.argmin(np.linalg.norm(there - here, axis=1))])

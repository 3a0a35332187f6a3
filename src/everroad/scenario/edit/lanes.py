"""Lanes as a graph to look up and follow: the lane at a place, the course along a lane and on from it."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from everroad.scenario.types import Lane, Scenario

# A lane runs in somebody's direction when its heading differs by less (ours).
_SAME_WAY_RAD = np.radians(50.0)


@dataclass(frozen=True, eq=False)
class Lanes:
    """The lanes of a map by id, those that lead into each, and all their segments in one table."""

    by_id: dict[str, Lane]
    predecessors: dict[str, tuple[str, ...]]
    owner: tuple[str, ...]
    starts_m: Float[ndarray, "n 3"]
    ends_m: Float[ndarray, "n 3"]
    along_m: Float[ndarray, "n"]


@dataclass(frozen=True)
class Spot:
    """A place on a lane: arc length from its start, and how far to the left of it (metres)."""

    lane_id: str
    along_m: float
    left_m: float


def index_lanes(scenario: Scenario) -> Lanes | None:
    """The scenario's lanes; ``None`` where it has none."""
    if scenario.map is None or not scenario.map.lanes:
        return None
    by_id = {lane.lane_id: lane for lane in scenario.map.lanes}
    predecessors: dict[str, list[str]] = {}
    for lane in scenario.map.lanes:
        for successor in lane.successors:
            predecessors.setdefault(successor, []).append(lane.lane_id)
    lines = [lane.centerline_m for lane in scenario.map.lanes]
    return Lanes(
        by_id,
        {name: tuple(before) for name, before in predecessors.items()},
        tuple(lane.lane_id for lane in scenario.map.lanes for _ in range(len(lane.centerline_m) - 1)),
        np.concatenate([line[:-1] for line in lines]),
        np.concatenate([line[1:] for line in lines]),
        np.concatenate([_arc(line)[:-1] for line in lines]),
    )


def get_lane(lanes: Lanes | None, lane_id: str) -> Lane:
    """The lane of that id. Raises ``ValueError`` with a near match for an unknown one."""
    if lanes is None:
        raise ValueError(f"lane '{lane_id}': expected a scenario whose map has lanes, got one without; place it by the ego")
    if lane_id not in lanes.by_id:
        near = difflib.get_close_matches(lane_id, lanes.by_id, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"name one such as '{next(iter(lanes.by_id))}'"
        raise ValueError(f"lane: expected one of the map's {len(lanes.by_id)} lanes, got '{lane_id}'; {hint}")
    return lanes.by_id[lane_id]


def find_spot(
    lanes: Lanes, xy_m: Float[ndarray, "2"], yaw_rad: float, reach_m: float = 2.5, *, opposite: bool = False
) -> Spot | None:
    """The nearest lane within ``reach_m`` that runs in that direction (or against it); ``None`` where there is none."""
    hop = (lanes.ends_m - lanes.starts_m)[:, :2]
    length = np.maximum(np.linalg.norm(hop, axis=1), 1e-9)
    apart = xy_m - lanes.starts_m[:, :2]
    share = np.clip((apart * hop).sum(axis=1) / length**2, 0.0, 1.0)
    distance = np.linalg.norm(apart - share[:, None] * hop, axis=1)
    wanted = yaw_rad + (np.pi if opposite else 0.0)
    turn = (np.arctan2(hop[:, 1], hop[:, 0]) - wanted + np.pi) % (2 * np.pi) - np.pi
    # A point that comes twice has no direction.
    distance = np.where((np.abs(turn) < _SAME_WAY_RAD) & (length > 1e-6), distance, np.inf)
    best = int(np.argmin(distance))
    if not distance[best] <= reach_m:
        return None
    left = float((hop[best, 0] * apart[best, 1] - hop[best, 1] * apart[best, 0]) / length[best])
    return Spot(lanes.owner[best], float(lanes.along_m[best] + share[best] * length[best]), left)


def turn_of(lane: Lane) -> float:
    """How far a lane turns from its start to its end, left positive, radians."""
    return _angle(_heading(lane.centerline_m, end=True) - _heading(lane.centerline_m, end=False))


def route(lanes: Lanes, lane_id: str, ahead_m: float, behind_m: float) -> tuple[Float[ndarray, "p 3"], float, tuple[str, ...]]:
    """The lane's line with what leads to it and what follows, going as straight as the map allows.

    Returns the points, the arc length at which the lane itself begins, and the ids in order. ``ahead_m`` counts from the lane's
    end, ``behind_m`` from its start; the line is shorter where the map ends.
    """
    ids, before, after = [lane_id], 0.0, 0.0
    while after < ahead_m and (following := _straightest(lanes, ids[-1], forward=True)) and following not in ids:
        ids.append(following)
        after += lane_length_m(lanes.by_id[following])
    while before < behind_m and (leading := _straightest(lanes, ids[0], forward=False)) and leading not in ids:
        ids.insert(0, leading)
        before += lane_length_m(lanes.by_id[leading])
    points = np.concatenate([lanes.by_id[name].centerline_m for name in ids])
    return points, before, tuple(ids)


def lane_length_m(lane: Lane) -> float:
    """Arc length of a lane's centreline."""
    return float(_arc(lane.centerline_m)[-1])


def _straightest(lanes: Lanes, lane_id: str, *, forward: bool) -> str | None:
    lane = lanes.by_id[lane_id]
    options = lane.successors if forward else lanes.predecessors.get(lane_id, ())
    heading = _heading(lane.centerline_m, end=forward)
    # The far end decides: all ways through a junction begin in the same direction.
    turns = {
        name: abs(_angle(_heading(lanes.by_id[name].centerline_m, end=forward) - heading))
        for name in options
        if name in lanes.by_id
    }
    return min(turns, key=turns.__getitem__) if turns else None


def _heading(line_m: ndarray, *, end: bool) -> float:
    hops = np.diff(line_m[:, :2], axis=0)
    hops = hops[np.linalg.norm(hops, axis=1) > 1e-6]  # a point that comes twice has no direction
    hop = (hops[-1] if end else hops[0]) if len(hops) else np.zeros(2)
    return float(np.arctan2(hop[1], hop[0]))


def _angle(radians: float) -> float:
    return float((radians + np.pi) % (2 * np.pi) - np.pi)


def _arc(points: ndarray) -> ndarray:
    return np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points[:, :2], axis=0), axis=1))])

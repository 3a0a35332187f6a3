"""Road users enter where nobody sees them, and leave where nobody sees them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from everroad.scenario.curves import locate, look_up
from everroad.scenario.draws import generator
from everroad.scenario.fleet import BICYCLE, EGO_TRACK, KINDS, LONGEST_TURNING_M, Fleet, join, recruit, select
from everroad.scenario.lane_graph import LaneGraph
from everroad.scenario.road_users import occupancy, way_ahead
from everroad.scenario.routes import extend

SIGHT_M = 100.0  # road users are part of the scenario within this distance of the ego
SPAWN_M = (106.0, 135.0)
KEEP_M = 142.0
_PLACE_EVERY_M = 8.0
_LEAST_TO_STOP_LINE_M = 14.0


@dataclass(frozen=True, eq=False)
class Places:
    """``n`` spots on lanes where a road user may be put, and how many road users a spot carries on average."""

    segment: Int[ndarray, "n"]
    s_m: Float[ndarray, "n"]
    xy_m: Float[ndarray, "n 2"]
    load: Float[ndarray, "n"]


def lay_places(graph: LaneGraph, seed: int) -> Places:
    """Spots on all lanes; how busy the town is comes from the seed."""
    draw = generator(seed, "density")
    cars_per_m, bicycles_per_m = draw.uniform(0.010, 0.020), draw.uniform(0.014, 0.032)
    segments, along = [], []
    for lane in np.flatnonzero(~graph.is_connector).tolist():
        spots = np.arange(9.0, graph.curves.length_m[lane] - _LEAST_TO_STOP_LINE_M, _PLACE_EVERY_M)
        segments.append(np.full(len(spots), lane))
        along.append(spots)
    segment, s_m = np.concatenate(segments), np.concatenate(along)
    load = np.where(graph.bicycle[segment], bicycles_per_m, cars_per_m) * _PLACE_EVERY_M
    load = np.where(graph.bicycle[segment] & ~graph.straight_out[segment], 0.0, load)
    return Places(segment, s_m, look_up(graph.curves, segment, s_m)[0], load)


def _is_clear(graph: LaneGraph, fleet: Fleet, lane: int, s_m: float, length_m: float, speed_mps: float) -> bool:
    taken, ahead = occupancy(graph, fleet), way_ahead(graph, fleet)
    there = taken.segment == lane
    coming_row, coming_k = np.nonzero(fleet.route[:, 1:] == lane)
    owner = np.concatenate([taken.owner[there], coming_row])
    position = np.concatenate([taken.s_m[there], -ahead[coming_row, coming_k + 1]])
    apart = np.abs(position - s_m) - length_m / 2 - fleet.size_m[owner, 0]
    other = fleet.speed_mps[owner]
    faster = np.where(position < s_m, other - speed_mps, speed_mps - other).clip(0)
    return bool((apart > 6.0 + 1.2 * np.maximum(other, speed_mps) + faster * 2).all())


def place_one(
    graph: LaneGraph, places: Places, fleet: Fleet | None, allowed: Bool[ndarray, "n"], seed: int, track: int
) -> Fleet | None:
    """One new road user at one of the allowed places, or ``None`` where the drawn place is taken."""
    draw = generator(seed, "road user", track)
    weight = np.where(allowed, places.load, 0.0)
    total = weight.sum()
    if total <= 0:
        return None
    spot = int(np.searchsorted(np.cumsum(weight), draw.random() * total, side="right"))
    lane, s_m = int(places.segment[spot]), float(places.s_m[spot] + draw.uniform(-2, 2))
    kind = BICYCLE if graph.bicycle[lane] else int(np.searchsorted(np.cumsum([k.share for k in KINDS]), draw.random() * 0.9999))
    if track == EGO_TRACK or (KINDS[kind].size_lwh_m[0] > LONGEST_TURNING_M and not graph.straight_out[lane]):
        kind = 0
    index, _ = locate(graph.curves, np.array([lane]), np.array([s_m]))
    to_line = float(graph.curves.length_m[lane]) - s_m - KINDS[kind].size_lwh_m[0]
    speed = min(float(graph.speed_cap_mps[index[0]]) * draw.uniform(0.6, 0.85), float(np.sqrt(2 * 1.2 * max(to_line, 0.1))))
    if fleet is not None and not _is_clear(graph, fleet, lane, s_m, KINDS[kind].size_lwh_m[0], speed):
        return None
    straight_only = KINDS[kind].size_lwh_m[0] > LONGEST_TURNING_M or kind == BICYCLE
    route, choices = extend(graph, [lane], seed, track, 0, straight_only)
    return recruit(draw, track, kind, route, s_m, speed, choices)


def populate(
    graph: LaneGraph,
    places: Places,
    fleet: Fleet,
    ego_xy_m: Float[ndarray, "2"],
    seed: int,
    next_track: int,
    *,
    ring: bool,
    tries: int,
) -> tuple[Fleet, int]:
    """The fleet with new road users, up to the town's density around the ego, and the next free track number. ``ring``: only
    where the ego cannot see them yet."""
    apart = np.hypot(*(places.xy_m - ego_xy_m).T)
    within = apart < SPAWN_M[1]
    allowed = within & (apart > SPAWN_M[0]) if ring else within
    wanted = int(places.load[within].sum())
    for _ in range(tries):
        if len(fleet) - 1 >= wanted:
            break
        newcomer = place_one(graph, places, fleet, allowed, seed, next_track)
        next_track += 1
        if newcomer is not None:
            fleet = join([fleet, newcomer])
    return fleet, next_track


def dismiss(graph: LaneGraph, fleet: Fleet, xy_m: Float[ndarray, "n 2"]) -> Fleet:
    """The fleet without those that are far away or about to leave town."""
    far = np.hypot(*(xy_m - xy_m[0]).T) > KEEP_M
    current = fleet.route[:, 0]
    leaving = graph.leaves_town[current] & ~graph.is_connector[current] & (fleet.s_m > graph.curves.length_m[current] - 12.0)
    keep = ~(far | leaving)
    keep[0] = True
    return fleet if keep.all() else select(fleet, keep)

"""Who is where on the lane graph: occupied places, the way ahead, and the leader of each road user."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from everroad.scenario.fleet import ROUTE_LENGTH, Fleet
from everroad.scenario.lane_graph import LaneGraph

FAR_M = 1e6


@dataclass(frozen=True, eq=False)
class Occupancy:
    """``m`` occupied places: segment, arc length of the owner's reference point on it (it may lie beyond the segment's end) and
    the owner's row. A road user takes more than one place while its tail is on the previous segment or while it changes lanes.
    """

    segment: Int[ndarray, "m"]
    s_m: Float[ndarray, "m"]
    owner: Int[ndarray, "m"]


def occupancy(graph: LaneGraph, fleet: Fleet) -> Occupancy:
    """All places that the fleet takes."""
    rows = np.arange(len(fleet))
    tail = np.flatnonzero((fleet.s_m < fleet.rear_m + 0.5) & (fleet.previous >= 0))
    changing = np.flatnonzero(fleet.change_from >= 0)
    return Occupancy(
        np.concatenate([fleet.route[:, 0], fleet.previous[tail], fleet.change_from[changing]]),
        np.concatenate(
            [
                fleet.s_m,
                fleet.s_m[tail] + graph.curves.length_m[fleet.previous[tail]],
                fleet.s_m[changing] + fleet.change_shift_m[changing],
            ]
        ),
        np.concatenate([rows, tail, changing]),
    )


def way_ahead(graph: LaneGraph, fleet: Fleet) -> Float[ndarray, "n 4"]:
    """Distance from each reference point to the start of each segment of its route (negative for the first); beyond the edge of
    town ``FAR_M`` or more."""
    length = np.where(fleet.route >= 0, graph.curves.length_m[fleet.route], FAR_M)
    return np.concatenate([np.zeros((len(fleet), 1)), np.cumsum(length[:, :-1], axis=1)], axis=1) - fleet.s_m[:, None]


def leaders(
    graph: LaneGraph, fleet: Fleet, places: Occupancy, ahead: Float[ndarray, "n 4"]
) -> tuple[Float[ndarray, "n"], Float[ndarray, "n"]]:
    """Bumper to bumper gap to the nearest road user ahead, and its speed; ``FAR_M`` and 0 where the route has none."""
    rows = np.arange(len(fleet))
    changing = np.flatnonzero(fleet.change_from >= 0)
    seekers = np.concatenate([rows, changing])
    rear_of = places.s_m - fleet.rear_m[places.owner]
    best = np.full((len(seekers), len(places.owner)), FAR_M)
    for k in range(ROUTE_LENGTH):
        segment = np.concatenate([fleet.route[:, k], fleet.change_from[changing] if k == 0 else np.full(len(changing), -2)])
        start = np.concatenate([ahead[:, k], -fleet.s_m[changing] - fleet.change_shift_m[changing]])
        same = (segment[:, None] == places.segment[None, :]) & (start[:, None] + places.s_m[None, :] > 0)
        best = np.where(same, np.minimum(best, start[:, None] + rear_of[None, :]), best)
    best[seekers[:, None] == places.owner[None, :]] = FAR_M
    nearest = np.argmin(best, axis=1)
    gap = best[np.arange(len(seekers)), nearest] - fleet.front_m[seekers]
    speed = fleet.speed_mps[places.owner[nearest]]
    out_gap, out_speed = gap[: len(rows)].copy(), speed[: len(rows)].copy()
    for extra, row in enumerate(changing.tolist(), start=len(rows)):
        if gap[extra] < out_gap[row]:
            out_gap[row], out_speed[row] = gap[extra], speed[extra]
    return out_gap, np.where(out_gap < FAR_M / 2, out_speed, 0.0)

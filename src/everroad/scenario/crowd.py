"""Where pedestrians come from and where they go: they enter and leave where the ego does not see it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from everroad.scenario.curves import look_up
from everroad.scenario.draws import generator
from everroad.scenario.spawning import KEEP_M, SPAWN_M
from everroad.scenario.walkers import Walkers, join, select
from everroad.scenario.walks import PAVEMENT, WalkGraph

_STANDING_SHARE = 0.1
_CHILD_SHARE = 0.12
_PLACE_EVERY_M = 6.0


@dataclass(frozen=True, eq=False)
class Pavements:
    """``n`` spots on pavements and how many pedestrians a spot carries on average."""

    walk: Int[ndarray, "n"]
    s_m: Float[ndarray, "n"]
    xy_m: Float[ndarray, "n 2"]
    load: float


def lay_pavements(graph: WalkGraph, seed: int) -> Pavements:
    """Spots on all pavements, in both directions; how many people are about comes from the seed."""
    per_m = float(generator(seed, "people").uniform(0.008, 0.022))
    walks, along = [], []
    for walk in np.flatnonzero(graph.kind == PAVEMENT).tolist():
        spots = np.arange(3.0, graph.curves.length_m[walk] - 3.0, _PLACE_EVERY_M)
        walks.append(np.full(len(spots), walk))
        along.append(spots)
    walk, s_m = np.concatenate(walks), np.concatenate(along)
    return Pavements(walk, s_m, look_up(graph.curves, walk, s_m)[0], per_m * _PLACE_EVERY_M)


def place(graph: WalkGraph, pavements: Pavements, allowed: Bool[ndarray, "n"], seed: int, track: int) -> Walkers:
    """One new pedestrian at one of the allowed spots (at least one must be)."""
    draw = generator(seed, "pedestrian", track)
    spot = int(draw.choice(np.flatnonzero(allowed)))
    walk, s_m, bias = (
        pavements.walk[spot : spot + 1],
        pavements.s_m[spot : spot + 1] + draw.uniform(-2, 2),
        draw.uniform(-0.75, 0.75),
    )
    xy, yaw = look_up(graph.curves, walk, s_m, bias)
    stands = draw.random() < _STANDING_SHARE
    pace = 0.0 if stands else float(draw.uniform(0.9, 1.7))
    height = draw.uniform(1.05, 1.4) if draw.random() < _CHILD_SHARE else float(np.clip(draw.normal(1.71, 0.08), 1.5, 1.95))
    width = height * draw.uniform(0.34, 0.42)
    return Walkers(
        track=np.array([track]), size_m=np.array([[width * draw.uniform(0.9, 1.2), width, height]]), pace_mps=np.array([pace]),
        bias_left_m=np.array([bias]), walk=walk, s_m=s_m, speed_mps=np.array([pace]), xy_m=xy,
        yaw_rad=yaw + (draw.uniform(-np.pi, np.pi) if stands else 0.0), velocity_mps=np.zeros((1, 2)),
        yaw_rate_radps=np.zeros(1), choices=np.array([0]), waited=np.array([0]),
    )  # fmt: skip


def populate(
    graph: WalkGraph,
    pavements: Pavements,
    walkers: Walkers,
    ego_xy_m: Float[ndarray, "2"],
    seed: int,
    next_track: int,
    *,
    ring: bool,
) -> tuple[Walkers, int]:
    """The pedestrians with new ones, up to the town's density around the ego, and the next free track number. ``ring``: a few,
    and only where the ego cannot see them yet."""
    apart = np.hypot(*(pavements.xy_m - ego_xy_m).T)
    within = apart < SPAWN_M[1]
    allowed = within & (apart > SPAWN_M[0]) if ring else within
    missing = int(pavements.load * within.sum()) - len(walkers)
    if missing <= 0 or not allowed.any():
        return walkers, next_track
    count = min(missing, 2) if ring else missing
    newcomers = [place(graph, pavements, allowed, seed, next_track + i) for i in range(count)]
    return join([walkers, *newcomers]), next_track + count


def dismiss(walkers: Walkers, ego_xy_m: Float[ndarray, "2"]) -> Walkers:
    """The pedestrians without those that are far away."""
    far = np.hypot(*(walkers.xy_m - ego_xy_m).T) > KEEP_M
    return select(walkers, ~far) if far.any() else walkers

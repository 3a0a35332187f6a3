"""Who stands in whom at each frame: oriented boxes of ego and actors, seen from above, that share ground and height.

Riders stand in what they ride, so a person and a bicycle or motorcycle do not collide. Two that both stand are no collision but
a *standing overlap*: badly annotated or badly placed parked cars, which nobody drove into.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from everroad.scenario.edit.overlap import EGO, find_overlaps
from everroad.scenario.types import Scenario

STANDING_MPS = 0.3
_RIDDEN = ("bicycle", "motorcycle")


@dataclass(frozen=True, eq=False)
class Contacts:
    """By frame: whether the ego is in a collision (``ego``), how many actors are (``actors``), how many of them there are
    (``present``), and how many actors stand in another thing that stands (``standing``)."""

    ego: Bool[ndarray, "f"]
    actors: Float[ndarray, "f"]
    standing: Float[ndarray, "f"]
    present: Float[ndarray, "f"]


def contacts(scenario: Scenario, shrink_m: float = 0.05) -> Contacts:
    """Collisions and standing overlaps. Boxes shrink by ``shrink_m`` on all sides first, as annotations stray (ours)."""
    frames, actors = len(scenario), {actor.track_id: i for i, actor in enumerate(scenario.actors)}
    present = sum((actor.valid.astype(np.float64) for actor in scenario.actors), np.zeros(frames))
    stands = {EGO: _stands(scenario.world_from_ego.translation_m, scenario.time_s, np.ones(frames, bool))}
    classes = {actor.track_id: actor.detection_class for actor in scenario.actors}
    ego, hit, still = np.zeros(frames, bool), np.zeros((len(actors), frames), bool), np.zeros((len(actors), frames), bool)
    for frame, *pair in find_overlaps(scenario, margin_m=-shrink_m):
        if _is_ride(*(classes.get(name) for name in pair)):
            continue
        for name in pair:
            if name not in stands:
                actor = scenario.actors[actors[name]]
                stands[name] = _stands(actor.poses.translation_m, scenario.time_s, actor.valid)
        standing = all(stands[name][frame] for name in pair)
        ego[frame] |= EGO in pair and not standing
        for name in pair:
            if name != EGO:
                (still if standing else hit)[actors[name], frame] = True
    return Contacts(ego, hit.sum(0).astype(np.float64), still.sum(0).astype(np.float64), present)


def _is_ride(first: str | None, second: str | None) -> bool:
    return (first in _RIDDEN and second == "pedestrian") or (second in _RIDDEN and first == "pedestrian")


def _stands(
    position_m: Float[ndarray, "f 3"], time_s: Float[ndarray, "f"], valid: Bool[ndarray, "f"], around_s: float = 0.5
) -> Bool[ndarray, "f"]:
    """Whether less than ``STANDING_MPS`` was covered between the last and the first valid frame within ``around_s``."""
    there = np.flatnonzero(valid)
    times = time_s[there]
    before = there[np.searchsorted(times, times - around_s - 1e-9)]
    after = there[np.searchsorted(times, times + around_s + 1e-9, side="right") - 1]
    seconds = np.maximum(time_s[after] - time_s[before], 1e-6)
    speed = np.linalg.norm(position_m[after, :2] - position_m[before, :2], axis=1) / seconds
    out = np.zeros(len(valid), bool)
    out[there] = speed < STANDING_MPS
    return out

"""How dangerous an encounter is: least time to collision and post-encroachment time of the ego and one actor.

Time to collision (Hayward 1972): until the two boxes meet if both keep their velocities. Post-encroachment time (Allen, Shin,
Cooper 1978): between one leaving a piece of ground and the other coming onto it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from everroad.scenario.edit.overlap import Bodies, bodies_of, rectangles_overlap
from everroad.scenario.types import Scenario

HORIZON_S, _TICK_S = 5.0, 0.02


def _two(scenario: Scenario, track_id: str) -> tuple[Bodies, int]:
    bodies = bodies_of(scenario)
    return bodies, bodies.names.index(track_id)


def _velocity(scenario: Scenario, centre_m: Float[ndarray, "f 3"]) -> Float[ndarray, "f 2"]:
    return np.gradient(centre_m[:, :2], scenario.time_s, axis=0)


def times_to_collision(scenario: Scenario, track_id: str) -> Float[ndarray, "f"]:
    """Seconds at every frame; infinite where the two do not meet within ``HORIZON_S``, or the actor is not there."""
    bodies, row = _two(scenario, track_id)
    actor = scenario.actors[row - 1]
    velocity = _velocity(scenario, bodies.centre_m[row]) if actor.velocity_mps is None else actor.velocity_mps[:, :2]
    closing = velocity - _velocity(scenario, bodies.centre_m[0])
    ticks = np.arange(0.0, HORIZON_S + _TICK_S / 2, _TICK_S)
    apart = (bodies.centre_m[row] - bodies.centre_m[0])[:, None, :2] + closing[:, None] * ticks[:, None]
    shape = apart.shape

    def each(axis: Float[ndarray, "f 2"]) -> Float[ndarray, "k 2"]:
        return np.broadcast_to(axis[:, None], shape).reshape(-1, 2)

    axes = (bodies.ahead_m[0], bodies.left_m[0], bodies.ahead_m[row], bodies.left_m[row])
    hit = rectangles_overlap(apart.reshape(-1, 2), *map(each, axes)).reshape(shape[:2])
    return np.where(hit.any(axis=1) & bodies.valid[row], ticks[np.argmax(hit, axis=1)], np.inf)


def least_time_to_collision(scenario: Scenario, track_id: str) -> float:
    """The least of all frames, seconds; infinite where the two are never on the way into one another."""
    return float(times_to_collision(scenario, track_id).min())


def post_encroachment(scenario: Scenario, track_id: str) -> float:
    """Seconds between the actor's being on a piece of ground and the ego's coming there; infinite where it never does."""
    bodies, row = _two(scenario, track_id)
    there = np.flatnonzero(bodies.valid[row])
    i, j = (x.ravel() for x in np.meshgrid(there, np.arange(len(scenario)), indexing="ij"))
    apart = bodies.centre_m[row, i, :2] - bodies.centre_m[0, j, :2]
    axes = (bodies.ahead_m[0, j], bodies.left_m[0, j], bodies.ahead_m[row, i], bodies.left_m[row, i])
    hit = rectangles_overlap(apart, *axes)
    later = scenario.time_s[j] - scenario.time_s[i]
    return float(np.where(hit & (later >= 0), later, np.inf).min(initial=np.inf))


def least_gap_m(scenario: Scenario, track_id: str) -> float:
    """Least distance between the two boxes on the ground, metres."""
    import shapely

    bodies, row = _two(scenario, track_id)

    def boxes(k: int) -> Any:
        c, a, b = bodies.centre_m[k, :, :2], bodies.ahead_m[k], bodies.left_m[k]
        return shapely.polygons(np.stack([c + a + b, c - a + b, c - a - b, c + a - b], axis=1))

    return float(shapely.distance(boxes(0), boxes(row))[bodies.valid[row]].min())

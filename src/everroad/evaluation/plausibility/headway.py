"""How far the ego keeps from its leader: gap and time gap to the next vehicle on the path that it is going to drive."""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely
from jaxtyping import Float
from numpy import ndarray

from everroad.evaluation.plausibility.road import DRIVEN
from everroad.scenario.edit.overlap import Bodies, bodies_of
from everroad.scenario.types import Scenario

FARTHEST_M = 80.0
# A leader goes the same way; what crosses or comes towards the ego is none.
WITHIN_RAD = np.deg2rad(45.0)
# Slower than that the time gap says nothing: cars stand close in queues.
SLOWEST_MPS = 2.0
_STEP_M = 0.5


def leader_gaps(scenario: Scenario) -> Float[ndarray, "f"]:
    """Metres between the ego's front and the nearest part of its leader, along the ego's path; infinite without a leader.

    The path is where the ego drives in the scenario from then on, and straight on where it ends; its width is the ego's.
    """
    bodies = bodies_of(scenario)
    rows = [i for i, actor in enumerate(scenario.actors, start=1) if actor.detection_class in (*DRIVEN, "bicycle")]
    gaps = np.full(len(scenario), np.inf)
    for frame in range(len(scenario)):
        near = [
            i
            for i in rows
            if bodies.valid[i, frame]
            and np.linalg.norm(bodies.centre_m[i, frame, :2] - bodies.centre_m[0, frame, :2]) < FARTHEST_M + 10
        ]
        if near:
            gaps[frame] = _gap(_path(bodies, frame), bodies, frame, np.array(near))
    return np.where(gaps < FARTHEST_M, gaps, np.inf)


def _path(bodies: Bodies, frame: int) -> Float[ndarray, "p 2"]:
    """From the ego's middle on."""
    centre = bodies.centre_m[0, frame:, :2]
    kept = [0]
    for i in range(1, len(centre)):
        if np.linalg.norm(centre[i] - centre[kept[-1]]) >= _STEP_M:
            kept.append(i)
    ahead = bodies.ahead_m[0, frame + kept[-1]]
    return np.concatenate([centre[kept], [centre[kept[-1]] + ahead / np.linalg.norm(ahead) * (FARTHEST_M + 10)]])


def _gap(path: Float[ndarray, "p 2"], bodies: Bodies, frame: int, near: ndarray) -> float:
    line = shapely.linestrings(path)
    front_m, half_width_m = np.linalg.norm(bodies.ahead_m[0, frame]), np.linalg.norm(bodies.left_m[0, frame])
    c, a, b = bodies.centre_m[near, frame, :2], bodies.ahead_m[near, frame], bodies.left_m[near, frame]
    corridor = shapely.buffer(line, half_width_m, cap_style="flat")
    prints: Any = shapely.polygons(np.stack([c + a + b, c - a + b, c - a - b, c + a - b], axis=1))
    on_path: Any = shapely.intersection(prints, corridor)
    least = np.inf
    for part, ahead in zip(on_path, a, strict=True):
        points = shapely.get_coordinates(part)
        if not len(points):
            continue
        along = float(shapely.line_locate_point(line, shapely.points(points)).min())
        here, there = (shapely.get_coordinates(shapely.line_interpolate_point(line, along + d))[0] for d in (0.0, 1.0))
        direction = there - here
        cosine = direction @ ahead / max(float(np.linalg.norm(direction) * np.linalg.norm(ahead)), 1e-9)
        if cosine > np.cos(WITHIN_RAD) and along > 0:
            least = min(least, max(along - float(front_m), 0.0))
    return least

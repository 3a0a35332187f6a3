"""Centrelines as nuScenes' ``arcline_path_3``: up to three pieces of constant curvature, one after the other.

Our centrelines are polylines, so every piece between two points is one path whose middle piece is straight and whose arcs have
no length. The devkit's ``discretize_lanes`` then passes through every point of ours (to 1e-6 m) and lies on the polyline in
between; its curvature is 0 everywhere. Points closer than ``SHORTEST_M`` to the one before are left out: the devkit refuses
paths of no length.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray

SHORTEST_M = 1e-3
# Of arcs that have no length; the original maps write such a number there.
RADIUS_M = 999.999


def arcline_paths(centerline_m: Float[ndarray, "p _"]) -> list[dict[str, Any]]:
    """The paths of one lane in driving direction; none for a lane of a single place."""
    points = spaced(np.asarray(centerline_m[:, :2], dtype=np.float64))
    out = []
    for start, end in pairwise(points):
        along = end - start
        yaw = float(np.arctan2(along[1], along[0]))
        out.append(
            {
                "start_pose": [*start.tolist(), yaw],
                "end_pose": [*end.tolist(), yaw],
                "shape": "LSR",
                "radius": RADIUS_M,
                "segment_length": [0.0, float(np.hypot(*along)), 0.0],
            }
        )
    return out


def spaced(points: Float[ndarray, "p 2"]) -> Float[ndarray, "q 2"]:
    """The points without those closer than ``SHORTEST_M`` to the last one kept."""
    kept = [points[0]]
    for point in points[1:]:
        if np.hypot(*(point - kept[-1])) >= SHORTEST_M:
            kept.append(point)
    return np.stack(kept)

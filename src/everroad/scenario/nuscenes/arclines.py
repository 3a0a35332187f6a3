"""Lane centrelines of the map expansion: chains of arcs and straight lines, each of three segments.

A path starts at a pose (x, y, yaw) and is made of three segments of given lengths; its ``shape`` says of each whether it
turns left, right or not at all, on a circle of ``radius``: curves of Dubins, "On curves of minimal length with a constraint on
average curvature", American Journal of Mathematics 79, 1957.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray

_TURN = {"L": 1.0, "S": 0.0, "R": -1.0}


def discretise_path(path: Mapping[str, Any], spacing_m: float) -> Float[ndarray, "n 2"]:
    """Points at equal distances of at most ``spacing_m`` along one path, its ends among them; two at least.

    Raises ``ValueError`` for a path that is none.
    """
    try:
        start = np.array([float(value) for value in path["start_pose"]])
        lengths_m = np.array([float(value) for value in path["segment_length"]])
        per_m = 1.0 / float(path["radius"])
        curvatures = np.array([_TURN[letter] * per_m for letter in path["shape"]])
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        start = lengths_m = curvatures = np.zeros(0)
    plausible = np.isfinite([*start, *lengths_m, *curvatures]).all() and (lengths_m >= 0).all() and lengths_m.sum() < 1e5
    if not (len(start) == len(lengths_m) == len(curvatures) == 3 and plausible):
        raise ValueError(f"expected start_pose, shape, radius and segment_length of three segments, got {str(path)[:60]}")
    count = max(int(np.ceil(lengths_m.sum() / spacing_m)) + 1, 2)
    along_m = np.linspace(0.0, lengths_m.sum(), count)
    point, yaw = np.tile(start[:2], (count, 1)), np.full(count, start[2])
    for begin_m, length_m, curvature in zip(np.cumsum(lengths_m) - lengths_m, lengths_m, curvatures, strict=True):
        driven_m = np.clip(along_m - begin_m, 0.0, length_m)
        turned = curvature * driven_m
        # The chord of an arc: it leaves at half the turned angle and is shorter than the arc by sin(x) / x.
        chord_m = driven_m * np.sinc(turned / (2 * np.pi))
        point += chord_m[:, None] * np.stack([np.cos(yaw + turned / 2), np.sin(yaw + turned / 2)], axis=1)
        yaw = yaw + turned
    return point


def discretise_lane(paths: Sequence[Mapping[str, Any]], spacing_m: float) -> Float[ndarray, "n 2"]:
    """The points of a lane's paths, one path after the other; where two meet, the point comes twice. Raises ``ValueError``."""
    return np.concatenate([np.zeros((0, 2)), *(discretise_path(path, spacing_m) for path in paths)])

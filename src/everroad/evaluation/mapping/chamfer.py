"""Chamfer distance between lines: the mean distance from points along one to the nearest of the other, both ways, halved."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy import ndarray

POINTS = 100


def evenly_spaced(line_m: Float[ndarray, "p 2"], points: int = POINTS) -> Float[ndarray, "{points} 2"]:
    """Points along a line at equal distances, its ends among them. A closed outline's first point comes last again."""
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line_m, axis=0), axis=1))])
    at = np.linspace(0, along[-1], points)
    return np.stack([np.interp(at, along, line_m[:, axis]) for axis in range(2)], axis=1)


def chamfer_distances(first: Float[ndarray, "n p 2"], second: Float[ndarray, "m p 2"]) -> Float[ndarray, "n m"]:
    """Between each of the first and each of the second lines, given by their points, in metres."""
    out = np.empty((len(first), len(second)))
    for row, points in enumerate(first):
        metres = np.linalg.norm(points[None, :, None] - second[:, None], axis=3)
        out[row] = (metres.min(2).mean(1) + metres.min(1).mean(1)) / 2
    return out

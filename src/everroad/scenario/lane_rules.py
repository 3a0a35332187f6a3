"""What the shape of lanes demands: how fast they may be driven, and which ways through an intersection exclude each other."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from everroad.scenario.curves import CurveTable

LATERAL_ACCELERATION_MPS2 = 2.0  # comfort bound in curves (ours)
CURVE_BRAKING_MPS2 = 1.3  # how gently a curve is slowed down for (ours)
CLEARANCE_M = 2.9  # two half widths of cars, the swing of a nose in a turn, and a hand's breadth
_EVERY = 3  # every third curve point is enough to find where paths come near each other


def speed_caps(curves: CurveTable, limit_mps: Float[ndarray, "c"]) -> Float[ndarray, "m"]:
    """Per curve point: the limit and the comfortable speed of the curve, lowered so that one brakes gently ahead of curves."""
    owner = np.repeat(np.arange(len(curves.first)), curves.count)
    square = np.minimum(limit_mps[owner] ** 2, LATERAL_ACCELERATION_MPS2 / np.maximum(np.abs(curves.curvature_per_m), 1e-4))
    # The least of v^2 + 2 b (distance) over the later points is a running minimum, from the end, of v^2 + 2 b s; an offset that
    # grows from curve to curve keeps the minimum of one curve from reaching into the one before it.
    arc = (np.arange(len(owner)) - curves.first[owner]) * curves.spacing_m[owner]
    apart = 1e4 * owner
    line = square + 2 * CURVE_BRAKING_MPS2 * arc + apart
    running = np.minimum.accumulate(line[::-1])[::-1]
    return np.sqrt(running - apart - 2 * CURVE_BRAKING_MPS2 * arc)


def clear_after(curves: CurveTable, node: Int[ndarray, "c"]) -> Float[ndarray, "c c"]:
    """Entry (a, b), metres: from which arc length on a body on connector a is out of the way of all of connector b of the same
    intersection; minus infinity where they never come nearer than ``CLEARANCE_M`` and for a = b. ``node``: the intersection of
    each connector, -1 for lanes."""
    out = np.full((len(node), len(node)), -np.inf)
    for place in np.unique(node[node >= 0]).tolist():
        members = np.flatnonzero(node == place)
        index = [np.append(np.arange(0, curves.count[m] - 1, _EVERY), curves.count[m] - 1) for m in members]
        points = np.concatenate([curves.xy_m[curves.first[m] + i] for m, i in zip(members, index, strict=True)]).astype(
            np.float32
        )
        arc = np.concatenate([i * curves.spacing_m[m] for m, i in zip(members, index, strict=True)])
        starts = np.cumsum([0] + [len(i) for i in index[:-1]])
        apart = (points[:, None, 0] - points[None, :, 0]) ** 2 + (points[:, None, 1] - points[None, :, 1]) ** 2
        near = np.logical_or.reduceat(apart < CLEARANCE_M**2, starts, axis=1)
        last = np.maximum.reduceat(np.where(near, arc[:, None], -np.inf), starts, axis=0)
        out[np.ix_(members, members)] = last + _EVERY * 0.5
    np.fill_diagonal(out, -np.inf)
    return out

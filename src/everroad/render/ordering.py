"""Back to front: which of many upright objects hides which, decided from their footprints as the camera sees them."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray


def back_to_front(footprints_m: Float[ndarray, "n 4 2"]) -> Int[ndarray, "n"]:
    """Indices of the objects, the hidden before the hiding.

    ``footprints_m`` are convex, camera at the origin, x forward. Two objects that share an azimuth are ordered by where a
    ray in the middle of what they share meets each first, which is exact for disjoint convex footprints; the rest by
    distance. Where three hide one another in a ring, the ring is cut at the farthest.
    """
    n = len(footprints_m)
    if n == 0:
        return np.zeros(0, np.int64)
    azimuth = np.arctan2(footprints_m[..., 1], footprints_m[..., 0])
    low, high = azimuth.min(axis=1), azimuth.max(axis=1)
    # A footprint across the cut behind the camera, or around it, shares every azimuth.
    around = high - low > np.pi
    low, high = np.where(around, -np.pi, low), np.where(around, np.pi, high)
    start, end = np.maximum(low[:, None], low[None]), np.minimum(high[:, None], high[None])
    first, second = np.nonzero(np.triu(end - start > 1e-6, 1))
    middle = (start[first, second] + end[first, second]) / 2
    ray = np.stack([np.cos(middle), np.sin(middle)], axis=1)
    gap = _entry(footprints_m[first], ray) - _entry(footprints_m[second], ray)
    far = np.linalg.norm(footprints_m.mean(axis=1), axis=1)
    gap = np.where(np.abs(gap) < 1e-9, far[first] - far[second], np.nan_to_num(gap, nan=0.0))
    behind: list[list[int]] = [[] for _ in range(n)]
    # gap > 0: the first is farther along the ray, so it must be painted before the second.
    front = np.where(gap > 0, second, first)
    back = np.where(gap > 0, first, second)
    for i, j in zip(front.tolist(), back.tolist(), strict=True):
        behind[i].append(j)
    return np.array(_visit(np.argsort(-far, kind="stable").tolist(), behind), dtype=np.int64)


def _entry(footprints: np.ndarray, ray: np.ndarray) -> np.ndarray:
    """Distance along each ray (k, 2) to its footprint (k, 4, 2); infinite where rounding lets it miss."""
    edge = np.roll(footprints, -1, axis=1) - footprints
    across = ray[:, None, 0] * edge[..., 1] - ray[:, None, 1] * edge[..., 0]
    safe = np.where(np.abs(across) < 1e-12, 1e-12, across)
    distance = (footprints[..., 0] * edge[..., 1] - footprints[..., 1] * edge[..., 0]) / safe
    share = (footprints[..., 0] * ray[:, None, 1] - footprints[..., 1] * ray[:, None, 0]) / safe
    hit = (share > -1e-9) & (share < 1 + 1e-9) & (distance > 0) & (np.abs(across) > 1e-12)
    return np.where(hit, distance, 1e9).min(axis=1)


def _visit(order: list[int], behind: list[list[int]]) -> list[int]:
    """Depth-first: everything behind an object comes before it."""
    seen = [False] * len(order)
    out: list[int] = []
    for root in order:
        if seen[root]:
            continue
        seen[root] = True
        stack = [(root, iter(behind[root]))]
        while stack:
            node, children = stack[-1]
            for child in children:
                if not seen[child]:
                    seen[child] = True
                    stack.append((child, iter(behind[child])))
                    break
            else:
                out.append(node)
                stack.pop()
    return out

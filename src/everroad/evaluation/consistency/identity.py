"""Identity of tracked objects over time: does what is in an object's box look more like it did than like the other objects?

Of every object in the frames i - lag and i, its features then are compared with those of all objects in frame i. The measure is
the chance that its own distance is the smaller one (area under the ROC curve of same against other; ties count half):

    AUC = Σ over objects and others of [own distance < other's distance] / Σ of comparisons.

0.5 is no identity at all. Features come from a function of the crops, so that a network can stand in; the default is a
histogram of colours and gradients, which needs none. Objects that look alike (two grey cars) keep even the painter below 1:
read the share.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, Int, Int32, UInt8
from numpy import ndarray
from scipy.ndimage import find_objects

from everroad.evaluation.colour import lab
from everroad.evaluation.measure import Measure, Window, pooled
from everroad.evaluation.persistence import LEAST_PX

Features = Callable[[Sequence[UInt8[ndarray, "_ _ 3"]]], Float[ndarray, "i d"]]
LAG_FRAMES = 12
_SIDE_PX = 24
_COLOURS, _LIGHTS, _DIRECTIONS = 6, 6, 8


@dataclass(frozen=True, eq=False)
class IdentityRecord:
    """The objects of one frame and their features."""

    ids: Int[ndarray, "i"]
    features: Float[ndarray, "i d"]


NOBODY = IdentityRecord(np.zeros(0, np.int64), np.zeros((0, 0)))


def histogram_features(crops: Sequence[UInt8[ndarray, "_ _ 3"]]) -> Float[ndarray, "i d"]:
    """Histograms of L*, of a* and b* together, and of gradient directions by strength; upper and lower half apart, sums of 1.

    The distance is the sum of absolute differences.
    """
    rows = [_histogram(cv2.resize(crop, (_SIDE_PX, _SIDE_PX), interpolation=cv2.INTER_AREA)) for crop in crops]
    return np.stack(rows) if rows else np.zeros((0, 2 * (_LIGHTS + _COLOURS**2 + _DIRECTIONS)))


def _histogram(crop: UInt8[ndarray, "h w 3"]) -> Float[ndarray, "d"]:
    colours = lab(crop)
    down, across = np.gradient(cv2.GaussianBlur(colours[..., 0], (0, 0), 1.0))
    strength, direction = np.hypot(down, across), np.arctan2(down, across) % np.pi
    parts = []
    for half in (slice(0, _SIDE_PX // 2), slice(_SIDE_PX // 2, _SIDE_PX)):
        light, a, b = colours[half].reshape(-1, 3).T
        parts.append(np.histogram(light, _LIGHTS, (0, 100))[0] / light.size)
        parts.append(np.histogram2d(a.clip(-59, 59), b.clip(-59, 59), _COLOURS, ((-60, 60), (-60, 60)))[0].ravel() / a.size)
        edges = np.histogram(direction[half], _DIRECTIONS, (0, np.pi), weights=strength[half])[0]
        parts.append(edges / max(edges.sum(), 1e-6))
    return np.concatenate(parts)


def identity_record(
    picture: UInt8[ndarray, "h w 3"],
    instance: Int32[ndarray, "h w"],
    wanted: Callable[[int], bool],
    features: Features = histogram_features,
) -> IdentityRecord:
    """The wanted instances that are large enough, and the features of what the picture has in their boxes."""
    ids, place, counts = np.unique(instance, return_inverse=True, return_counts=True)
    kept = [i for i in range(len(ids)) if ids[i] > 0 and counts[i] >= LEAST_PX and wanted(int(ids[i]))]
    boxes = find_objects(place.reshape(instance.shape).astype(np.int32) + 1)
    # ``place`` counts from 0, ``find_objects`` from 1.
    crops = [picture[boxes[i]] for i in kept]
    return IdentityRecord(ids[kept].astype(np.int64), np.asarray(features(crops), np.float64))


def identity_sums(now: IdentityRecord, then: IdentityRecord) -> tuple[float, float]:
    """(comparisons won, comparisons) of a frame against an earlier one."""
    won = compared = 0.0
    rows = {instance: row for row, instance in enumerate(now.ids.tolist())}
    for feature, instance in zip(then.features, then.ids.tolist(), strict=True):
        if instance not in rows or len(rows) < 2:
            continue
        apart = np.abs(now.features - feature).sum(1)
        others = np.delete(apart, rows[instance])
        own = apart[rows[instance]]
        won += float((own < others).sum() + 0.5 * (own == others).sum())
        compared += len(others)
    return won, compared


def identity(
    model: Sequence[Sequence[IdentityRecord]],
    painter: Sequence[Sequence[IdentityRecord]],
    window: Window,
    lag: int = LAG_FRAMES,
) -> dict[str, Measure]:
    """ "identity" (AUC) and "share identity" of records by frame, then by town; frames before ``lag`` have no earlier one."""
    sums = window.sums(np.concatenate([_stacked(of, lag) for of in (model, painter)], 2))
    sums = np.zeros((1, 4)) if sums is None else sums
    return {
        "identity": pooled(sums, lambda rows: rows[:, 0] / rows[:, 1]),
        "share identity": pooled(sums, lambda rows: (rows[:, 0] / rows[:, 1]) / (rows[:, 2] / rows[:, 3])),
    }


def _stacked(records: Sequence[Sequence[IdentityRecord]], lag: int) -> Float[ndarray, "n f 2"]:
    out = np.zeros((len(records[0]), len(records), 2))
    for frame in range(lag, len(records)):
        for town, (now, then) in enumerate(zip(records[frame], records[frame - lag], strict=True)):
            out[town, frame] = identity_sums(now, then)
    return out

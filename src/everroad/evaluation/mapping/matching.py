"""Which found elements match which true ones, within one frame, as MapTR has it; the few numbers that all scores are made of.

Each found element, best score first, asks for the true one of its class that is nearest to it. It matches if that lies within
the threshold and no better one asked for it. Frames do not meet. Axis letters: ``n`` found elements, ``t`` thresholds.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from everroad.evaluation.mapping.chamfer import chamfer_distances, evenly_spaced
from everroad.evaluation.mapping.elements import MAP_CLASSES, MapElements

THRESHOLDS_M = (0.5, 1.0, 1.5)


@dataclass(frozen=True, eq=False)
class MapMatches:
    """Found elements of one or more frames with whether they match, and how many true ones of each class there are."""

    label: Int[ndarray, "n"]
    score: Float[ndarray, "n"]
    matched: Bool[ndarray, "n 3"]
    truths: Int[ndarray, "3"]


NO_MATCHES = MapMatches(
    np.zeros(0, np.int64), np.zeros(0), np.zeros((0, len(THRESHOLDS_M)), bool), np.zeros(len(MAP_CLASSES), np.int64)
)


def match_frame(truth: MapElements, found: MapElements) -> MapMatches:
    """One frame's matches. Raises ``ValueError`` for found elements without scores."""
    if found.score is None:
        raise ValueError("found elements: expected a score each, got none; give the network's")
    matched = np.zeros((len(found), len(THRESHOLDS_M)), dtype=bool)
    for label in range(len(MAP_CLASSES)):
        there, mine = np.flatnonzero(truth.label == label), np.flatnonzero(found.label == label)
        if len(there) and len(mine):
            metres = chamfer_distances(_points(found, mine), _points(truth, there))
            matched[mine] = _matched(metres, found.score[mine])
    return MapMatches(found.label, found.score, matched, np.bincount(truth.label, minlength=len(MAP_CLASSES)))


def _points(elements: MapElements, which: Int[ndarray, "k"]) -> Float[ndarray, "k 100 2"]:
    return np.stack([evenly_spaced(elements.lines_m[i]) for i in which])


def _matched(metres: Float[ndarray, "n m"], score: Float[ndarray, "n"]) -> Bool[ndarray, "n 3"]:
    nearest = metres.argmin(1)
    out = np.zeros((len(score), len(THRESHOLDS_M)), dtype=bool)
    for column, threshold in enumerate(THRESHOLDS_M):
        taken = np.zeros(metres.shape[1], dtype=bool)
        for row in best_first(score):
            if metres[row, nearest[row]] <= threshold and not taken[nearest[row]]:
                taken[nearest[row]] = out[row, column] = True
    return out


def best_first(score: Float[ndarray, "n"]) -> Int[ndarray, "n"]:
    """The order of the best first; of equal scores the earlier one first."""
    return np.argsort(-score, kind="stable")


def joined_frames(parts: Iterable[MapMatches]) -> MapMatches:
    """Of all frames together, in their order. Raises ``ValueError`` for none."""
    parts = list(parts)
    if not parts:
        raise ValueError("map elements: expected one frame at least, got none; evaluate one")
    label, score, matched = (np.concatenate([getattr(part, name) for part in parts]) for name in ("label", "score", "matched"))
    return MapMatches(label, score, matched, np.sum([part.truths for part in parts], axis=0))

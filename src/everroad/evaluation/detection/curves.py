"""Average precision and errors of one class, from its detections in the order of their scores (nuScenes' definition).

Precision is read at 101 recalls, between two detections linearly, and beyond the last recall it is 0. An error is the mean over
the matches so far, read where the score falls to that of each recall. Axis letters: ``n`` detections, best first; ``t``
thresholds; ``m`` matches; ``e`` errors.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from everroad.evaluation.detection.config import RECALLS, DetectionConfig


def average_precisions(matched: Bool[ndarray, "n t"], truths: int, config: DetectionConfig) -> Float[ndarray, "t"]:
    """One a threshold, 0 to 1. ``truths`` is how many boxes there are to find, one at least."""
    out = np.zeros(matched.shape[1])
    rank = np.arange(1.0, len(matched) + 1)
    for column, hits in enumerate(matched.T):
        found = np.cumsum(hits, dtype=np.float64)
        if len(found) and found[-1]:
            precision = np.interp(RECALLS, found / truths, found / rank, right=0)[config.counted_recalls]
            out[column] = np.maximum(precision - config.least_precision, 0).mean() / (1 - config.least_precision)
    return out


def mean_errors(
    hits: Bool[ndarray, "n"],
    score: Float[ndarray, "n"],
    errors: Float[ndarray, "n e"],
    truths: int,
    config: DetectionConfig,
) -> Float[ndarray, "e"]:
    """Each error's mean over the recalls that count and are reached; 1 where none is."""
    first = config.counted_recalls.start
    found = np.cumsum(hits, dtype=np.float64)
    if not len(found) or not found[-1]:
        return np.ones(errors.shape[1])
    score_at = np.interp(RECALLS, found / truths, score, right=0)
    reached = np.flatnonzero(score_at)
    if not len(reached) or reached[-1] < first:
        return np.ones(errors.shape[1])
    of_match, counted = score[hits][::-1], score_at[first : reached[-1] + 1]
    running = _running_means(errors[hits])
    return np.array([np.interp(counted, of_match, column[::-1]).mean() for column in running.T])


def _running_means(values: Float[ndarray, "m e"]) -> Float[ndarray, "m e"]:
    """Means of each column so far, of what is not NaN: 0 before the first, 1 throughout where there is nothing else."""
    known = ~np.isnan(values)
    count = np.cumsum(known, axis=0)
    means = np.cumsum(np.where(known, values, 0.0), axis=0) / np.maximum(count, 1)
    return np.where(known.any(0), means, 1.0)

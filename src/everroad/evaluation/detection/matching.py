"""Which detections match which boxes: greedy by score, within one sample; the few numbers that all scores are made of.

The nearest box of the class that no better detection has taken is the match, if it lies nearer than the threshold. Samples do
not meet, so each is matched when it comes, and only this is kept of it. Axis letters: ``n`` detections, ``t`` thresholds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from everroad.evaluation.detection.boxes import Detections, Truth
from everroad.evaluation.detection.config import CVPR_2019, ERRORS, DetectionConfig
from everroad.evaluation.detection.errors import pair_errors
from everroad.evaluation.detection.filters import counted_detections, counted_truth
from everroad.scenario.types import DETECTION_CLASSES


@dataclass(frozen=True, eq=False)
class Matches:
    """Detections of one or more samples with what they match, and how many boxes of each class there are.

    ``errors`` (order of ``ERRORS``) are those of the matches at the threshold for errors, else NaN.
    """

    label: Int[ndarray, "n"]
    score: Float[ndarray, "n"]
    matched: Bool[ndarray, "n t"]
    errors: Float[ndarray, "n 5"]
    truths: Int[ndarray, "10"]


def no_matches(config: DetectionConfig = CVPR_2019) -> Matches:
    """Of no sample at all."""
    none = np.zeros(0, dtype=np.int64)
    matched = np.zeros((0, len(config.thresholds_m)), dtype=bool)
    return Matches(none, np.zeros(0), matched, np.zeros((0, len(ERRORS))), np.zeros(len(DETECTION_CLASSES), dtype=np.int64))


def match_sample(truth: Truth, detections: Detections, config: DetectionConfig = CVPR_2019) -> Matches:
    """One sample's matches. Raises ``ValueError`` for more detections than the configuration allows."""
    if len(detections.score) > config.most_boxes:
        got = f"got {len(detections.score)}"
        raise ValueError(
            f"detections: expected {config.most_boxes} boxes at most a sample, {got}; keep those of the best scores"
        )
    boxes, found = counted_truth(truth, config), counted_detections(detections, truth, config)
    thresholds_m = np.array(config.thresholds_m, dtype=np.float64)
    partner = np.full((len(found.score), len(thresholds_m)), -1)
    metres = np.linalg.norm(found.boxes.centre_m[:, None, :2] - boxes.centre_m[None, :, :2], axis=2)
    for label in set(found.boxes.label.tolist()) & set(boxes.label.tolist()):
        mine, there = np.flatnonzero(found.boxes.label == label), np.flatnonzero(boxes.label == label)
        of_class = _partners(metres[np.ix_(mine, there)], found.score[mine], thresholds_m)
        partner[mine] = np.where(of_class >= 0, there[of_class], -1)
    errors = np.full((len(found.score), len(ERRORS)), np.nan)
    hit = np.flatnonzero(partner[:, config.error_column] >= 0)
    if len(hit):
        errors[hit] = pair_errors(boxes.of(partner[hit, config.error_column]), found.boxes.of(hit))
    truths = np.bincount(boxes.label, minlength=len(DETECTION_CLASSES))
    return Matches(found.boxes.label, found.score, partner >= 0, errors, truths)


def _partners(
    metres: Float[ndarray, "n m"], score: Float[ndarray, "n"], thresholds_m: Float[ndarray, "t"]
) -> Int[ndarray, "n t"]:
    """Which box each detection takes at each threshold, -1 for none. Of equal scores the later one chooses first."""
    partner = np.full((len(score), len(thresholds_m)), -1)
    taken = np.zeros((len(thresholds_m), metres.shape[1]), dtype=bool)
    column = np.arange(len(thresholds_m))
    hopeful = metres.min(1) < thresholds_m.max()
    for row in by_score(score):
        if not hopeful[row]:
            continue
        free = np.where(taken, np.inf, metres[row])
        nearest = free.argmin(1)
        near = free[column, nearest] < thresholds_m
        partner[row, near] = nearest[near]
        taken[column[near], nearest[near]] = True
    return partner


def by_score(score: Float[ndarray, "n"]) -> Int[ndarray, "n"]:
    """The order of the best first; of equal scores the later one first, as nuScenes has it."""
    return np.argsort(score, kind="stable")[::-1]


def joined(parts: Iterable[Matches]) -> Matches:
    """Of all samples together, in their order. Raises ``ValueError`` for none."""
    parts = list(parts)
    if not parts:
        raise ValueError("matches: expected one sample at least, got none; evaluate one")
    label, score, matched, errors = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("label", "score", "matched", "errors")
    )
    return Matches(label, score, matched, errors, np.sum([part.truths for part in parts], axis=0))


def match_samples(
    truth: Mapping[str, Truth], detections: Mapping[str, Detections], config: DetectionConfig = CVPR_2019
) -> Matches:
    """All samples by their token, in the order of the truth. Raises ``ValueError`` where the two have other samples."""
    for name, these, those in (("detections", detections, truth), ("truth", truth, detections)):
        lost = [token for token in those if token not in these]
        if lost:
            got = f"none for {len(lost)} of them, first '{lost[0]}'"
            raise ValueError(f"{name}: expected the samples of the other side, got {got}; give empty ones")
    return joined(match_sample(truth[token], detections[token], config) for token in truth)

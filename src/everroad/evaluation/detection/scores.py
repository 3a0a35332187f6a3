"""The scores of a set of matches: average precision by class and threshold, errors, mAP and NDS as nuScenes has them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from everroad.evaluation.detection.config import CVPR_2019, ERRORS, HAS_ERROR, DetectionConfig
from everroad.evaluation.detection.curves import average_precisions, mean_errors
from everroad.evaluation.detection.matching import Matches, by_score, joined
from everroad.scenario.types import DETECTION_CLASSES


@dataclass(frozen=True, eq=False)
class DetectionScores:
    """By class (rows in the order of ``DETECTION_CLASSES``). NaN where the truth has none of a class, or it has no such error.

    nuScenes counts a class that the truth has none of as average precision 0 and as errors of 1: so do ``mean_ap`` and
    ``nds``. ``mean_ap_of_present`` and ``nds_of_present`` leave such classes out; NaN where nothing is left.
    """

    average_precision: Float[ndarray, "10 t"]
    errors: Float[ndarray, "10 5"]
    weight_of_mean_ap: float = CVPR_2019.weight_of_mean_ap

    @property
    def mean_ap(self) -> float:
        """mAP as nuScenes has it."""
        return float(np.nan_to_num(self.average_precision).mean(1).mean())

    @property
    def mean_errors(self) -> Float[ndarray, "5"]:
        """Over the classes that have the error, as nuScenes has it: mATE, mASE, mAOE, mAVE, mAAE."""
        return _mean_of_known(np.where(HAS_ERROR & np.isnan(self.errors), 1.0, self.errors))

    @property
    def nds(self) -> float:
        """The nuScenes detection score: mAP and what the errors leave of 1, weighted."""
        return self._weighted(self.mean_ap, self.mean_errors)

    @property
    def mean_ap_of_present(self) -> float:
        """mAP over the classes that the truth has."""
        return float(_mean_of_known(self.average_precision.mean(1)))

    @property
    def mean_errors_of_present(self) -> Float[ndarray, "5"]:
        """Over the classes that the truth has and that have the error."""
        return _mean_of_known(self.errors)

    @property
    def nds_of_present(self) -> float:
        """NDS over the classes that the truth has."""
        return self._weighted(self.mean_ap_of_present, self.mean_errors_of_present)

    def _weighted(self, mean_ap: float, mean_errors: Float[ndarray, "5"]) -> float:
        earned = self.weight_of_mean_ap * mean_ap + np.maximum(1 - mean_errors, 0).sum()
        return float(earned / (self.weight_of_mean_ap + len(ERRORS)))


def _mean_of_known(values: ndarray) -> ndarray:
    """Means over the rows that are not NaN, NaN where all are."""
    known = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(known, values, 0.0).sum(0) / known.sum(0))


@dataclass(frozen=True, eq=False)
class _Ranked:
    """One class's detections, best first, the town of each, and how many boxes of the class each town has."""

    town: Int[ndarray, "n"]
    score: ndarray
    matched: ndarray
    errors: ndarray
    truths: Int[ndarray, "towns"]

    def scores(self, times: Int[ndarray, "towns"], config: DetectionConfig) -> tuple[ndarray, ndarray]:
        """Precision by threshold, and errors, with each town as often as ``times`` says."""
        truths = int(times @ self.truths)
        if not truths:
            return np.full(len(config.thresholds_m), np.nan), np.full(len(ERRORS), np.nan)
        rows = np.repeat(np.arange(len(self.town)), times[self.town])
        matched = self.matched[rows]
        precision = average_precisions(matched, truths, config)
        return precision, mean_errors(matched[:, config.error_column], self.score[rows], self.errors[rows], truths, config)

    def precision(self, times: Int[ndarray, "towns"], column: int, config: DetectionConfig) -> float:
        """At one of the thresholds alone, which is far quicker than all scores; NaN without boxes."""
        truths = int(times @ self.truths)
        if not truths:
            return float("nan")
        hits = np.repeat(self.matched[:, column], times[self.town])
        return float(average_precisions(hits[:, None], truths, config)[0])


@dataclass(frozen=True, eq=False)
class RankedTowns:
    """The detections of several towns by class, sorted once: the scores of a draw of the towns take no more sorting."""

    classes: tuple[_Ranked, ...]
    config: DetectionConfig

    def scores(self, times: Int[ndarray, "n"]) -> DetectionScores:
        """With each town as often as ``times`` says, as if its samples were there so many times."""
        precision, errors = zip(*(ranked.scores(times, self.config) for ranked in self.classes), strict=True)
        errors = np.where(HAS_ERROR, np.stack(errors), np.nan)
        return DetectionScores(np.stack(precision), errors, self.config.weight_of_mean_ap)


def rank_towns(towns: Sequence[Matches], config: DetectionConfig = CVPR_2019) -> RankedTowns:
    """Sorts the detections of all towns. Raises ``ValueError`` for no town."""
    every = joined(towns)
    town = np.repeat(np.arange(len(towns)), [len(part.score) for part in towns])
    order = by_score(every.score)
    truths = np.stack([part.truths for part in towns])
    ranked = []
    for label in range(len(DETECTION_CLASSES)):
        rows = order[every.label[order] == label]
        ranked.append(_Ranked(town[rows], every.score[rows], every.matched[rows], every.errors[rows], truths[:, label]))
    return RankedTowns(tuple(ranked), config)


def detection_scores(matches: Matches, config: DetectionConfig = CVPR_2019) -> DetectionScores:
    """Of one set of matches."""
    return rank_towns([matches], config).scores(np.ones(1, dtype=np.int64))

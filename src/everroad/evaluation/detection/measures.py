"""The detection scores as measures, with intervals over towns: each draw of towns is scored like the towns themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from everroad.evaluation.detection.config import CVPR_2019, ERRORS, DetectionConfig
from everroad.evaluation.detection.matching import Matches
from everroad.evaluation.detection.scores import DetectionScores, rank_towns
from everroad.evaluation.measure import Measure, town_draws, with_draws
from everroad.scenario.types import DETECTION_CLASSES


def detection_measures(towns: Sequence[Matches], config: DetectionConfig = CVPR_2019) -> dict[str, Any]:
    """Measures of the towns' matches, by name.

    ``mAP``, ``NDS`` and ``errors`` are over the classes that the truth has; ``official_mAP`` and ``official_NDS`` count a class
    that it has none of as nuScenes does, as missed. ``classes`` has for each class ``AP`` (mean over the thresholds), ``AP_at``
    by threshold in metres, and ``errors``. A class without truth is invalid throughout.

    Raises ``ValueError`` for no town.
    """
    ranked = rank_towns(towns, config)
    value = _flat(ranked.scores(np.ones(len(towns), dtype=np.int64)))
    draws = np.stack([_flat(ranked.scores(times)) for times in town_draws(len(towns)).astype(np.int64)])
    measures = iter([with_draws(float(value[i]), draws[:, i], len(towns)) for i in range(len(value))])
    out: dict[str, Any] = {name: next(measures) for name in ("mAP", "NDS", "official_mAP", "official_NDS")}
    out["errors"] = _named(measures, ERRORS)
    out["classes"] = {
        name: {
            "AP": next(measures),
            "AP_at": _named(measures, tuple(f"{metres:g}" for metres in config.thresholds_m)),
            "errors": _named(measures, ERRORS),
        }
        for name in DETECTION_CLASSES
    }
    return out


def precision_measure(towns: Sequence[Matches], label: int, metres: float, config: DetectionConfig = CVPR_2019) -> Measure:
    """Average precision of one class (its place in ``DETECTION_CLASSES``) at one threshold: as ``detection_measures`` has it.

    Raises ``ValueError`` for no town, and for a threshold that the configuration lacks.
    """
    if metres not in config.thresholds_m:
        raise ValueError(f"threshold: expected one of {config.thresholds_m} metres, got {metres}; name one")
    ranked, column = rank_towns(towns, config).classes[label], config.thresholds_m.index(metres)
    value = ranked.precision(np.ones(len(towns), dtype=np.int64), column, config)
    draws = [ranked.precision(times, column, config) for times in town_draws(len(towns)).astype(np.int64)]
    return with_draws(value, np.array(draws), len(towns))


def _named(measures: Any, names: tuple[str, ...]) -> dict[str, Measure]:
    return {name: next(measures) for name in names}


def _flat(scores: DetectionScores) -> Float[ndarray, "_"]:
    """All numbers in one row, in the order in which ``detection_measures`` names them."""
    precision = scores.average_precision
    by_class = np.concatenate([precision.mean(1, keepdims=True), precision, scores.errors], axis=1)
    overall = [scores.mean_ap_of_present, scores.nds_of_present, scores.mean_ap, scores.nds]
    return np.concatenate([overall, scores.mean_errors_of_present, by_class.ravel()])

"""Average precision of map elements as measures, with intervals over towns. Axis letter ``n``: found elements, best first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from everroad.evaluation.mapping.elements import MAP_CLASSES
from everroad.evaluation.mapping.matching import THRESHOLDS_M, MapMatches, best_first, joined_frames
from everroad.evaluation.measure import town_draws, with_draws


def area_under_curve(matched: Bool[ndarray, "n"], truths: int) -> float:
    """Area under precision over recall, each precision raised to the best of those at higher recalls; NaN for no truths."""
    if not truths:
        return float("nan")
    hits = np.flatnonzero(matched)
    precision = np.arange(1, len(hits) + 1) / (hits + 1)
    return float(np.maximum.accumulate(precision[::-1]).sum() / truths)


def map_average_precisions(matches: MapMatches) -> Float[ndarray, "3 3"]:
    """By class (``MAP_CLASSES``) and threshold (``THRESHOLDS_M``); NaN for classes that the truth has none of."""
    return _precisions([matches], None, *_ranked([matches]))


def map_measures(towns: Sequence[MapMatches]) -> dict[str, Any]:
    """Measures of the towns' matches, by name: ``mAP`` over the classes that the truth has, and for each of the ``classes``
    ``AP`` (mean over the thresholds) and ``AP_at`` by threshold in metres. A class without truth is invalid throughout.

    Raises ``ValueError`` for no town.
    """
    ranked = _ranked(towns)
    value = _flat(_precisions(towns, None, *ranked))
    draws = np.stack([_flat(_precisions(towns, times, *ranked)) for times in town_draws(len(towns)).astype(np.int64)])
    measures = iter([with_draws(float(value[i]), draws[:, i], len(towns)) for i in range(len(value))])
    out: dict[str, Any] = {"mAP": next(measures)}
    out["classes"] = {
        name: {"AP": next(measures), "AP_at": {f"{metres:g}": next(measures) for metres in THRESHOLDS_M}}
        for name in MAP_CLASSES
    }
    return out


def _ranked(towns: Sequence[MapMatches]) -> tuple[list[ndarray], list[ndarray]]:
    """By class the town and the matches of each found element, best first."""
    every = joined_frames(towns)
    town = np.repeat(np.arange(len(towns)), [len(part.score) for part in towns])
    order = best_first(every.score)
    rows = [order[every.label[order] == label] for label in range(len(MAP_CLASSES))]
    return [town[of] for of in rows], [every.matched[of] for of in rows]


def _precisions(
    towns: Sequence[MapMatches], times: Int[ndarray, "_"] | None, town: list[ndarray], matched: list[ndarray]
) -> Float[ndarray, "3 3"]:
    """Each town as often as ``times`` says, as if its frames were there so many times."""
    times = np.ones(len(towns), dtype=np.int64) if times is None else times
    truths = times @ np.stack([part.truths for part in towns])
    out = np.empty((len(MAP_CLASSES), len(THRESHOLDS_M)))
    for label in range(len(MAP_CLASSES)):
        rows = np.repeat(matched[label], times[town[label]], axis=0)
        out[label] = [area_under_curve(hits, int(truths[label])) for hits in rows.T]
    return out


def _flat(precision: Float[ndarray, "3 3"]) -> Float[ndarray, "_"]:
    by_class = precision.mean(1)
    present = ~np.isnan(by_class)
    overall = by_class[present].mean() if present.any() else np.nan
    return np.concatenate([[overall], np.concatenate([by_class[:, None], precision], axis=1).ravel()])

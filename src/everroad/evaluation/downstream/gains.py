"""From the scores of every trained detector to the table: means over seeds, gains over training on real, shares of real.

Intervals are over the evaluation towns, which all detectors share, so that gains and shares have their own. How far seeds lie
apart is told beside them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from everroad.evaluation.downstream.score import MODEL, PAINTER, Scores
from everroad.evaluation.measure import Measure, combined, measures_to_json

REAL = "real"
Pair = Mapping[str, Scores]  # a detector's, by pictures


def mean_scores(seeds: Sequence[Scores]) -> Scores:
    """Of detectors that differ by their seed alone."""
    return {name: combined(lambda *of: np.mean(of, axis=0), *(scores[name] for scores in seeds)) for name in seeds[0]}


def less(scores: Scores, other: Scores) -> Scores:
    """How much more the first are than the second."""
    return {name: combined(lambda a, b: a - b, of, other[name]) for name, of in scores.items()}


def share(scores: Scores, other: Scores) -> Scores:
    """The first as a share of the second."""
    return {name: combined(lambda a, b: a / b, of, other[name]) for name, of in scores.items()}


def rows(kinds: Mapping[str, Sequence[Pair]], shipped: Pair | None) -> dict[str, Any]:
    """Plain JSON, by what the detectors were trained on (of each kind one pair of scores a seed; ``real`` among them).

    ``scores`` on the painter's pictures, of each seed too; ``gain`` over and ``share`` of those of training on real; ``on
    generated`` are scores on the model's pictures and ``kept`` their share of the same detectors' on the painter's. The shipped
    detector, where given, is a row without a gain, for it has seen other data.
    """
    real = mean_scores([pair[PAINTER] for pair in kinds[REAL]])
    out: dict[str, Any] = {}
    for kind, pairs in kinds.items():
        painted = mean_scores([pair[PAINTER] for pair in pairs])
        out[kind] = _row([pair[PAINTER] for pair in pairs], painted, mean_scores([pair[MODEL] for pair in pairs]))
        if kind != REAL:
            out[kind] |= {"gain": measures_to_json(less(painted, real)), "share": measures_to_json(share(painted, real))}
    if shipped is not None:
        out["shipped"] = _row([shipped[PAINTER]], shipped[PAINTER], shipped[MODEL])
    return out


def _row(seeds: Sequence[Scores], painted: Scores, generated: Scores) -> dict[str, Any]:
    return {
        "scores": measures_to_json(painted),
        "seeds": {name: [_value(scores[name]) for scores in seeds] for name in painted},
        "on generated": measures_to_json(generated),
        "kept": measures_to_json(share(generated, painted)),
    }


def _value(measure: Measure) -> float | None:
    return round(measure.value, 6) if measure.valid else None

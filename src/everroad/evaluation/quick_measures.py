"""From what was kept of every picture to the measures of the quick evaluation, and whether they reach the bars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from everroad.evaluation import picture_statistics
from everroad.evaluation.first_frame_baselines import baselines
from everroad.evaluation.layout_agreement import EARLY, LATE, agreement
from everroad.evaluation.measure import Measure, curve_windows, measures_to_json
from everroad.evaluation.persistence import KINDS, persistence
from everroad.evaluation.picture_statistics import statistics_at
from everroad.evaluation.records import Record, all_sightings, stack_overlaps, stack_statistics
from everroad.evaluation.reference import EvaluationTown

# What a model must reach; at least, each.
BARS: dict[str, float] = {
    "layout share, frames 1-40": 0.85,
    "layout share, frames 200-240": 0.75,
    "gradient energy, least of frames 1, 40, 120, 240": 0.8,
    "dB over repeating the first frame": 0.5,
    "dB over warping the first frame": 0.5,
}


@dataclass(frozen=True)
class Trace:
    """Records by frame and town, frame 0 first, of a model or of the painter; filled while the frames are made.

    The painter's has its instances (``ids``) too, and in ``errors``, by frame, the mean squared errors of repeat and warp
    ("n 2"); a model's has its own there ("n").
    """

    records: list[list[Record]] = field(default_factory=list)
    ids: list[list[Int[ndarray, "_"]]] = field(default_factory=list)
    errors: dict[int, Float[ndarray, "..."]] = field(default_factory=dict)


def measure_painter(painter: Trace) -> dict[str, Any]:
    """What the judge gets on the painter's own pictures: IoUs of the windows and of the curve."""
    own = stack_overlaps(painter.records)
    frames = len(painter.records) - 1
    found = {window.name: agreement(own, own, window) for window in (EARLY, LATE, *curve_windows(frames)[1:])}
    return measures_to_json({"layout": {name: _only(of, "iou") for name, of in found.items()}})


def measure_model(model: Trace, painter: Trace, towns: Sequence[EvaluationTown]) -> dict[str, Any]:
    """All measures of one model, and for each bar its value and whether it is reached (``None`` where the value is invalid)."""
    found = measures_of(model, painter, towns)
    return measures_to_json(found) | {"acceptance": acceptance(found)}


def measures_of(model: Trace, painter: Trace, towns: Sequence[EvaluationTown]) -> dict[str, Any]:
    """Nested measures: layout by window, persistence by kind, statistics by frame, baselines."""
    frames = len(model.records) - 1
    ours, theirs = stack_overlaps(model.records), stack_overlaps(painter.records)
    ours_seen, theirs_seen = (all_sightings(trace.records, painter.ids, towns) for trace in (model, painter))
    own, own_painter = stack_statistics(model.records), stack_statistics(painter.records)
    errors, fast = _errors(model, painter, towns)
    everything = [[sighting for kind in KINDS for sighting in seen[kind]] for seen in (ours_seen, theirs_seen)]
    return {
        "layout": {window.name: agreement(ours, theirs, window) for window in (EARLY, LATE)},
        "layout curve": {window.name: agreement(ours, theirs, window) for window in curve_windows(frames)},
        "persistence": {kind: persistence(ours_seen[kind], theirs_seen[kind], len(towns)) for kind in KINDS}
        | {"all": persistence(everything[0], everything[1], len(towns))},
        "statistics": {str(frame): statistics_at(own, own_painter, frame) for frame in picture_statistics.FRAMES},
        "baselines": baselines(errors, fast),
    }


def acceptance(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The bars beside the values."""
    energies = [found["statistics"][str(frame)]["gradient energy"] for frame in picture_statistics.FRAMES]
    least = min(energies, key=lambda measure: measure.value) if all(measure.valid for measure in energies) else None
    values: list[Measure | None] = [
        found["layout"][EARLY.name]["share mean"],
        found["layout"][LATE.name]["share mean"],
        least,
        found["baselines"]["margin over repeat"],
        found["baselines"]["margin over warp"],
    ]
    out = {}
    for (name, bar), measure in zip(BARS.items(), values, strict=True):
        valid = measure is not None and measure.valid
        value = round(measure.value, 6) if measure is not None and measure.valid else None
        out[name] = {"bar": bar, "value": value, "passed": measure.value >= bar if measure is not None and valid else None}
    return out


def _errors(
    model: Trace, painter: Trace, towns: Sequence[EvaluationTown]
) -> tuple[Float[ndarray, "n f 3"], Float[ndarray, "n f"]]:
    """Mean squared errors of model, repeat and warp by town and frame (zero where not measured), and where the ego is fast."""
    frames = len(model.records)
    errors = np.zeros((len(towns), frames, 3))
    for frame_index, of_model in model.errors.items():
        errors[:, frame_index, 0] = of_model
        errors[:, frame_index, 1:] = painter.errors[frame_index]
    return errors, np.stack([town.fast[:frames] for town in towns]).astype(np.float64)


def _only(measures: dict[str, Measure], kind: str) -> dict[str, Measure]:
    return {name.removeprefix(f"{kind} "): measure for name, measure in measures.items() if name.startswith(f"{kind} ")}

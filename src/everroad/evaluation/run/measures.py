"""From the records of a run to its measures: the same tree of measures for all frames and for every window of the curve."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from everroad.evaluation.consistency.records import consistency
from everroad.evaluation.detection.matching import Matches, joined, no_matches
from everroad.evaluation.detection.measures import detection_measures, precision_measure
from everroad.evaluation.detection.official_samples import score_samples
from everroad.evaluation.layout_agreement import agreement
from everroad.evaluation.mapping.matching import NO_MATCHES as NOTHING_ON_MAP
from everroad.evaluation.mapping.matching import MapMatches, joined_frames
from everroad.evaluation.mapping.measures import map_measures
from everroad.evaluation.measure import INVALID, Measure, Window, combined, curve_windows, pooled
from everroad.evaluation.persistence import KINDS, persistence
from everroad.evaluation.picture_statistics import Statistics, statistics_in
from everroad.evaluation.protocols import Protocol
from everroad.evaluation.records import all_sightings, stack_overlaps, stack_statistics
from everroad.evaluation.reference import EvaluationTown
from everroad.evaluation.run.distances import by_town, distances_above_floor, others_by_town
from everroad.evaluation.run.observer import NEAR, NEAR_M
from everroad.evaluation.run.others import OtherTowns
from everroad.evaluation.run.records import PainterTrace, Trace
from everroad.scenario.types import DETECTION_CLASSES

TOWN_NAMES = (("town-KID", "town-FID"), ("town-KVD", "town-FVD"))
PUBLIC_NAMES = (("KID", "FID"), ("KVD", "FVD"))
NEAR_CARS = f"car AP at 2 m within {NEAR_M:g} m"
Tree = dict[str, Any]


@dataclass(frozen=True)
class Compared:
    """A source's trace beside the painter's and what the painter shows of other towns. ``boxes`` keeps what has been found."""

    own: Trace
    painter: PainterTrace
    others: OtherTowns
    towns: Sequence[EvaluationTown]
    protocol: Protocol
    boxes: dict[tuple[int, Window], Tree] = field(default_factory=dict)

    def measures(self) -> Tree:
        """Of all frames after the start picture, with what only all of them together say: persistence."""
        found = self.measures_in(Window(1, self.protocol.frames))
        seen = [all_sightings(_layout(of), self.painter.ids, self.towns) for of in (self.own, self.painter)]
        found["persistence"] = {kind: persistence(seen[0][kind], seen[1][kind], len(self.towns)) for kind in KINDS}
        return found

    def curve(self) -> dict[str, Tree]:
        """Of each window of 40 frames."""
        return {window.name: self.measures_in(window) for window in curve_windows(self.protocol.frames)}

    def measures_in(self, window: Window) -> Tree:
        """Of one window."""
        both = (self.own, self.painter)
        statistics = [stack_statistics(_layout(of)) for of in both]
        overlaps = [stack_overlaps(_layout(of)) for of in both]
        of_time = [[[record.consistency for record in of_frame] for of_frame in of.records] for of in both]
        return {
            "realism": self.realism(window),
            "pictures": self._pictures(window, statistics),
            "layout": agreement(overlaps[0], overlaps[1], window),
            "boxes": self._boxes(window),
            "map": self._map(window),
            "consistency": consistency(of_time[0], of_time[1], [window])[window.name],
        }

    def _pictures(self, window: Window, statistics: list[Statistics]) -> dict[str, Measure]:
        found = statistics_in(statistics[0], statistics[1], window)
        errors = np.array([[[record.squared_error, 1.0] for record in of_frame] for of_frame in self.own.records])
        sums = window.sums(errors.transpose(1, 0, 2))
        # The painter against itself has no error, and no PSNR.
        if sums is None or not sums[:, 0].any():
            return {**found, "psnr, dB": INVALID}
        return {**found, "psnr, dB": pooled(sums, lambda rows: -10 * np.log10(rows[:, 0] / rows[:, 1]))}

    def realism(self, window: Window) -> dict[str, Measure]:
        """Distances of the pictures and clips that lie in the window whole."""
        frames = [i for i in self.protocol.picture_frames() if window.first <= i <= window.last]
        starts = [
            i for i in self.protocol.clip_starts() if i >= window.first and i + self.protocol.clip_frames - 1 <= window.last
        ]
        others, length = self.others, self.protocol.clip_frames
        found = self._distances(TOWN_NAMES[0], frames, Trace.pooled, others.pooled)
        found |= self._distances(TOWN_NAMES[1], starts, lambda of, town, at: _clips(of, town, at, length), others.clips)
        if others.inception:
            found |= self._distances(PUBLIC_NAMES[0], frames, Trace.inception, others.inception)
            found |= self._distances(
                PUBLIC_NAMES[1], starts, lambda of, town, at: np.stack([of.i3d[i][town] for i in at]), others.i3d
            )
            found["LPIPS"] = self._lpips(frames)
        return found

    def _distances(
        self,
        names: tuple[str, str],
        at: Sequence[int],
        features: Callable[[Trace, int, Sequence[int]], Float[ndarray, "_ d"]],
        others: dict[int, Float[ndarray, "n d"]],
    ) -> dict[str, Measure]:
        if not at:
            return {f"{name}{end}": INVALID for name in names for end in ("", " floor", " above floor")}
        sides = [
            by_town(at, len(self.towns), lambda town, at, of=of: features(of, town, at)) for of in (self.own, self.painter)
        ]
        return distances_above_floor(sides[0], sides[1], others_by_town(others, at), names)

    def _lpips(self, frames: Sequence[int]) -> Measure:
        if not frames:
            return INVALID
        values = np.array([[self.own.records[i][town].lpips for i in frames] for town in range(len(self.towns))], np.float64)
        sums = np.stack([values.sum(1), np.full(len(values), len(frames))], 1)
        return pooled(sums, lambda rows: rows[:, 0] / rows[:, 1])

    def _boxes(self, window: Window) -> Tree:
        """nuScenes' detection scores, and those of cars within ``NEAR_M``, as they are and as shares of the painter's."""
        own, painter = self._found(self.own, window), self._found(self.painter, window)
        shares = {f"share {name}": share(own[name], painter[name]) for name in ("mAP", "NDS", NEAR_CARS)}
        return own | shares

    def official(self) -> dict[str, Any]:
        """mAP and NDS of all frames after the start picture by nuScenes' own tool where it is installed, else by ours."""
        samples = {
            f"{town}-{i}": of.sample
            for i, of_frame in enumerate(self.own.records)
            for town, of in enumerate(of_frame)
            if i > 0 and of.sample is not None
        }
        if samples:
            by = score_samples({token: of[0] for token, of in samples.items()}, {token: of[1] for token, of in samples.items()})
            return {"tool": by.tool, "mAP": by.mean_ap, "NDS": by.nds}
        own = self._found(self.own, Window(1, self.protocol.frames))
        values = {name: own[f"official_{name}"] for name in ("mAP", "NDS")}
        return {"tool": "everroad"} | {name: of.value if of.valid else None for name, of in values.items()}

    def _map(self, window: Window) -> Tree:
        """Map elements by Chamfer distance, as they are and as a share of the painter's."""
        own, painter = (
            map_measures([_on_map(trace, town, window) for town in range(trace.towns)]) for trace in (self.own, self.painter)
        )
        return {**own, "share mAP": share(own["mAP"], painter["mAP"])}

    def _found(self, trace: Trace, window: Window) -> Tree:
        """Of one trace; the painter's are asked for by every source."""
        key = id(trace), window
        if key not in self.boxes:
            of_all, of_near = ([_matches(trace, town, window, of) for town in range(trace.towns)] for of in ("boxes", "near"))
            near = precision_measure(of_near, DETECTION_CLASSES.index("car"), 2.0, NEAR)
            self.boxes[key] = {**detection_measures(of_all), NEAR_CARS: near}
        return self.boxes[key]


def share(own: Measure, painter: Measure) -> Measure:
    """Of the painter's."""
    return combined(lambda a, b: a / b, own, painter)


def _layout(trace: Trace) -> list[list[Any]]:
    return [[record.layout for record in of_frame] for of_frame in trace.records]


def _clips(trace: Trace, town: int, starts: Sequence[int], length: int) -> Float[ndarray, "_ d"]:
    return np.stack([trace.clip(town, first, length) for first in starts])


def _on_map(trace: Trace, town: int, window: Window) -> MapMatches:
    found = [of_frame[town].map for of_frame in trace.records[window.first : window.last + 1]]
    return joined_frames([NOTHING_ON_MAP, *(of for of in found if of is not None)])


def _matches(trace: Trace, town: int, window: Window, which: str) -> Matches:
    found = [getattr(of_frame[town], which) for of_frame in trace.records[window.first : window.last + 1]]
    return joined([no_matches(), *(of for of in found if of is not None)])

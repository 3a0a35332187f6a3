"""What is kept of a picture: numbers, never the picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from everroad.evaluation import records as layout_records
from everroad.evaluation.consistency.records import ConsistencyRecord
from everroad.evaluation.detection.boxes import Detections, Truth
from everroad.evaluation.detection.matching import Matches
from everroad.evaluation.mapping.matching import MapMatches


@dataclass(frozen=True, eq=False)
class PictureRecord:
    """Of one picture of one town.

    ``squared_error`` is the mean over pixels and colours, in [0, 1], against the painter's picture. ``pooled``,
    ``embedding`` and ``motion`` are the town network's features (no motion at frame 0); ``boxes`` and ``near`` the detector's
    matches at key frames, at nuScenes' ranges and within ``NEAR_M``, ``map`` the map head's there; ``sample`` has the boxes
    themselves, asked and found, where the official tool is to score them; ``inception`` and ``lpips`` are there when public
    networks judge.
    """

    layout: layout_records.Record
    squared_error: float
    consistency: ConsistencyRecord
    pooled: Float[ndarray, "p"]
    embedding: Float[ndarray, "e"]
    motion: Float[ndarray, "m"] | None
    boxes: Matches | None
    near: Matches | None
    sample: tuple[Truth, Detections] | None
    map: MapMatches | None
    inception: Float[ndarray, "d"] | None = None
    lpips: float | None = None


@dataclass
class Trace:
    """Of one source: records by frame, then by town, and features of clips by their first frame. Grows with every frame."""

    records: list[list[PictureRecord]] = field(default_factory=list)
    i3d: dict[int, Float[ndarray, "n d"]] = field(default_factory=dict)

    @property
    def frames(self) -> int:
        """The last frame."""
        return len(self.records) - 1

    @property
    def towns(self) -> int:
        return len(self.records[0])

    def pooled(self, town: int, frames: Sequence[int]) -> Float[ndarray, "k p"]:
        """Features of a town's pictures."""
        return np.stack([self.records[i][town].pooled for i in frames])

    def inception(self, town: int, frames: Sequence[int]) -> Float[ndarray, "k d"]:
        """Features of a town's pictures by Inception-v3."""
        return np.stack([of for i in frames if (of := self.records[i][town].inception) is not None])

    def clip(self, town: int, first: int, length: int) -> Float[ndarray, "d"]:
        """Features of a town's clip: mean and deviation over time of its pictures' and its motions'."""
        of = [self.records[i][town] for i in range(first, first + length)]
        parts = [np.stack([record.embedding for record in of]), np.stack([r.motion for r in of[1:] if r.motion is not None])]
        return np.concatenate([value for part in parts for value in (part.mean(0), part.std(0))])


@dataclass
class PainterTrace(Trace):
    """The painter's own: the instances of each frame and town too."""

    ids: list[list[Int[ndarray, "_"]]] = field(default_factory=list)

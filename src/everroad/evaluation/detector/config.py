"""Sizes of the detector."""

from __future__ import annotations

from dataclasses import dataclass

from everroad.scenario.types import DETECTION_CLASSES


@dataclass(frozen=True)
class DetectorConfig:
    """Widths at a half, a quarter, an eighth and a sixteenth of the picture; of a query; queries of a picture, and how many of
    them are remembered; layers of the decoder and heads of its attention."""

    widths: tuple[int, int, int, int] = (24, 48, 72, 96)
    query: int = 96
    queries: int = 32
    remembered: int = 24
    layers: int = 2
    heads: int = 4
    farthest_m: float = 60.0
    classes: tuple[str, ...] = DETECTION_CLASSES

    def __post_init__(self) -> None:
        counts = (*self.widths, self.query, self.queries, self.layers, self.heads)
        if len(self.widths) != 4 or min(counts) < 1 or self.query % self.heads:
            raise ValueError(f"detector: expected four widths, positive sizes and a query that its heads share, got {self}")
        if not 0 <= self.remembered <= self.queries or not self.farthest_m > 0:
            raise ValueError(f"detector: expected 0 to {self.queries} remembered and a positive range, got {self}")

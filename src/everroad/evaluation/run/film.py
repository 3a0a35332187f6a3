"""Film: small pictures of some frames of every town and source, kept packed, for the strips of the report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from everroad.evaluation.run.records import Trace
from everroad.evaluation.sources.types import Picture

EVERY = 10
MOST_WIDTH_PX, QUALITY = 224, 82


@dataclass(frozen=True)
class Film:
    """JPEGs by frame, then by source (the painter's first), then by town: every ``every`` frames, frame 1 and the last."""

    last: int
    every: int = EVERY
    frames: dict[int, list[list[bytes]]] = field(default_factory=dict)

    def look(self, frame_index: int, pictures: Sequence[Sequence[Picture]], _: Sequence[Trace]) -> None:
        """Takes a frame of all sources."""
        if frame_index % self.every == 0 or frame_index in (1, self.last):
            self.frames[frame_index] = [[_packed(picture) for picture in of_source] for of_source in pictures]


def _packed(picture: Picture) -> bytes:
    height, width = picture.shape[:2]
    if width > MOST_WIDTH_PX:
        size = (MOST_WIDTH_PX, round(height * MOST_WIDTH_PX / width))
        picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))
    whole, packed = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    assert whole
    return packed.tobytes()

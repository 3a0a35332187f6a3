"""Which frames of a video stand for the instants 0, 1/rate, 2/rate ...: the nearest ones, found while the video streams by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from everroad.scenario.resample import SAME_TIME_S

T = TypeVar("T")

# A frame stands for an instant when it is no further from it than this share of the time between two instants. A little more
# than half, since clips that call themselves 30 Hz have 29.97.
NEAR_ENOUGH = 0.51
# How much above the clip's own rate a wanted one may lie, for the same reason.
RATE_TOLERANCE = 0.01


def pick_frames(timed: Iterable[tuple[float, T]], frame_rate_hz: float) -> Iterator[tuple[int, T | None]]:
    """(index, frame) for every instant ``index / frame_rate_hz`` up to the last frame; ``None`` where none is near enough.

    ``timed`` has increasing times, the first one 0. Only two frames are held at any time.
    """
    near_s = NEAR_ENOUGH / frame_rate_hz
    index, before = 0, None
    for now in timed:
        while index / frame_rate_hz <= now[0] + SAME_TIME_S:
            wanted_s = index / frame_rate_hz
            nearest = now if before is None or now[0] - wanted_s < wanted_s - before[0] else before
            yield index, nearest[1] if abs(nearest[0] - wanted_s) <= near_s else None
            index += 1
        before = now

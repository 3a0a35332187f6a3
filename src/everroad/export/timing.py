"""Which frames are key frames, and what time they bear."""

from __future__ import annotations

import datetime

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from everroad.export.tokens import token
from everroad.scenario.types import Scenario

KEY_FRAME_RATE_HZ = 2.0
# The first day of the clock is that of scenarios which start at 0, and of what is cut out of them.
FIRST_RECORDED_NS = 86_400 * 10**9
# From 2001-09-09 to 2023-11-14: of 16 digits like every stamp of nuScenes, and so many that scenes hardly overlap.
MADE_UP_US = (10**15, 17 * 10**14)


def key_frames(time_s: Float[ndarray, "f"]) -> Int[ndarray, "k"]:
    """Indices of the frames nearest to the multiples of half a second up to the last frame, each once, increasing."""
    # The multiples beside each frame; those further within a gap are nearest to the same frames.
    beside = np.unique(np.concatenate([np.floor(time_s * KEY_FRAME_RATE_HZ) + after for after in (0, 1)]))
    beats = beside[beside <= np.floor(time_s[-1] * KEY_FRAME_RATE_HZ + 1e-6)] / KEY_FRAME_RATE_HZ
    after = np.clip(np.searchsorted(time_s, beats), 1, max(len(time_s) - 1, 1))
    if len(time_s) == 1:
        return np.zeros(1, dtype=np.int64)
    nearer_before = beats - time_s[after - 1] <= time_s[after] - beats
    return np.unique(np.where(nearer_before, after - 1, after))


def timestamps_us(scenario: Scenario, scene_name: str) -> Int[ndarray, "f"]:
    """Microseconds of every frame, as nuScenes has them. Frames less than a microsecond apart stay apart.

    A scenario that nobody recorded has no date. As tools tell scenes apart by their first stamp, it gets one made of the
    scene's name, in the years of ``MADE_UP_US``.
    """
    recorded = scenario.start_stamp_ns >= FIRST_RECORDED_NS
    start = round(scenario.start_stamp_ns / 1000) if recorded else _made_up_us(scene_name)
    stamps = start + np.rint(scenario.time_s * 1e6).astype(np.int64)
    return np.maximum.accumulate(stamps - np.arange(len(stamps))) + np.arange(len(stamps))


def check_stamps(scenario: Scenario) -> None:
    """Raises ``ValueError`` for a date that readers of these tables cannot tell exactly."""
    last_us = max(scenario.start_stamp_ns / 1000, MADE_UP_US[1]) + float(scenario.time_s[-1]) * 1e6
    if last_us >= 2**53:
        raise ValueError(
            f"{scenario.name}: expected time stamps before the year 2255 (2^53 microseconds), got {last_us:.3g} microseconds; "
            "mend start_stamp_ns or time_s"
        )


def _made_up_us(scene_name: str) -> int:
    first, beyond = MADE_UP_US
    return first + int(token("start stamp", scene_name), 16) % (beyond - first)


def date_of(stamp_us: int) -> str:
    """Day of a time stamp, UTC; that of zero where the stamp is no date."""
    try:
        return datetime.datetime.fromtimestamp(stamp_us / 1e6, datetime.UTC).strftime("%Y-%m-%d")
    except (ValueError, OverflowError, OSError):
        return "1970-01-01"

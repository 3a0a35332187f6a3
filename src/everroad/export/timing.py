"""Which frames are key frames, and what time they bear."""

from __future__ import annotations

import datetime

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from everroad.scenario.types import Scenario

KEY_FRAME_RATE_HZ = 2.0


def key_frames(time_s: Float[ndarray, "f"]) -> Int[ndarray, "k"]:
    """Indices of the frames nearest to the multiples of half a second up to the last frame, each once, increasing."""
    beats = np.arange(int(np.floor(time_s[-1] * KEY_FRAME_RATE_HZ + 1e-6)) + 1) / KEY_FRAME_RATE_HZ
    after = np.clip(np.searchsorted(time_s, beats), 1, max(len(time_s) - 1, 1))
    if len(time_s) == 1:
        return np.zeros(1, dtype=np.int64)
    nearer_before = beats - time_s[after - 1] <= time_s[after] - beats
    return np.unique(np.where(nearer_before, after - 1, after))


def timestamps_us(scenario: Scenario) -> Int[ndarray, "f"]:
    """Microseconds of every frame, as nuScenes has them. Frames less than a microsecond apart stay apart."""
    start = round(scenario.start_stamp_ns / 1000)
    stamps = start + np.rint(scenario.time_s * 1e6).astype(np.int64)
    return np.maximum.accumulate(stamps - np.arange(len(stamps))) + np.arange(len(stamps))


def date_of(stamp_us: int) -> str:
    """Day of a time stamp, UTC; that of zero where the stamp is no date."""
    try:
        return datetime.datetime.fromtimestamp(stamp_us / 1e6, datetime.UTC).strftime("%Y-%m-%d")
    except (ValueError, OverflowError, OSError):
        return "1970-01-01"

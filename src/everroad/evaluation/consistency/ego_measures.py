"""Ego motion recovered from video against the motion asked for: errors of speed and yaw rate, and how well they go together.

A frame counts where the ego was asked to drive faster than ``SLOWEST_MPS`` and where the motion can be read off the reference
pictures (the painter's, or the recorded ones): surely, within ``READABLE`` of the asked speed and ``READABLE_RADPS`` of the
asked yaw rate. By night the headlights' pool of light drowns the road, and such frames are invalid. What a model fails to show
on a frame that counts is its error: an unreadable road is a speed of 0. Relative errors of a frame count as 1 at most, yaw
rate's as 0.5 rad/s.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from everroad.evaluation.consistency.ego_motion import EgoMotion
from everroad.evaluation.measure import INVALID, Measure, Window, pooled

SLOWEST_MPS = 1.0
READABLE, READABLE_RADPS = 0.15, math.radians(4.0)
_MOST_RADPS = 0.5
NAMES = ("readable frames", "speed error", "yaw rate error, deg/s", "speed correlation", "yaw rate correlation")


@dataclass(frozen=True)
class EgoRecord:
    """Asked and shown, of one frame; ``sure`` is 1 or 0 (always 0 in frame 0)."""

    asked_mps: float
    asked_radps: float
    shown_mps: float
    shown_radps: float
    sure: float


FIRST = EgoRecord(0.0, 0.0, 0.0, 0.0, 0.0)


def asked_motion(previous_from_current: Float[ndarray, "4 4"], seconds: float) -> tuple[float, float]:
    """Speed along the ground (negative backwards) and yaw rate that a step of the ego means."""
    way, turn = previous_from_current[:2, 3], math.atan2(previous_from_current[1, 0], previous_from_current[0, 0])
    return math.copysign(float(np.linalg.norm(way)), float(way[0])) / seconds, turn / seconds


def ego_record(asked: tuple[float, float], shown: EgoMotion) -> EgoRecord:
    """Of one frame."""
    return EgoRecord(*asked, shown.speed_mps, shown.yaw_rate_radps, float(shown.sure))


def readable(reference: Float[ndarray, "n f 5"]) -> Float[ndarray, "n f"]:
    """1 where frames count, else 0, of the reference's stacked records."""
    asked_mps, asked_radps, shown_mps, shown_radps, sure = np.moveaxis(reference, -1, 0)
    near = np.abs(shown_mps - asked_mps) <= READABLE * np.abs(asked_mps)
    near &= np.abs(shown_radps - asked_radps) <= READABLE_RADPS
    return ((sure > 0) & (asked_mps > SLOWEST_MPS) & near).astype(np.float64)


def ego_measures(model: Float[ndarray, "n f 5"], reference: Float[ndarray, "n f 5"], window: Window) -> dict[str, Measure]:
    """``NAMES`` of stacked records: the share of driven frames that count, mean relative error of speed, mean error of the yaw
    rate, and the correlations over frames of all towns."""
    counts = readable(reference)
    asked, turned = model[..., 0], model[..., 1]
    shown, shown_turn = (np.where(np.isfinite(model[..., i]), model[..., i], 0.0) for i in (2, 3))
    driven = (asked > SLOWEST_MPS).astype(np.float64)
    speed_error = np.minimum(np.abs(shown - asked) / np.maximum(asked, SLOWEST_MPS), 1.0)
    turn_error = np.minimum(np.abs(shown_turn - turned), _MOST_RADPS)
    columns = [driven, counts, counts * speed_error, counts * np.degrees(turn_error)]
    columns += [counts * of for a, b in ((asked, shown), (turned, shown_turn)) for of in (a, b, a * a, b * b, a * b)]
    sums = window.sums(np.stack(columns, -1))
    if sums is None:
        return dict.fromkeys(NAMES, INVALID)
    return {
        "readable frames": pooled(sums, lambda rows: rows[:, 1] / rows[:, 0]),
        "speed error": pooled(sums, lambda rows: rows[:, 2] / rows[:, 1]),
        "yaw rate error, deg/s": pooled(sums, lambda rows: rows[:, 3] / rows[:, 1]),
        "speed correlation": pooled(sums, lambda rows: _correlation(rows[:, 1], rows[:, 4:9])),
        "yaw rate correlation": pooled(sums, lambda rows: _correlation(rows[:, 1], rows[:, 9:14])),
    }


def _correlation(count: Float[ndarray, "d"], sums: Float[ndarray, "d 5"]) -> Float[ndarray, "d"]:
    """Pearson's, of sums of a, b, a², b² and ab. Where b never changes, which is a frozen picture, 0."""
    a, b, aa, bb, ab = (sums / count[:, None]).T
    spread = np.maximum(aa - a * a, 0), np.maximum(bb - b * b, 0)
    return np.where(spread[1] < 1e-9, 0.0, (ab - a * b) / np.sqrt(spread[0] * np.maximum(spread[1], 1e-9)))

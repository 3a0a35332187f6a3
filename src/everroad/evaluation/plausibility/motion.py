"""Speed, accelerations, jerk and yaw rate of a trajectory: a Savitzky-Golay filter, so that noise of positions does not count.

Differences of positions at 12 Hz are noise: 5 cm of it makes third differences of 390 m/s³. So a cubic is fitted to each
coordinate over a window of about a second (``WINDOW_S``; 13 frames at 12 Hz) by least squares, and its derivatives in the
middle are taken (Savitzky and Golay 1964); the same for the unwrapped heading. Of independent noise of 1 cm a coordinate, 0.02
m/s, 0.06 m/s² and 0.7 m/s³ are left. What changes within the window is flattened: a sinusoid of 2 s keeps 81 % of its
acceleration and 86 % of its jerk, one of 4 s 95 % and 96 %. Frames without a whole window of valid frames around them are
invalid.

Axis letter: ``f`` frames.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray
from scipy.signal import savgol_filter

from everroad import geometry
from everroad.evaluation.plausibility.limits import Limits
from everroad.scenario.edit.overlap import ego_centre
from everroad.scenario.types import Actor, Scenario

WINDOW_S = 1.0
ORDER = 3
# Of the step between frames: data sets' clocks jitter less, and what jitters more is resampled first.
MOST_JITTER = 0.01


@dataclass(frozen=True, eq=False)
class Trajectory:
    """Where something is: world positions on the ground, heading, and whether it is there. Entries outside ``valid`` are never
    read. Times increase evenly."""

    time_s: Float[ndarray, "f"]
    position_m: Float[ndarray, "f 2"]
    yaw_rad: Float[ndarray, "f"]
    valid: Bool[ndarray, "f"]

    def __post_init__(self) -> None:
        steps = np.diff(self.time_s)
        if len(steps) and (steps.min() <= 0 or np.ptp(steps) > 2 * MOST_JITTER * steps.mean()):
            got = f"steps of {steps.min():.4f} to {steps.max():.4f} s"
            raise ValueError(f"time_s: expected evenly spaced times, got {got}; resample the trajectory first")
        if not np.isfinite(self.position_m[self.valid]).all() or not np.isfinite(self.yaw_rad[self.valid]).all():
            raise ValueError("trajectory: expected finite positions and headings, got one that is not; make it invalid")


@dataclass(frozen=True, eq=False)
class Motion:
    """What a trajectory does at each frame. Longitudinal is along the heading, lateral to its left. ``valid`` says where."""

    speed_mps: Float[ndarray, "f"]
    longitudinal_mps2: Float[ndarray, "f"]
    lateral_mps2: Float[ndarray, "f"]
    longitudinal_jerk_mps3: Float[ndarray, "f"]
    jerk_mps3: Float[ndarray, "f"]
    yaw_rate_radps: Float[ndarray, "f"]
    yaw_acceleration_radps2: Float[ndarray, "f"]
    valid: Bool[ndarray, "f"]

    def beyond(self, limits: Limits) -> Bool[ndarray, "f"]:
        """Frames at which some limit is passed; false where invalid."""
        return np.asarray(self.passed(limits).any(0))

    def passed(self, limits: Limits) -> Bool[ndarray, "5 f"]:
        """Frames at which each of ``QUANTITIES`` passes its limit; false where invalid."""
        whole = np.hypot(self.longitudinal_mps2, self.lateral_mps2)
        ahead, least = self.longitudinal_mps2, limits.least_longitudinal_mps2
        rows = [
            np.abs(self.speed_mps) > limits.speed_mps,
            (ahead > limits.longitudinal_mps2) | (ahead < least) | (whole > limits.acceleration_mps2),
            np.abs(self.lateral_mps2) > limits.lateral_mps2,
            (np.abs(self.longitudinal_jerk_mps3) > limits.longitudinal_jerk_mps3) | (self.jerk_mps3 > limits.jerk_mps3),
            (np.abs(self.yaw_rate_radps) > limits.yaw_rate_radps)
            | (np.abs(self.yaw_acceleration_radps2) > limits.yaw_acceleration_radps2),
        ]
        return np.stack(rows) & self.valid


QUANTITIES = ("speed", "acceleration", "lateral acceleration", "jerk", "yaw rate")


def window_frames(frame_rate_hz: float, window_s: float = WINDOW_S) -> int:
    """Frames of the filter: odd, and at least five, which a cubic needs to smooth at all."""
    return max(5, 2 * round(window_s * frame_rate_hz / 2) + 1)


def motion(trajectory: Trajectory, window_s: float = WINDOW_S) -> Motion:
    """The motion of a trajectory; each run of valid frames by itself. Values outside ``valid`` are zero."""
    frames = len(trajectory.time_s)
    found = np.zeros((8, frames))
    if frames > 1:
        step_s = float(trajectory.time_s[-1] - trajectory.time_s[0]) / (frames - 1)
        width = window_frames(1 / step_s, window_s)
        for first, last in _runs(trajectory.valid):
            if last - first < width:
                continue
            inner = slice(first + width // 2, last - width // 2)
            found[:7, inner] = _of_run(trajectory, slice(first, last), width, step_s)[:, width // 2 : -(width // 2)]
            found[7, inner] = 1
    speed, ahead, left, jerk_ahead, jerk, turn, turning, there = found
    return Motion(speed, ahead, left, jerk_ahead, jerk, turn, turning, there > 0)


def _of_run(trajectory: Trajectory, run: slice, width: int, step_s: float) -> Float[ndarray, "7 r"]:
    position, yaw = trajectory.position_m[run], np.unwrap(trajectory.yaw_rad[run])

    def derivative(of: ndarray, order: int) -> ndarray:
        # The ends, where the window is not whole, are cut off: any way to fill them will do.
        return np.asarray(savgol_filter(of, width, ORDER, deriv=order, delta=step_s, axis=0, mode="nearest"))

    heading = derivative(yaw, 0)
    ahead = np.stack([np.cos(heading), np.sin(heading)], 1)
    left = np.stack([-ahead[:, 1], ahead[:, 0]], 1)
    velocity, acceleration, jerk = (derivative(position, order) for order in (1, 2, 3))
    return np.stack(
        [
            np.linalg.norm(velocity, axis=1),
            (acceleration * ahead).sum(1),
            (acceleration * left).sum(1),
            (jerk * ahead).sum(1),
            np.linalg.norm(jerk, axis=1),
            derivative(yaw, 1),
            derivative(yaw, 2),
        ]
    )


def _runs(valid: Bool[ndarray, "f"]) -> list[tuple[int, int]]:
    """First frame and the one after the last of every stretch of valid frames."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], valid, [False]]).astype(np.int8)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def ego_trajectory(scenario: Scenario) -> Trajectory:
    """The middle of the ego's box; nowhere valid where its motion is unknown."""
    rotation = geometry.rotation_from_quaternion(scenario.world_from_ego.rotation_wxyz)
    known = np.full(len(scenario), scenario.ego_motion_known)
    centre = ego_centre(scenario.world_from_ego)[:, :2]
    return Trajectory(scenario.time_s, centre, geometry.yaw_from_rotation(rotation), known)


def actor_trajectory(actor: Actor, time_s: Float[ndarray, "f"]) -> Trajectory:
    """The middle of an actor's box."""
    yaw = geometry.yaw_from_rotation(geometry.rotation_from_quaternion(actor.poses.rotation_wxyz))
    return Trajectory(time_s, actor.poses.translation_m[:, :2], yaw, actor.valid)

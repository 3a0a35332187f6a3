"""A scenario at another frame rate: what moves is interpolated, what switches keeps its last state, nothing is extrapolated."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from everroad import geometry
from everroad.scenario.checks import check_range
from everroad.scenario.types import Actor, Poses, Scenario, Signal

# Two instants closer than this are the same one.
SAME_TIME_S = 1e-6
# More than any drive has: a day at 11.5 Hz. Refused before an array is made that the memory cannot hold.
MAX_FRAMES = 1_000_000
# Of all actors together: three gigabytes would be three times as many.
MAX_POSES = 20_000_000
# Frames in which an actor is not seen are bridged when its sights lie no further apart than this (ours: five sweeps at 10 Hz).
MAX_GAP_S = 0.5


@dataclass(frozen=True, eq=False)
class Brackets:
    """For every wanted instant the sample at or before it, the one after it, and where it lies between them (0 to 1)."""

    before: Int[ndarray, "n"]
    after: Int[ndarray, "n"]
    ratio: Float[ndarray, "n"]

    @property
    def nearest(self) -> Int[ndarray, "n"]:
        """The nearer of the two samples; halfway the one before."""
        return np.where(self.ratio > 0.5 + 1e-6, self.after, self.before)

    def linear(self, samples: Float[ndarray, "m 3"]) -> Float[ndarray, "n 3"]:
        """Vectors between the samples."""
        return samples[self.before] + self.ratio[:, None] * (samples[self.after] - samples[self.before])

    def slerp(self, samples: Float[ndarray, "m 4"]) -> Float[ndarray, "n 4"]:
        """Rotations between the samples (wxyz)."""
        return geometry.slerp(samples[self.before], samples[self.after], self.ratio)


def bracket(samples_s: Float[ndarray, "m"], wanted_s: Float[ndarray, "n"]) -> Brackets:
    """Where wanted instants lie among increasing sample times. Outside them the first or last sample is held.

    An instant within ``SAME_TIME_S`` of a sample is that sample, so that nothing is lost where the two clocks meet.
    """
    before = np.clip(np.searchsorted(samples_s, wanted_s + SAME_TIME_S, side="right") - 1, 0, len(samples_s) - 1)
    after = np.minimum(before + 1, len(samples_s) - 1)
    passed = wanted_s - samples_s[before]
    span = samples_s[after] - samples_s[before]
    ratio = np.where(passed > SAME_TIME_S, passed, 0.0) / np.where(span > 0, span, 1.0)
    # Past the last sample the span is 0, and the ratio counts for nothing.
    ratio = np.where(span > 0, np.clip(ratio, 0.0, 1.0), 0.0)
    return Brackets(before, np.where(ratio > 0, after, before), ratio)


def frame_times(duration_s: float, frame_rate_hz: float) -> Float[ndarray, "f"]:
    """The instants 0, 1/rate, 2/rate ... up to and with ``duration_s``. Raises ``ValueError`` for more than ``MAX_FRAMES``."""
    frames = (duration_s + SAME_TIME_S) * frame_rate_hz
    check_frames(frames, duration_s, frame_rate_hz)
    return np.arange(int(np.floor(frames)) + 1) / frame_rate_hz


def check_frames(frames: float, seconds: float, frame_rate_hz: float) -> None:
    """Raises ``ValueError`` for more than ``MAX_FRAMES``."""
    if not frames <= MAX_FRAMES:
        got = f"{frames:.6g} ({seconds:g} s at {frame_rate_hz:g} Hz)"
        raise ValueError(f"frames: expected at most {MAX_FRAMES}, got {got}; take a lower frame rate or fewer seconds")


def check_rate(frame_rate_hz: float) -> None:
    """Raises ``ValueError`` for a frame rate that nobody can mean."""
    check_range("--frame-rate", frame_rate_hz, 1e-3, 1e4, "Hz")


def resample(scenario: Scenario, frame_rate_hz: float = 12.0) -> Scenario:
    """The scenario at ``frame_rate_hz``, from its first frame to the last instant that does not pass its end.

    Positions and velocities are linear in time, rotations follow the shortest arc. Attributes and signal states are those of
    the nearest earlier frame, recorded images those of the nearest one. An actor exists from its first to its last sight, but
    not where the source lost it for more than ``MAX_GAP_S``; one that is seen at none of the new instants is left out. A
    scenario that already has the rate comes back as it is.

    Raises ``ValueError`` for a rate that is not positive, or one that makes more than ``MAX_FRAMES`` or ``MAX_POSES``.
    """
    if not (np.isfinite(frame_rate_hz) and frame_rate_hz > 0):
        raise ValueError(f"frame_rate_hz: expected a positive number, got {frame_rate_hz}; name one")
    wanted_s = frame_times(float(scenario.time_s[-1]), float(frame_rate_hz))
    if len(wanted_s) == len(scenario) and np.abs(wanted_s - scenario.time_s).max() <= SAME_TIME_S:
        return scenario
    if len(wanted_s) * len(scenario.actors) > MAX_POSES:
        got = f"{len(scenario.actors)} in {len(wanted_s)} frames"
        raise ValueError(f"actors: expected at most {MAX_POSES} poses of all of them, got {got}; take a lower frame rate")
    at = bracket(scenario.time_s, wanted_s)
    actors = (_resample_actor(actor, scenario.time_s, wanted_s) for actor in scenario.actors)
    return replace(
        scenario,
        time_s=wanted_s,
        world_from_ego=_resample_poses(scenario.world_from_ego, at),
        actors=tuple(actor for actor in actors if actor is not None),
        signals=tuple(_resample_signal(signal, at) for signal in scenario.signals),
        images={camera: _pick(paths, at.nearest) for camera, paths in scenario.images.items()},
    )


def _pick(values: tuple[str, ...], indices: Int[ndarray, "n"]) -> tuple[str, ...]:
    return tuple(values[i] for i in indices)


def _resample_poses(poses: Poses, at: Brackets) -> Poses:
    return Poses(at.linear(poses.translation_m), at.slerp(poses.rotation_wxyz))


def _resample_signal(signal: Signal, at: Brackets) -> Signal:
    return replace(signal, states=tuple(signal.states[i] for i in at.before))


def _resample_actor(actor: Actor, time_s: Float[ndarray, "m"], wanted_s: Float[ndarray, "n"]) -> Actor | None:
    seen = np.flatnonzero(actor.valid)
    if not len(seen):
        return None
    seen_s = time_s[seen]
    at = bracket(seen_s, wanted_s)
    in_sight = (wanted_s >= seen_s[0] - SAME_TIME_S) & (wanted_s <= seen_s[-1] + SAME_TIME_S)
    next_frame = seen[at.after] - seen[at.before] <= 1
    valid = in_sight & (next_frame | (seen_s[at.after] - seen_s[at.before] <= MAX_GAP_S + SAME_TIME_S))
    if not valid.any():
        return None
    sights = Poses(actor.poses.translation_m[seen], actor.poses.rotation_wxyz[seen])
    return replace(
        actor,
        poses=_resample_poses(sights, at),
        valid=valid,
        velocity_mps=None if actor.velocity_mps is None else at.linear(actor.velocity_mps[seen]),
        attributes=None if actor.attributes is None else _pick(actor.attributes, seen[at.before]),
    )

"""Motion along a course: exact speed profiles, and an actor whose positions, headings and velocities agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from everroad import geometry
from everroad.scenario.edit.course import Course
from everroad.scenario.types import Actor, GroundHeight, Poses

# What road users can do (ours): a sports car's start, an emergency stop on a dry road with something to spare, and the grip of
# tyres. Pedestrians sprint.
FASTEST_MPS, HARDEST_START_MPS2, HARDEST_BRAKING_MPS2, HARDEST_TURN_MPS2 = 60.0, 6.0, 9.81, 8.0
FASTEST_ON_FOOT_MPS = 8.0
_MOVING_MPS = 0.2


@dataclass(frozen=True, eq=False)
class Plan:
    """Where somebody is on a course, frame by frame: arc length and offset to the left of the box centre, with their rates."""

    s_m: Float[ndarray, "f"]
    speed_mps: Float[ndarray, "f"]
    left_m: Float[ndarray, "f"]
    left_mps: Float[ndarray, "f"]


def drive(
    time_s: Float[ndarray, "f"], start_m: float, speed_mps: float, phases: Sequence[tuple[float, float]]
) -> tuple[Float[ndarray, "f"], Float[ndarray, "f"]]:
    """Arc lengths and speeds under phases of constant acceleration, each (duration in seconds, m/s^2); then the speed holds.

    The first phase begins at time 0. Exact at every instant, whatever the frames.
    """
    begins, places, speeds, rates = [0.0], [start_m], [speed_mps], []
    for duration, rate in phases:
        rates.append(rate)
        if duration == inf:
            break
        begins.append(begins[-1] + duration)
        places.append(places[-1] + speeds[-1] * duration + rate * duration**2 / 2)
        speeds.append(speeds[-1] + rate * duration)
    rates += [0.0] * (len(begins) - len(rates))
    phase = np.clip(np.searchsorted(begins, time_s, side="right") - 1, 0, len(begins) - 1)
    passed = time_s - np.array(begins)[phase]
    rate, speed = np.array(rates)[phase], np.array(speeds)[phase]
    return np.array(places)[phase] + speed * passed + rate * passed**2 / 2, speed + rate * passed


def there_and_stop(length_m: float, speed_mps: float, rate_mps2: float = 2.5) -> list[tuple[float, float]]:
    """Phases of a way from standing to standing: up to the speed, on, and down again; a short way stays below it."""
    top = min(speed_mps, float(np.sqrt(rate_mps2 * length_m)))
    ramp_s = top / rate_mps2
    return [(ramp_s, rate_mps2), (length_m / top - ramp_s, 0.0), (ramp_s, -rate_mps2)]


def swerve(
    progress: Float[ndarray, "f"], rate: Float[ndarray, "f"], start: float, length: float, from_m: float, to_m: float
) -> tuple[Float[ndarray, "f"], Float[ndarray, "f"]]:
    """Offset to the left and its rate in time: a quintic from one offset to another, flat and unbent at both ends.

    ``progress`` is time or arc length, ``rate`` its rate in time; the change begins at ``start`` and takes ``length`` of it.
    """
    u = np.clip((progress - start) / length, 0.0, 1.0)
    offset = from_m + (to_m - from_m) * u**3 * (10 - 15 * u + 6 * u * u)
    return offset, (to_m - from_m) * 30 * (u * (1 - u)) ** 2 / length * rate


def ground_under(ground: GroundHeight | None, points_m: Float[ndarray, "n 3"]) -> Float[ndarray, "n"]:
    """Height of the ground under points; where it is unknown, their own z, which lies on the course."""
    if ground is None:
        return points_m[:, 2]
    height = ground.at(points_m[:, :2])
    return np.where(np.isnan(height), points_m[:, 2], height)


def make_actor(
    track_id: str,
    category: str,
    size_lwh_m: Float[ndarray, "3"],
    course: Course,
    plan: Plan,
    time_s: Float[ndarray, "f"],
    valid: Bool[ndarray, "f"],
    *,
    ground: GroundHeight | None = None,
    turned_rad: float = 0.0,
) -> Actor:
    """An actor that moves as planned, its box on the ground, its velocity the derivative of its positions.

    It looks where it goes, and along the course (turned by ``turned_rad``) where it stands or goes back. Raises ``ValueError``
    for a motion that no road user can make.
    """
    points, along = course.at(plan.s_m, plan.left_m)
    forward = plan.speed_mps * (1 - course.bend(plan.s_m) * plan.left_m)
    c, s = np.cos(along), np.sin(along)
    velocity = np.stack([c * forward - s * plan.left_mps, s * forward + c * plan.left_mps, np.zeros_like(c)], axis=-1)
    points[:, 2] = ground_under(ground, points) + size_lwh_m[2] / 2
    slip = np.arctan2(plan.left_mps, np.maximum(np.abs(forward), 1e-6)) * np.sign(forward)
    # Who stands has no direction of travel; below walking pace it fades in, so that headings do not jump.
    yaw = along + turned_rad + (slip * np.clip(np.hypot(forward, plan.left_mps), 0.0, 1.0) if turned_rad == 0 else 0.0)
    speed = np.hypot(velocity[:, 0], velocity[:, 1])
    _check_possible(track_id, category, speed, velocity, time_s, valid)
    velocity[:, 2] = np.where(valid, np.gradient(points[:, 2], time_s) if len(time_s) > 1 else 0.0, 0.0)
    moving, standing = attributes_of(category)
    return Actor(
        track_id,
        category,
        np.array(size_lwh_m, dtype=np.float64),
        Poses(points, geometry.quaternion_from_yaw(yaw)),
        valid.copy(),
        velocity,
        None,
        tuple(("" if not v else moving if fast else standing) for v, fast in zip(valid, speed > _MOVING_MPS, strict=True)),
    )


def attributes_of(category: str) -> tuple[str, str]:
    """nuScenes attributes of one that moves and of one that stands."""
    if category in ("vehicle.bicycle", "vehicle.motorcycle"):
        return "cycle.with_rider", "cycle.with_rider"
    if category.startswith("human."):
        return "pedestrian.moving", "pedestrian.standing"
    return ("vehicle.moving", "vehicle.stopped") if category.startswith("vehicle.") else ("", "")


def _check_possible(track_id: str, category: str, speed: ndarray, velocity: ndarray, time_s: ndarray, valid: ndarray) -> None:
    def refuse(what: str, most: float, unit: str, values: ndarray, at_s: ndarray) -> None:
        over = np.flatnonzero(values > most)
        if len(over):
            got = f"{values[over[0]]:.3g} at {at_s[over[0]]:.2f} s"
            raise ValueError(f"{track_id}: expected at most {most:g} {unit} {what}, got {got}; make it slower or gentler")

    walks = category.startswith("human.")
    refuse("of speed", FASTEST_ON_FOOT_MPS if walks else FASTEST_MPS, "m/s", np.where(valid, speed, 0.0), time_s)
    if walks or len(time_s) < 3:
        return
    both = valid[1:] & valid[:-1]
    change = np.diff(velocity[:, :2], axis=0) / np.diff(time_s)[:, None]
    middle = velocity[1:, :2] + velocity[:-1, :2]
    ahead = middle / np.maximum(np.linalg.norm(middle, axis=1, keepdims=True), 1e-9)
    along = (change * ahead).sum(axis=1)
    across = np.abs(change[:, 1] * ahead[:, 0] - change[:, 0] * ahead[:, 1])
    slow = np.linalg.norm(middle, axis=1) < 1.0
    refuse("of acceleration", HARDEST_START_MPS2, "m/s^2", np.where(both, along, 0.0), time_s[1:])
    refuse("of braking", HARDEST_BRAKING_MPS2, "m/s^2", np.where(both, -along, 0.0), time_s[1:])
    refuse("sideways", HARDEST_TURN_MPS2, "m/s^2", np.where(both & ~slow, across, 0.0), time_s[1:])


def paced(
    course: Course,
    time_s: Float[ndarray, "f"],
    start_m: float,
    speed_mps: float,
    *,
    sideways_mps2: float = 2.5,
    braking_mps2: float = 2.0,
    speeding_up_mps2: float = 1.5,
) -> tuple[Float[ndarray, "f"], Float[ndarray, "f"]]:
    """Arc lengths and speeds of somebody who keeps to a speed and slows down for bends as people do (bounds are ours).

    Runs past the end of the course at the last speed; the caller looks whether it does.
    """
    s = start_m + np.arange(max(int((course.length_m - start_m) / 0.5), 1) + 1) * 0.5
    cap = np.minimum(speed_mps, np.sqrt(sideways_mps2 / np.maximum(np.abs(course.bend(s)), 1e-4)))
    square = cap**2
    for i in range(len(s) - 2, -1, -1):
        square[i] = min(square[i], square[i + 1] + 2 * braking_mps2 * 0.5)
    for i in range(1, len(s)):
        square[i] = min(square[i], square[i - 1] + 2 * speeding_up_mps2 * 0.5)
    speed = np.sqrt(square)
    passed = np.concatenate([[0.0], np.cumsum(0.5 / np.maximum((speed[1:] + speed[:-1]) / 2, 1e-3))])
    # Speed squared is linear between the samples, so within each the acceleration is constant.
    i = np.clip(np.searchsorted(passed, time_s, side="right") - 1, 0, len(s) - 2) if len(s) > 1 else np.zeros(len(time_s), int)
    rate = np.diff(square) / (2 * 0.5)
    rate = np.where(time_s > passed[-1], 0.0, rate[i])
    base = np.where(time_s > passed[-1], len(s) - 1, i)
    since = time_s - passed[base]
    return s[base] + speed[base] * since + rate * since**2 / 2, speed[base] + rate * since

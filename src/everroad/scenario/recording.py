"""From simulation steps to frames: where everybody is at the times of the frames, and actors made of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from everroad import geometry
from everroad.scenario.types import Actor, Poses


@dataclass(frozen=True, eq=False)
class Sightings:
    """``k`` times that somebody was somewhere: frame, track number, position, heading and signed speed along it."""

    frame: Int[ndarray, "k"]
    track: Int[ndarray, "k"]
    xy_m: Float[ndarray, "k 2"]
    yaw_rad: Float[ndarray, "k"]
    speed_mps: Float[ndarray, "k"]


@dataclass(frozen=True)
class Looks:
    """What does not change about somebody: name, category, size, and the attributes when moving and when standing."""

    name: str
    category: str
    size_lwh_m: tuple[float, float, float]
    moving: str = ""
    standing: str = ""


_MOVING_MPS = 0.2


def pick(sightings: Sightings, rows: Bool[ndarray, "k"]) -> Sightings:
    """Some of the sightings."""
    return Sightings(*(getattr(sightings, f.name)[rows] for f in fields(Sightings)))


def in_sight(sightings: Sightings, ego_xy_m: Float[ndarray, "f 2"], sight_m: float) -> Sightings:
    """The sightings within a distance of the ego."""
    return pick(sightings, np.hypot(*(sightings.xy_m - ego_xy_m[sightings.frame]).T) <= sight_m)


def moving_actors(sightings: Sightings, looks: dict[int, Looks], frames: int) -> tuple[Actor, ...]:
    """One actor a track number that was sighted, in the order of the numbers."""
    order = np.lexsort((sightings.frame, sightings.track))
    bounds = np.flatnonzero(np.diff(sightings.track[order], prepend=-1, append=-1))
    quaternion = geometry.quaternion_from_yaw(sightings.yaw_rad)
    heading = np.stack([np.cos(sightings.yaw_rad), np.sin(sightings.yaw_rad)], axis=-1)
    velocity_xy = heading * sightings.speed_mps[:, None]
    out = []
    for begin, end in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        rows = order[begin:end]
        look, at = looks[int(sightings.track[rows[0]])], sightings.frame[rows]
        translation, velocity = np.zeros((frames, 3)), np.zeros((frames, 3))
        rotation = np.zeros((frames, 4))
        rotation[:, 0] = 1.0
        valid = np.zeros(frames, bool)
        translation[at, :2] = sightings.xy_m[rows]
        translation[at, 2] = look.size_lwh_m[2] / 2
        rotation[at] = quaternion[rows]
        velocity[at, :2] = velocity_xy[rows]
        valid[at] = True
        words = ("", look.standing, look.moving)
        code = np.zeros(frames, np.int64)
        code[at] = 1 + (np.abs(sightings.speed_mps[rows]) > _MOVING_MPS)
        attributes = tuple(map(words.__getitem__, code.tolist()))
        out.append(
            Actor(
                look.name,
                look.category,
                np.array(look.size_lwh_m),
                Poses(translation, rotation),
                valid,
                velocity,
                None,
                attributes,
            )
        )
    return tuple(out)


def standing_actors(
    xy_m: Float[ndarray, "n 2"],
    yaw_rad: Float[ndarray, "n"],
    looks: Sequence[Looks],
    ego_xy_m: Float[ndarray, "f 2"],
    sight_m: float,
) -> tuple[Actor, ...]:
    """Actors that never move, each valid while within sight. Their pose arrays are read-only views of one pose, so that an hour
    of parked cars takes no memory."""
    frames = len(ego_xy_m)
    out = []
    words: dict[str, tuple[str, ...]] = {look.standing: (look.standing,) * frames for look in looks}
    apart = np.hypot(ego_xy_m[None, :, 0] - xy_m[:, None, 0], ego_xy_m[None, :, 1] - xy_m[:, None, 1])
    near = apart <= sight_m
    still = np.broadcast_to(np.zeros(3), (frames, 3))
    for row in np.flatnonzero(near.any(axis=1)).tolist():
        look = looks[row]
        place = np.array([*xy_m[row], look.size_lwh_m[2] / 2])
        turn = geometry.quaternion_from_yaw(yaw_rad[row : row + 1])[0]
        poses = Poses(np.broadcast_to(place, (frames, 3)), np.broadcast_to(turn, (frames, 4)))
        size = np.array(look.size_lwh_m)
        out.append(Actor(look.name, look.category, size, poses, near[row].copy(), still, None, words[look.standing]))
    return tuple(out)

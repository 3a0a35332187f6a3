"""Join two scenarios in time: the second goes on where the first ends.

The last frame of the first and the first frame of the second are one instant, which counts once, as the first has it.
"""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from everroad import geometry
from everroad.scenario.edit.rigid import moved, regrid
from everroad.scenario.edit.time import NANOSECONDS
from everroad.scenario.map_types import GroundHeight, VectorMap
from everroad.scenario.types import Actor, Camera, Poses, Scenario, Signal

# A seam nearer than this needs no move.
_SAME_PLACE_M, _SAME_HEADING = 1e-6, 1e-9
_STAMP_SLACK_NS = 1000
_ONE_RIG = "give both one rig (everroad scenario look --rig)"
# Mean frame rates further apart than this share are two rates (ours); measured time stamps jitter by less.
_SAME_RATE = 0.02


def join(first: Scenario, second: Scenario, *, move: bool = True) -> Scenario:
    """``first`` and then ``second``, whose ego starts where the first one's ends.

    - Where the two poses differ, the second is moved rigidly with its map, ground, actors and signals (``move``), or refused.
    - Two consecutive pieces of one recording (same name, source and continuous start stamps) are one again: a track id is one
      actor. Else each actor and signal lives in its own half, and ids that both have get ``.2`` in the second.
    - Maps are united, lane ids made distinct in the same way; a layer that one has not recorded is the other's alone. Equal
      maps count once. Ground heights: the first one's where it knows them.
    - Name, source, appearance seed and stamp are the first one's.

    Raises ``ValueError`` for different rigs, frame rates, weathers or times of day, a scenario of a single frame as the second,
    and, without ``move``, for a seam that does not meet.
    """
    _check_alike(first, second)
    _check_rates(first, second)
    end, start = first.world_from_ego.matrix(len(first) - 1), second.world_from_ego.matrix(0)
    new_from_old = end @ geometry.invert(start)
    apart_m = float(np.linalg.norm(end[:3, 3] - start[:3, 3]))
    meets = apart_m <= _SAME_PLACE_M and bool(np.abs(new_from_old[:3, :3] - np.eye(3)).max() <= _SAME_HEADING)
    if not meets and not move:
        raise ValueError(
            f"join: expected the second to start where the first ends, got {apart_m:.3f} m between; let it be moved"
        )
    if not meets:
        second = moved(second, new_from_old)
    one = meets and _consecutive(first, second)
    tail = slice(1, None)
    names = {} if one else _renamed([a.track_id for a in first.actors], [a.track_id for a in second.actors])
    vector_map, lane_names = _united_map(first.map, second.map, same=meets)
    return replace(
        first,
        time_s=np.concatenate([first.time_s, first.time_s[-1] + second.time_s[tail]]),
        world_from_ego=_poses_joined(first.world_from_ego, second.world_from_ego),
        map=vector_map,
        ground=_united_ground(first.ground, second.ground),
        actors=_actors(first, second, names),
        signals=_signals(first, second, lane_names, one),
        images=_images(first, second),
    )


def _check_alike(first: Scenario, second: Scenario) -> None:
    if len(second) < 2:
        raise ValueError(
            "join: expected a second scenario of two frames at least, got one whose only frame is the seam; leave it out"
        )
    names = [[camera.name for camera in s.cameras] for s in (first, second)]
    if names[0] != names[1]:
        got = " and ".join(", ".join(cameras) or "no camera" for cameras in names)
        raise ValueError(f"join: expected two scenarios with the same cameras, got {got}; {_ONE_RIG}")
    for a, b in zip(first.cameras, second.cameras, strict=True):
        if how := _difference(a, b):
            raise ValueError(f"join: expected two scenarios with the same cameras, got {a.name} {how}; {_ONE_RIG}")
    for what in ("weather", "time_of_day"):
        a, b = getattr(first, what), getattr(second, what)
        if a != b:
            option = f"--{what.replace('_', '-')} {a or b}"
            mend = f"change one of them first with everroad scenario look {option}"
            raise ValueError(f"join: expected one {what} throughout, got {a or 'unknown'} and {b or 'unknown'}; {mend}")


def _check_rates(first: Scenario, second: Scenario) -> None:
    """Consecutive pieces of one recording, whose time stamps may jitter, are not compared."""
    a, b = first.frame_rate_hz, second.frame_rate_hz
    if len(first) > 1 and abs(a - b) > _SAME_RATE * max(a, b) and not _consecutive(first, second):
        mend = "bring them to one with everroad scenario convert --frame-rate"
        raise ValueError(f"join: expected two scenarios of one frame rate, got {a:.4g} Hz and {b:.4g} Hz; {mend}")


def _difference(a: Camera, b: Camera) -> str:
    """How the second of two cameras of one name differs; "" where it does not."""
    if (a.width_px, a.height_px) != (b.width_px, b.height_px):
        return f"of {a.width_px}x{a.height_px} and of {b.width_px}x{b.height_px} pixels"
    if not np.array_equal(a.intrinsics, b.intrinsics):
        row, col = np.unravel_index(np.argmax(np.abs(a.intrinsics - b.intrinsics)), (3, 3))
        return (
            f"with intrinsics of {a.intrinsics[row, col]:.6g} and of {b.intrinsics[row, col]:.6g} px (row {row}, column {col})"
        )
    if a.distortion != b.distortion:
        return "with one distortion and with another"
    apart_m = float(np.linalg.norm(a.ego_from_camera[:3, 3] - b.ego_from_camera[:3, 3]))
    turned = a.ego_from_camera[:3, :3].T @ b.ego_from_camera[:3, :3]
    if np.array_equal(a.ego_from_camera, b.ego_from_camera):
        return ""
    degrees = np.rad2deg(np.arccos(np.clip((np.trace(turned) - 1) / 2, -1.0, 1.0)))
    return f"placed {apart_m:.3g} m and turned {degrees:.3g} degrees apart"


def _consecutive(first: Scenario, second: Scenario) -> bool:
    gap_ns = second.start_stamp_ns - first.start_stamp_ns - round(float(first.time_s[-1]) * NANOSECONDS)
    return (first.name, first.source) == (second.name, second.source) and abs(gap_ns) <= _STAMP_SLACK_NS


def _renamed(first: list[str], second: list[str]) -> dict[str, str]:
    """New names for those of the second that the first has too."""
    taken, out = {*first, *second}, {}
    for name in second:
        if name in first:
            new, number = f"{name}.2", 3
            while new in taken:
                new, number = f"{name}.{number}", number + 1
            taken.add(new)
            out[name] = new
    return out


def _poses_joined(first: Poses, second: Poses) -> Poses:
    return Poses(
        np.concatenate([first.translation_m, second.translation_m[1:]]),
        np.concatenate([first.rotation_wxyz, second.rotation_wxyz[1:]]),
    )


def _actors(first: Scenario, second: Scenario, names: dict[str, str]) -> tuple[Actor, ...]:
    after = {names.get(actor.track_id, actor.track_id): actor for actor in second.actors}
    out = [_actor(actor, after.pop(actor.track_id, None), first, second) for actor in first.actors]
    for name, actor in after.items():
        joined = _actor(None, actor, first, second)
        if joined is not None:
            out.append(replace(joined, track_id=name))
    return tuple(actor for actor in out if actor is not None)


def _actor(a: Actor | None, b: Actor | None, first: Scenario, second: Scenario) -> Actor | None:
    """One actor over both halves; where it is missing it is not valid. ``None`` where no frame of the joined has it."""
    known = a or b
    assert known is not None
    nowhere_a = Poses(np.zeros((len(first), 3)), np.tile([1.0, 0, 0, 0], (len(first), 1)))
    nowhere_b = Poses(np.zeros((len(second), 3)), np.tile([1.0, 0, 0, 0], (len(second), 1)))
    valid = np.concatenate(
        [a.valid if a else np.zeros(len(first), bool), b.valid[1:] if b else np.zeros(len(second) - 1, bool)]
    )
    if not valid.any():
        return a  # one that was never seen is still the first one's
    velocity = attributes = None
    if any(x is not None and x.velocity_mps is not None for x in (a, b)):
        velocity = np.concatenate([_velocity(a, len(first)), _velocity(b, len(second))[1:]])
    if any(x is not None and x.attributes is not None for x in (a, b)):
        attributes = (*_attributes(a, len(first)), *_attributes(b, len(second))[1:])
    return replace(
        known,
        poses=_poses_joined(a.poses if a else nowhere_a, b.poses if b else nowhere_b),
        valid=valid,
        velocity_mps=velocity,
        attributes=attributes,
    )


def _velocity(actor: Actor | None, frames: int) -> Float[ndarray, "f 3"]:
    return np.zeros((frames, 3)) if actor is None or actor.velocity_mps is None else actor.velocity_mps


def _attributes(actor: Actor | None, frames: int) -> tuple[str, ...]:
    return ("",) * frames if actor is None or actor.attributes is None else actor.attributes


def _signals(first: Scenario, second: Scenario, lane_names: dict[str, str], one: bool) -> tuple[Signal, ...]:
    ids = [signal.signal_id for signal in first.signals]
    names = {} if one else _renamed(ids, [signal.signal_id for signal in second.signals])
    after = {names.get(signal.signal_id, signal.signal_id): signal for signal in second.signals}
    out = []
    for signal in first.signals:
        states = after.pop(signal.signal_id).states[1:] if signal.signal_id in after else ("unknown",) * (len(second) - 1)
        out.append(replace(signal, states=(*signal.states, *states)))
    for name, signal in after.items():
        lane = None if signal.lane_id is None else lane_names.get(signal.lane_id, signal.lane_id)
        out.append(replace(signal, signal_id=name, lane_id=lane, states=(*("unknown",) * len(first), *signal.states[1:])))
    return tuple(out)


def _images(first: Scenario, second: Scenario) -> dict[str, tuple[str, ...]]:
    empty_a, empty_b = ("",) * len(first), ("",) * len(second)
    cameras = [camera.name for camera in first.cameras if camera.name in first.images or camera.name in second.images]
    return {name: (*first.images.get(name, empty_a), *second.images.get(name, empty_b)[1:]) for name in cameras}


def same_value(a: object, b: object) -> bool:
    """Whether two maps, or parts of such, hold the same numbers and words."""
    if a is b:
        return True
    if isinstance(a, ndarray) and isinstance(b, ndarray):
        return np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
    if isinstance(a, tuple) and isinstance(b, tuple):
        return len(a) == len(b) and all(same_value(x, y) for x, y in zip(a, b, strict=True))
    if hasattr(a, "__dataclass_fields__") and type(a) is type(b):
        return all(same_value(getattr(a, f.name), getattr(b, f.name)) for f in fields(a))  # pyright: ignore[reportArgumentType]
    return a == b


def _united_map(a: VectorMap | None, b: VectorMap | None, *, same: bool) -> tuple[VectorMap | None, dict[str, str]]:
    """Both maps in one, and the new names of the second one's lanes."""
    if a is None or b is None or (same and same_value(a, b)):
        return a or b, {}
    names = _renamed([lane.lane_id for lane in a.lanes or ()], [lane.lane_id for lane in b.lanes or ()])

    def new(name: str | None) -> str | None:
        return None if name is None else names.get(name, name)

    lanes = tuple(
        replace(
            lane,
            lane_id=names.get(lane.lane_id, lane.lane_id),
            successors=tuple(names.get(s, s) for s in lane.successors),
            left_neighbour=new(lane.left_neighbour),
            right_neighbour=new(lane.right_neighbour),
        )
        for lane in b.lanes or ()
    )
    layers = {}
    for layer in fields(VectorMap):
        left, right = getattr(a, layer.name), getattr(b, layer.name)
        right = lanes if layer.name == "lanes" and right is not None else right
        layers[layer.name] = None if left is None and right is None else (*(left or ()), *(right or ()))
    return VectorMap(**layers), names


def _united_ground(a: GroundHeight | None, b: GroundHeight | None) -> GroundHeight | None:
    if a is None or b is None or same_value(a, b):
        return a or b
    least = np.minimum(a.origin_xy_m, b.origin_xy_m)
    most = np.maximum(*(g.origin_xy_m + g.resolution_m * (np.array(g.height_m.shape[::-1]) - 1) for g in (a, b)))
    still = np.eye(4)
    return regrid([(a, still), (b, still)], least, most, min(a.resolution_m, b.resolution_m))

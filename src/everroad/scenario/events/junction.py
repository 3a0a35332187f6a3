"""Somebody crosses the ego's way at a junction: from the side with or without a red light, or turning left from ahead."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
import shapely

from everroad.scenario.edit.add_actor import size_of
from everroad.scenario.edit.course import Course, lateral, make_course
from everroad.scenario.edit.lanes import Lanes, route, turn_of
from everroad.scenario.edit.motion import HARDEST_TURN_MPS2, Plan
from everroad.scenario.events.parameters import CrossingPath, LeftTurnAcross, RedLight
from everroad.scenario.events.scene import EGO_FRONT_M, EGO_HALF_WIDTH_M, Cast, DoesNotFitError, Scene, actor_on, fast_enough
from everroad.scenario.types import Signal

_CAR = "vehicle.car"
_LOOK_M = 30.0  # how far around the conflict point the ways are looked at
_SEEN_M = 15.0  # before and after the conflict the other one is there for this long at least
_TURN_SHARE = 0.9  # of the hardest turn: what is sampled at frames may be a little harder than the course
# The ego goes straight on where its heading stays within the second over the first before and after the conflict point; who
# turns itself meets oncoming traffic from the side (ours).
_STRAIGHT_M, _STRAIGHT_RAD = 15.0, np.radians(25.0)
Kind = Literal["left turn", "red light", "no signal"]


class Conflict(NamedTuple):
    """Where a way crosses the ego's: the ego's arc length at which its nose must not be yet, and that at which the other one is
    out of the ego's way."""

    ego_nose_m: float
    out_m: float


def stage_junction(scene: Scene, wanted: LeftTurnAcross | RedLight | CrossingPath, at_s: float, name: str, kind: Kind) -> Cast:
    """At ``at_s`` or up to half a second later the other car is out of the ego's way; the ego comes ``margin_s`` later."""
    if scene.lanes is None:
        raise ValueError("junction: expected a scenario whose map has lanes, got one without; take another event")
    for lane_id in _crossing_lanes(scene, at_s, kind):
        points, _, ids = route(scene.lanes, lane_id, 120.0, 120.0)
        course = make_course(points)
        conflict = _conflict(scene, course, lane_id)
        if conflict is None or scene.s_m[-1] < conflict.ego_nose_m - EGO_FRONT_M:
            continue
        comes_s = scene.ego_at(conflict.ego_nose_m - EGO_FRONT_M)
        out_s = comes_s - wanted.margin_s
        if not at_s <= out_s < at_s + 0.5 or out_s < 1.0:
            continue
        fast_enough(scene, comes_s)
        s_m = conflict.out_m + wanted.speed_mps * (scene.time_s - out_s)
        enters = int(np.argmin(np.abs(s_m - (conflict.out_m - _LOOK_M / 2))))
        signal = None if kind == "left turn" else _signal_before(scene, lane_id, ids)
        if (None if signal is None else signal.states[enters]) != ("red" if kind == "red light" else None):
            continue
        # It keeps its speed, so it is there between the bends that it would be too fast for.
        within_m = course.stretch(conflict.out_m, _TURN_SHARE * HARDEST_TURN_MPS2 / wanted.speed_mps**2)
        if min(conflict.out_m - within_m[0], within_m[1] - conflict.out_m) < _SEEN_M:
            continue
        still = np.zeros_like(s_m)
        plan = Plan(s_m, np.full_like(s_m, wanted.speed_mps), still, still)
        runs = "" if signal is None else f"{signal.signal_id} is red for it on lane {signal.lane_id}"
        return Cast(actor_on(scene, name, _CAR, course, plan, within_m=within_m), signal=runs)
    raise DoesNotFitError(
        {
            "left turn": "no oncoming lane turns left across the ego's way straight on then",
            "red light": "no lane with a red light crosses the ego's way straight on then",
            "no signal": "no lane without a signal crosses the ego's way straight on then",
        }[kind]
    )


def _crossing_lanes(scene: Scene, at_s: float, kind: Kind) -> list[str]:
    """Junction lanes that cross the ego's way in the next seconds, where it goes straight on, from the wanted direction."""
    lanes: Lanes | None = scene.lanes
    assert lanes is not None
    from_m, to_m = scene.ego_s(at_s), scene.ego_s(at_s + 4.0) + 15.0
    ahead = scene.course.points_m[(np.arange(len(scene.course.points_m)) * scene.course.spacing_m >= from_m)]
    ahead = ahead[: max(int((to_m - from_m) / scene.course.spacing_m), 2), :2]
    if len(ahead) < 2:
        raise DoesNotFitError("the ego's way ends")
    way = shapely.LineString(ahead)
    out = []
    for lane_id, lane in lanes.by_id.items():
        if lane.is_intersection is False or not way.crosses(shapely.LineString(lane.centerline_m[:, :2])):
            continue
        meeting = shapely.get_coordinates(way.intersection(shapely.LineString(lane.centerline_m[:, :2])))
        if len(meeting) != 1:
            continue
        if not _straight_on(scene, float(way.project(shapely.Point(meeting[0]))) + from_m):
            continue
        ego = ahead[min(int(way.project(shapely.Point(meeting[0])) / scene.course.spacing_m), len(ahead) - 2) :][:2]
        heading = np.arctan2(*(ego[1] - ego[0])[::-1])
        first = lane.centerline_m[1] - lane.centerline_m[0]
        start = (np.arctan2(first[1], first[0]) - heading + np.pi) % (2 * np.pi) - np.pi
        turn = turn_of(lane)
        if kind == "left turn":
            fits = abs(start) > np.radians(140) and turn > np.radians(50)
        else:
            fits = abs(abs(start) - np.pi / 2) < np.radians(35) and abs(turn) < np.radians(25)
        if fits:
            out.append(lane_id)
    return out


def _straight_on(scene: Scene, s_m: float) -> bool:
    """Whether the ego's way is straight around an arc length."""
    first, last = (round((s_m + sign * _STRAIGHT_M) / scene.course.spacing_m) for sign in (-1, 1))
    return bool(np.ptp(scene.course.yaw_rad[max(first, 0) : last + 1]) <= _STRAIGHT_RAD)


def _conflict(scene: Scene, course: Course, lane_id: str) -> Conflict | None:
    """Where the ego's way and the course are in each other's way; ``None`` where they are more than once or not at all."""
    assert scene.lanes is not None
    ego_line = shapely.LineString(scene.course.points_m[:, :2])
    lane_line = shapely.LineString(scene.lanes.by_id[lane_id].centerline_m[:, :2])
    meeting = shapely.get_coordinates(ego_line.intersection(lane_line))
    if len(meeting) != 1:
        return None
    point = shapely.Point(meeting[0])
    ego_m = float(ego_line.project(point))
    other_m = float(shapely.LineString(course.points_m[:, :2]).project(point))
    size = size_of(_CAR)
    s_m = np.arange(max(other_m - _LOOK_M, 0.0), min(other_m + _LOOK_M, course.length_m), 0.1)
    centre, yaw = course.at(s_m)
    ahead = np.stack([np.cos(yaw), np.sin(yaw), np.zeros_like(yaw)], axis=-1) * size[0] / 2
    left = np.stack([-np.sin(yaw), np.cos(yaw), np.zeros_like(yaw)], axis=-1) * size[1] / 2
    corners = np.stack([centre + a * ahead + b * left for a in (-1, 1) for b in (-1, 1)])
    local = lateral(scene.course, ego_m, corners.reshape(-1, 3)).reshape(4, len(s_m), 2)
    # The ego's way counts as straight over the width of a car.
    inside = (local[..., 1].min(axis=0) < EGO_HALF_WIDTH_M) & (local[..., 1].max(axis=0) > -EGO_HALF_WIDTH_M)
    if not inside.any() or inside[-1]:
        return None
    last = int(np.flatnonzero(inside)[-1])
    return Conflict(ego_m + float(local[:, inside, 0].min()), float(s_m[last + 1]))


def _signal_before(scene: Scene, lane_id: str, ids: tuple[str, ...]) -> Signal | None:
    """The signal for the lane that leads to this one, or for itself; ``None`` where there is none."""
    assert scene.lanes is not None
    index = ids.index(lane_id)
    approach = set(ids[max(index - 1, 0) : index + 1])
    # A signal hangs for a whole approach and names one of its lanes.
    while more := {n for i in approach for n in _neighbours(scene.lanes, i)} - approach:
        approach |= more
    return next((signal for signal in scene.scenario.signals if signal.lane_id in approach), None)


def _neighbours(lanes: Lanes, lane_id: str) -> list[str]:
    lane = lanes.by_id[lane_id]
    return [name for name in (lane.left_neighbour, lane.right_neighbour) if name in lanes.by_id]

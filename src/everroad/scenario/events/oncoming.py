"""Somebody comes over from the opposite direction."""

from __future__ import annotations

import numpy as np

from everroad.scenario.edit.add_actor import size_of
from everroad.scenario.edit.course import make_course
from everroad.scenario.edit.lanes import find_spot
from everroad.scenario.edit.motion import Plan, swerve
from everroad.scenario.events.parameters import OncomingDrift
from everroad.scenario.events.scene import EGO_FRONT_M, EGO_HALF_WIDTH_M, Cast, DoesNotFitError, Scene, actor_on, fast_enough

_LANE_M = 3.5
_MOST_BEND_PER_M = 0.008  # in a bend the two would not be on the way into one another
_WIDEST_M = 5.0  # a lane further away is not the next one


def stage_oncoming_drift(scene: Scene, wanted: OncomingDrift, at_s: float, name: str) -> Cast:
    """At ``at_s`` the car is furthest over and begins to swerve back; the two would meet ``ttc_s`` later."""
    fast_enough(scene, at_s)
    size = size_of("vehicle.car")
    meets_s = at_s + wanted.ttc_s
    if meets_s > scene.time_s[-1]:
        raise DoesNotFitError("the drive ends before the two meet")
    if wanted.over_s > wanted.ttc_s + 0.5:
        raise ValueError(f"over_s: expected at most ttc_s and 0.5 s, {wanted.ttc_s + 0.5:g}, got {wanted.over_s:g}; lower it")
    meet_m = scene.ego_s(meets_s) + EGO_FRONT_M + size[0] / 2
    way_m = np.arange(scene.ego_s(at_s), meet_m + wanted.speed_mps * wanted.ttc_s)
    if np.abs(scene.course.bend(way_m)).max() > _MOST_BEND_PER_M:
        raise DoesNotFitError("the road bends")
    aside_m = _next_lane_m(scene, meet_m)
    over_m = aside_m - EGO_HALF_WIDTH_M - size[1] / 2 + wanted.intrusion_m
    # Along the ego's way backwards; what is to the ego's left is to the right there.
    course = make_course(scene.course.points_m[::-1])
    s_m = course.length_m - meet_m + wanted.speed_mps * (scene.time_s - meets_s)
    ones = np.ones_like(s_m)
    over, over_rate = swerve(scene.time_s, ones, at_s - wanted.over_s - 0.3, wanted.over_s, 0.0, over_m)
    back, back_rate = swerve(scene.time_s, ones, at_s, wanted.over_s, 0.0, over_m)
    plan = Plan(s_m, np.full_like(s_m, wanted.speed_mps), over - back - aside_m, over_rate - back_rate)
    return Cast(actor_on(scene, name, "vehicle.car", course, plan))


def _next_lane_m(scene: Scene, meet_m: float) -> float:
    """How far to the left of the ego's way the oncoming lane is. Raises ``DoesNotFitError`` where none is next to it."""
    if scene.lanes is None:
        return _LANE_M
    offsets = []
    for s_m in (meet_m - 10.0, meet_m, meet_m + 25.0):
        xyz, yaw = scene.course.at(np.array([s_m]), np.array([_LANE_M]))
        spot = find_spot(scene.lanes, xyz[0, :2], float(yaw[0]), _WIDEST_M - _LANE_M, opposite=True)
        if spot is None:
            raise DoesNotFitError("no oncoming lane lies next to the ego's")
        # To the left of a lane that runs the other way is to the right here.
        offsets.append(_LANE_M + spot.left_m)
    return float(np.median(offsets))

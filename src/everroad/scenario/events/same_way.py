"""Events with somebody who goes the ego's way: cut-in, hard brake, stopped lead, pull-out.

Whoever closes in at constant relative deceleration ``a`` and is left with a gap ``m`` has, at closing speed u, the time to
collision (m + u^2 / 2a) / u; its least value sqrt(2 m / a) is at u = sqrt(2 a m). So a wanted least time gives m = a ttc^2 / 2.
"""

from __future__ import annotations

from math import inf

import numpy as np

from everroad.scenario.edit.add_actor import size_of
from everroad.scenario.edit.motion import Plan, drive, swerve
from everroad.scenario.events.parameters import CutIn, HardBrake, PullOut, StoppedLead
from everroad.scenario.events.scene import (
    EGO_FRONT_M,
    Cast,
    DoesNotFitError,
    Scene,
    actor_on,
    braked,
    fast_enough,
    lane_beside,
)

_CAR = "vehicle.car"
_SPEEDING_UP_MPS2 = 2.0  # how a car that has cut in gets away again
_LANE_M = 3.5


def margin_m(ttc_s: float, rate_mps2: float) -> float:
    """The gap that is left when closing in at a constant relative deceleration with a least time to collision."""
    return rate_mps2 * ttc_s**2 / 2


def _half_length() -> float:
    return float(size_of(_CAR)[0]) / 2


def stage_cut_in(scene: Scene, wanted: CutIn, at_s: float, name: str) -> Cast:
    """At ``at_s`` the change is over and the car begins to speed up."""
    fast_enough(scene, at_s, wanted.closing_mps + 2.0)
    rate, closing = _SPEEDING_UP_MPS2, wanted.closing_mps
    if closing < rate * wanted.ttc_s:
        raise ValueError(
            f"closing_mps: expected {rate * wanted.ttc_s:g} m/s at least with ttc_s {wanted.ttc_s:g}, got {closing:g}; raise it"
        )
    if at_s < wanted.over_s:
        raise DoesNotFitError("the drive begins too late for the whole change")
    ramp_s = closing / rate
    end_gap = margin_m(wanted.ttc_s, rate)
    # Relative to the ego: falls back, closes in during the change, speeds up to its pace, and away from it.
    begins_s = at_s - wanted.over_s - ramp_s
    phases = [(ramp_s, -rate), (wanted.over_s, 0.0), (ramp_s, rate), (0.4, 0.0), (2.0, 1.0), (inf, 0.0)]
    gap, gap_rate = drive(np.maximum(scene.time_s - begins_s, 0.0), 0.0, 0.0, phases)
    gap_rate = np.where(scene.time_s < begins_s, 0.0, gap_rate)
    gap += end_gap + closing * (ramp_s + wanted.over_s)
    side = _side(scene, wanted.side, at_s, float(np.interp(at_s, scene.time_s, gap)))
    left, left_rate = swerve(scene.time_s, np.ones_like(scene.time_s), at_s - wanted.over_s, wanted.over_s, side * _LANE_M, 0.0)
    plan = Plan(scene.s_m + EGO_FRONT_M + gap + _half_length(), scene.speed_mps + gap_rate, left, left_rate)
    if plan.speed_mps.min() < -0.05:
        raise DoesNotFitError("the ego stands or creeps around that time")
    return Cast(actor_on(scene, name, _CAR, scene.course, plan))


def _side(scene: Scene, wanted: str, at_s: float, ahead_m: float) -> float:
    """+1 for the left, -1 for the right: the first of the wanted sides that has a lane of the same direction."""
    for sign, word in ((1.0, "left"), (-1.0, "right")):
        if wanted not in (word, "either"):
            continue
        if scene.lanes is None or all(
            lane_beside(scene, at_s - back_s, ahead_m + 6.0, sign * _LANE_M) for back_s in (0.0, 1.5, 3.0)
        ):
            return sign
    if wanted == "either":
        raise DoesNotFitError("no lane beside the ego's runs the same way")
    raise DoesNotFitError(f"no lane to the {wanted} of the ego's runs the same way", "drop --side or try another seed or time")


def stage_hard_brake(scene: Scene, wanted: HardBrake, at_s: float, name: str) -> Cast:
    """At ``at_s`` the car ahead begins to brake."""
    fast_enough(scene, at_s, 6.0)
    brakes_s = at_s + wanted.reaction_s
    if brakes_s >= scene.time_s[-1]:
        raise DoesNotFitError("the drive ends too early")
    poses, stop_m = braked(scene, brakes_s, wanted.ego_braking_mps2)
    speed, rate = scene.ego_speed(at_s), wanted.braking_mps2
    way_m = speed**2 / (2 * rate)
    rest_m = stop_m + EGO_FRONT_M + margin_m(wanted.ttc_s, wanted.ego_braking_mps2) + _half_length()
    before_m = rest_m - way_m - scene.ego_s(at_s)
    if before_m - EGO_FRONT_M - _half_length() < 2.0:
        raise DoesNotFitError("the gap before would be less than 2 m")
    since = np.clip(scene.time_s - at_s, 0.0, speed / rate)
    earlier = scene.time_s <= at_s
    s_m = np.where(earlier, scene.s_m + before_m, scene.ego_s(at_s) + before_m + speed * since - rate * since**2 / 2)
    pace = np.where(earlier, scene.speed_mps, speed - rate * since)
    still = np.zeros_like(s_m)
    return Cast(actor_on(scene, name, _CAR, scene.course, Plan(s_m, pace, still, still)), poses)


def stage_stopped_lead(scene: Scene, wanted: StoppedLead, at_s: float, name: str) -> Cast:
    """At ``at_s`` the ego begins to brake."""
    fast_enough(scene, at_s, 6.0)
    poses, stop_m = braked(scene, at_s, wanted.ego_braking_mps2)
    rest_m = stop_m + EGO_FRONT_M + margin_m(wanted.ttc_s, wanted.ego_braking_mps2) + _half_length()
    still = np.zeros_like(scene.time_s)
    return Cast(actor_on(scene, name, _CAR, scene.course, Plan(np.full_like(still, rest_m), still, still, still)), poses)


def stage_pull_out(scene: Scene, wanted: PullOut, at_s: float, name: str) -> Cast:
    """At ``at_s`` the parked car starts."""
    speed = fast_enough(scene, at_s)
    rate, ramp_s = wanted.pull_out_mps2, (speed + 1.0) / wanted.pull_out_mps2
    way, pace = drive(np.maximum(scene.time_s - at_s, 0.0), 0.0, 0.0, [(ramp_s, rate), (inf, 0.0)])
    after = scene.time_s >= at_s
    pace = np.where(after, pace, 0.0)
    # Where it must start so that each frame has the wanted time to collision; the furthest of these leaves it the least.
    needed_m = np.where(after, wanted.ttc_s * (scene.speed_mps - pace) - way + scene.s_m, -inf)
    nearest = int(np.argmax(needed_m))
    if (
        scene.time_s[nearest] > at_s + ramp_s
        or nearest == len(scene.time_s) - 1
        or scene.speed_mps[nearest] < pace[nearest] + 1
    ):
        raise DoesNotFitError("the ego slows down or speeds up too much, or the drive ends too early")
    start_m = EGO_FRONT_M + _half_length() + needed_m[nearest]
    # Over in about three lengths of a car, as a function of the way, so that nobody slides sideways.
    left, left_rate = swerve(way, pace, 0.0, 16.0, -wanted.aside_m, 0.0)
    if scene.lanes is not None and lane_beside(scene, at_s, start_m - scene.ego_s(at_s), -_LANE_M):
        raise DoesNotFitError("a lane, not the kerb, lies to the right of the ego's")
    return Cast(actor_on(scene, name, _CAR, scene.course, Plan(start_m + way, pace, left, left_rate)))

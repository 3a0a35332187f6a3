"""Somebody crosses the ego's way on foot or on a bicycle."""

from __future__ import annotations

import numpy as np

from everroad.scenario.edit.add_actor import size_of
from everroad.scenario.edit.course import make_course
from everroad.scenario.edit.motion import Plan, drive, there_and_stop
from everroad.scenario.events.parameters import PedestrianCrossing
from everroad.scenario.events.scene import EGO_FRONT_M, EGO_HALF_WIDTH_M, Cast, DoesNotFitError, Scene, actor_on, fast_enough


def stage_crossing(scene: Scene, wanted: PedestrianCrossing, at_s: float, name: str, category: str) -> Cast:
    """At ``at_s`` it is out of the ego's way; the ego's nose comes there ``margin_s`` later."""
    size = size_of(category)
    comes_s = at_s + wanted.margin_s
    if comes_s > scene.time_s[-1]:
        raise DoesNotFitError("the drive ends before the ego comes there")
    fast_enough(scene, comes_s)
    # The ego's nose must not reach its near side before: boxes are as long as they are wide to either side.
    here_m = scene.ego_s(comes_s) + EGO_FRONT_M + size[1] / 2
    if abs(float(scene.course.bend(np.array([here_m]))[0])) > 0.03:
        raise DoesNotFitError("the ego is turning there")
    sign = -1.0 if wanted.side == "right" else 1.0
    there = np.array([here_m, here_m])
    ends, _ = scene.course.at(there, np.array([sign * wanted.start_m, -sign * wanted.start_m]))
    across = make_course(ends)
    phases = there_and_stop(across.length_m, wanted.speed_mps)
    out_m = wanted.start_m + EGO_HALF_WIDTH_M + size[0] / 2
    if out_m > across.length_m:
        raise DoesNotFitError("start_m is too short for it to leave the ego's way")
    fine = np.linspace(0.0, sum(seconds for seconds, _ in phases), 2001)
    starts_s = at_s - float(np.interp(out_m, drive(fine, 0.0, 0.0, phases)[0], fine))
    if starts_s < 0:
        raise DoesNotFitError("the drive begins too late for it to set out")
    s_m, pace = drive(scene.time_s, 0.0, 0.0, [(starts_s, 0.0), *phases])
    s_m = np.clip(s_m, 0.0, across.length_m)
    still = np.zeros_like(s_m)
    return Cast(actor_on(scene, name, category, across, Plan(s_m, np.maximum(pace, 0.0), still, still)))

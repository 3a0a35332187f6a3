"""Stage an event in a scenario, or in a town of a seed: the first time that fits, with room made for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from everroad.scenario.edit.add_actor import check_known
from everroad.scenario.edit.overlap import EGO, find_overlaps
from everroad.scenario.events.crossing import stage_crossing
from everroad.scenario.events.junction import stage_junction
from everroad.scenario.events.measure import least_gap_m, least_time_to_collision, post_encroachment
from everroad.scenario.events.oncoming import stage_oncoming_drift
from everroad.scenario.events.parameters import Parameters, get_event
from everroad.scenario.events.same_way import stage_cut_in, stage_hard_brake, stage_pull_out, stage_stopped_lead
from everroad.scenario.events.scene import Cast, DoesNotFitError, Scene, look_at
from everroad.scenario.town import author_town
from everroad.scenario.types import Actor, Scenario

TRY_EVERY_S = 0.5
FIRST_TRY_S, LAST_TRY_S = 2.0, 2.0  # after the beginning, before the end
# Others keep this far from the event's actor, or they are taken out.
_ROOM_M = 0.3
_IN_THE_WAY_M = 1.7  # from the middle of the ego's way

_STAGES: dict[str, Callable[[Scene, Any, float, str], Cast]] = {
    "cut-in": stage_cut_in,
    "hard-brake": stage_hard_brake,
    "stopped-lead": stage_stopped_lead,
    "pull-out": stage_pull_out,
    "oncoming-drift": stage_oncoming_drift,
    "pedestrian-crossing": partial(stage_crossing, category="human.pedestrian.adult"),
    "cyclist-crossing": partial(stage_crossing, category="vehicle.bicycle"),
    "left-turn-across": partial(stage_junction, kind="left turn"),
    "red-light": partial(stage_junction, kind="red light"),
    "crossing-path": partial(stage_junction, kind="no signal"),
}


@dataclass(frozen=True, eq=False)
class Staged:
    """A scenario with an event in it: its actor, when it comes to a head, who was taken out to make room, and how near it was.

    ``crosses``: the post-encroachment time says how dangerous it is, else the least time to collision. ``signal``: which signal
    is red for whom, where somebody runs a red light.

    Times are infinite where the two are never on the way into one another, or never on the same ground.
    """

    scenario: Scenario
    track_id: str
    at_s: float
    removed: tuple[str, ...]
    least_ttc_s: float
    post_encroachment_s: float
    least_gap_m: float
    crosses: bool = False
    signal: str = ""

    @property
    def said(self) -> str:
        """All that in one line."""
        what, seconds = ("least time to collision", self.least_ttc_s)
        if self.crosses:
            what, seconds = "post-encroachment time", self.post_encroachment_s
        near = f"{what} {seconds:.1f} s, " if np.isfinite(seconds) else ""
        light = f"{self.signal}, " if self.signal else ""
        room = f"{len(self.removed)} in the way removed{': ' if self.removed else ''}{', '.join(self.removed)}"
        return f"{self.track_id} at {self.at_s:.1f} s, {light}{near}least gap {self.least_gap_m:.1f} m; {room}"


def stage(name: str, scenario: Scenario, parameters: Parameters | None = None) -> Staged:
    """The event in a scenario, at its first time that fits (or at ``parameters.at_s``).

    Whoever would be in the way of the event's actor, between it and the ego, or in the way of an ego that brakes, is taken out.
    Where the ego drives otherwise, recorded images go.

    Raises ``ValueError`` for an unknown event, parameters out of range or of another event, a time outside the scenario, and an
    event that fits nowhere (with the commonest reason).
    """
    event = get_event(name)
    wanted = event.parameters() if parameters is None else parameters
    if type(wanted) is not event.parameters:
        raise ValueError(f"event {name}: expected parameters {event.parameters.__name__}, got {type(wanted).__name__}; mend it")
    check_known(scenario, near_ego=True)
    scene, last = look_at(scenario), float(scenario.time_s[-1])
    if wanted.at_s is not None and wanted.at_s > last:
        raise ValueError(f"at_s: expected 0 to {last:g}, the scenario's seconds, got {wanted.at_s:g}; name a time within")
    tries = np.arange(FIRST_TRY_S, last - LAST_TRY_S, TRY_EVERY_S).tolist() if wanted.at_s is None else [wanted.at_s]
    track_id = _new_id(name, scenario)
    reasons: Counter[tuple[str, str]] = Counter()
    for at_s in tries:
        try:
            cast = _STAGES[name](scene, wanted, at_s, track_id)
            measured = _measured(*_with_room(scene, cast), cast.actor.track_id, at_s)
            return replace(measured, crosses=hasattr(wanted, "margin_s"), signal=cast.signal)
        except DoesNotFitError as error:
            reasons[str(error), error.advice] += 1
    why, advice = reasons.most_common(1)[0][0] if reasons else ("it is too short", "take a longer one")
    when = f"at {wanted.at_s:g} s" if wanted.at_s is not None else f"within {last:.1f} s"
    raise ValueError(f"event {name}: expected a place for it in {scenario.name} {when}, got none ({why}); {advice}")


def stage_in_town(
    name: str,
    seed: int,
    parameters: Parameters | None = None,
    *,
    seconds: float = 20.0,
    frame_rate_hz: float = 12.0,
    rig: str = "nuscenes-front",
) -> Staged:
    """The event in the town of a seed. Raises ``ValueError`` like ``stage`` and ``author_town``."""
    get_event(name)
    return stage(name, author_town(seed, seconds=seconds, frame_rate_hz=frame_rate_hz, rig=rig), parameters)


def _new_id(name: str, scenario: Scenario) -> str:
    taken = {actor.track_id for actor in scenario.actors}
    return next(new for new in (name, *(f"{name}.{n}" for n in range(2, len(taken) + 3))) if new not in taken)


def _with_room(scene: Scene, cast: Cast) -> tuple[Scenario, tuple[str, ...]]:
    """The scenario with the cast and without those in its way, and who that was."""
    before, name = scene.scenario, cast.actor.track_id
    after = replace(before, actors=(*before.actors, cast.actor), name=f"{before.name}-{name}")
    among = {name}
    if cast.world_from_ego is not None:
        after = replace(after, world_from_ego=cast.world_from_ego, images={})
        among.add(EGO)
    gone = _between(scene, cast.actor)
    known = {overlap[1:] for overlap in find_overlaps(before, {EGO})} if EGO in among else set()
    for _, first, second in find_overlaps(after, {name}, _ROOM_M):
        gone |= {first, second} - {name}
    if EGO in among:
        for _, first, second in find_overlaps(after, {EGO}):
            gone |= set() if (first, second) in known else {first, second} - {EGO}
    if gone & {EGO, name}:
        raise DoesNotFitError("the two would collide")
    kept = tuple(actor for actor in after.actors if actor.track_id not in gone)
    return replace(after, actors=kept), tuple(actor.track_id for actor in before.actors if actor.track_id in gone)


def _between(scene: Scene, actor: Actor) -> set[str]:
    """Whoever is on the ego's way between the ego and the event's actor while that is on it too."""
    from scipy.spatial import KDTree

    tree = KDTree(scene.course.points_m[:, :2])
    apart, nearest = map(np.asarray, tree.query(actor.poses.translation_m[:, :2]))
    s_m = nearest * scene.course.spacing_m
    on = actor.valid & (apart < _IN_THE_WAY_M) & (s_m > scene.s_m)
    gone = set()
    for other in scene.scenario.actors:
        frames = np.flatnonzero(on & other.valid)
        if not len(frames):
            continue
        beside, place = map(np.asarray, tree.query(other.poses.translation_m[frames, :2]))
        between = (beside < _IN_THE_WAY_M) & (place * scene.course.spacing_m > scene.s_m[frames])
        if (between & (place * scene.course.spacing_m < s_m[frames])).any():
            gone.add(other.track_id)
    return gone


def _measured(after: Scenario, removed: tuple[str, ...], track_id: str, at_s: float) -> Staged:
    return Staged(
        after,
        track_id,
        at_s,
        removed,
        least_time_to_collision(after, track_id),
        post_encroachment(after, track_id),
        least_gap_m(after, track_id),
    )

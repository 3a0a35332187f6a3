"""Add an actor: put somewhere, with a behaviour, standing on the ground and in nobody's way."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy import ndarray

from everroad.scenario.checks import check_range
from everroad.scenario.edit.behaviours import Behaviour, CutIn, check_time, plan_of
from everroad.scenario.edit.lanes import find_spot, index_lanes
from everroad.scenario.edit.motion import make_actor
from everroad.scenario.edit.overlap import EGO, check_no_new_overlap
from everroad.scenario.edit.placing import NearEgo, Place, Placed, locate_place
from everroad.scenario.types import CATEGORIES, Actor, Scenario

LONGEST_ID = 100  # letters (ours)
# Usual sizes, metres (ours; those of the authored towns' traffic where it has such). A cyclist's box holds the rider.
SIZES_LWH_M: dict[str, tuple[float, float, float]] = {
    "vehicle.car": (4.55, 1.86, 1.58),
    "vehicle.truck": (7.6, 2.4, 3.0),
    "vehicle.bus.rigid": (11.5, 2.52, 3.2),
    "vehicle.bus.bendy": (17.5, 2.55, 3.2),
    "vehicle.trailer": (8.0, 2.4, 3.0),
    "vehicle.construction": (5.6, 2.3, 2.8),
    "vehicle.emergency.ambulance": (6.2, 2.2, 2.7),
    "vehicle.emergency.police": (4.9, 1.9, 1.6),
    "vehicle.motorcycle": (2.15, 0.8, 1.5),
    "vehicle.bicycle": (1.75, 0.62, 1.7),
    "human.pedestrian.adult": (0.6, 0.65, 1.75),
    "human.pedestrian.child": (0.45, 0.5, 1.25),
    "human.pedestrian.construction_worker": (0.6, 0.7, 1.8),
    "human.pedestrian.police_officer": (0.6, 0.7, 1.8),
    "movable_object.trafficcone": (0.38, 0.38, 0.75),
    "movable_object.barrier": (0.5, 1.9, 1.05),
}


def size_of(category: str, size_lwh_m: tuple[float, float, float] | None = None) -> ndarray:
    """The size given, or the usual one. Raises ``ValueError`` for a category that is none, or one without a usual size."""
    if category not in CATEGORIES:
        import difflib

        near = difflib.get_close_matches(category, CATEGORIES, n=1)
        hint = f"did you mean '{near[0]}'?" if near else "see the nuScenes taxonomy"
        raise ValueError(f"category: expected a nuScenes category, got '{category}'; {hint}")
    if size_lwh_m is None and category not in SIZES_LWH_M:
        raise ValueError(f"size: expected one for {category}, which has no usual size, got none; give length, width and height")
    return np.array(SIZES_LWH_M[category] if size_lwh_m is None else size_lwh_m, dtype=np.float64)


def add_actor(
    scenario: Scenario,
    track_id: str,
    place: Place,
    behaviour: Behaviour,
    *,
    category: str = "vehicle.car",
    size_lwh_m: tuple[float, float, float] | None = None,
    from_s: float = 0.0,
    until_s: float | None = None,
    allow_overlap: bool = False,
) -> Scenario:
    """The scenario with one actor more. The place is where its box centre is at time 0; for one that crosses, where it does.

    Args:
        scenario: any scenario; without lanes an actor is placed by the ego's path.
        track_id: a new id.
        place: ``OnLane`` or ``NearEgo``.
        behaviour: ``Parked``, ``Cruise``, ``CutIn``, ``BrakeHard`` or ``Cross``.
        category: full nuScenes category.
        size_lwh_m: length, width, height in metres; the category's usual size without it.
        from_s: it is there from this time on,
        until_s: and up to this one.
        allow_overlap: let it stand in or drive into others.

    Raises ``ValueError`` where the actors are unknown (or the ego's motion, for ``NearEgo``), for an id that is taken, an
    unknown lane or category, a time outside the scenario, a behaviour that leaves the map or asks for more than a road user can
    do, and an overlap (with the frame and both ids).
    """
    check_known(scenario, near_ego=isinstance(place, NearEgo))
    taken = {EGO, *(actor.track_id for actor in scenario.actors)}
    _check_name(track_id)
    if track_id in taken:
        raise ValueError(f"track id: expected a new one, got '{track_id}'; name another")
    last = float(scenario.time_s[-1])
    until = last if until_s is None else until_s
    check_range("from_s", from_s, 0.0, last, "s")
    check_range("until_s", until, from_s, last, "s")
    check_time(behaviour, last)
    size = size_of(category, size_lwh_m)
    placed = locate_place(scenario, place)
    if isinstance(place, NearEgo) and isinstance(behaviour, CutIn):
        _check_lane_beside(scenario, placed, behaviour)
    on, plan = plan_of(behaviour, placed, size, scenario.time_s, _width(scenario, placed))
    valid = (scenario.time_s >= from_s - 1e-9) & (scenario.time_s <= until + 1e-9)
    off = valid & ((plan.s_m < 0) | (plan.s_m > on.course.length_m + 1e-6))
    if off.any():
        raise ValueError(
            f"{track_id}: expected a way that stays on the map, got its end at {scenario.time_s[np.argmax(off)]:.2f} s; "
            "make it slower, place it further back, or end it with until_s"
        )
    actor = make_actor(track_id, category, size, on.course, plan, scenario.time_s, valid, ground=scenario.ground)
    return with_actor(scenario, actor, allow_overlap=allow_overlap)


def check_known(scenario: Scenario, *, near_ego: bool) -> None:
    """Raises ``ValueError`` where one actor would say more than is known: that the ego stands, or the road is empty besides."""
    if near_ego and not scenario.ego_motion_known:
        raise ValueError(
            f"{scenario.name}: expected a scenario whose ego motion is known, since the place is near the ego, got an unknown "
            "one; give the video's poses to everroad scenario convert --poses"
        )
    if not scenario.actors and not scenario.actors_known:
        raise ValueError(
            f"{scenario.name}: expected a scenario whose actors are known, got unknown ones, and one actor would say that the "
            'road is empty besides; if it is, take "actors_known": false out of the file'
        )


def with_actor(scenario: Scenario, actor: Actor, *, allow_overlap: bool = False) -> Scenario:
    """The scenario with this actor too. Raises ``ValueError`` for a new overlap unless it is allowed."""
    added = replace(scenario, actors=(*scenario.actors, actor))
    return added if allow_overlap else check_no_new_overlap(scenario, added)


def _check_name(track_id: str) -> None:
    """Raises ``ValueError`` for an id that nobody could name later on: ``remove`` takes wildcards."""
    shown = repr(track_id[:60])
    if not track_id or track_id != track_id.strip() or not track_id.isprintable():
        raise ValueError(f"track id: expected printable letters without blanks around them, got {shown}; name another")
    if set(track_id) & set("*?["):
        raise ValueError(f"track id: expected none of * ? [, which are wildcards of remove, got {shown}; name another")
    if len(track_id) > LONGEST_ID:
        raise ValueError(f"track id: expected at most {LONGEST_ID} letters, got {len(track_id)}; name a shorter one")


def _width(scenario: Scenario, placed: Placed) -> float | None:
    lanes = {lane.lane_id: lane.width_m for lane in (scenario.map.lanes or ())} if scenario.map else {}
    return lanes.get(placed.lane_id or "")


def _check_lane_beside(scenario: Scenario, placed: Placed, behaviour: CutIn) -> None:
    """Raises ``ValueError`` where the map says that there is no lane to cut into."""
    lanes = index_lanes(scenario)
    if lanes is None:
        return
    aside = (_width(scenario, placed) or 3.5) * (1 if behaviour.side == "left" else -1) + placed.left_m
    xyz, yaw = placed.course.at(np.array([placed.s_m]), np.array([aside]))
    if find_spot(lanes, xyz[0, :2], float(yaw[0]), 1.8) is None:
        raise ValueError(f"side {behaviour.side}: expected a lane there to cut into, got none; cut in to the other side")

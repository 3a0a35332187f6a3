"""Where an actor is put: on a lane by its id, or by the ego, so that nobody needs to know ids."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from everroad.scenario.checks import check_range
from everroad.scenario.edit.course import Course, driven_points, follow, lateral, make_course, straight_on, yaw_of
from everroad.scenario.edit.lanes import Lanes, find_spot, get_lane, index_lanes, lane_length_m, route
from everroad.scenario.types import Scenario

Side = Literal["ego", "left", "right", "oncoming"]
SIDES: tuple[str, ...] = get_args(Side)
LANE_WIDTH_M = 3.5  # where no map says
# How far courses reach beyond what is asked for, and how far they run straight on where no map says.
REACH_M, BLIND_M = 400.0, 400.0
MOST_ASIDE_M = 100.0
SHORTEST_LANE_M = 0.1  # below it a lane has no direction


@dataclass(frozen=True)
class OnLane:
    """``along_m`` metres from the start of a lane, ``left_m`` to the left of its centre."""

    lane_id: str
    along_m: float = 0.0
    left_m: float = 0.0


@dataclass(frozen=True)
class NearEgo:
    """``ahead_m`` metres ahead of where the ego's origin is at ``at_s`` (negative: behind), measured along the ego's path.

    ``side``: in its lane, in the next lane to the left or right that runs the same way, or in the nearest oncoming one. Without
    a map lanes are ``LANE_WIDTH_M`` wide. ``left_m`` is the offset from the lane's centre, to the left as it runs.
    """

    ahead_m: float
    side: Side = "ego"
    at_s: float = 0.0
    left_m: float = 0.0

    def __post_init__(self) -> None:
        if self.side not in SIDES:
            raise ValueError(f"side: expected one of {', '.join(SIDES)}, got '{self.side}'; name one of them")


Place = OnLane | NearEgo


class Placed(NamedTuple):
    """A course, the arc length and offset of the place on it, and the lane there, if one is known."""

    course: Course
    s_m: float
    left_m: float
    lane_id: str | None


class EgoWay(NamedTuple):
    """The ego's own course (it reaches beyond both ends of the drive) and the arc length of the ego's origin at every frame."""

    course: Course
    s_m: Float[ndarray, "f"]


def ego_way(scenario: Scenario, lanes: Lanes | None) -> EgoWay:
    """Where the ego drives, and on from there: along the lanes that follow, or straight on without any."""
    points, yaw = driven_points(scenario), yaw_of(scenario)
    beyond = 0.0 if lanes is not None else BLIND_M
    if lanes is not None and (spot := find_spot(lanes, points[-1, :2], float(yaw[-1]))):
        line, start, _ = route(lanes, spot.lane_id, REACH_M, 0.0)
        arc = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line[:, :2], axis=0), axis=1))]) - start
        # The ego need not drive in the middle: it comes over to it in a few metres.
        on = line[arc > spot.along_m + 8.0]
        points = np.concatenate([points, on])
    before = 60.0
    course = make_course(straight_on(points, before, beyond))
    return EgoWay(course, follow(course, scenario.world_from_ego.translation_m, before))


def locate_place(scenario: Scenario, place: Place) -> Placed:
    """The place on its course. Raises ``ValueError`` for an unknown lane, a place off it or a time outside the scenario."""
    check_range("left_m", place.left_m, -MOST_ASIDE_M, MOST_ASIDE_M, "m")
    lanes = index_lanes(scenario)
    if isinstance(place, OnLane):
        return _on_lane(lanes, place)
    last = float(scenario.time_s[-1])
    check_range("at_s", place.at_s, 0.0, last, "s")
    check_range("ahead_m", place.ahead_m, -REACH_M, REACH_M, "m")
    way = ego_way(scenario, lanes)
    s_m = float(np.interp(place.at_s, scenario.time_s, way.s_m)) + place.ahead_m
    if not 0.0 <= s_m <= way.course.length_m:
        raise ValueError(
            f"ahead_m: expected a place on the map, got {place.ahead_m:g} m ahead of the ego; take one nearer to it"
        )
    xyz, yaw = way.course.at(np.array([s_m]))
    xy, heading = xyz[0, :2], float(yaw[0])
    if lanes is None:
        aside = {"ego": 0.0, "left": LANE_WIDTH_M, "right": -LANE_WIDTH_M, "oncoming": LANE_WIDTH_M}[place.side]
        if place.side == "oncoming":
            return Placed(_reversed(way.course), way.course.length_m - s_m, place.left_m - aside, None)
        return Placed(way.course, s_m, place.left_m + aside, None)
    if place.side == "ego":
        return Placed(way.course, s_m, place.left_m, None)
    spot = _beside(lanes, xy, heading, place.side)
    if spot is None:
        what = "an oncoming lane" if place.side == "oncoming" else f"a lane to the {place.side} of the ego's"
        raise ValueError(f"side {place.side}: expected {what} {place.ahead_m:g} m ahead, got none; take another place or time")
    placed = _on_lane(lanes, OnLane(*spot, left_m=place.left_m))
    near = lateral(way.course, s_m, placed.course.at(np.array([placed.s_m]))[0])[0]
    # The nearest point of the other lane lies abreast but for bends.
    return placed._replace(s_m=placed.s_m - (near[0] if place.side != "oncoming" else -near[0]))


def _on_lane(lanes: Lanes | None, place: OnLane) -> Placed:
    length = lane_length_m(get_lane(lanes, place.lane_id))
    if length < SHORTEST_LANE_M:
        wanted = f"a lane of {SHORTEST_LANE_M:g} m at least"
        raise ValueError(f"lane {place.lane_id}: expected {wanted}, got {length:.3g} m; name another or mend the map")
    if not 0.0 <= place.along_m <= length:
        raise ValueError(f"along_m: expected 0 to {length:.1f} on {place.lane_id}, got {place.along_m:g}; choose a place on it")
    assert lanes is not None
    points, start, _ = route(lanes, place.lane_id, REACH_M, 120.0)
    return Placed(make_course(points), start + place.along_m, place.left_m, place.lane_id)


def _beside(lanes: Lanes, xy: ndarray, yaw: float, side: str) -> tuple[str, float] | None:
    """(lane, arc length) of the next lane on that side: the nearest within reach whose offset says it is another one."""
    left = np.array([-np.sin(yaw), np.cos(yaw)])
    here = find_spot(lanes, xy, yaw)
    if side != "oncoming":
        if here is not None:
            lane = lanes.by_id[here.lane_id]
            neighbour = lane.left_neighbour if side == "left" else lane.right_neighbour
            if neighbour is None or neighbour not in lanes.by_id:
                return None
        sign = 1.0 if side == "left" else -1.0
        spot = find_spot(lanes, xy + sign * LANE_WIDTH_M * left, yaw, 1.7)
        return None if spot is None or (here and spot.lane_id == here.lane_id) else (spot.lane_id, spot.along_m)
    for away_m in np.arange(2.0, 18.0, 1.0).tolist():
        spot = find_spot(lanes, xy + away_m * left, yaw, 1.6, opposite=True)
        if spot is not None:
            return spot.lane_id, spot.along_m
    return None


def _reversed(course: Course) -> Course:
    return make_course(course.points_m[::-1])

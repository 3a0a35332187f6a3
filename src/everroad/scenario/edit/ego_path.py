"""Replay the ego on another path: shifted, slower or faster, or wholly new.

The world stays as it is: boxes, map and signals keep their places and times, cameras ride on the ego. Recorded images go, since
nobody took any from the new path.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Annotated

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from pydantic import Field, TypeAdapter, ValidationError

from everroad import geometry
from everroad.scenario.checks import check_positions, check_range
from everroad.scenario.edit.course import make_course, yaw_of
from everroad.scenario.edit.lanes import get_lane, index_lanes
from everroad.scenario.edit.motion import FASTEST_MPS, ground_under, paced
from everroad.scenario.edit.overlap import check_no_new_overlap
from everroad.scenario.edit.time import cut
from everroad.scenario.files import describe, read_bytes
from everroad.scenario.resample import SAME_TIME_S, bracket
from everroad.scenario.types import Poses, Scenario

_POINTS = TypeAdapter(list[list[Annotated[float, Field(strict=True, allow_inf_nan=False)]]])


def with_ego(scenario: Scenario, world_from_ego: Poses, *, allow_overlap: bool = False) -> Scenario:
    """The scenario with the ego at these poses and without recorded images. Raises ``ValueError`` for a new overlap."""
    moved = replace(scenario, world_from_ego=world_from_ego, images={})
    return moved if allow_overlap else check_no_new_overlap(scenario, moved)


def shift_ego(scenario: Scenario, left_m: float, *, allow_overlap: bool = False) -> Scenario:
    """The ego drives ``left_m`` metres to the left of its path (negative: to the right), on the ground there where it is known.

    A shift of 0 gives the scenario itself. Raises ``ValueError`` for a shift of more than 100 m or a new overlap.
    """
    check_range("left_m", left_m, -100.0, 100.0, "m")
    if left_m == 0:
        return scenario
    yaw, old = yaw_of(scenario), scenario.world_from_ego.translation_m
    new = old + left_m * np.stack([-np.sin(yaw), np.cos(yaw), np.zeros_like(yaw)], axis=-1)
    if scenario.ground is not None:
        rise = scenario.ground.at(new[:, :2]) - scenario.ground.at(old[:, :2])
        new[:, 2] += np.where(np.isnan(rise), 0.0, rise)
    return with_ego(scenario, Poses(new, scenario.world_from_ego.rotation_wxyz), allow_overlap=allow_overlap)


def pace_ego(scenario: Scenario, factor: float, *, allow_overlap: bool = False) -> Scenario:
    """The ego drives its path at ``factor`` times its speed: at time t it is where it was at ``factor * t``.

    A factor above 1 reaches the end of the path early; there the scenario ends. A factor of 1 gives the scenario itself. Raises
    ``ValueError`` for a factor outside 0.05 to 20, or a new overlap.
    """
    check_range("factor", factor, 0.05, 20.0)
    if factor == 1:
        return scenario
    wanted = scenario.time_s * factor
    fits = int(np.searchsorted(wanted, scenario.time_s[-1] + SAME_TIME_S, side="right"))
    at = bracket(scenario.time_s, wanted)
    poses = Poses(at.linear(scenario.world_from_ego.translation_m), at.slerp(scenario.world_from_ego.rotation_wxyz))
    kept = cut(scenario, 0, fits - 1)
    return with_ego(kept, Poses(poses.translation_m[:fits], poses.rotation_wxyz[:fits]), allow_overlap=allow_overlap)


def route_ego(
    scenario: Scenario, points_m: Float[ndarray, "n 3"], speed_mps: float, *, allow_overlap: bool = False
) -> Scenario:
    """The ego drives a new path from its first point on, at a speed that is lower in bends.

    Args:
        scenario: any scenario.
        points_m: the path in the world frame; corners are rounded. Where the ground is known, z comes from there.
        speed_mps: above 0.
        allow_overlap: let it drive into others.

    Raises ``ValueError`` for a path that ends before the scenario does, a speed that is none, or a new overlap.
    """
    check_range("speed_mps", speed_mps, 0.1, FASTEST_MPS, "m/s")
    check_positions("path", points_m)
    course = make_course(points_m)
    s_m, _ = paced(course, scenario.time_s, 0.0, speed_mps)
    if s_m[-1] > course.length_m + 1e-6:
        needed = f"{s_m[-1]:.1f} m for {scenario.time_s[-1]:g} s"
        raise ValueError(f"path: expected {needed}, got {course.length_m:.1f} m; lengthen it, drive slower or cut")
    xyz, yaw = course.at(s_m)
    xyz[:, 2] = ground_under(scenario.ground, xyz)
    return with_ego(scenario, Poses(xyz, geometry.quaternion_from_yaw(yaw)), allow_overlap=allow_overlap)


def lane_path(scenario: Scenario, lane_ids: tuple[str, ...]) -> Float[ndarray, "n 3"]:
    """The centrelines of lanes, one after the other. Raises ``ValueError`` for no lane, an unknown one and one that does not
    follow."""
    if not lane_ids:
        raise ValueError("--lanes: expected the lane ids of the path, got none; name one at least")
    lanes = index_lanes(scenario)
    for lane_id in lane_ids:
        get_lane(lanes, lane_id)
    assert lanes is not None
    for before, after in pairwise(lane_ids):
        if after not in lanes.by_id[before].successors:
            follow = ", ".join(lanes.by_id[before].successors) or "nothing"
            raise ValueError(f"lanes: expected a successor of '{before}' ({follow}), got '{after}'; name one of them")
    return np.concatenate([lanes.by_id[lane_id].centerline_m for lane_id in lane_ids])


def read_points(path: Path, scenario: Scenario) -> Float[ndarray, "n 3"]:
    """A path from a JSON file: a list of [x, y] or [x, y, z], metres; without z at the height of the ego's first position.

    Raises ``ValueError`` for a file that holds something else.
    """
    try:
        points = _POINTS.validate_json(read_bytes(path))
    except ValidationError as error:
        raise ValueError(f"{path}: {describe(error)}") from None
    if len(points) < 2:
        raise ValueError(f"{path}: expected a list of two points at least, got {len(points)}; add some")
    for index, point in enumerate(points):
        if len(point) not in (2, 3):
            got = f"{len(point)} number{'' if len(point) == 1 else 's'}"
            raise ValueError(f"{path}: [{index}]: expected [x, y] or [x, y, z], got {got}; mend the file")
    height_m = float(scenario.world_from_ego.translation_m[0, 2])
    return np.array([(*point[:2], point[2] if len(point) == 3 else height_m) for point in points])

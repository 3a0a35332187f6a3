"""Who stands in whom: oriented boxes from above, and which overlaps an edit has made."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from everroad import geometry
from everroad.scenario.fleet import EGO_REAR_OVERHANG_M, EGO_SIZE_M
from everroad.scenario.types import Actor, Poses, Scenario

EGO = "ego"
# Pairs that are looked at in one go: some tens of megabytes.
_CHUNK_PAIRS = 1_000_000


class Overlap(NamedTuple):
    """Two ids (the ego's is "ego") that share ground and height in a frame."""

    frame: int
    first: str
    second: str


class Bodies(NamedTuple):
    """``n`` boxes over ``f`` frames, the ego first: centres, half axes on the ground, heights, and where they exist."""

    names: tuple[str, ...]
    centre_m: Float[ndarray, "n f 3"]
    ahead_m: Float[ndarray, "n f 2"]
    left_m: Float[ndarray, "n f 2"]
    half_height_m: Float[ndarray, "n"]
    valid: Bool[ndarray, "n f"]


def ego_centre(poses: Poses) -> Float[ndarray, "f 3"]:
    """The middle of the ego's box; its size is that of the authored towns' ego."""
    rotation = geometry.rotation_from_quaternion(poses.rotation_wxyz)
    return poses.translation_m + rotation @ np.array([EGO_SIZE_M[0] / 2 - EGO_REAR_OVERHANG_M, 0.0, EGO_SIZE_M[2] / 2])


def bodies_of(scenario: Scenario) -> Bodies:
    """Every actor and the ego as boxes."""
    actors, frames = scenario.actors, len(scenario)
    sizes = np.array([EGO_SIZE_M, *(actor.size_lwh_m for actor in actors)])
    quaternions = np.stack([scenario.world_from_ego.rotation_wxyz, *(actor.poses.rotation_wxyz for actor in actors)])
    unit = quaternions / np.linalg.norm(quaternions, axis=-1, keepdims=True)
    w, x, y, z = np.moveaxis(unit, -1, 0)
    ahead = np.stack([1 - 2 * (y * y + z * z), 2 * (x * y + w * z)], axis=-1)
    left = np.stack([2 * (x * y - w * z), 1 - 2 * (x * x + z * z)], axis=-1)
    return Bodies(
        (EGO, *(actor.track_id for actor in actors)),
        np.stack([ego_centre(scenario.world_from_ego), *(actor.poses.translation_m for actor in actors)]),
        ahead * sizes[:, None, :1] / 2,
        left * sizes[:, None, 1:2] / 2,
        sizes[:, 2] / 2,
        np.stack([np.ones(frames, dtype=bool), *(actor.valid for actor in actors)]),
    )


def find_overlaps(scenario: Scenario, among: Iterable[str] | None = None, margin_m: float = 0.0) -> list[Overlap]:
    """All overlaps in the order of their frames; with ``among``, those in which one of these ids takes part.

    Boxes grow by ``margin_m`` on all four sides first. Touching edges do not count, and neither do boxes one above the other.
    """
    bodies = bodies_of(scenario)
    wanted = set(bodies.names if among is None else among)
    rows = np.array([i for i, name in enumerate(bodies.names) if name in wanted], dtype=np.int64)
    pick = np.isin(np.arange(len(bodies.names)), rows)
    halves = [np.linalg.norm(axis, axis=-1).max(axis=1) for axis in (bodies.ahead_m, bodies.left_m)]
    reach = halves[0] + halves[1] + 2 * margin_m
    found = []
    at_once = max(_CHUNK_PAIRS // max(len(rows) * len(bodies.names), 1), 1)  # frames
    for first in range(0, len(scenario), at_once):
        span = slice(first, first + at_once)
        near = _near(bodies, rows, pick, reach, span)
        hit = near[:, _share_area(bodies, near, margin_m)]
        found += [Overlap(int(f), *sorted((bodies.names[i], bodies.names[j]))) for i, j, f in hit.T.tolist()]
    return sorted(found)


def _near(bodies: Bodies, rows: ndarray, pick: ndarray, reach: ndarray, span: slice) -> Int[ndarray, "3 k"]:
    """(row, row, frame) of pairs whose circles and heights overlap, each pair once."""
    centre, valid = bodies.centre_m[:, span], bodies.valid[:, span]
    apart = centre[rows, None] - centre[None]
    close = apart[..., 0] ** 2 + apart[..., 1] ** 2 < ((reach[rows, None] + reach[None]) ** 2)[..., None]
    close &= np.abs(apart[..., 2]) < (bodies.half_height_m[rows, None] + bodies.half_height_m[None])[..., None]
    close &= valid[rows, None] & valid[None]
    # Of two rows that are both looked at, the pair counts from the lower one; nobody is near itself.
    other = np.arange(len(pick))
    close &= (~pick[None] | (other[None] > rows[:, None]))[..., None]
    i, j, f = np.nonzero(close)
    return np.stack([rows[i], j, f + span.start])


def _share_area(bodies: Bodies, pairs: Int[ndarray, "3 k"], margin_m: float) -> Bool[ndarray, "k"]:
    i, j, f = pairs
    apart = bodies.centre_m[j, f, :2] - bodies.centre_m[i, f, :2]
    axes = (bodies.ahead_m[i, f], bodies.left_m[i, f], bodies.ahead_m[j, f], bodies.left_m[j, f])
    return rectangles_overlap(apart, *axes, margin_m=margin_m)


def rectangles_overlap(
    apart_m: Float[ndarray, "k 2"],
    ahead_a_m: Float[ndarray, "k 2"],
    left_a_m: Float[ndarray, "k 2"],
    ahead_b_m: Float[ndarray, "k 2"],
    left_b_m: Float[ndarray, "k 2"],
    *,
    margin_m: float = 0.0,
) -> Bool[ndarray, "k"]:
    """Which rectangles share area: separating axis theorem. ``apart_m``: from the centre of a to that of b; the other vectors
    go from a centre to the middle of a side. Each grows by ``margin_m`` on all sides first; touching edges do not count."""
    axes = (ahead_a_m, left_a_m, ahead_b_m, left_b_m)
    halves = [axis + margin_m * axis / np.maximum(np.linalg.norm(axis, axis=-1, keepdims=True), 1e-9) for axis in axes]
    out = np.ones(len(apart_m), dtype=bool)
    for axis in axes:
        reach = sum(np.abs((half * axis).sum(axis=-1)) for half in halves)
        # A nanometre less: edges that touch are parted by rounding either way.
        out &= np.abs((apart_m * axis).sum(axis=-1)) < reach - 1e-9 * np.linalg.norm(axis, axis=-1)
    return out


def new_overlaps(before: Scenario, after: Scenario) -> list[Overlap]:
    """Overlaps of the edited scenario that its source of the same frames did not have."""
    were = {actor.track_id: actor for actor in before.actors}
    moved = {actor.track_id for actor in after.actors if not _same(were.get(actor.track_id), actor)}
    if not _same_poses(before.world_from_ego, after.world_from_ego):
        moved.add(EGO)
    if not moved:
        return []
    found = find_overlaps(after, moved)
    known = set(find_overlaps(before, moved)) if found else set()
    return [overlap for overlap in found if overlap not in known]


def check_no_new_overlap(before: Scenario, after: Scenario) -> Scenario:
    """The edited scenario. Raises ``ValueError`` with the frame and both ids where the edit puts two into one another."""
    found = new_overlaps(before, after)
    if found:
        frame, first, second = found[0]
        more = f" (and {len(found) - 1} more overlaps of this edit)" if len(found) > 1 else ""
        raise ValueError(
            f"frame {frame}: expected '{first}' and '{second}' apart, got one in the other{more}; "
            "place or time it otherwise, or allow it (--allow-overlap)"
        )
    return after


def _same_poses(a: Poses, b: Poses) -> bool:
    return a is b or (np.array_equal(a.translation_m, b.translation_m) and np.array_equal(a.rotation_wxyz, b.rotation_wxyz))


def _same(a: Actor | None, b: Actor) -> bool:
    if a is None or a is b:
        return a is b
    same = np.array_equal(a.valid, b.valid) and np.array_equal(a.size_lwh_m, b.size_lwh_m)
    return same and _same_poses(a.poses, b.poses)

"""A course: the smooth line that somebody drives or walks along, evenly sampled, and where the ego is on its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from everroad import geometry
from everroad.scenario.types import Scenario

SPACING_M = 0.5
# Corners of drawn polylines are rounded over about this length, so that headings and yaw rates have no jumps (ours).
_ROUNDING_M = 1.5
# A car that stands jitters by centimetres in a log; shorter hops say nothing about its heading.
_LEAST_HOP_M = 0.3


@dataclass(frozen=True, eq=False)
class Course:
    """Points ``spacing_m`` apart in the world frame, z on the ground; ``yaw_rad`` has no jumps, ``curvature_per_m`` is left
    positive."""

    points_m: Float[ndarray, "p 3"]
    yaw_rad: Float[ndarray, "p"]
    curvature_per_m: Float[ndarray, "p"]
    spacing_m: float

    @property
    def length_m(self) -> float:
        """Arc length of the whole."""
        return self.spacing_m * (len(self.points_m) - 1)

    def at(
        self, s_m: Float[ndarray, "n"], left_m: Float[ndarray, "n"] | float = 0.0
    ) -> tuple[Float[ndarray, "n 3"], Float[ndarray, "n"]]:
        """Points (metres) and headings (radians) at arc lengths ``s_m``, ``left_m`` to the left; past an end, the end."""
        index, share = self._locate(s_m)
        yaw = self.yaw_rad[index] + share * (self.yaw_rad[index + 1] - self.yaw_rad[index])
        xyz = self.points_m[index] + share[:, None] * (self.points_m[index + 1] - self.points_m[index])
        aside = np.broadcast_to(np.asarray(left_m, dtype=np.float64), yaw.shape)
        return xyz + np.stack([-np.sin(yaw) * aside, np.cos(yaw) * aside, np.zeros_like(yaw)], axis=-1), yaw

    def bend(self, s_m: Float[ndarray, "n"]) -> Float[ndarray, "n"]:
        """Curvature at arc lengths, 1/m."""
        index, share = self._locate(s_m)
        return self.curvature_per_m[index] + share * (self.curvature_per_m[index + 1] - self.curvature_per_m[index])

    def stretch(self, at_m: float, sharpest_per_m: float) -> tuple[float, float]:
        """The arc lengths of the bends before and after one that are sharper; the course's ends where none is."""
        sharp_m = np.flatnonzero(np.abs(self.curvature_per_m) > sharpest_per_m) * self.spacing_m
        before, after = sharp_m[sharp_m <= at_m], sharp_m[sharp_m >= at_m]
        return float(before.max(initial=0.0)), float(after.min(initial=self.length_m))

    def _locate(self, s_m: Float[ndarray, "n"]) -> tuple[ndarray, ndarray]:
        position = np.clip(np.asarray(s_m) / self.spacing_m, 0.0, len(self.points_m) - 1.0)
        index = np.minimum(position.astype(np.int64), len(self.points_m) - 2)
        return index, position - index


def make_course(points_m: Float[ndarray, "_ 3"]) -> Course:
    """A course through a polyline, its corners rounded. Raises ``ValueError`` unless it is 1 m long at least."""
    from scipy.ndimage import gaussian_filter1d

    hops = np.linalg.norm(np.diff(points_m[:, :2], axis=0), axis=1)
    points = points_m[np.concatenate([[True], hops > 1e-6])]
    if len(points) < 2 or _arc(points)[-1] < 1.0:
        raise ValueError(f"path: expected a line of 1 m at least, got {len(points)} points close together; add points")
    even, spacing = _evenly(points)
    sigma = _ROUNDING_M / spacing
    reach = int(np.ceil(4 * sigma))
    steps = np.arange(1, reach + 1)[:, None]
    # Straight extensions keep the ends where they are: smoothing along a straight line moves nothing.
    padded = np.concatenate([even[0] - (even[1] - even[0]) * steps[::-1], even, even[-1] + (even[-1] - even[-2]) * steps])
    even, spacing = _evenly(gaussian_filter1d(padded, sigma, axis=0, mode="nearest")[reach:-reach])
    yaw = np.unwrap(np.arctan2(np.gradient(even[:, 1]), np.gradient(even[:, 0])))
    return Course(even, yaw, np.gradient(yaw) / spacing, spacing)


def _arc(points: ndarray) -> ndarray:
    return np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points[:, :2], axis=0), axis=1))])


def _evenly(points: ndarray) -> tuple[ndarray, float]:
    arc = _arc(points)
    count = max(int(np.ceil(arc[-1] / SPACING_M)), 2) + 1
    wanted = np.linspace(0.0, arc[-1], count)
    return np.stack([np.interp(wanted, arc, points[:, axis]) for axis in range(3)], axis=-1), float(arc[-1] / (count - 1))


def driven_points(scenario: Scenario) -> Float[ndarray, "n 3"]:
    """The ego's positions without those where it stands, and the end of its nose's direction: two points at least."""
    positions = scenario.world_from_ego.translation_m
    kept = [0]
    for i in range(1, len(positions)):
        if np.hypot(*(positions[i] - positions[kept[-1]])[:2]) >= _LEAST_HOP_M:
            kept.append(i)
    if len(kept) == 1:
        ahead = scenario.world_from_ego.matrix(0)[:3, 0]
        return np.stack([positions[0], positions[0] + ahead])
    return positions[kept]


def straight_on(points_m: Float[ndarray, "n 3"], before_m: float, beyond_m: float) -> Float[ndarray, "m 3"]:
    """The line with straight pieces before its start and beyond its end, level with them."""

    def away(start: ndarray, end: ndarray, length_m: float) -> ndarray:
        hop = end - start
        hop[2] = 0.0
        return end + hop * (length_m / max(np.linalg.norm(hop), 1e-9))

    parts = [points_m]
    if before_m > 0:
        parts.insert(0, away(points_m[1], points_m[0], before_m)[None])
    if beyond_m > 0:
        parts.append(away(points_m[-2], points_m[-1], beyond_m)[None])
    return np.concatenate(parts)


def follow(course: Course, positions_m: Float[ndarray, "f 3"], start_s_m: float) -> Float[ndarray, "f"]:
    """Arc lengths along the course of somebody who moved along it from about ``start_s_m`` on, near it all the time."""
    travelled = _arc(positions_m) + start_s_m
    out = np.empty(len(positions_m))
    slip = 0.0
    for i, guess in enumerate(travelled.tolist()):
        # The window follows what smoothing and jitter have added so far, so a course that crosses itself stays unambiguous.
        first = max(int((guess + slip - 6.0) / course.spacing_m), 0)
        window = course.points_m[first : max(int((guess + slip + 6.0) / course.spacing_m) + 2, first + 2), :2]
        if len(window) < 2:
            first, window = len(course.points_m) - 2, course.points_m[-2:, :2]
        hop = np.diff(window, axis=0)
        share = ((positions_m[i, :2] - window[:-1]) * hop).sum(axis=1) / np.maximum((hop**2).sum(axis=1), 1e-12)
        share = np.clip(share, 0.0, 1.0)
        apart = np.linalg.norm(window[:-1] + share[:, None] * hop - positions_m[i, :2], axis=1)
        nearest = int(np.argmin(apart))
        out[i] = (first + nearest + share[nearest]) * course.spacing_m
        slip = out[i] - guess
    return out


def lateral(course: Course, s_m: float, points_m: Float[ndarray, "n 3"]) -> Float[ndarray, "n 2"]:
    """Points as metres ahead and to the left of one place of the course."""
    origin, yaw = course.at(np.array([s_m]))
    c, s = np.cos(yaw[0]), np.sin(yaw[0])
    apart = points_m[:, :2] - origin[0, :2]
    return np.stack([apart @ np.array([c, s]), apart @ np.array([-s, c])], axis=-1)


def yaw_of(scenario: Scenario) -> Float[ndarray, "f"]:
    """The ego's heading at every frame, without jumps."""
    return np.unwrap(geometry.yaw_from_rotation(geometry.rotation_from_quaternion(scenario.world_from_ego.rotation_wxyz)))

"""Many plane curves in one table of evenly spaced points, so that the poses of all road users are looked up at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

SPACING_M = 0.5


@dataclass(frozen=True, eq=False)
class CurveTable:
    """``c`` curves with ``m`` points in all, float64, world frame. Curve i owns points first[i] .. first[i] + count[i] - 1,
    ``spacing_m[i]`` apart. ``yaw_rad`` has no jumps within a curve."""

    first: Int[ndarray, "c"]
    count: Int[ndarray, "c"]
    length_m: Float[ndarray, "c"]
    spacing_m: Float[ndarray, "c"]
    xy_m: Float[ndarray, "m 2"]
    yaw_rad: Float[ndarray, "m"]
    curvature_per_m: Float[ndarray, "m"]

    def points(self, curve: int) -> Float[ndarray, "p 2"]:
        """The points of one curve."""
        return self.xy_m[self.first[curve] : self.first[curve] + self.count[curve]]


def build_curves(polylines: Sequence[Float[ndarray, "_ 2"]]) -> CurveTable:
    """Resample polylines (metres; two points or more, none twice in a row) to about ``SPACING_M``."""
    sizes = np.array([len(p) for p in polylines])
    points = np.concatenate(polylines)
    ends = np.cumsum(sizes)
    starts = ends - sizes
    hop = np.hypot(*np.diff(points, axis=0, prepend=points[:1]).T)
    hop[starts] = 1.0  # a gap between curves keeps the common arc length increasing, so one interpolation serves all
    arc = np.cumsum(hop)
    length = arc[ends - 1] - arc[starts]
    count = np.maximum(np.ceil(length / SPACING_M).astype(np.int64), 2) + 1
    spacing = length / (count - 1)
    first = np.cumsum(count) - count
    owner = np.repeat(np.arange(len(sizes)), count)
    along = (np.arange(len(owner)) - first[owner]) * spacing[owner]
    wanted = arc[starts][owner] + np.minimum(along, length[owner])
    xy = np.stack([np.interp(wanted, arc, points[:, 0]), np.interp(wanted, arc, points[:, 1])], axis=-1)
    chord = np.diff(xy, axis=0)
    chord /= np.maximum(np.hypot(chord[:, 0], chord[:, 1]), 1e-9)[:, None]  # the hop between two curves may be none
    ahead = np.concatenate([chord, chord[-1:]])
    behind = np.concatenate([chord[:1], chord])
    last = first + count - 1
    ahead[last] = behind[last]
    behind[first] = ahead[first]
    direction = ahead + behind
    yaw = np.unwrap(np.arctan2(direction[:, 1], direction[:, 0]))
    bend = np.gradient(yaw)
    bend[first] = bend[np.minimum(first + 1, last)]
    bend[last] = bend[np.maximum(last - 1, first)]
    return CurveTable(first, count, length, spacing, xy, yaw, bend / spacing[owner])


def locate(
    table: CurveTable, curve: Int[ndarray, "n"], s_m: Float[ndarray, "n"]
) -> tuple[Int[ndarray, "n"], Float[ndarray, "n"]]:
    """Index of the point at or before arc length ``s_m``, and the share of the way to the next; past an end, the end."""
    position = np.clip(s_m / table.spacing_m[curve], 0.0, table.count[curve] - 1.0)
    whole = np.minimum(position.astype(np.int64), table.count[curve] - 2)
    return table.first[curve] + whole, position - whole


def look_up(
    table: CurveTable,
    curve: Int[ndarray, "n"],
    s_m: Float[ndarray, "n"],
    left_m: Float[ndarray, "n"] | float = 0.0,
) -> tuple[Float[ndarray, "n 2"], Float[ndarray, "n"]]:
    """Position (metres) and heading (radians) at arc length ``s_m``, ``left_m`` to the left of the curve."""
    index, share = locate(table, curve, s_m)
    xy = table.xy_m[index] + share[:, None] * (table.xy_m[index + 1] - table.xy_m[index])
    yaw = table.yaw_rad[index] + share * (table.yaw_rad[index + 1] - table.yaw_rad[index])
    normal = np.stack([-np.sin(yaw), np.cos(yaw)], axis=-1)
    return xy + np.broadcast_to(np.asarray(left_m), yaw.shape)[:, None] * normal, yaw


def along_offset(
    table: CurveTable, curve: Int[ndarray, "n"], s_m: Float[ndarray, "n"], left_m: Float[ndarray, "n"]
) -> Float[ndarray, "n"]:
    """Metres travelled ``left_m`` to the left of a curve per metre of its arc length: less than 1 on the inside of a bend."""
    index, share = locate(table, curve, s_m)
    bend = table.curvature_per_m[index] + share * (table.curvature_per_m[index + 1] - table.curvature_per_m[index])
    return 1.0 - bend * left_m


def project_onto(table: CurveTable, curve: int, xy_m: Float[ndarray, "2"]) -> tuple[float, float]:
    """Arc length of the nearest point of one curve and the signed distance to its left."""
    points = table.points(curve)
    nearest = int(np.argmin(np.sum((points - xy_m) ** 2, axis=1)))
    begin = int(np.clip(nearest, 0, len(points) - 2))
    if nearest > 0 and (xy_m - points[nearest]) @ (points[begin + 1] - points[begin]) < 0:
        begin = nearest - 1
    chord = points[begin + 1] - points[begin]
    share = float(np.clip((xy_m - points[begin]) @ chord / (chord @ chord), 0.0, 1.0))
    s_m = (begin + share) * float(table.spacing_m[curve])
    at, yaw = look_up(table, np.array([curve]), np.array([s_m]))
    offset = xy_m - at[0]
    return s_m, float(-np.sin(yaw[0]) * offset[0] + np.cos(yaw[0]) * offset[1])

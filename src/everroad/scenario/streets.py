"""Streets of an authored town: smooth curves through the nodes of a jittered grid, each with one cross-section all along.

A street keeps its lanes through every intersection, so going straight on never needs a merge. Station is arc length along the
street's axis, offset is metres to the left of it; traffic keeps right, so lanes driven along the axis have negative offsets.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from scipy.interpolate import CubicSpline

from everroad.scenario.draws import generator

COLUMNS, ROWS = 5, 5
STUB_M = 145.0  # how far streets lead out of town beyond the outermost nodes; longer than anyone is kept in view
BLOCK_M = (98.0, 175.0)
JITTER_M = 7.0
LEAST_RADIUS_M = 48.0
_AXIS_SPACING_M = 0.125  # so fine that linear interpolation leaves no ripple in the yaw rate of those who drive along

Kerbside = Literal["parking", "bicycle", "shoulder"]
KERBSIDE_WIDTH_M: dict[Kerbside, float] = {"parking": 2.4, "bicycle": 1.7, "shoulder": 0.5}


@dataclass(frozen=True)
class Profile:
    """The cross-section of a street, the same on both sides of its axis."""

    lanes: int  # in each direction
    lane_width_m: float
    centre_gap_m: float
    kerbside: Kerbside
    sidewalk_m: float
    corner_radius_m: float
    speed_limit_mps: float
    parked_share: float

    def lane_offset_m(self, lane: int) -> float:
        """Distance of a lane's centre from the axis; lane 0 is the innermost."""
        return self.centre_gap_m / 2 + (lane + 0.5) * self.lane_width_m

    @property
    def edge_m(self) -> float:
        """Distance of the outer lane's outer edge from the axis."""
        return self.centre_gap_m / 2 + self.lanes * self.lane_width_m

    @property
    def kerb_m(self) -> float:
        """Distance of the kerb from the axis: half the drivable width."""
        return self.edge_m + KERBSIDE_WIDTH_M[self.kerbside]

    @property
    def kerbside_offset_m(self) -> float:
        """Distance of the middle of the parking or bicycle lane from the axis."""
        return (self.edge_m + self.kerb_m) / 2


@dataclass(frozen=True, eq=False)
class Street:
    """One street: its profile and its axis at even stations; ``node_station_m`` are its crossings, in order."""

    profile: Profile
    xy_m: Float[ndarray, "p 2"]
    yaw_rad: Float[ndarray, "p"]
    length_m: float
    node_station_m: Float[ndarray, "n"]

    @cached_property
    def _steps(self) -> tuple[Float[ndarray, "q 2"], Float[ndarray, "q"]]:
        """From each station to the next: metres and turn."""
        return np.diff(self.xy_m, axis=0), np.diff(self.yaw_rad)

    def at(self, station_m: Float[ndarray, "q"], offset_m: Float[ndarray, "q"] | float) -> Float[ndarray, "q 2"]:
        """World points at stations and offsets."""
        # Called thousands of times a town with a few points each: ufuncs themselves, and columns filled in place.
        position = np.minimum(np.maximum(station_m / self.length_m, 0), 1) * (len(self.xy_m) - 1)
        index = np.minimum(position.astype(np.int64), len(self.xy_m) - 2)
        share = position - index
        to_next_m, turn_rad = self._steps
        yaw = share * turn_rad[index]
        yaw += self.yaw_rad[index]
        xy = share[:, None] * to_next_m[index]
        xy += self.xy_m[index]
        xy[:, 0] += -np.sin(yaw) * offset_m
        xy[:, 1] += np.cos(yaw) * offset_m
        return xy

    def yaw_at(self, station_m: Float[ndarray, "q"]) -> Float[ndarray, "q"]:
        """Headings of the axis at stations."""
        return np.interp(station_m / self.length_m * (len(self.yaw_rad) - 1), np.arange(len(self.yaw_rad)), self.yaw_rad)

    def line(self, start_m: float, end_m: float, offset_m: float, spacing_m: float = 2.0) -> Float[ndarray, "q 2"]:
        """The curve at a constant offset from one station to another (backwards when end < start), points ``spacing_m`` or less
        apart."""
        count = max(int(np.ceil(abs(end_m - start_m) / spacing_m)), 1) + 1
        # np.linspace, of which this is the core, takes longer for its generality than for a few points.
        station_m = np.arange(count) * ((end_m - start_m) / (count - 1)) + start_m
        station_m[-1] = end_m
        return self.at(station_m, offset_m)


def _profile(draw: np.random.Generator) -> Profile:
    lanes = int(draw.choice([1, 2, 3], p=[0.45, 0.37, 0.18]))
    kerbside: Kerbside = ("parking", "bicycle", "shoulder")[int(draw.choice(3, p=[0.66, 0.22, 0.12]))]
    limits = {1: (8.3, 11.1, 13.9), 2: (13.9, 13.9, 16.7), 3: (16.7, 16.7, 20.0)}[lanes]
    return Profile(
        lanes=lanes,
        lane_width_m=float(draw.uniform(3.25, 3.7)),
        centre_gap_m=float(draw.choice([0.0, 0.3, 0.6])),
        kerbside=kerbside,
        sidewalk_m=float(draw.uniform(2.4, 4.2)),
        corner_radius_m=float(draw.uniform(5.0, 7.5)),
        speed_limit_mps=float(draw.choice(limits)),
        parked_share=float(draw.uniform(0.5, 0.95)),
    )


def _axis(
    points: Float[ndarray, "k 2"],
) -> tuple[Float[ndarray, "p 2"], Float[ndarray, "p"], float, Float[ndarray, "k"], float]:
    """Spline through the points: evenly spaced samples, headings, length, stations of the points, greatest curvature."""
    chord = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
    spline = CubicSpline(chord, points)
    fine = np.linspace(0, chord[-1], int(chord[-1] / _AXIS_SPACING_M))
    xy = spline(fine)
    arc = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(xy, axis=0).T))])
    parameter = np.interp(np.linspace(0, arc[-1], len(fine)), arc, fine)
    speed, bend = spline(parameter, 1), spline(parameter, 2)
    curvature = (speed[:, 0] * bend[:, 1] - speed[:, 1] * bend[:, 0]) / np.hypot(speed[:, 0], speed[:, 1]) ** 3
    yaw = np.unwrap(np.arctan2(speed[:, 1], speed[:, 0]))
    return spline(parameter), yaw, float(arc[-1]), np.interp(chord, fine, arc), float(np.abs(curvature).max())


def _street(draw: np.random.Generator, nodes: Float[ndarray, "n 2"], ends: Float[ndarray, "2 2"]) -> Street:
    profile = _profile(draw)
    bulge = (
        float(draw.choice([0.0, 0.05, 0.10, 0.14]))
        * draw.choice([-1, 1], size=len(nodes) - 1)
        * draw.uniform(0.5, 1, len(nodes) - 1)
    )
    while True:  # straighten until the street is gentle enough for buses and for its own lanes at the inside of the bend
        points, is_node = [ends[0]], [False]
        for i, node in enumerate(nodes):
            if i > 0 and abs(bulge[i - 1]) > 0.01:
                hop = node - nodes[i - 1]
                points.append((node + nodes[i - 1]) / 2 + bulge[i - 1] * np.array([-hop[1], hop[0]]))
                is_node.append(False)
            points.append(node)
            is_node.append(True)
        points.append(ends[1])
        is_node.append(False)
        xy, yaw, length, stations, sharpest = _axis(np.array(points))
        if sharpest < 1 / LEAST_RADIUS_M or not np.abs(bulge).any():
            return Street(profile, xy, yaw, length, stations[np.array(is_node)])
        bulge = np.where(np.abs(bulge) * 0.75 > 0.01, bulge * 0.75, 0.0)


@dataclass(frozen=True, eq=False)
class Grid:
    """All streets, columns (running +y) first, then rows (running +x). Crossing (i, j) is ``columns[i]`` with ``rows[j]``.

    ``open_columns[i, k]``: is the stretch of column i before its crossing k there (k = ROWS: the stretch after the last)?
    """

    columns: tuple[Street, ...]
    rows: tuple[Street, ...]
    open_columns: ndarray
    open_rows: ndarray


def _close_some(draw: np.random.Generator) -> tuple[ndarray, ndarray]:
    """Leave out some stretches so that T-junctions arise; every crossing keeps at least three legs."""
    open_columns, open_rows = np.ones((COLUMNS, ROWS + 1), bool), np.ones((ROWS, COLUMNS + 1), bool)
    missing = np.zeros((COLUMNS, ROWS), int)
    stretches = [(0, i, k) for i in range(COLUMNS) for k in range(ROWS + 1)] + [
        (1, j, k) for j in range(ROWS) for k in range(COLUMNS + 1)
    ]
    for axis, street, k in stretches:
        last = ROWS if axis == 0 else COLUMNS
        chance = 0.3 if k in (0, last) else 0.09
        ends = [(street, n) if axis == 0 else (n, street) for n in (k - 1, k) if 0 <= n < last]
        # A corner keeps its two roads into town, or whoever comes by one of them could only leave.
        corner = k not in (0, last) and any(e[0] in (0, COLUMNS - 1) and e[1] in (0, ROWS - 1) for e in ends)
        if draw.random() < chance and not corner and all(missing[e] == 0 for e in ends):
            (open_columns if axis == 0 else open_rows)[street, k] = False
            for e in ends:
                missing[e] += 1
    return open_columns, open_rows


def lay_streets(seed: int) -> Grid:
    """The street grid of a town, a function of its seed."""
    draw = generator(seed, "streets")
    xs = np.concatenate([[0.0], np.cumsum(draw.uniform(*BLOCK_M, COLUMNS - 1))])
    ys = np.concatenate([[0.0], np.cumsum(draw.uniform(*BLOCK_M, ROWS - 1))])
    nodes = np.stack(np.meshgrid(xs, ys, indexing="ij"), axis=-1) + draw.uniform(-JITTER_M, JITTER_M, (COLUMNS, ROWS, 2))
    columns, rows = [], []
    for i in range(COLUMNS):
        ends = np.stack([nodes[i, 0] - [0, STUB_M], nodes[i, -1] + [0, STUB_M]])
        columns.append(_street(generator(seed, "column", i), nodes[i], ends))
    for j in range(ROWS):
        ends = np.stack([nodes[0, j] - [STUB_M, 0], nodes[-1, j] + [STUB_M, 0]])
        rows.append(_street(generator(seed, "row", j), nodes[:, j], ends))
    return Grid(tuple(columns), tuple(rows), *_close_some(draw))

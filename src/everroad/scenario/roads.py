"""Where streets meet: the legs of every intersection and the roads between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, no_type_check

import numpy as np
import shapely
from jaxtyping import Float
from numpy import ndarray

from everroad.scenario.draws import uniform
from everroad.scenario.streets import COLUMNS, ROWS, Grid, Street

EAST, NORTH, WEST, SOUTH = range(4)  # legs of a crossing, counter-clockwise by the direction in which they leave it
CROSSING_DEPTH_M = 3.2
_CROSSING_AFTER_CORNER_M = 0.6
_STOP_AFTER_CROSSING_M = 1.2
_AFTER_BACKS_MEET_M = 1.5
_ALONG_M = np.arange(-25.0, 61.0)  # distances from a node between which the kerbs of its legs cross


@dataclass(frozen=True, eq=False)
class Leg:
    """One arm of an intersection. Distances are along the street from the crossing of the axes; ``outward`` is the sign of the
    station when leaving the intersection. An arm that is not ``open`` does not exist as a road; a kerb takes its place."""

    node: int
    side: int
    street: Street
    outward: int
    node_station_m: float
    open: bool
    corner_m: float  # where the rounded corner ends
    cut_m: float  # where the stop line lies and the road proper begins
    crosswalk: bool

    @no_type_check
    def station(self, distance_m: float) -> float:
        """Station along the street at a distance from the node."""
        return self.node_station_m + self.outward * distance_m

    @property
    def crossing_m(self) -> tuple[float, float]:
        """Near and far edge of the pedestrian crossing, as distances from the node."""
        near = self.corner_m + _CROSSING_AFTER_CORNER_M
        return near, near + CROSSING_DEPTH_M


@dataclass(frozen=True, eq=False)
class Road:
    """The stretch of a street between two intersections, or from one out of town. Leaving along the axis it goes from leg
    ``start`` to leg ``end``; ``None`` is the open end of a stub."""

    street: Street
    start_m: float
    end_m: float
    start: Leg | None
    end: Leg | None

    @property
    def is_stub(self) -> bool:
        return self.start is None or self.end is None


@dataclass(frozen=True, eq=False)
class Roads:
    """Legs by node (node = column * ROWS + row; four each, in the order east, north, west, south), roads, signalised nodes."""

    legs: tuple[tuple[Leg, ...], ...]
    roads: tuple[Road, ...]
    signalised: tuple[bool, ...]


class _Arm(NamedTuple):
    street: Street
    outward: int
    node_station_m: float

    def back(self, left: bool) -> Float[ndarray, "p 2"]:
        """The back of the pavement on one side as seen leaving the node, at the distances ``_ALONG_M``."""
        profile = self.street.profile
        offset = self.outward * (profile.kerb_m + profile.sidewalk_m) * (1 if left else -1)
        return self.street.at(self.node_station_m + self.outward * _ALONG_M, offset)


def _backs_meet_m(first: _Arm, second: _Arm) -> list[float]:
    """How far from the node the backs of the pavements of two neighbouring arms (counter-clockwise) meet, along each."""
    lines = first.back(left=True), second.back(left=False)
    crossing = shapely.get_coordinates(shapely.LineString(lines[0]).intersection(shapely.LineString(lines[1])))
    assert len(crossing)
    out = []
    for line in lines:
        arc = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))])
        along = shapely.LineString(line).project(shapely.Point(crossing[0]))
        out.append(float(np.interp(along, arc, _ALONG_M)))
    return out


def _legs_of(grid: Grid, seed: int, i: int, j: int) -> tuple[Leg, ...]:
    column, row = grid.columns[i], grid.rows[j]
    node = i * ROWS + j
    row_station, column_station = float(row.node_station_m[i]), float(column.node_station_m[j])
    angle = float(column.yaw_at(np.array([column_station]))[0] - row.yaw_at(np.array([row_station]))[0])
    sin, cos = abs(np.sin(angle)), abs(np.cos(angle))
    radius = max(column.profile.corner_radius_m, row.profile.corner_radius_m)
    arms = [
        _Arm(row, 1, row_station),
        _Arm(column, 1, column_station),
        _Arm(row, -1, row_station),
        _Arm(column, -1, column_station),
    ]
    is_open = (grid.open_rows[j, i + 1], grid.open_columns[i, j + 1], grid.open_rows[j, i], grid.open_columns[i, j])
    backs_meet = np.zeros(4)
    for side in range(4):
        a, b = _backs_meet_m(arms[side], arms[(side + 1) % 4])
        backs_meet[side] = max(backs_meet[side], a)
        backs_meet[(side + 1) % 4] = max(backs_meet[(side + 1) % 4], b)
    legs = []
    for side, arm in enumerate(arms):
        other = (column if arm.street is row else row).profile
        pavements = (other.sidewalk_m + arm.street.profile.sidewalk_m * cos) / sin
        corner = float(backs_meet[side]) + max(_AFTER_BACKS_MEET_M, radius - pavements)
        legs.append(
            Leg(
                node=node,
                side=side,
                street=arm.street,
                outward=arm.outward,
                node_station_m=arm.node_station_m,
                open=bool(is_open[side]),
                corner_m=corner,
                cut_m=corner + _CROSSING_AFTER_CORNER_M + CROSSING_DEPTH_M + _STOP_AFTER_CROSSING_M,
                crosswalk=bool(is_open[side]) and uniform(seed, "crosswalk", node, side) < 0.85,
            )
        )
    return tuple(legs)


def _roads_of(street: Street, is_open: np.ndarray, legs: list[tuple[Leg, Leg]]) -> list[Road]:
    """``legs``: for each node along the street the leg that leaves backwards and the one that leaves forwards."""
    out = []
    for k in np.flatnonzero(is_open).tolist():
        start = legs[k - 1][1] if k > 0 else None
        end = legs[k][0] if k < len(legs) else None
        start_m = start.station(start.cut_m) if start else 0.0
        end_m = end.station(end.cut_m) if end else street.length_m
        out.append(Road(street, start_m, end_m, start, end))
    return out


def cut_roads(grid: Grid, seed: int) -> Roads:
    """Intersections and the roads between them, a function of the grid and the seed."""
    legs = tuple(_legs_of(grid, seed, i, j) for i in range(COLUMNS) for j in range(ROWS))
    roads: list[Road] = []
    for i, column in enumerate(grid.columns):
        roads += _roads_of(
            column, grid.open_columns[i], [(legs[i * ROWS + j][SOUTH], legs[i * ROWS + j][NORTH]) for j in range(ROWS)]
        )
    for j, row in enumerate(grid.rows):
        roads += _roads_of(
            row, grid.open_rows[j], [(legs[i * ROWS + j][WEST], legs[i * ROWS + j][EAST]) for i in range(COLUMNS)]
        )
    signalised = tuple(uniform(seed, "signals", node) < 0.22 for node in range(len(legs)))
    return Roads(legs, tuple(roads), signalised)

"""The vector map of an Argoverse 2 log, brought to our layers.

What becomes what (everything comes out in the world frame, which is the log's city frame shifted):

- A lane boundary becomes one divider, once, however many lanes share it; a painted mark wins where the lanes disagree. It is a
  *road divider* when it lies on the same side of two lanes, which then run in opposite directions, or is yellow (in the United
  States, where all these logs come from, yellow parts directions of travel), else a *lane divider*. Boundaries without a mark
  count only between two lanes outside intersections; the rest are kerbs and virtual lines, which nobody sees as lines.
- A lane's centreline is the midline of its two boundaries. Bicycle lanes give dividers, and are no lanes for cars. Successors
  that the log's map does not hold are left out; a neighbour counts when it runs in the same direction.
- Points have a z. One that the file leaves out is that of the nearest cell where the ground raster knows it.
- A crossing's two edges become one polygon. Drivable areas come as they are. Walkways and stop lines are not in these maps.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from pydantic import BaseModel, ConfigDict

from everroad.scenario.argoverse2_ground import nearest_height
from everroad.scenario.checks import check_positions
from everroad.scenario.files import parse_json, read_bytes
from everroad.scenario.types import Area, Divider, GroundHeight, Lane, MarkColour, MarkType, VectorMap

CENTERLINE_SPACING_M = 2.0
CAR_LANE_TYPES = ("VEHICLE", "BUS")

_MARKS: dict[str, MarkType] = {
    "SOLID": "solid",
    "DASHED": "dashed",
    "DOUBLE_SOLID": "double_solid",
    "DOUBLE_DASH": "double_dashed",
    "SOLID_DASH": "solid_dashed",
    "DASH_SOLID": "dashed_solid",
}
_COLOURS: dict[str, MarkColour] = {"WHITE": "white", "YELLOW": "yellow", "BLUE": "blue"}


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, allow_inf_nan=False)


class _Point(_Part):
    x: float
    y: float
    z: float | None = None


class _LaneSegment(_Part):
    id: int
    is_intersection: bool
    lane_type: str
    left_lane_boundary: list[_Point]
    right_lane_boundary: list[_Point]
    left_lane_mark_type: str
    right_lane_mark_type: str
    successors: list[int] = []
    left_neighbor_id: int | None = None
    right_neighbor_id: int | None = None


class _Crossing(_Part):
    edge1: list[_Point]
    edge2: list[_Point]


class _DrivableArea(_Part):
    area_boundary: list[_Point]


class _MapArchive(_Part):
    lane_segments: dict[str, _LaneSegment]
    drivable_areas: dict[str, _DrivableArea]
    pedestrian_crossings: dict[str, _Crossing]


def read_map(path: Path, world_from_city_m: Float[ndarray, "3"], ground: GroundHeight) -> VectorMap:
    """The layers of one ``log_map_archive_*.json`` in the world frame. ``ground`` is the city's, for points without a z. Raises
    ``ValueError`` with the file and the field."""
    archive = parse_json(_MapArchive, read_bytes(path), path)
    try:
        _check_lines(archive)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None

    def points(values: list[_Point]) -> Float[ndarray, "p 3"]:
        city_m = np.array([(p.x, p.y, np.nan if p.z is None else p.z) for p in values], dtype=np.float64).reshape(-1, 3)
        flat = np.isnan(city_m[:, 2])
        if flat.any():
            city_m[flat, 2] = nearest_height(ground, city_m[flat, :2])
        return city_m + world_from_city_m

    segments = {s.id: s for s in archive.lane_segments.values() if s.lane_type in CAR_LANE_TYPES}
    try:
        lane_dividers, road_dividers = _dividers(archive, points)
        return VectorMap(
            drivable_areas=tuple(Area(points(a.area_boundary)) for a in archive.drivable_areas.values()),
            lane_dividers=lane_dividers,
            road_dividers=road_dividers,
            ped_crossings=tuple(
                Area(_crossing(points(c.edge1), points(c.edge2))) for c in archive.pedestrian_crossings.values()
            ),
            lanes=tuple(_lane(s, segments, points) for s in segments.values()),
        )
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _check_lines(archive: _MapArchive) -> None:
    """Raises ``ValueError`` for lines without the points that the work on them needs, and for points out of this world."""
    lines = [
        (f"lane segment {lane.id} {side} boundary", line, 2)
        for lane in archive.lane_segments.values()
        for side, line in (("left", lane.left_lane_boundary), ("right", lane.right_lane_boundary))
    ]
    for name, crossing in archive.pedestrian_crossings.items():
        lines += [(f"pedestrian crossing {name} {edge}", getattr(crossing, edge), 1) for edge in ("edge1", "edge2")]
    for name, line, least in lines:
        if len(line) < least:
            raise ValueError(f"{name}: expected at least {least} points, got {len(line)}; complete or drop it")
        check_positions(name, np.array([(p.x, p.y, p.z or 0.0) for p in line]))


_Points = Callable[[list[_Point]], Float[ndarray, "p 3"]]


@dataclass(frozen=True)
class _Use:
    """One lane's use of a boundary."""

    lane: _LaneSegment
    is_left: bool
    points: list[_Point]
    mark: str


def _dividers(archive: _MapArchive, points: _Points) -> tuple[tuple[Divider, ...], tuple[Divider, ...]]:
    """Lane dividers and road dividers."""
    uses_of_line: dict[tuple[tuple[float, float], ...], list[_Use]] = defaultdict(list)
    for lane in archive.lane_segments.values():
        for use in (
            _Use(lane, True, lane.left_lane_boundary, lane.left_lane_mark_type),
            _Use(lane, False, lane.right_lane_boundary, lane.right_lane_mark_type),
        ):
            uses_of_line[_line_key(use.points)].append(use)
    lane_dividers, road_dividers = [], []
    for uses in uses_of_line.values():
        first = next((use for use in uses if use.mark != "NONE"), uses[0])
        between_lanes = len(uses) > 1 and not any(use.lane.is_intersection for use in uses)
        if first.mark == "NONE" and not between_lanes:
            continue
        mark, colour = _mark(first.mark)
        opposite = len(uses) > 1 and len({use.is_left for use in uses}) == 1
        layer = road_dividers if opposite or colour == "yellow" else lane_dividers
        layer.append(Divider(points(first.points), mark, colour))
    return tuple(lane_dividers), tuple(road_dividers)


def _line_key(line: list[_Point]) -> tuple[tuple[float, float], ...]:
    """The same for a line and for its reverse."""
    forward = tuple((p.x, p.y) for p in line)
    return min(forward, forward[::-1])


def _mark(name: str) -> tuple[MarkType, MarkColour]:
    """``SOLID_DASH_WHITE`` and the like; what we do not know is unknown."""
    if name == "NONE":
        return "none", "unknown"
    kind, _, colour = name.rpartition("_")
    return _MARKS.get(kind, "unknown"), _COLOURS.get(colour, "unknown")


def _lane(segment: _LaneSegment, segments: dict[int, _LaneSegment], points: _Points) -> Lane:
    left_m, right_m = points(segment.left_lane_boundary), points(segment.right_lane_boundary)
    count = max(2, int(np.ceil(max(_length(left_m), _length(right_m)) / CENTERLINE_SPACING_M)) + 1)
    left_m, right_m = _evenly(left_m, count), _evenly(right_m, count)

    def neighbour(other_id: int | None) -> str | None:
        other = segments.get(other_id) if other_id is not None else None
        return str(other.id) if other is not None and _direction(other) @ _direction(segment) > 0 else None

    return Lane(
        lane_id=str(segment.id),
        centerline_m=(left_m + right_m) / 2,
        width_m=float(np.median(np.linalg.norm((left_m - right_m)[:, :2], axis=1))),
        successors=tuple(str(i) for i in segment.successors if i in segments),
        left_neighbour=neighbour(segment.left_neighbor_id),
        right_neighbour=neighbour(segment.right_neighbor_id),
        is_intersection=segment.is_intersection,
    )


def _direction(segment: _LaneSegment) -> Float[ndarray, "2"]:
    first, last = segment.left_lane_boundary[0], segment.left_lane_boundary[-1]
    return np.array([last.x - first.x, last.y - first.y])


def _along(line_m: Float[ndarray, "p 3"]) -> Float[ndarray, "p"]:
    """Distance of every point from the first, along the line."""
    return np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line_m, axis=0), axis=1))])


def _length(line_m: Float[ndarray, "p 3"]) -> float:
    return float(_along(line_m)[-1])


def _evenly(line_m: Float[ndarray, "p 3"], count: int) -> Float[ndarray, "{count} 3"]:
    """``count`` points at equal distances along the line, its ends among them."""
    along = _along(line_m)
    wanted = np.linspace(0.0, along[-1], count)
    return np.stack([np.interp(wanted, along, line_m[:, axis]) for axis in range(3)], axis=-1)


def _crossing(edge1_m: Float[ndarray, "p 3"], edge2_m: Float[ndarray, "q 3"]) -> Float[ndarray, "n 3"]:
    """One ring of two edges, whichever way the second runs."""
    straight = np.linalg.norm(edge1_m[0] - edge2_m[0]) + np.linalg.norm(edge1_m[-1] - edge2_m[-1])
    crossed = np.linalg.norm(edge1_m[0] - edge2_m[-1]) + np.linalg.norm(edge1_m[-1] - edge2_m[0])
    return np.concatenate([edge1_m, edge2_m[::-1] if straight <= crossed else edge2_m])

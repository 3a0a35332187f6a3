"""The parts of a scenario file that say where the road is: vector map and ground height."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from everroad.scenario.schema import AreaFile, DividerFile, GroundFile, LaneFile, MapFile
from everroad.scenario.types import Area, Divider, GroundHeight, Lane, VectorMap


def points_from_file(values: Sequence[Sequence[float]], width: int = 3) -> Float[ndarray, "n {width}"]:
    """Rows of numbers as one float64 array, also when there are none."""
    return np.array(values, dtype=np.float64).reshape(-1, width)


def map_to_json(vector_map: VectorMap) -> dict[str, Any]:
    """The file's map: ``null`` for a layer nobody recorded."""

    def divider(item: Divider) -> dict[str, Any]:
        return {"points_m": item.points_m.tolist(), "mark": item.mark, "colour": item.colour}

    def area(item: Area) -> dict[str, Any]:
        return {"exterior_m": item.exterior_m.tolist(), "holes_m": [hole.tolist() for hole in item.holes_m]}

    def lane(item: Lane) -> dict[str, Any]:
        return {
            "lane_id": item.lane_id,
            "centerline_m": item.centerline_m.tolist(),
            "width_m": item.width_m,
            "successors": list(item.successors),
            "left_neighbour": item.left_neighbour,
            "right_neighbour": item.right_neighbour,
            "speed_limit_mps": item.speed_limit_mps,
            "is_intersection": item.is_intersection,
        }

    def layer(items: tuple[Any, ...] | None, to_json: Any) -> list[dict[str, Any]] | None:
        return None if items is None else [to_json(item) for item in items]

    return {
        "drivable_areas": layer(vector_map.drivable_areas, area),
        "lane_dividers": layer(vector_map.lane_dividers, divider),
        "road_dividers": layer(vector_map.road_dividers, divider),
        "ped_crossings": layer(vector_map.ped_crossings, area),
        "stop_lines": layer(vector_map.stop_lines, divider),
        "walkways": layer(vector_map.walkways, area),
        "lanes": layer(vector_map.lanes, lane),
    }


def map_from_file(stored: MapFile) -> VectorMap:
    """The inverse of ``map_to_json``."""

    def dividers(items: list[DividerFile] | None) -> tuple[Divider, ...] | None:
        return None if items is None else tuple(Divider(points_from_file(i.points_m), i.mark, i.colour) for i in items)

    def areas(items: list[AreaFile] | None) -> tuple[Area, ...] | None:
        return (
            None
            if items is None
            else tuple(Area(points_from_file(i.exterior_m), tuple(points_from_file(h) for h in i.holes_m)) for i in items)
        )

    def lane(item: LaneFile) -> Lane:
        return Lane(
            lane_id=item.lane_id,
            centerline_m=points_from_file(item.centerline_m),
            width_m=item.width_m,
            successors=tuple(item.successors),
            left_neighbour=item.left_neighbour,
            right_neighbour=item.right_neighbour,
            speed_limit_mps=item.speed_limit_mps,
            is_intersection=item.is_intersection,
        )

    return VectorMap(
        drivable_areas=areas(stored.drivable_areas),
        lane_dividers=dividers(stored.lane_dividers),
        road_dividers=dividers(stored.road_dividers),
        ped_crossings=areas(stored.ped_crossings),
        stop_lines=dividers(stored.stop_lines),
        walkways=areas(stored.walkways),
        lanes=None if stored.lanes is None else tuple(lane(item) for item in stored.lanes),
    )


def ground_to_json(ground: GroundHeight) -> dict[str, Any]:
    """The file's ground: unknown heights become ``null``, since JSON has no NaN."""
    rows = [[None if isnan(height) else height for height in row] for row in ground.height_m.tolist()]
    return {"origin_xy_m": ground.origin_xy_m.tolist(), "resolution_m": float(ground.resolution_m), "height_m": rows}


def ground_from_file(stored: GroundFile) -> GroundHeight:
    """The inverse of ``ground_to_json``. Raises ``ValueError`` for rows of different lengths."""
    widths = {len(row) for row in stored.height_m}
    if len(widths) > 1:
        raise ValueError(f"ground.height_m: expected rows of one length, got lengths {min(widths)} to {max(widths)}; mend it")
    # numpy reads None as NaN.
    height_m = np.array(stored.height_m, dtype=np.float64).reshape(len(stored.height_m), max(widths, default=0))
    return GroundHeight(np.array(stored.origin_xy_m, dtype=np.float64), stored.resolution_m, height_m)

"""The map expansion of a location, cut around the ego path and brought to our layers.

- ``drivable_area``, ``ped_crossing`` and ``walkway`` come as areas, ``lane_divider`` and ``road_divider`` as lines, all cut by
  the patch. A polygon that crosses itself becomes the parts that it encloses; one of fewer than three nodes, and a line of
  fewer than two, is left out (there are such lines in nuScenes' own maps).
- The paint of a divider is that of its own ``lane_divider_segments``, else that of the ``left_lane_divider_segments`` and
  ``right_…`` of the lanes beside it, which name the same nodes; unknown where neither says. A line whose paint changes becomes
  several.
- A ``stop_line`` is a polygon there, the place in which one has to stop. Its line is the long midline of the smallest rectangle
  around it, cut by the patch.
- ``lane`` and ``lane_connector`` (the ways through an intersection) become lanes, whole, where their centreline
  (``arcline_path_3``) touches the patch; one without a centreline is left out. The width is area over length.
- Heights are not in these maps: z is 0. A layer that the file does not have is absent.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from shapely import Polygon
from shapely import box as rectangle

from everroad.scenario.nuscenes.arclines import discretise_lane, path_length_m
from everroad.scenario.nuscenes.map_cuts import cut_line, cut_polygons, midline
from everroad.scenario.nuscenes.map_paint import Paint, paint_of, paint_of_lanes, runs
from everroad.scenario.nuscenes.map_records import MapRecords
from everroad.scenario.types import Area, Divider, Lane, VectorMap

# What is kept around the ego path: some more than the 80 m that cameras are told of the map.
MARGIN_M = 100.0
CENTERLINE_SPACING_M = 1.0
# A width outside of this is a lane polygon that is none (ours).
LEAST_WIDTH_M, MOST_WIDTH_M = 1.0, 10.0


def expansion_path(root: Path, location: str) -> Path:
    """Where the map expansion of a location lies, if there is one."""
    return root / "maps" / "expansion" / f"{location}.json"


def patch_around(path_m: Float[ndarray, "f 3"]) -> Polygon:
    """The rectangle along the axes that holds everything within ``MARGIN_M`` of a path in x and in y."""
    low, high = path_m[:, :2].min(axis=0) - MARGIN_M, path_m[:, :2].max(axis=0) + MARGIN_M
    return rectangle(*low, *high)


def read_map(path: Path, patch: Polygon, world_from_global_m: Float[ndarray, "3"]) -> VectorMap:
    """The layers of one expansion file inside ``patch`` (global frame), in the world frame.

    Raises ``ValueError`` with the file, the layer and the record for what cannot be read.
    """
    records = MapRecords(path)

    def points(xy_m: Float[ndarray, "p 2"]) -> Float[ndarray, "p 3"]:
        return np.column_stack([xy_m, np.zeros(len(xy_m))]) + world_from_global_m * [1, 1, 0]

    def areas(layer: str) -> tuple[Area, ...] | None:
        found = _polygons(records, layer)
        return None if found is None else tuple(_area(polygon, points) for polygon in cut_polygons(found, patch))

    stops = _polygons(records, "stop_line")
    stop_lines = None
    if stops is not None:
        stop_lines = tuple(Divider(points(piece)) for stop in stops for piece in cut_line(midline(stop), patch))
    try:
        return VectorMap(
            drivable_areas=areas("drivable_area"),
            lane_dividers=_dividers(records, "lane_divider", patch, points),
            road_dividers=_dividers(records, "road_divider", patch, points),
            ped_crossings=areas("ped_crossing"),
            stop_lines=stop_lines,
            walkways=areas("walkway"),
            lanes=_lanes(records, patch, points),
        )
    except ValueError as error:
        if str(error).startswith(str(path)):
            raise
        raise ValueError(f"{path}: {error}") from None


def _polygons(records: MapRecords, layer: str) -> list[Polygon] | None:
    """The polygons of a layer; a drivable area has several."""
    found = records.layer(layer)
    if found is None:
        return None
    polygons: list[Polygon] = []
    for record in found:
        tokens = record.get("polygon_tokens") if layer == "drivable_area" else [records.text(layer, record, "polygon_token")]
        if not isinstance(tokens, list):
            raise records.refused(f"{layer} '{record.get('token')}', field 'polygon_tokens'", "a list of tokens", tokens)
        for token in tokens:
            polygons += records.polygons(layer, record, token)
    return polygons


def _area(polygon: Polygon, points: Any) -> Area:
    exterior, *holes = (points(np.asarray(ring.coords)[:-1]) for ring in (polygon.exterior, *polygon.interiors))
    return Area(exterior, tuple(holes))


def _dividers(records: MapRecords, layer: str, patch: Polygon, points: Any) -> tuple[Divider, ...] | None:
    found = records.layer(layer)
    if found is None:
        return None
    of_lanes = paint_of_lanes(records)
    dividers: list[Divider] = []
    for record in found:
        nodes, line_m = records.line(layer, record)
        if not cut_line(line_m, patch):
            continue
        own = paint_of(records, layer, record, "lane_divider_segments")
        painted: list[Paint] = [own.get(pair) or of_lanes.get(pair) or ("unknown", "unknown") for pair in _pairs(nodes)]
        for begin, stop, (mark, colour) in runs(painted):
            pieces = cut_line(line_m[begin : stop + 1], patch)
            dividers += [Divider(points(piece), mark, colour) for piece in pieces]
    return tuple(dividers)


def _pairs(nodes: list[str]) -> list[frozenset[str]]:
    return [frozenset(pair) for pair in pairwise(nodes)]


def _lanes(records: MapRecords, patch: Polygon, points: Any) -> tuple[Lane, ...] | None:
    if records.layer("lane") is None:
        return None
    paths_of_lane, connectivity = records.table("arcline_path_3"), records.table("connectivity")
    kept: dict[str, tuple[dict[str, Any], bool, Float[ndarray, "p 2"]]] = {}
    for layer in ("lane", "lane_connector"):
        for record in records.layer(layer) or []:
            token = records.text(layer, record, "token")
            paths = paths_of_lane.get(token) or []
            try:
                if not _may_touch(paths, patch):
                    continue
                line_m = discretise_lane(paths, CENTERLINE_SPACING_M)
            except (KeyError, TypeError, ValueError, IndexError) as error:
                raise records.refused(f"arcline_path_3 '{token}'", "paths of arcs and lines", error) from None
            line_m = line_m[np.append(True, np.linalg.norm(np.diff(line_m, axis=0), axis=1) > 1e-6)]
            if cut_line(line_m, patch):
                kept[token] = record, layer == "lane_connector", line_m
    lanes = []
    for token, (record, is_connector, line_m) in kept.items():
        following = connectivity.get(token, {})
        outgoing = following.get("outgoing", []) if isinstance(following, dict) else None
        if not isinstance(outgoing, list):
            raise records.refused(f"connectivity '{token}'", "an object with a list 'outgoing'", following)
        lanes.append(
            Lane(
                lane_id=token,
                centerline_m=points(line_m),
                width_m=_width_m(records, record, line_m),
                successors=tuple(other for other in outgoing if other in kept),
                is_intersection=is_connector,
            )
        )
    return tuple(lanes)


def _may_touch(paths: list[Any], patch: Polygon) -> bool:
    """Whether any path starts no further from the patch than it is long."""
    low_x, low_y, high_x, high_y = patch.bounds
    for path in paths:
        x, y, reach_m = float(path["start_pose"][0]), float(path["start_pose"][1]), path_length_m(path)
        if low_x - reach_m <= x <= high_x + reach_m and low_y - reach_m <= y <= high_y + reach_m:
            return True
    return False


def _width_m(records: MapRecords, record: dict[str, Any], line_m: Float[ndarray, "p 2"]) -> float | None:
    """Area over length: exact for a band of constant width, straight or bent."""
    token = record.get("polygon_token")
    if not isinstance(token, str):
        return None
    area_m2 = sum(polygon.area for polygon in records.polygons("lane", record, token))
    width_m = area_m2 / float(np.linalg.norm(np.diff(line_m, axis=0), axis=1).sum())
    return width_m if LEAST_WIDTH_M <= width_m <= MOST_WIDTH_M else None

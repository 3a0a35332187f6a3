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

from pathlib import Path

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray
from shapely import Polygon
from shapely import box as rectangle

from everroad.scenario.nuscenes.cache import cache_places, files_key, load_cached
from everroad.scenario.nuscenes.columns import decode_texts
from everroad.scenario.nuscenes.map_cuts import cut_line, cut_polygon
from everroad.scenario.nuscenes.map_index import COLOURS, LAYERS, MARKS, MapIndex, build_map_index
from everroad.scenario.types import Area, Divider, Lane, VectorMap

# What is kept around the ego path: some more than the 80 m that cameras are told of the map.
MARGIN_M = 100.0
# So many bytes that with what is put around them, in the name of the map's index, they are still a file name.
_LONGEST_NAME = 200


def expansion_path(root: Path, location: str) -> Path:
    """Where the map expansion of a location lies, if there is one.

    Raises ``ValueError`` for a location that is no plain file name: it would lead out of the folder.
    """
    folder = root / "maps" / "expansion"
    if set(location) & set("/\\\0") or len(location.encode()) > _LONGEST_NAME:
        got = repr(location) if len(location) <= 60 else f"{location[:57]!r}..."
        wanted = "the 'location' of a log to be a plain file name"
        raise ValueError(f"{folder}: expected {wanted}, got {got}; mend log.json or pass --without-map")
    return folder / f"{location}.json"


def patch_around(path_m: Float[ndarray, "f 3"]) -> Polygon:
    """The rectangle along the axes that holds everything within ``MARGIN_M`` of a path in x and in y."""
    low, high = path_m[:, :2].min(axis=0) - MARGIN_M, path_m[:, :2].max(axis=0) + MARGIN_M
    return rectangle(*low, *high)


def read_map(path: Path, patch: Polygon, world_from_global_m: Float[ndarray, "3"]) -> VectorMap:
    """The layers of one expansion file inside ``patch`` (global frame), in the world frame.

    The file's index is kept like that of the tables (``cache``). Raises ``ValueError`` with the file, the layer and the record
    for what cannot be read.
    """
    index = load_cached(cache_places(path), files_key([path]), lambda: build_map_index(path))
    areas, lines = _areas(index, patch, world_from_global_m), _lines(index, patch, world_from_global_m)
    has = {layer: bool(present) for layer, present in zip(LAYERS, index["layers"].tolist(), strict=True)}
    try:
        return VectorMap(
            drivable_areas=tuple(areas["drivable_area"]) if has["drivable_area"] else None,
            lane_dividers=tuple(lines["lane_divider"]) if has["lane_divider"] else None,
            road_dividers=tuple(lines["road_divider"]) if has["road_divider"] else None,
            ped_crossings=tuple(areas["ped_crossing"]) if has["ped_crossing"] else None,
            stop_lines=tuple(lines["stop_line"]) if has["stop_line"] else None,
            walkways=tuple(areas["walkway"]) if has["walkway"] else None,
            lanes=_lanes(index, patch, world_from_global_m) if has["lane"] else None,
        )
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _near(bounds_m: Float[ndarray, "n 4"], patch: Polygon) -> list[int]:
    x0, y0, x1, y1 = patch.bounds
    inside = (bounds_m[:, 0] <= x1) & (bounds_m[:, 2] >= x0) & (bounds_m[:, 1] <= y1) & (bounds_m[:, 3] >= y0)
    return np.flatnonzero(inside).tolist()


def _in_world(xy_m: Float[ndarray, "p 2"], world_from_global_m: Float[ndarray, "3"]) -> Float[ndarray, "p 3"]:
    return np.column_stack([xy_m + world_from_global_m[:2], np.zeros(len(xy_m))])


def _piece(index: MapIndex, name: str, row: int) -> Float[ndarray, "p 2"]:
    first: Int[ndarray, "n"] = index[f"{name}.first"]
    return np.array(index[f"{name}.points_m"][first[row] : first[row + 1]])


def _areas(index: MapIndex, patch: Polygon, world_from_global_m: Float[ndarray, "3"]) -> dict[str, list[Area]]:
    found: dict[str, list[Area]] = {layer: [] for layer in LAYERS}
    for row in _near(index["area.bounds"], patch):
        first, stop = index["area.first"][row : row + 2].tolist()
        exterior, *holes = (_piece(index, "ring", ring) for ring in range(first, stop))
        for polygon in cut_polygon(Polygon(exterior, holes), patch):
            exterior_m, *holes_m = (
                _in_world(np.asarray(ring.coords)[:-1], world_from_global_m) for ring in (polygon.exterior, *polygon.interiors)
            )
            found[LAYERS[index["area.layer"][row]]].append(Area(exterior_m, tuple(holes_m)))
    return found


def _lines(index: MapIndex, patch: Polygon, world_from_global_m: Float[ndarray, "3"]) -> dict[str, list[Divider]]:
    found: dict[str, list[Divider]] = {layer: [] for layer in LAYERS}
    for row in _near(index["line.bounds"], patch):
        mark, colour = MARKS[index["line.mark"][row]], COLOURS[index["line.colour"][row]]
        for piece in cut_line(_piece(index, "line", row), patch):
            found[LAYERS[index["line.layer"][row]]].append(Divider(_in_world(piece, world_from_global_m), mark, colour))
    return found


def _lanes(index: MapIndex, patch: Polygon, world_from_global_m: Float[ndarray, "3"]) -> tuple[Lane, ...]:
    rows = [row for row in _near(index["lane.bounds"], patch) if cut_line(_piece(index, "lane", row), patch)]
    name = {row: decode_texts(index["lane.id.data"], index["lane.id.ends"], row, row + 1)[0] for row in rows}
    lanes = []
    for row in rows:
        first, stop = index["lane.next_first"][row : row + 2].tolist()
        width_m = float(index["lane.width_m"][row])
        lanes.append(
            Lane(
                lane_id=name[row],
                centerline_m=_in_world(_piece(index, "lane", row), world_from_global_m),
                width_m=None if np.isnan(width_m) else width_m,
                successors=tuple(name[other] for other in index["lane.next"][first:stop].tolist() if other in name),
                is_intersection=bool(index["lane.is_connector"][row]),
            )
        )
    return tuple(lanes)

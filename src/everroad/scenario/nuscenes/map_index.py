"""A whole map expansion as arrays, made once for each file, so that a scene reads only what lies around it.

The arrays, by name; everything in the data set's global frame, ``X.bounds`` are x and y from, x and y to:

- ``layers``: which of ``LAYERS`` the file has.
- ``area.*``: ``layer`` (of ``LAYERS``), ``bounds``, ``first`` (into the rings; the first ring of an area is its exterior);
  ``ring.first`` (into ``ring.points_m``).
- ``line.*``: ``layer``, ``mark``, ``colour`` (of ``MARKS`` and ``COLOURS``), ``bounds``, ``first`` (into ``line.points_m``).
- ``lane.*``: ``id`` T, ``width_m`` (NaN where unknown), ``is_connector``, ``bounds``, ``first`` (into ``lane.points_m``),
  ``next_first`` (into ``lane.next``, the rows of the lanes that follow).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, pairwise
from pathlib import Path
from typing import Any, get_args

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray
from shapely import Polygon

from everroad.scenario.nuscenes.arclines import discretise_lane
from everroad.scenario.nuscenes.columns import encode_texts
from everroad.scenario.nuscenes.map_cuts import midline
from everroad.scenario.nuscenes.map_paint import UNKNOWN, Paint, paint_of, paint_of_lanes, runs
from everroad.scenario.nuscenes.map_records import MapRecords
from everroad.scenario.types import MarkColour, MarkType

AREA_LAYERS = ("drivable_area", "ped_crossing", "walkway")
LINE_LAYERS = ("lane_divider", "road_divider", "stop_line")
LAYERS = (*AREA_LAYERS, *LINE_LAYERS, "lane")
MARKS: tuple[MarkType, ...] = get_args(MarkType)
COLOURS: tuple[MarkColour, ...] = get_args(MarkColour)
CENTERLINE_SPACING_M = 1.0
# A width outside of this is a lane polygon that is none (ours).
LEAST_WIDTH_M, MOST_WIDTH_M = 1.0, 10.0

MapIndex = dict[str, ndarray]
_Line = Float[ndarray, "_ 2"]


def build_map_index(path: Path) -> MapIndex:
    """Reads one expansion file. Raises ``ValueError`` with the file, the layer and the record for what cannot be read."""
    records = MapRecords(path)
    index = {"layers": np.array([records.layer(layer) is not None for layer in LAYERS], dtype=np.int64)}
    return index | _areas(records) | _lines(records) | _lanes(records)


def _firsts(counts: Sequence[int]) -> Int[ndarray, "_"]:
    return np.cumsum([0, *counts])


def _joined(lines_m: Sequence[_Line]) -> Float[ndarray, "_ 2"]:
    return np.concatenate([np.zeros((0, 2)), *lines_m])


def _bounds(lines_m: Sequence[_Line]) -> Float[ndarray, "n 4"]:
    return np.array([[*line_m.min(axis=0), *line_m.max(axis=0)] for line_m in lines_m]).reshape(-1, 4)


def _polygons(records: MapRecords, layer: str) -> list[Polygon]:
    """The polygons of a layer; a drivable area has several."""
    polygons: list[Polygon] = []
    for record in records.layer(layer) or []:
        tokens = record.get("polygon_tokens") if layer == "drivable_area" else [records.text(layer, record, "polygon_token")]
        if not isinstance(tokens, list):
            raise records.refused(f"{layer} '{record.get('token')}', field 'polygon_tokens'", "a list of tokens", tokens)
        for token in tokens:
            polygons += records.polygons(layer, record, token)
    return polygons


def _areas(records: MapRecords) -> MapIndex:
    found = [(code, polygon) for code, layer in enumerate(AREA_LAYERS) for polygon in _polygons(records, layer)]
    rings = [[np.asarray(ring.coords)[:-1] for ring in (polygon.exterior, *polygon.interiors)] for _, polygon in found]
    flat = list(chain.from_iterable(rings))
    return {
        "area.layer": np.array([code for code, _ in found], dtype=np.int64),
        "area.bounds": _bounds([ring[0] for ring in rings]),
        "area.first": _firsts([len(some) for some in rings]),
        "ring.first": _firsts([len(ring) for ring in flat]),
        "ring.points_m": _joined(flat),
    }


def _lines(records: MapRecords) -> MapIndex:
    of_lanes = paint_of_lanes(records)
    found: list[tuple[int, _Line, Paint]] = []
    for layer in LINE_LAYERS:
        code = LAYERS.index(layer)
        if layer == "stop_line":
            found += [(code, midline(polygon), UNKNOWN) for polygon in _polygons(records, layer)]
            continue
        for record in records.layer(layer) or []:
            nodes, line_m = records.line(layer, record)
            own = paint_of(records, layer, record, "lane_divider_segments")
            pairs = [frozenset(pair) for pair in pairwise(nodes)]
            painted: list[Paint] = [own.get(pair) or of_lanes.get(pair) or UNKNOWN for pair in pairs]
            found += [(code, line_m[begin : stop + 1], paint) for begin, stop, paint in runs(painted)]
    lines_m = [line_m for _, line_m, _ in found]
    return {
        "line.layer": np.array([code for code, _, _ in found], dtype=np.int64),
        "line.mark": np.array([MARKS.index(mark) for _, _, (mark, _) in found], dtype=np.int64),
        "line.colour": np.array([COLOURS.index(colour) for _, _, (_, colour) in found], dtype=np.int64),
        "line.bounds": _bounds(lines_m),
        "line.first": _firsts([len(line_m) for line_m in lines_m]),
        "line.points_m": _joined(lines_m),
    }


def _lanes(records: MapRecords) -> MapIndex:
    paths_of_lane, connectivity = records.table("arcline_path_3"), records.table("connectivity")
    found: dict[str, tuple[_Line, float, bool]] = {}
    for layer in ("lane", "lane_connector"):
        for record in records.layer(layer) or []:
            token = records.text(layer, record, "token")
            line_m = _centreline(records, token, paths_of_lane.get(token) or [])
            if len(line_m) > 1:
                found[token] = line_m, _width_m(records, layer, record, line_m), layer == "lane_connector"
    row_of = {token: row for row, token in enumerate(found)}
    following = [[row_of[other] for other in _outgoing(records, connectivity, token) if other in row_of] for token in found]
    lines_m = [line_m for line_m, _, _ in found.values()]
    data, ends = encode_texts(list(found))
    return {
        "lane.id.data": data,
        "lane.id.ends": ends,
        "lane.width_m": np.array([width_m for _, width_m, _ in found.values()], dtype=np.float64),
        "lane.is_connector": np.array([is_connector for _, _, is_connector in found.values()], dtype=np.int64),
        "lane.bounds": _bounds(lines_m),
        "lane.first": _firsts([len(line_m) for line_m in lines_m]),
        "lane.points_m": _joined(lines_m),
        "lane.next": np.array(list(chain.from_iterable(following)), dtype=np.int64),
        "lane.next_first": _firsts([len(rows) for rows in following]),
    }


def _centreline(records: MapRecords, token: str, paths: Any) -> _Line:
    """The points of a lane's centreline, each once."""
    try:
        line_m = discretise_lane(paths, CENTERLINE_SPACING_M)
    except (TypeError, ValueError) as error:
        raise records.refused(f"arcline_path_3 '{token}'", "paths of arcs and lines", error) from None
    apart = np.linalg.norm(np.diff(line_m, axis=0), axis=1) > 1e-6
    return line_m[np.append(True, apart)] if len(line_m) else line_m


def _outgoing(records: MapRecords, connectivity: dict[str, Any], token: str) -> list[str]:
    following = connectivity.get(token, {})
    outgoing = following.get("outgoing", []) if isinstance(following, dict) else None
    if not (isinstance(outgoing, list) and all(isinstance(other, str) for other in outgoing)):
        raise records.refused(f"connectivity '{token}'", "an object with a list 'outgoing'", following)
    return outgoing


def _width_m(records: MapRecords, layer: str, record: dict[str, Any], line_m: _Line) -> float:
    """Area over length, NaN where that is no width: exact for a band of constant width, straight or bent."""
    token = record.get("polygon_token")
    if not isinstance(token, str):
        return np.nan
    area_m2 = sum(polygon.area for polygon in records.polygons(layer, record, token))
    width_m = area_m2 / float(np.linalg.norm(np.diff(line_m, axis=0), axis=1).sum())
    return width_m if LEAST_WIDTH_M <= width_m <= MOST_WIDTH_M else np.nan

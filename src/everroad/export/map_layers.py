"""A scenario's map as the layers of a nuScenes map expansion, in the scenario's own coordinates.

What the expansion cannot hold (heights, exact paint, speed limits, neighbours, states of signals) is in the scene file. What it
asks for and a scenario lacks is derived: lanes get polygons from their width, the paint of their sides from the dividers
beside them; road segments are the drivable areas again; a stop line becomes a strip of ``STOP_LINE_WIDTH_M``.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np
import shapely
from jaxtyping import Float
from numpy import ndarray
from shapely import STRtree
from shapely.geometry import LineString, Point, Polygon

from everroad.export.arclines import arcline_paths, spaced
from everroad.export.map_tables import MapTables, valid_polygons
from everroad.scenario.map_types import Divider, Lane, VectorMap
from everroad.scenario.storage_map import map_to_json
from everroad.scenario.types import Scenario, Signal

LANE_WIDTH_M = 3.5  # of lanes that do not tell theirs (ours)
STOP_LINE_WIDTH_M = 0.4
SIGNAL_WIDTH_M = 0.4
# A divider this near to a lane's side is the side's paint; a stop line this near to a lane's end is that of its signal (ours).
BESIDE_M, AT_END_M = 0.6, 5.0
NO_PAINT = "NIL"


def scenario_layers(scenario: Scenario) -> tuple[dict[str, Any], list[float]]:
    """The layers, with a ``key`` that is the same for the same map, and the bounds of all that the scenario puts in the plane:
    left, low, right, high in metres."""
    static = [[s.signal_id, s.position_m.tolist(), s.lane_id] for s in scenario.signals]
    text = json.dumps([None if scenario.map is None else map_to_json(scenario.map), static])
    # Without a map two scenes have nothing in common.
    key = hashlib.sha256((text if scenario.map is not None else f"{scenario.name}/{text}").encode()).hexdigest()[:32]
    tables = MapTables(key)
    if scenario.map is not None:
        _add_map(tables, scenario.map, scenario.signals)
    nodes = np.array([[node["x"], node["y"]] for node in tables.layers["node"]]).reshape(-1, 2)
    sights = [actor.poses.translation_m[actor.valid, :2] for actor in scenario.actors]
    places = np.concatenate([nodes, scenario.world_from_ego.translation_m[:, :2], *sights])
    return {"key": key, **tables.layers}, [*places.min(axis=0).tolist(), *places.max(axis=0).tolist()]


def _add_map(tables: MapTables, vector_map: VectorMap, signals: tuple[Signal, ...]) -> None:
    segments = _add_areas(tables, vector_map)
    for divider in vector_map.lane_dividers or ():
        nodes = tables.nodes(divider.points_m)
        paint = paint_name(divider)
        line = tables.line(nodes)
        tables.add(
            "lane_divider", line_token=line, lane_divider_segments=[{"node_token": n, "segment_type": paint} for n in nodes]
        )
    for divider in vector_map.road_dividers or ():
        line = tables.line(tables.nodes(divider.points_m))
        tables.add("road_divider", line_token=line, road_segment_token=segments.at(divider.points_m.mean(axis=0)))
    _add_lanes(tables, vector_map)
    _add_stop_lines(tables, vector_map, signals)


def _add_areas(tables: MapTables, vector_map: VectorMap) -> _Segments:
    junctions = STRtree([LineString(lane.centerline_m[:, :2]) for lane in vector_map.lanes or () if lane.is_intersection])
    polygons, tokens = [], []
    for area in vector_map.drivable_areas or ():
        for polygon in valid_polygons(area.exterior_m, area.holes_m):
            outline = tables.polygon(polygon)
            drivable = tables.add("drivable_area", polygon_tokens=[outline])
            crossing = bool(len(junctions.query(polygon.buffer(-0.5), predicate="intersects")))
            polygons.append(polygon)
            tokens.append(
                tables.add("road_segment", polygon_token=outline, is_intersection=crossing, drivable_area_token=drivable)
            )
    segments = _Segments(polygons, tokens)
    for layer, areas in (("ped_crossing", vector_map.ped_crossings), ("walkway", vector_map.walkways)):
        for area in areas or ():
            for polygon in valid_polygons(area.exterior_m, area.holes_m):
                more = {"road_segment_token": segments.at(area.exterior_m.mean(axis=0))} if layer == "ped_crossing" else {}
                tables.add(layer, polygon_token=tables.polygon(polygon), **more)
    return segments


class _Segments:
    """Road segments by place."""

    def __init__(self, polygons: list[Polygon], tokens: list[str]) -> None:
        self._tree, self._tokens = STRtree(polygons), tokens

    def at(self, point_m: Float[ndarray, "_"]) -> str:
        """Token of the road segment under a point, or ""."""
        under = self._tree.query(Point(point_m[:2]), predicate="intersects")
        return self._tokens[int(under.min())] if len(under) else ""


def _add_lanes(tables: MapTables, vector_map: VectorMap) -> None:
    lanes = vector_map.lanes or ()
    paint = _Paint((*(vector_map.lane_dividers or ()), *(vector_map.road_dividers or ())))
    tokens: dict[str, str] = {}
    for lane in lanes:
        line = spaced(lane.centerline_m[:, :2])
        if len(line) < 2:
            continue
        left, right = lane_sides(line, lane.width_m or LANE_WIDTH_M)
        tokens[lane.lane_id] = (_add_connector if lane.is_intersection else _add_lane)(tables, paint, left, right)
        tables.layers["arcline_path_3"][tokens[lane.lane_id]] = arcline_paths(lane.centerline_m)
    _add_connectivity(tables, lanes, tokens)


def _add_connectivity(tables: MapTables, lanes: tuple[Lane, ...], tokens: dict[str, str]) -> None:
    links = {token: {"incoming": [], "outgoing": []} for token in tokens.values()}
    for lane in lanes:
        for successor in lane.successors:
            if lane.lane_id in tokens and successor in tokens:
                links[tokens[lane.lane_id]]["outgoing"].append(tokens[successor])
                links[tokens[successor]]["incoming"].append(tokens[lane.lane_id])
    tables.layers["connectivity"] |= links


def _add_connector(tables: MapTables, paint: _Paint, left: ndarray, right: ndarray) -> str:
    return tables.add("lane_connector", polygon_token=tables.polygon(_between(left, right)))


def _add_lane(tables: MapTables, paint: _Paint, left: ndarray, right: ndarray) -> str:
    polygon = _between(left, right)
    left_nodes, right_nodes = tables.nodes(left), tables.nodes(right)
    if polygon.is_valid and len(polygon.exterior.coords) == len(left) + len(right) + 1:
        # The polygon's own nodes, so that ``get_next_roads`` finds what shares an edge.
        outline = tables.add("polygon", exterior_node_tokens=[*right_nodes, *left_nodes[::-1]], holes=[])
    else:
        outline = tables.polygon(polygon)
    return tables.add(
        "lane",
        polygon_token=outline,
        lane_type="CAR",
        from_edge_line_token=tables.line([left_nodes[0], right_nodes[0]]),
        to_edge_line_token=tables.line([left_nodes[-1], right_nodes[-1]]),
        left_lane_divider_segments=paint.segments(left, left_nodes),
        right_lane_divider_segments=paint.segments(right, right_nodes),
    )


def lane_sides(line: Float[ndarray, "p 2"], width_m: float) -> tuple[Float[ndarray, "p 2"], Float[ndarray, "p 2"]]:
    """Left and right side of a lane: half its width beside every point of the centreline, mitred at bends."""
    along = np.diff(line, axis=0)
    normals = np.stack([-along[:, 1], along[:, 0]], axis=1) / np.linalg.norm(along, axis=1, keepdims=True)
    before, after = np.concatenate([normals[:1], normals]), np.concatenate([normals, normals[-1:]])
    # The mitre is 1 / cos of half the bend; a hairpin's would reach for ever.
    mitre = (before + after) / np.maximum(1 + (before * after).sum(axis=1, keepdims=True), 0.5)
    return line + mitre * width_m / 2, line - mitre * width_m / 2


def _between(left: Float[ndarray, "p 2"], right: Float[ndarray, "p 2"]) -> Polygon:
    """The lane's area; where its sides cross one another, the largest part of what they enclose."""
    polygon = Polygon(np.concatenate([right, left[::-1]]))
    if polygon.is_valid:
        return polygon
    parts = valid_polygons(np.concatenate([right, left[::-1]]))
    return max(parts, key=lambda part: part.area)


class _Paint:
    """What is painted along a lane's side."""

    def __init__(self, dividers: tuple[Divider, ...]) -> None:
        self._names = [paint_name(divider) for divider in dividers]
        self._lines = [LineString(divider.points_m[:, :2]) for divider in dividers]
        self._tree = STRtree(self._lines)

    def segments(self, side: Float[ndarray, "p 2"], nodes: list[str]) -> list[dict[str, str]]:
        """nuScenes' segments: from each node on, the paint up to the next."""
        middles = shapely.points(np.concatenate([(side[:-1] + side[1:]) / 2, side[-1:]]))
        names = [NO_PAINT] * len(nodes)
        if self._lines:
            which, nearest = self._tree.query_nearest(middles, max_distance=BESIDE_M, all_matches=False)
            for i, j in zip(which.tolist(), nearest.tolist(), strict=True):
                names[i] = self._names[j]
        return [{"node_token": n, "segment_type": name} for n, name in zip(nodes, names, strict=True)]


def paint_name(divider: Divider) -> str:
    """The nearest of the names that the original maps use: their tools know no others."""
    match divider.mark, divider.colour:
        case (("none" | "unknown"), _):
            return NO_PAINT
        case (("dashed" | "double_dashed"), _):
            return "DOUBLE_DASHED_WHITE"
        case _, "yellow":
            return "SINGLE_SOLID_YELLOW"
        case "solid", _:
            return "SINGLE_SOLID_WHITE"
    return "DOUBLE_SOLID_WHITE"


def _add_stop_lines(tables: MapTables, vector_map: VectorMap, signals: tuple[Signal, ...]) -> None:
    ends = {lane.lane_id: lane.centerline_m[-1, :2] for lane in vector_map.lanes or ()}
    starts = {lane.lane_id: lane.centerline_m[0, :2] for lane in vector_map.lanes or ()}
    lights = [(_add_signal(tables, signal), signal.lane_id) for signal in signals]
    for stop_line in vector_map.stop_lines or ():
        line = LineString(stop_line.points_m[:, :2])
        strip = line.buffer(STOP_LINE_WIDTH_M / 2, cap_style="flat")
        at = [
            light
            for light, lane_id in lights
            if any(lane_id in side and line.distance(Point(side[lane_id])) <= AT_END_M for side in (ends, starts))
        ]
        for polygon in valid_polygons(np.asarray(strip.exterior.coords)[:-1]) if isinstance(strip, Polygon) else ():
            tables.add(
                "stop_line",
                polygon_token=tables.polygon(polygon),
                stop_line_type="TRAFFIC_LIGHT" if at else "STOP_SIGN",
                ped_crossing_tokens=[],
                traffic_light_tokens=at,
                road_block_token="",
            )


def _add_signal(tables: MapTables, signal: Signal) -> str:
    x, y, z = signal.position_m.tolist()
    half = SIGNAL_WIDTH_M / 2
    ends = tables.nodes(np.array([[x - half, y], [x + half, y]]))
    colours = (("RED", 0.3), ("YELLOW", 0.0), ("GREEN", -0.3))
    items = [
        {"color": colour, "shape": "CIRCLE", "rel_pos": {"tx": 0.0, "ty": 0.0, "tz": up, "rx": 0.0, "ry": 0.0, "rz": 0.0}}
        for colour, up in colours
    ]
    return tables.add(
        "traffic_light",
        line_token=tables.line(ends),
        traffic_light_type="VERTICAL",
        from_road_block_token="",
        items=[{**item, "to_road_block_tokens": []} for item in items],
        pose={"tx": x, "ty": y, "tz": z, "rx": 0.0, "ry": 0.0, "rz": 0.0},
    )

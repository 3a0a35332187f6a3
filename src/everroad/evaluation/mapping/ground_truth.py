"""The true map elements around the ego car, from a scenario's map, as MapTR makes them of nuScenes' maps.

Dividers are the lane and road dividers. Crossings that touch are one; each is an outline, closed along the window's edge where
the window cuts it. Boundaries are the edges of the drivable area as a whole, holes too, so that neither a seam between a road
and a junction nor the window's edge is one: within 0.2 m of the window's edge they are left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import shapely
from jaxtyping import Float
from numpy import ndarray
from shapely import Polygon
from shapely.geometry.base import BaseGeometry

from everroad import geometry
from everroad.evaluation.mapping.elements import MapElements, elements_of
from everroad.scenario.map_types import Area, VectorMap
from everroad.scenario.nuscenes.map_cuts import lines_of, polygons_of
from everroad.scenario.types import Scenario

# Corners that are the same up to this are one when areas are joined; shorter pieces and smaller holes are rounding.
_GRID_M, _LEAST_M = 1e-3, 0.05
_EDGE_M = 0.2


@dataclass(frozen=True)
class Window:
    """A rectangle in the ego car's frame, metres: x forward, y left. Raises ``ValueError`` for one without an inside."""

    x_min_m: float = 0.0
    x_max_m: float = 30.0
    y_min_m: float = -15.0
    y_max_m: float = 15.0

    def __post_init__(self) -> None:
        if not (self.x_max_m - self.x_min_m > 1 and self.y_max_m - self.y_min_m > 1):
            got = f"x {self.x_min_m:g} to {self.x_max_m:g}, y {self.y_min_m:g} to {self.y_max_m:g}"
            raise ValueError(f"window: expected more than a metre each way, got {got}; widen it")

    def polygon(self, shrunk_m: float = 0.0) -> Polygon:
        """The rectangle, or one that much smaller on each side."""
        low = (self.x_min_m + shrunk_m, self.y_min_m + shrunk_m)
        return shapely.box(*low, self.x_max_m - shrunk_m, self.y_max_m - shrunk_m)


def map_elements(scenario: Scenario, frame_index: int, window: Window | None = None) -> MapElements:
    """The elements of one frame that lie in a window (0 to 30 m ahead and 15 m to each side if not given).

    A layer that the map does not have gives none. Heights and the ego car's pitch and roll do not count.
    Raises ``ValueError`` for a scenario without a map, ``IndexError`` outside of the scenario.
    """
    if scenario.map is None:
        raise ValueError(f"scenario {scenario.name}: expected a map, got none; take a scenario that has one")
    window = window or Window()
    if not 0 <= frame_index < len(scenario):
        raise IndexError(f"frame {frame_index}: expected 0 to {len(scenario) - 1}")
    world_from_ego = scenario.world_from_ego.matrix(frame_index)
    yaw = float(geometry.yaw_from_rotation(world_from_ego[:3, :3]))
    c, s = np.cos(yaw), np.sin(yaw)
    turn = np.array([[c, -s], [s, c]])
    here = world_from_ego[:2, 3]

    def to_world(geometry_ego: BaseGeometry) -> BaseGeometry:
        return shapely.transform(geometry_ego, lambda points: points @ turn.T + here)

    def to_ego(line: BaseGeometry) -> Float[ndarray, "p 2"]:
        return (shapely.get_coordinates(line) - here) @ turn

    whole, inner = to_world(window.polygon()), to_world(window.polygon(_EDGE_M))
    layers = _layers(scenario.map)
    found: list[tuple[str, Float[ndarray, "p 2"]]] = []
    for crossing in _near(layers.crossings, whole):
        for part in polygons_of(crossing.intersection(whole)):
            found += [("ped_crossing", to_ego(ring)) for ring in (part.exterior, *part.interiors)]
    for divider in _near(layers.dividers, whole):
        found += [("divider", to_ego(line)) for line in _whole_lines(divider.intersection(whole))]
    for boundary in _near(layers.boundaries, inner):
        found += [("boundary", to_ego(line)) for line in _whole_lines(boundary.intersection(inner))]
    return elements_of(found)


@dataclass(frozen=True, eq=False)
class _Layers:
    """The map as geometry in the world frame."""

    crossings: shapely.STRtree
    dividers: shapely.STRtree
    boundaries: shapely.STRtree


@lru_cache(maxsize=4)
def _layers(vector_map: VectorMap) -> _Layers:
    """Made once a map: joining the areas of a town takes longer than all of its frames."""
    dividers = [
        shapely.LineString(divider.points_m[:, :2])
        for layer in (vector_map.road_dividers, vector_map.lane_dividers)
        for divider in layer or ()
    ]
    drivable = _joined(vector_map.drivable_areas or ())
    rings = [ring for area in drivable for ring in (area.exterior, *area.interiors) if ring.length > 4 * _LEAST_M]
    crossings = _joined(vector_map.ped_crossings or ())
    return _Layers(shapely.STRtree(crossings), shapely.STRtree(dividers), shapely.STRtree(rings))


def _joined(areas: Iterable[Area]) -> list[Polygon]:
    """Areas that overlap or touch become one."""
    polygons = [Polygon(area.exterior_m[:, :2], [hole[:, :2] for hole in area.holes_m]) for area in areas]
    return polygons_of(shapely.union_all([shapely.make_valid(polygon) for polygon in polygons], grid_size=_GRID_M))


def _near(tree: shapely.STRtree, window: BaseGeometry) -> list[BaseGeometry]:
    """In their own order, so that equal scenarios give equal elements."""
    return [tree.geometries.item(i) for i in np.sort(tree.query(window, predicate="intersects"))]


def _whole_lines(cut: BaseGeometry) -> list[BaseGeometry]:
    """The pieces that a window leaves of a line; those that meet, such as at a ring's first point, are one."""
    pieces = lines_of(cut)
    if len(pieces) > 1:
        pieces = lines_of(shapely.line_merge(shapely.MultiLineString(pieces)))
    return [piece for piece in pieces if piece.length > _LEAST_M]

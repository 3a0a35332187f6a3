"""The map as areas: what is driven on, what is walked on, and where nothing may stand."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from typing import no_type_check

import numpy as np
import shapely
from shapely.geometry import LineString, MultiPolygon, Polygon
from shapely.geometry.base import BaseGeometry

from everroad.scenario.types import Area, VectorMap

# A map without walkways gets a pavement of this width along the road.
DERIVED_SIDEWALK_M = 2.6
_DERIVED_LANE_WIDTH_M = 3.5

Reach = tuple[float, float, float, float]  # least x, least y, largest x, largest y; world, metres


@dataclass(frozen=True, eq=False)
class RoadAreas:
    """World-frame areas (metres), disjoint: ``road`` and ``sidewalk``; ``paved`` is both with slivers closed."""

    road: BaseGeometry
    sidewalk: BaseGeometry
    crossings: tuple[Polygon, ...]
    paved: BaseGeometry


def polygon_of(area: Area) -> BaseGeometry:
    """The area as a valid shapely geometry in the xy plane."""
    polygon = Polygon(area.exterior_m[:, :2], [hole[:, :2] for hole in area.holes_m])
    return polygon if polygon.is_valid else polygon.buffer(0)


def _union(areas: Iterable[Area]) -> BaseGeometry:
    return shapely.union_all([polygon_of(area) for area in areas])


def polygons_of(geometry: BaseGeometry) -> list[Polygon]:
    """The polygons in a geometry of any kind."""
    if isinstance(geometry, Polygon):
        return [] if geometry.is_empty else [geometry]
    return [part for child in getattr(geometry, "geoms", ()) for part in polygons_of(child)]


def _within(geometry: BaseGeometry, reach: Reach | None) -> BaseGeometry:
    """What lies in the rectangle; untouched where that is all of it."""
    if reach is None or geometry.is_empty:
        return geometry
    window = shapely.box(*reach)
    return geometry if window.covers(shapely.box(*geometry.bounds)) else shapely.intersection(geometry, window)


def road_areas(vector_map: VectorMap | None, reach: Reach | None = None) -> RoadAreas:
    """Areas of any map: roads from lanes where no drivable area is recorded, pavements beside roads where none are.

    Only what lies within ``reach``, if given.
    """
    empty = MultiPolygon()
    if vector_map is None:
        return RoadAreas(empty, empty, (), empty)
    road = _within(_union(vector_map.drivable_areas or ()), reach)
    if road.is_empty and vector_map.lanes:
        strips = [
            LineString(lane.centerline_m[:, :2]).buffer((lane.width_m or _DERIVED_LANE_WIDTH_M) / 2, cap_style="flat")
            for lane in vector_map.lanes
        ]
        road = _within(shapely.union_all(strips).buffer(0.3).buffer(-0.3), reach)
    if vector_map.walkways:
        sidewalk = _within(_union(vector_map.walkways), reach).difference(road)
    else:
        sidewalk = road.buffer(DERIVED_SIDEWALK_M, quad_segs=3).difference(road)
    crossings = tuple(p for area in vector_map.ped_crossings or () for p in polygons_of(_within(polygon_of(area), reach)))
    paved = shapely.union_all([road, sidewalk, *crossings]).buffer(0.4, quad_segs=2).buffer(-0.4, quad_segs=2)
    return RoadAreas(road, sidewalk, crossings, shapely.simplify(paved, 0.05))


@no_type_check
def quick_polygon(corners_m: np.ndarray) -> Polygon:
    """A polygon of corners (n, 2) that need no checking; several times faster than the class."""
    made = shapely.polygons(corners_m)
    assert isinstance(made, Polygon)
    return made


def rings_of(geometry: BaseGeometry) -> list[np.ndarray]:
    """Boundary rings (n, 2), closed, with the outside on the right-hand side of the walking direction."""
    rings = []
    for polygon in polygons_of(geometry):
        turned = shapely.geometry.polygon.orient(polygon, 1.0)
        rings.extend(np.asarray(ring.coords)[:, :2] for ring in (turned.exterior, *turned.interiors))
    return rings


class Walk:
    """A polyline by arc length. Plain numbers, since the scenery asks for single points many thousand times."""

    def __init__(self, line: np.ndarray) -> None:
        arc = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
        self._arc: list[float] = arc.tolist()
        self._line: list[list[float]] = line.tolist()
        self.length_m = self._arc[-1]

    @no_type_check
    def at(self, arc_m: float) -> np.ndarray:
        """The point (2,) at an arc length; the ends hold beyond them."""
        last = len(self._arc) - 1
        i = min(max(bisect_right(self._arc, arc_m) - 1, 0), last - 1) if last else 0
        if last == 0:
            return np.array(self._line[0])
        span = self._arc[i + 1] - self._arc[i]
        share = min(max((arc_m - self._arc[i]) / span, 0.0), 1.0) if span > 0 else 0.0
        (x0, y0), (x1, y1) = self._line[i], self._line[i + 1]
        return np.array([x0 + share * (x1 - x0), y0 + share * (y1 - y0)])

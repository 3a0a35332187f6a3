"""The map as areas: what is driven on, what is walked on, and where nothing may stand."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import shapely
from shapely.geometry import LineString, MultiPolygon, Polygon
from shapely.geometry.base import BaseGeometry

from everroad.scenario.types import Area, VectorMap

# A map without walkways gets a pavement of this width along the road.
DERIVED_SIDEWALK_M = 2.6
_DERIVED_LANE_WIDTH_M = 3.5


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


def road_areas(vector_map: VectorMap | None) -> RoadAreas:
    """Areas of any map: roads from lanes where no drivable area is recorded, pavements beside roads where none are."""
    empty = MultiPolygon()
    if vector_map is None:
        return RoadAreas(empty, empty, (), empty)
    road = _union(vector_map.drivable_areas or ())
    if road.is_empty and vector_map.lanes:
        strips = [
            LineString(lane.centerline_m[:, :2]).buffer((lane.width_m or _DERIVED_LANE_WIDTH_M) / 2, cap_style="flat")
            for lane in vector_map.lanes
        ]
        road = shapely.union_all(strips).buffer(0.3).buffer(-0.3)
    if vector_map.walkways:
        sidewalk = _union(vector_map.walkways).difference(road)
    else:
        sidewalk = road.buffer(DERIVED_SIDEWALK_M, quad_segs=3).difference(road)
    crossings = tuple(p for area in vector_map.ped_crossings or () for p in polygons_of(polygon_of(area)))
    paved = shapely.union_all([road, sidewalk, *crossings]).buffer(0.4, quad_segs=2).buffer(-0.4, quad_segs=2)
    return RoadAreas(road, sidewalk, crossings, shapely.simplify(paved, 0.05))


def rings_of(geometry: BaseGeometry) -> list[np.ndarray]:
    """Boundary rings (n, 2), closed, with the outside on the right-hand side of the walking direction."""
    rings = []
    for polygon in polygons_of(geometry):
        turned = shapely.geometry.polygon.orient(polygon, 1.0)
        rings.extend(np.asarray(ring.coords)[:, :2] for ring in (turned.exterior, *turned.interiors))
    return rings


def walk_ring(ring: np.ndarray) -> tuple[np.ndarray, float]:
    """Arc length at every vertex of a ring or line, and the whole length."""
    arc = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(ring, axis=0), axis=1))])
    return arc, float(arc[-1])


def along(ring: np.ndarray, arc: np.ndarray, at_m: float) -> np.ndarray:
    """The point (2,) at an arc length."""
    return np.array([np.interp(at_m, arc, ring[:, 0]), np.interp(at_m, arc, ring[:, 1])])

"""Polygons and lines cut by a rectangular patch, whatever kinds of geometry that leaves."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from shapely import GeometryCollection, LineString, MultiLineString, MultiPolygon, Polygon
from shapely.geometry.base import BaseGeometry

# A polygon that only touches the patch leaves a sliver of rounding, or a line, or a point.
LEAST_AREA_M2, LEAST_LENGTH_M = 1e-9, 1e-6


def polygons_of(geometry: BaseGeometry) -> list[Polygon]:
    """All polygons with an area in a geometry."""
    return [part for part in _parts(geometry) if isinstance(part, Polygon) and part.area > LEAST_AREA_M2]


def lines_of(geometry: BaseGeometry) -> list[LineString]:
    """All lines with a length in a geometry."""
    return [part for part in _parts(geometry) if isinstance(part, LineString) and part.length > LEAST_LENGTH_M]


def _parts(geometry: BaseGeometry) -> Iterator[BaseGeometry]:
    if isinstance(geometry, MultiPolygon | MultiLineString | GeometryCollection):
        for part in geometry.geoms:
            yield from _parts(part)
    else:
        yield geometry


def cut_polygon(polygon: Polygon, patch: Polygon) -> list[Polygon]:
    """What of a polygon lies in the patch; one that lies in it whole keeps its points as they are."""
    if _apart(polygon.bounds, patch.bounds):
        return []
    return [polygon] if _within(polygon.bounds, patch.bounds) else polygons_of(polygon.intersection(patch))


def cut_line(points_m: Float[ndarray, "p 2"], patch: Polygon) -> list[Float[ndarray, "_ 2"]]:
    """What of a line lies in the patch, in pieces in its own direction; none for a line without length."""
    if len(points_m) < 2:
        return []
    bounds = (*points_m.min(axis=0).tolist(), *points_m.max(axis=0).tolist())
    if _apart(bounds, patch.bounds) or bounds[:2] == bounds[2:]:
        return []
    if _within(bounds, patch.bounds):
        return [points_m]
    line = LineString(points_m)
    pieces = [np.asarray(part.coords) for part in lines_of(line.intersection(patch))]
    ahead = [piece if _place(line, piece[0]) <= _place(line, piece[-1]) else piece[::-1] for piece in pieces]
    return sorted(ahead, key=lambda piece: _place(line, piece[0]))


def _place(line: LineString, point_m: Float[ndarray, "2"]) -> float:
    from shapely import Point

    return line.project(Point(point_m))


def midline(polygon: Polygon) -> Float[ndarray, "2 2"]:
    """The long midline of the smallest rectangle around a polygon."""
    corners = np.asarray(polygon.minimum_rotated_rectangle.exterior.coords)[:4]  # pyright: ignore[reportAttributeAccessIssue]
    if np.linalg.norm(corners[1] - corners[0]) > np.linalg.norm(corners[2] - corners[1]):
        corners = np.roll(corners, -1, axis=0)
    return np.stack([corners[0] + corners[1], corners[2] + corners[3]]) / 2


def _apart(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return a[0] > b[2] or a[2] < b[0] or a[1] > b[3] or a[3] < b[1]


def _within(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return a[0] >= b[0] and a[1] >= b[1] and a[2] <= b[2] and a[3] <= b[3]

"""A map as people see it: areas that meet are one area, so that outlines run along the kerb and not across the road."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from weakref import WeakKeyDictionary

import numpy as np
import shapely
from jaxtyping import Float
from numpy import ndarray

from everroad.scenario.types import Area, VectorMap

# Gaps between areas up to twice this are seams (ours).
_SEAM_M = 0.1
# Heights of a merged outline are those of the nearest place on the old outlines, which are looked up this far apart.
_HEIGHTS_EVERY_M = 1.0
_MOST_BETWEEN = 1000

_SHOWN: WeakKeyDictionary[VectorMap, VectorMap] = WeakKeyDictionary()


def shown_map(vector_map: VectorMap) -> VectorMap:
    """The map with its drivable areas merged, and its pavements; kept for as long as the map itself lives."""
    shown = _SHOWN.get(vector_map)
    if shown is None:
        areas = {name: getattr(vector_map, name) for name in ("drivable_areas", "walkways")}
        merged = {name: None if items is None else merge_areas(items) for name, items in areas.items()}
        shown = _SHOWN[vector_map] = replace(vector_map, **merged)
    return shown


def merge_areas(areas: Sequence[Area]) -> tuple[Area, ...]:
    """The areas' union on the ground; one that meets no other keeps its points."""
    if not areas:
        return ()
    polygons = [shapely.make_valid(shapely.Polygon(a.exterior_m[:, :2], [h[:, :2] for h in a.holes_m])) for a in areas]
    tree = shapely.STRtree(polygons)
    first, second = tree.query(polygons, predicate="dwithin", distance=2 * _SEAM_M)
    meets = np.zeros(len(areas), dtype=bool)
    meets[first[first != second]] = True
    if not meets.any():
        return tuple(areas)
    known = _densely([ring for i in np.flatnonzero(meets).tolist() for ring in (areas[i].exterior_m, *areas[i].holes_m)])
    widened = shapely.buffer(np.array(polygons)[meets], _SEAM_M, join_style="mitre")
    united = shapely.buffer(shapely.union_all(widened), -_SEAM_M, join_style="mitre")
    alone = [area for area, met in zip(areas, meets, strict=True) if not met]
    return (*alone, *(_area(part, known) for part in shapely.get_parts(united) if part.geom_type == "Polygon"))


def _area(polygon: shapely.Polygon, known: Float[ndarray, "n 3"]) -> Area:
    return Area(_lifted(polygon.exterior, known), tuple(_lifted(ring, known) for ring in polygon.interiors))


def _lifted(ring: shapely.LinearRing, known: Float[ndarray, "n 3"]) -> Float[ndarray, "p 3"]:
    from scipy.spatial import KDTree

    xy = shapely.get_coordinates(ring)[:-1]
    _, nearest = KDTree(known[:, :2]).query(xy)
    return np.concatenate([xy, known[nearest, 2:]], axis=1)


def _densely(rings: Sequence[Float[ndarray, "_ 3"]]) -> Float[ndarray, "n 3"]:
    """Points along closed rings, ``_HEIGHTS_EVERY_M`` apart."""
    points = []
    for ring in rings:
        for start, end in pairwise(np.concatenate([ring, ring[:1]])):
            count = min(1 + int(np.linalg.norm(end - start) / _HEIGHTS_EVERY_M), _MOST_BETWEEN)
            points.append(start + (end - start) * np.linspace(0.0, 1.0, count, endpoint=False)[:, None])
    return np.concatenate(points)

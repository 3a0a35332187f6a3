"""Where lamps, street trees and garden plants stand: beside the road, never on it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from jaxtyping import Float
from numpy import ndarray
from shapely.geometry import Point

from everroad.render import hashing, roads
from everroad.render.lots import Lot, district_kind
from everroad.render.plants import Plant, make_bush, make_tree

_LAMP_SPACING_M = 27.0
_LAMP_OFFSET_M = 0.7
_TREE_OFFSET_M = 1.5
_STREET_TREES = {"block": 0.35, "house": 0.45, "shed": 0.2, "garden": 0.7}


@dataclass(frozen=True, eq=False)
class Pole:
    """An upright pole; a lamp has an arm towards the road (``arm_m``, world xy) with a head at its end."""

    point_m: Float[ndarray, "2"]
    height_m: float
    arm_m: Float[ndarray, "2"]
    seed: int


def make_lamps(areas: roads.RoadAreas, seed: int) -> list[Pole]:
    """Lamp posts along the kerb, on one side only where sides alternate by the hash of the boundary."""
    crossings = shapely.union_all(areas.crossings).buffer(1.0)
    poles: list[Pole] = []
    for ring in roads.rings_of(areas.road.buffer(_LAMP_OFFSET_M, quad_segs=2)):
        walk = roads.Walk(ring)
        count = int(walk.length_m / _LAMP_SPACING_M)
        for i in range(count):
            at_m = (i + 0.35) * walk.length_m / count
            point, ahead = walk.at(at_m), walk.at(at_m + 0.5)
            direction = (ahead - point) / max(float(np.hypot(*(ahead - point))), 1e-6)
            inward = np.array([-direction[1], direction[0]])
            if _stands_free(point, areas, 0.4) and not crossings.contains(Point(*point)):
                key = hashing.mix(seed, hashing.point_key(point), 61)
                poles.append(Pole(point, hashing.between(6.5, 8.5, key, 1), inward * hashing.between(1.2, 2.2, key, 2), key))
    return poles


@dataclass(frozen=True, eq=False)
class _Spot:
    """A place for a plant of a size (0: a bush), this far from the road or nowhere."""

    point_m: Float[ndarray, "2"]
    scale: float
    clear_m: float


def make_plants(placed: list[Lot], areas: roads.RoadAreas, seed: int) -> list[Plant]:
    """Trees in the pavement, on gardens and beside houses, and bushes in front of houses; none on the road or in a building."""
    spots = _street_spots(areas, seed) + [spot for lot in placed for spot in _lot_spots(lot)]
    if not spots:
        return []
    points = np.stack([spot.point_m for spot in spots])
    at = np.asarray(shapely.points(points), dtype=object)
    clear = np.array([spot.clear_m for spot in spots])
    free = shapely.distance(areas.road, at) > clear
    built = [roads.quick_polygon(lot.corners_m) for lot in placed if lot.kind != "garden"]
    free[shapely.STRtree(built).query(at, predicate="within")[0]] = False
    return [
        make_tree(spot.point_m, seed, spot.scale) if spot.scale else make_bush(spot.point_m, seed)
        for spot, stands in zip(spots, free.tolist(), strict=True)
        if stands
    ]


def _street_spots(areas: roads.RoadAreas, seed: int) -> list[_Spot]:
    """Along the kerb, dense in some districts and rare in others."""
    spots: list[_Spot] = []
    for ring in roads.rings_of(areas.road.buffer(_TREE_OFFSET_M, quad_segs=2)):
        walk = roads.Walk(ring)
        at_m = 4.0
        while at_m < walk.length_m - 4.0:
            point = walk.at(at_m)
            key = hashing.mix(seed, hashing.point_key(point), 62)
            if hashing.unit(key, 1) < _STREET_TREES[district_kind(point, seed)]:
                spots.append(_Spot(point, 0.72, 0.9))
            at_m += hashing.between(9.0, 14.0, key, 2)
    return spots


def _lot_spots(lot: Lot) -> list[_Spot]:
    front_left, front_right, _, back_left = lot.corners_m
    along, inward = front_right - front_left, back_left - front_left
    if lot.kind == "garden":
        shares = [(hashing.between(0.15, 0.85, lot.seed, i, 1), hashing.between(0.1, 0.9, lot.seed, i, 2)) for i in range(3)]
        return [_Spot(front_left + u * along + v * inward, 1.0, 1.5) for u, v in shares]
    if lot.kind != "house":
        return []
    back = inward / np.hypot(*inward)
    spots = [_Spot(front_left + hashing.between(-0.1, 1.1, lot.seed, i, 3) * along - 1.6 * back, 0.0, 0.8) for i in range(2)]
    if hashing.unit(lot.seed, 71) < 0.5:
        spots.append(_Spot(front_right + 2.0 * along / np.hypot(*along) - 0.5 * back, 0.8, 1.5))
    return spots


def _stands_free(point_m: np.ndarray, areas: roads.RoadAreas, metres: float) -> bool:
    return not shapely.dwithin(areas.road, Point(float(point_m[0]), float(point_m[1])), metres)

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


def make_street_trees(areas: roads.RoadAreas, seed: int) -> list[Plant]:
    """Trees in the pavement, dense in some districts and absent in others."""
    plants: list[Plant] = []
    for ring in roads.rings_of(areas.road.buffer(_TREE_OFFSET_M, quad_segs=2)):
        walk = roads.Walk(ring)
        at_m = 4.0
        while at_m < walk.length_m - 4.0:
            point = walk.at(at_m)
            key = hashing.mix(seed, hashing.point_key(point), 62)
            kind = district_kind(point, seed)
            if hashing.unit(key, 1) < {"block": 0.35, "house": 0.45, "shed": 0.2, "garden": 0.7}[kind] and _stands_free(
                point, areas, 0.9
            ):
                plants.append(make_tree(point, seed, 0.72))
            at_m += hashing.between(9.0, 14.0, key, 2)
    return plants


def make_garden_plants(lots: list[Lot], areas: roads.RoadAreas, seed: int) -> list[Plant]:
    """Trees and bushes on gardens and in front of houses."""
    plants: list[Plant] = []
    for lot in lots:
        c = lot.corners_m
        outward = (c[3] - c[0]) / np.linalg.norm(c[3] - c[0])
        if lot.kind == "garden":
            shares = [
                (hashing.between(0.15, 0.85, lot.seed, i, 1), hashing.between(0.1, 0.9, lot.seed, i, 2)) for i in range(3)
            ]
            spots = [c[0] + u * (c[1] - c[0]) + v * (c[3] - c[0]) for u, v in shares]
            plants += [make_tree(spot, seed) for spot in spots if _stands_free(spot, areas, 1.5)]
        elif lot.kind == "house":
            spots = [c[0] + hashing.between(-0.1, 1.1, lot.seed, i, 3) * (c[1] - c[0]) - 1.6 * outward for i in range(2)]
            plants += [make_bush(spot, seed) for spot in spots if _stands_free(spot, areas, 0.8)]
            if hashing.unit(lot.seed, 71) < 0.5:
                spot = c[1] + 2.0 * (c[1] - c[0]) / np.linalg.norm(c[1] - c[0]) - 0.5 * outward
                plants += [make_tree(spot, seed, 0.8)] if _stands_free(spot, areas, 1.5) else []
    return plants


def _stands_free(point_m: np.ndarray, areas: roads.RoadAreas, metres: float) -> bool:
    return not shapely.dwithin(areas.road, Point(float(point_m[0]), float(point_m[1])), metres)

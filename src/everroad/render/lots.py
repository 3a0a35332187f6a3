"""Where buildings stand: lots along the boundary of what is paved, each facing it, none on it and none on another."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import shapely
from jaxtyping import Float
from numpy import ndarray
from shapely.geometry import Polygon

from everroad.render import hashing, roads

# Districts are square cells of this side; a district decides which kind of lot is common in it.
DISTRICT_M = 110.0
KINDS = ("block", "house", "shed", "garden")
_COMMON_KIND_SHARE = 0.78


@dataclass(frozen=True)
class LotKind:
    """Ranges in metres."""

    frontage_m: tuple[float, float]
    depth_m: tuple[float, float]
    setback_m: tuple[float, float]
    gap_m: tuple[float, float]


_RANGES: dict[str, LotKind] = {
    "block": LotKind((10.0, 19.0), (10.0, 14.0), (0.4, 1.6), (0.0, 0.8)),
    "house": LotKind((8.0, 12.5), (7.5, 10.0), (3.5, 7.0), (3.0, 7.0)),
    "shed": LotKind((16.0, 27.0), (12.0, 17.0), (2.5, 6.0), (4.0, 9.0)),
    "garden": LotKind((9.0, 16.0), (7.0, 11.0), (1.0, 2.0), (0.0, 2.0)),
}


@dataclass(frozen=True, eq=False)
class Lot:
    """A rectangle: corners counter-clockwise, the first edge (corner 0 to 1) faces the road; ``seed`` is its identity."""

    kind: str
    corners_m: Float[ndarray, "4 2"]
    seed: int

    @property
    def centre_m(self) -> Float[ndarray, "2"]:
        """The middle of the lot."""
        return self.corners_m.mean(axis=0)


def district_kind(point_m: Float[ndarray, "2"], seed: int) -> str:
    """The kind of lot that is common around a world point."""
    cell = (int(np.floor(point_m[0] / DISTRICT_M)), int(np.floor(point_m[1] / DISTRICT_M)))
    share = hashing.unit(seed, 21, *cell)
    return KINDS[0 if share < 0.48 else 1 if share < 0.78 else 2 if share < 0.92 else 3]


def _lot_kind(point_m: Float[ndarray, "2"], seed: int) -> str:
    key = hashing.point_key(point_m)
    if hashing.unit(seed, 22, key) < _COMMON_KIND_SHARE:
        return district_kind(point_m, seed)
    return KINDS[hashing.pick(len(KINDS), seed, 23, key)]


class _Taken:
    """Placed rectangles by grid cell, for a quick overlap test."""

    def __init__(self) -> None:
        self._cells: dict[tuple[int, int], list[Polygon]] = defaultdict(list)

    def _near(self, polygon: Polygon) -> list[tuple[int, int]]:
        x0, y0, x1, y1 = (int(v // 30) for v in polygon.bounds)
        return [(x, y) for x in range(x0, x1 + 1) for y in range(y0, y1 + 1)]

    def place(self, polygon: Polygon) -> bool:
        """Takes the ground when it is free."""
        cells = self._near(polygon)
        if any(shapely.intersects([other for cell in cells for other in self._cells[cell]], polygon)):
            return False
        for cell in cells:
            self._cells[cell].append(polygon)
        return True


def make_lots(areas: roads.RoadAreas, seed: int) -> list[Lot]:
    """Lots in two rows along every boundary of the paved area."""
    if areas.paved.is_empty:
        return []
    shapely.prepare(areas.paved)
    taken = _Taken()
    lots = [lot for ring in roads.rings_of(areas.paved) for lot in _row(ring, areas, taken, seed)]
    second = areas.paved.buffer(24.0, quad_segs=2)
    lots += [lot for ring in roads.rings_of(second) for lot in _row(ring, areas, taken, seed, behind=True)]
    return lots


def _row(ring: np.ndarray, areas: roads.RoadAreas, taken: _Taken, seed: int, *, behind: bool = False) -> list[Lot]:
    walk = roads.Walk(ring)
    lots, at_m = [], 0.0
    while at_m < walk.length_m - 6.0:
        start = walk.at(at_m)
        key = hashing.mix(seed, hashing.point_key(start), behind)
        kind = "block" if behind else _lot_kind(start, seed)
        ranges = _RANGES[kind]
        frontage = hashing.between(*ranges.frontage_m, key, 1)
        lot = _lot(walk, at_m, frontage, kind, key)
        if lot is not None and _free(lot, areas, taken):
            lots.append(lot)
            at_m += frontage + hashing.between(*ranges.gap_m, key, 4) + (hashing.between(10.0, 40.0, key, 5) if behind else 0.0)
        else:
            at_m += 14.0 if behind else 4.0
    return lots


def _lot(walk: roads.Walk, at_m: float, frontage: float, kind: str, key: int) -> Lot | None:
    start, end = walk.at(at_m), walk.at(at_m + frontage)
    chord = float(np.hypot(*(end - start)))
    if chord < 0.8 * frontage:
        return None
    direction = (end - start) / chord
    outward = np.array([direction[1], -direction[0]])
    ranges = _RANGES[kind]
    # The chord of a bend cuts into the paved area by the sagitta; the middle of the arc says by how much.
    sagitta = max(float((walk.at(at_m + frontage / 2) - start) @ outward), 0.0)
    near = hashing.between(*ranges.setback_m, key, 2) + sagitta
    far = near + hashing.between(*ranges.depth_m, key, 3)
    corners = np.stack([end + near * outward, start + near * outward, start + far * outward, end + far * outward])
    return Lot(kind, corners, hashing.mix(key, 6))


def _free(lot: Lot, areas: roads.RoadAreas, taken: _Taken) -> bool:
    # Row houses share a wall, which is no overlap.
    shrunk = roads.quick_polygon(lot.centre_m + (lot.corners_m - lot.centre_m) * 0.99)
    return not shapely.intersects(areas.paved, roads.quick_polygon(lot.corners_m)) and taken.place(shrunk)

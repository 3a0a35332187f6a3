"""Where the worlds of several scenes lie on one map: side by side, so that nothing of one is in another's way.

Every scenario has coordinates of its own. Scenes with the same map share a tile. Tiles stand in rows, in the order of their
first scenes' names: the same scenes always lie in the same places.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

# Free space around a tile: detectors look 50 m far, map builders 60 (ours).
MARGIN_M = 100.0
STEP_M = 10.0


@dataclass(frozen=True)
class Tile:
    """One world: its map's key, left, low, right and high in its own coordinates."""

    key: str
    bounds_m: tuple[float, float, float, float]

    @property
    def width_m(self) -> float:
        return _stepped(self.bounds_m[2] - self.bounds_m[0] + 2 * MARGIN_M)

    @property
    def height_m(self) -> float:
        return _stepped(self.bounds_m[3] - self.bounds_m[1] + 2 * MARGIN_M)


@dataclass(frozen=True)
class Placement:
    """What to add to a world's x and y, by map key, and the size of the whole in metres (width, height)."""

    shift_m: dict[str, tuple[float, float]]
    canvas_m: tuple[float, float]


def tiles_of(worlds: Sequence[tuple[str, Sequence[float]]]) -> list[Tile]:
    """One tile for each map key among (key, bounds) of scenes, large enough for all scenes on it."""
    bounds: dict[str, list[float]] = {}
    for key, (left, low, right, high) in worlds:
        known = bounds.setdefault(key, [left, low, right, high])
        bounds[key] = [min(known[0], left), min(known[1], low), max(known[2], right), max(known[3], high)]
    return [Tile(key, (b[0], b[1], b[2], b[3])) for key, b in bounds.items()]


def place(tiles: Sequence[Tile]) -> Placement:
    """Rows of tiles from the map's lower left corner on. Shifts are whole steps of 10 m beyond the tiles' own corners."""
    widest = max((tile.width_m for tile in tiles), default=STEP_M)
    row_m = max(widest, math.sqrt(sum(tile.width_m * tile.height_m for tile in tiles)))
    shift: dict[str, tuple[float, float]] = {}
    x = y = height = right = 0.0
    for tile in tiles:
        if x and x + tile.width_m > row_m:
            x, y, height = 0.0, y + height, 0.0
        shift[tile.key] = (_from(x, tile.bounds_m[0]), _from(y, tile.bounds_m[1]))
        x, height = x + tile.width_m, max(height, tile.height_m)
        right = max(right, x)
    return Placement(shift, (max(right, STEP_M), max(y + height, STEP_M)))


def moved_layers(layers: dict[str, Any], shift_m: tuple[float, float]) -> dict[str, Any]:
    """A map's layers at their place: nodes, centrelines and traffic lights move, all else names those."""
    dx, dy = shift_m

    def at(pose: list[float]) -> list[float]:
        return [pose[0] + dx, pose[1] + dy, *pose[2:]]

    paths = {
        lane: [{**path, "start_pose": at(path["start_pose"]), "end_pose": at(path["end_pose"])} for path in lane_paths]
        for lane, lane_paths in layers["arcline_path_3"].items()
    }
    lights = [
        {**light, "pose": {**light["pose"], "tx": light["pose"]["tx"] + dx, "ty": light["pose"]["ty"] + dy}}
        for light in layers["traffic_light"]
    ]
    nodes = [{**node, "x": node["x"] + dx, "y": node["y"] + dy} for node in layers["node"]]
    return {**layers, "node": nodes, "arcline_path_3": paths, "traffic_light": lights}


def _from(place_m: float, own_m: float) -> float:
    # Whole metres: the numbers of the own coordinates keep their digits.
    return place_m + MARGIN_M - math.floor(own_m)


def _stepped(length_m: float) -> float:
    return math.ceil((length_m + 1) / STEP_M) * STEP_M

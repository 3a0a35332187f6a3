"""The static world of a scenario: vector map and ground height, in the world frame (part of contract 1)."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from everroad.scenario.checks import (
    FASTEST_MPS,
    LARGEST_M,
    check_once,
    check_positions,
    check_range,
    check_shape,
)

MarkType = Literal["solid", "dashed", "double_solid", "double_dashed", "solid_dashed", "dashed_solid", "none", "unknown"]
MarkColour = Literal["white", "yellow", "blue", "unknown"]


@dataclass(frozen=True, eq=False)
class Divider:
    """One painted (or virtual) line between lanes or beside the road."""

    points_m: Float[ndarray, "p 3"]
    mark: MarkType = "unknown"
    colour: MarkColour = "unknown"


@dataclass(frozen=True, eq=False)
class Area:
    """One polygon with holes; the exterior is not closed (the last point is not the first)."""

    exterior_m: Float[ndarray, "_ 3"]
    holes_m: tuple[Float[ndarray, "_ 3"], ...] = ()


@dataclass(frozen=True, eq=False)
class Lane:
    """One lane's centreline, in driving direction."""

    lane_id: str
    centerline_m: Float[ndarray, "p 3"]
    width_m: float | None = None
    successors: tuple[str, ...] = ()
    left_neighbour: str | None = None
    right_neighbour: str | None = None
    speed_limit_mps: float | None = None
    is_intersection: bool | None = None


def _rings(item: Area | Divider | Lane) -> tuple[Float[ndarray, "_ 3"], ...]:
    if isinstance(item, Area):
        return (item.exterior_m, *item.holes_m)
    return (item.centerline_m,) if isinstance(item, Lane) else (item.points_m,)


@dataclass(frozen=True, eq=False)
class VectorMap:
    """The map's layers, in the world frame. An empty tuple is a layer with nothing in it; ``None`` a layer nobody recorded."""

    drivable_areas: tuple[Area, ...] | None = None
    lane_dividers: tuple[Divider, ...] | None = None
    road_dividers: tuple[Divider, ...] | None = None
    ped_crossings: tuple[Area, ...] | None = None
    stop_lines: tuple[Divider, ...] | None = None
    walkways: tuple[Area, ...] | None = None
    lanes: tuple[Lane, ...] | None = None

    def __post_init__(self) -> None:
        for layer in fields(self):
            for i, item in enumerate(getattr(self, layer.name) or ()):
                least = 3 if isinstance(item, Area) else 2
                rings = _rings(item)
                for ring in rings:
                    name = f"map.{layer.name}[{i}]"
                    check_shape(name, ring, (None, 3))
                    check_positions(name, ring)
                    if len(ring) < least:
                        raise ValueError(f"{name}: expected at least {least} points, got {len(ring)}; add points or drop it")
        for i, lane in enumerate(self.lanes or ()):
            if lane.width_m is not None:
                # The least is 1 mm, which is no lane either.
                check_range(f"map.lanes[{i}].width_m", lane.width_m, 1e-3, LARGEST_M, "m")
            if lane.speed_limit_mps is not None:
                check_range(f"map.lanes[{i}].speed_limit_mps", lane.speed_limit_mps, 0.0, FASTEST_MPS, "m/s")
        check_once("lane_id", (lane.lane_id for lane in self.lanes or ()))


@dataclass(frozen=True, eq=False)
class GroundHeight:
    """Ground height on a regular grid in the world frame; NaN where unknown. Cell (row, col) is centred at
    ``origin_xy_m + resolution_m * (col, row)``."""

    origin_xy_m: Float[ndarray, "2"]
    resolution_m: float
    height_m: Float[ndarray, "rows cols"]

    def __post_init__(self) -> None:
        check_shape("ground.origin_xy_m", self.origin_xy_m, (2,))
        check_positions("ground.origin_xy_m", self.origin_xy_m)
        check_range("ground.resolution_m", self.resolution_m, 1e-3, 1e3, "m")
        check_shape("ground.height_m", self.height_m, (None, None))
        if self.height_m.size == 0:
            rows, cols = self.height_m.shape
            raise ValueError(
                f"ground.height_m: expected a row and a column at least, got {rows} x {cols}; leave the ground out"
            )
        check_positions("ground.height_m", self.height_m[~np.isnan(self.height_m)])

    def at(self, points_xy_m: Float[ndarray, "n 2"]) -> Float[ndarray, "n"]:
        """Height of the nearest cell in metres; NaN where unknown or outside the grid."""
        cell = np.rint((points_xy_m - self.origin_xy_m) / self.resolution_m).astype(np.int64)
        rows, cols = self.height_m.shape
        inside = (cell[:, 0] >= 0) & (cell[:, 0] < cols) & (cell[:, 1] >= 0) & (cell[:, 1] < rows)
        out = np.full(len(points_xy_m), np.nan)
        out[inside] = self.height_m[cell[inside, 1], cell[inside, 0]]
        return out

"""A vector map as flat arrays with bounding spheres: made once for each map, so that every frame is a few array operations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from everroad.conditions.types import MAP_LAYERS
from everroad.scenario.types import Area, Divider, VectorMap

_AREA_LAYERS = (("drivable_area", "drivable_areas"), ("walkway", "walkways"), ("ped_crossing", "ped_crossings"))
_SOLID, _DASHED = ("divider_solid",), ("divider_dashed",)
# A line of two kinds side by side is both; one of unknown paint between two lanes is most often dashed; "none" is not painted.
_LAYERS_OF_MARK: dict[str, tuple[str, ...]] = {
    "solid": _SOLID,
    "double_solid": _SOLID,
    "dashed": _DASHED,
    "double_dashed": _DASHED,
    "solid_dashed": (*_SOLID, *_DASHED),
    "dashed_solid": (*_SOLID, *_DASHED),
    "unknown": _DASHED,
    "none": (),
}


@dataclass(frozen=True, eq=False)
class PreparedMap:
    """World frame, metres. Layers index ``MAP_LAYERS``. ``is_flat``: the source knew no heights (every z is 0)."""

    is_flat: bool
    area_points: Float[ndarray, "n 3"]
    ring_of_point: Int[ndarray, "n"]  # rings of one area are consecutive, and so are a ring's points
    area_of_ring: Int[ndarray, "r"]
    area_layer: Int[ndarray, "a"]
    area_centre: Float[ndarray, "a 3"]
    area_radius: Float[ndarray, "a"]
    segment_start: Float[ndarray, "s 3"]
    segment_end: Float[ndarray, "s 3"]
    segment_centre: Float[ndarray, "s 3"]
    segment_radius: Float[ndarray, "s"]
    segment_layer: Int[ndarray, "s"]


_PREPARED: WeakKeyDictionary[VectorMap, PreparedMap] = WeakKeyDictionary()


def prepare_map(vector_map: VectorMap) -> PreparedMap:
    """The prepared form, kept for as long as the map itself lives (maps are compared by identity and never change)."""
    prepared = _PREPARED.get(vector_map)
    if prepared is None:
        prepared = _PREPARED[vector_map] = _prepare(vector_map)
    return prepared


def _prepare(vector_map: VectorMap) -> PreparedMap:
    areas = [(MAP_LAYERS.index(layer), area) for layer, name in _AREA_LAYERS for area in getattr(vector_map, name) or ()]
    rings = [(i, ring) for i, (_, area) in enumerate(areas) for ring in _rings(area)]
    points = np.concatenate([ring for _, ring in rings]) if rings else np.zeros((0, 3))
    lines = list(_lines(vector_map))
    starts = np.concatenate([line.points_m[:-1] for _, line in lines]) if lines else np.zeros((0, 3))
    ends = np.concatenate([line.points_m[1:] for _, line in lines]) if lines else np.zeros((0, 3))
    lows = np.array([area.exterior_m.min(axis=0) for _, area in areas]).reshape(-1, 3)
    highs = np.array([area.exterior_m.max(axis=0) for _, area in areas]).reshape(-1, 3)
    return PreparedMap(
        is_flat=not (points[:, 2].any() or starts[:, 2].any() or ends[:, 2].any()),
        area_points=points,
        ring_of_point=np.repeat(np.arange(len(rings)), [len(ring) for _, ring in rings]),
        area_of_ring=np.array([i for i, _ in rings], dtype=np.int64),
        area_layer=np.array([layer for layer, _ in areas], dtype=np.int64),
        area_centre=(lows + highs) / 2,
        area_radius=np.linalg.norm(highs - lows, axis=1) / 2,
        segment_start=starts,
        segment_end=ends,
        segment_centre=(starts + ends) / 2,
        segment_radius=np.linalg.norm(ends - starts, axis=1) / 2,
        segment_layer=np.repeat(
            np.array([MAP_LAYERS.index(layer) for layer, _ in lines], dtype=np.int64),
            [len(line.points_m) - 1 for _, line in lines],
        ),
    )


def _rings(area: Area) -> tuple[Float[ndarray, "p 3"], ...]:
    return (area.exterior_m, *area.holes_m)


def _lines(vector_map: VectorMap) -> Iterator[tuple[str, Divider]]:
    """Every line with the layer it is drawn in."""
    for line in vector_map.stop_lines or ():
        yield "stop_line", line
    for line in vector_map.lane_dividers or ():
        for layer in _LAYERS_OF_MARK[line.mark]:
            yield layer, line
    for line in vector_map.road_dividers or ():
        if line.mark != "none":
            yield "road_divider", line

"""Paint on the road as convex quadrilaterals: lines with world-anchored dashes, stop lines and zebra stripes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from jaxtyping import Float, Int
from numpy import ndarray

from everroad.render import roads
from everroad.render.mesh import Colour
from everroad.render.semantics import CROSSING, LANE_MARKING
from everroad.scenario.types import Divider, VectorMap

LINE_WIDTH_M = 0.16
STOP_LINE_WIDTH_M = 0.45
DASH_M, DASH_PERIOD_M = 3.0, 9.0
_DOUBLE_OFFSET_M = 0.17
_STRIPE_M, _STRIPE_PERIOD_M = 0.6, 1.2
_COLOURS: dict[str, Colour] = {
    "white": (224, 224, 220),
    "yellow": (226, 178, 52),
    "blue": (70, 120, 210),
    "unknown": (214, 214, 210),
}

# Lines side by side: (offset to the left in multiples of the double offset, dashed).
_LINES: dict[str, tuple[tuple[int, bool], ...]] = {
    "solid": ((0, False),),
    "dashed": ((0, True),),
    "double_solid": ((1, False), (-1, False)),
    "double_dashed": ((1, True), (-1, True)),
    "solid_dashed": ((1, False), (-1, True)),
    "dashed_solid": ((1, True), (-1, False)),
    "none": (),
    "unknown": ((0, True),),
}


@dataclass(frozen=True, eq=False)
class Markings:
    """``quads_m`` in the world's xy plane; ``low`` and ``high`` are their bounds; colours RGB 0 to 255."""

    quads_m: Float[ndarray, "n 4 2"]
    colour: Float[ndarray, "n 3"]
    semantic: Int[ndarray, "n"]
    low: Float[ndarray, "n 2"]
    high: Float[ndarray, "n 2"]


def make_markings(vector_map: VectorMap | None) -> Markings:
    """Every painted mark of a map."""
    quads: list[np.ndarray] = []
    colours: list[Colour] = []
    kinds: list[int] = []

    def add(more: list[np.ndarray], colour: Colour, kind: int) -> None:
        quads.extend(more)
        colours.extend([colour] * len(more))
        kinds.extend([kind] * len(more))

    if vector_map is not None:
        for area in vector_map.ped_crossings or ():
            add(_stripes(area.exterior_m[:, :2]), _COLOURS["white"], CROSSING)
        for divider in (*(vector_map.lane_dividers or ()), *(vector_map.road_dividers or ())):
            add(_divider_quads(divider), _COLOURS[divider.colour], LANE_MARKING)
        for line in vector_map.stop_lines or ():
            add(_solid(line.points_m[:, :2], STOP_LINE_WIDTH_M), _COLOURS["white"], LANE_MARKING)
    array = np.array(quads, dtype=np.float64).reshape(-1, 4, 2)
    return Markings(
        quads_m=array,
        colour=np.array(colours, dtype=np.float64).reshape(-1, 3),
        semantic=np.array(kinds, dtype=np.int64),
        low=array.min(axis=1) if len(array) else np.zeros((0, 2)),
        high=array.max(axis=1) if len(array) else np.zeros((0, 2)),
    )


def _divider_quads(divider: Divider) -> list[np.ndarray]:
    quads = []
    for side, dashed in _LINES[divider.mark]:
        line = _shifted(divider.points_m[:, :2], side * _DOUBLE_OFFSET_M)
        quads += _dashed(line) if dashed else _solid(line, LINE_WIDTH_M)
    return quads


def _shifted(line: np.ndarray, left_m: float) -> np.ndarray:
    if left_m == 0:
        return line
    along = np.gradient(line, axis=0)
    along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
    return line + left_m * np.stack([-along[:, 1], along[:, 0]], axis=1)


def _quads(starts: np.ndarray, ends: np.ndarray, width: float) -> list[np.ndarray]:
    """Bars (4, 2) from starts to ends (n, 2); none where the two meet."""
    along = ends - starts
    length = np.hypot(along[:, 0], along[:, 1])
    keep = length > 1e-3
    side = np.stack([-along[keep, 1], along[keep, 0]], axis=1) * (width / 2 / length[keep])[:, None]
    return list(np.stack([starts[keep] + side, starts[keep] - side, ends[keep] - side, ends[keep] + side], axis=1))


def _solid(line: np.ndarray, width: float) -> list[np.ndarray]:
    return _quads(line[:-1], line[1:], width)


def _dashed(line: np.ndarray) -> list[np.ndarray]:
    """Dashes; the phase is the start's own place along its direction, so pieces of one straight line join in step."""
    walk = roads.Walk(line)
    length = walk.length_m
    if length < 1e-3:
        return []
    direction = walk.at(1.0) - line[0]
    direction /= max(float(np.linalg.norm(direction)), 1e-9)
    # The same line drawn in the other direction must show the same dashes.
    sign = 1.0 if (direction[0], direction[1]) > (0.0, 0.0) else -1.0
    origin = float(line[0] @ direction) * sign
    first, last = sorted((origin, origin + sign * length))
    starts = np.arange(np.floor(first / DASH_PERIOD_M), np.ceil(last / DASH_PERIOD_M) + 1) * DASH_PERIOD_M
    a, b = np.maximum(starts, first), np.minimum(starts + DASH_M, last)
    ends = [(walk.at((i - origin) * sign), walk.at((j - origin) * sign)) for i, j in zip(a, b, strict=True) if j - i > 0.2]
    if not ends:
        return []
    return _quads(np.array([start for start, _ in ends]), np.array([end for _, end in ends]), LINE_WIDTH_M)


def _stripes(exterior: np.ndarray) -> list[np.ndarray]:
    """Zebra stripes along the traffic, i.e. across the longer side of the crossing's bounding rectangle."""
    rectangle = shapely.geometry.MultiPoint(exterior).minimum_rotated_rectangle
    if not isinstance(rectangle, shapely.geometry.Polygon):
        return []
    corners = np.asarray(rectangle.exterior.coords)[:4]
    sides = np.roll(corners, -1, axis=0) - corners
    i = int(np.argmax(np.linalg.norm(sides[:2], axis=1)))
    length, width = np.linalg.norm(sides[i]), np.linalg.norm(sides[i + 1])
    walk, across = sides[i] / length, sides[i + 1] / width
    inset = 0.08 * width
    n = max(int(length / _STRIPE_PERIOD_M), 1)
    starts = corners[i] + (np.arange(n) * length / n + 0.3 * length / n)[:, None] * walk + inset * across
    wide = _STRIPE_M / _STRIPE_PERIOD_M * length / n
    long = across * (width - 2 * inset)
    return [np.stack([s, s + walk * wide, s + walk * wide + long, s + long]) for s in starts]

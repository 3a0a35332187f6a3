"""Polygons to pictures: near clipping, culling, painting back to front, and exact depth from each polygon's plane."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int, UInt8
from numpy import ndarray

from everroad import geometry
from everroad.render.mesh import normals_of
from everroad.render.view import NEAR_M, Lens

_SHIFT = 4
_FARTHEST_PX = 60000.0


@dataclass(frozen=True, eq=False)
class Polygons:
    """Polygons in the camera frame, in any order; painted by ``rank`` (object), then ``key`` (part), then as listed.

    ``colour`` is what reaches the eye (lit, hazed), RGB 0 to 255. ``texture`` is -1 or names the picture that covers it.
    """

    points_m: Float[ndarray, "m 8 3"]
    colour: Float[ndarray, "m 3"]
    two_sided: Bool[ndarray, "m"]
    rank: Int[ndarray, "m"]
    key: Float[ndarray, "m"]
    texture: Int[ndarray, "m"]
    instance: Int[ndarray, "m"]
    semantic: Int[ndarray, "m"]


@dataclass(frozen=True, eq=False)
class Prepared:
    """Visible polygons in painting order: pixel outlines, other ones for those cut by the near plane, bounds in pixels, and
    planes as normal . X = offset in the camera frame."""

    pixels: Float[ndarray, "k 8 2"]
    clipped_px: dict[int, np.ndarray]
    low_px: Float[ndarray, "k 2"]
    high_px: Float[ndarray, "k 2"]
    points_m: Float[ndarray, "k 8 3"]
    colour: Float[ndarray, "k 3"]
    normal: Float[ndarray, "k 3"]
    offset: Float[ndarray, "k"]
    texture: Int[ndarray, "k"]
    instance: Int[ndarray, "k"]
    semantic: Int[ndarray, "k"]


def prepare(polygons: Polygons, lens: Lens) -> Prepared:
    """Drops what cannot be seen, clips at the near plane, projects and sorts."""
    normal = normals_of(polygons.points_m)
    offset = np.einsum("md,md->m", normal, polygons.points_m[:, 0])
    # A polygon seen edge-on has no plane to take depth from.
    facing = (offset < -1e-9) | (polygons.two_sided & (np.abs(offset) > 1e-9))
    kept = np.flatnonzero(facing & (_fold(np.maximum, polygons.points_m[..., 2]) > NEAR_M))
    points = polygons.points_m[kept]
    z = points[..., 2]
    pixels, _ = geometry.project(np.where(z[..., None] > NEAR_M, points, 1.0), lens.intrinsics)
    low, high = _fold(np.minimum, pixels), _fold(np.maximum, pixels)
    cut: dict[int, np.ndarray] = {}
    for i in np.flatnonzero(_fold(np.minimum, z) < NEAR_M).tolist():
        cut[i], _ = geometry.project(geometry.clip_polygon_near(points[i], NEAR_M), lens.intrinsics)
        low[i], high[i] = cut[i].min(axis=0), cut[i].max(axis=0)
    size = np.array([lens.width_px, lens.height_px])
    overlaps = np.all((high > -0.5) & (low < size - 0.5), axis=1)
    order = np.lexsort((polygons.key[kept], polygons.rank[kept]))
    order = order[overlaps[order]]
    source = kept[order]
    return Prepared(
        pixels=pixels[order],
        clipped_px={place: cut[i] for place, i in enumerate(order.tolist()) if i in cut} if cut else {},
        low_px=low[order],
        high_px=high[order],
        points_m=points[order],
        colour=polygons.colour[source],
        normal=normal[source],
        offset=offset[source],
        texture=polygons.texture[source],
        instance=polygons.instance[source],
        semantic=polygons.semantic[source],
    )


def _fold(function: np.ufunc, values: Float[ndarray, "k 8 *c"]) -> Float[ndarray, "k *c"]:
    """``function.reduce(values, axis=1)``; NumPy's own takes several times as long over so few."""
    values = function(values[:, :4], values[:, 4:])
    values = function(values[:, :2], values[:, 2:])
    return function(values[:, 0], values[:, 1])


def _fixed(prepared: Prepared, samples: int) -> list[np.ndarray]:
    """Outlines as fixed-point canvas coordinates."""

    def fixed(pixels: np.ndarray) -> np.ndarray:
        scaled = np.clip((pixels + 0.5) * samples - 0.5, -_FARTHEST_PX, _FARTHEST_PX)
        return np.rint(scaled * (1 << _SHIFT)).astype(np.int32)

    outlines = list(fixed(prepared.pixels))
    for i, clipped in prepared.clipped_px.items():
        outlines[i] = fixed(clipped)
    return outlines


def paint_colour(
    canvas: UInt8[ndarray, "h w 3"], prepared: Prepared, samples: int, cover: Callable[[np.ndarray, int], None]
) -> None:
    """Fills every polygon; ``cover(canvas, index)`` then lays its picture over a textured one."""
    colours = np.clip(prepared.colour, 0, 255).tolist()
    textured = (prepared.texture >= 0).tolist()
    fill = cv2.fillConvexPoly
    for i, outline in enumerate(_fixed(prepared, samples)):
        fill(canvas, outline, colours[i], cv2.LINE_AA, _SHIFT)
        if textured[i]:
            cover(canvas, i)


def paint_index(prepared: Prepared, lens: Lens) -> Int[ndarray, "h w"]:
    """For every pixel, 1 + the index of the polygon seen at its centre; 0 for none."""
    # Filling takes in every sample an outline touches; of three samples a pixel the middle one is off by a sixth at most.
    fine = np.zeros((lens.height_px * 3, lens.width_px * 3), np.int32)
    fill = cv2.fillConvexPoly
    for i, outline in enumerate(_fixed(prepared, 3)):
        fill(fine, outline, (i + 1,), 8, _SHIFT)
    return fine[1::3, 1::3]


def depth_of(index: Int[ndarray, "h w"], prepared: Prepared, lens: Lens) -> Float[ndarray, "h w"]:
    """Depth along the camera's axis of the polygons in ``index`` (float32); infinite where there is none.

    A plane n . X = d seen along the ray K^-1 (u, v, 1) lies at depth d / (n . K^-1 (u, v, 1)). Outlines are filled a little
    beyond their edge, where a plane nearly in line with the view would run away: depth is held near the polygon's own range.
    """
    inverse = np.linalg.inv(lens.intrinsics)
    table = np.zeros((len(prepared.offset) + 1, 3))
    table[1:] = (prepared.normal @ inverse) / prepared.offset[:, None]
    low, high = _fold(np.minimum, prepared.points_m[..., 2]), _fold(np.maximum, prepared.points_m[..., 2])
    slack = 0.05 + 0.1 * (high - low)
    near = np.concatenate([[np.inf], np.maximum(low - slack, NEAR_M)])
    far = np.concatenate([[np.inf], high + slack])
    rows, columns = np.nonzero(index)
    which = index[rows, columns]
    plane = table[which]
    nearness = plane[:, 0] * columns + plane[:, 1] * rows + plane[:, 2]
    depth = np.full(index.shape, np.inf, np.float32)
    depth[rows, columns] = np.clip(1 / np.maximum(nearness, 1e-6), near[which], far[which])
    return depth

"""The ground seen from above in square tiles, each a pure function of the world, painted once and kept for a while."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import no_type_check

import cv2
import numpy as np
import shapely
from jaxtyping import Float, UInt8
from numpy import ndarray
from shapely.geometry.base import BaseGeometry

from everroad.render import hashing, roads
from everroad.render.furniture import Pole
from everroad.render.look import Look
from everroad.render.markings import Markings
from everroad.render.semantics import ROAD, SIDEWALK, TERRAIN

TILE_PX = 256
_SHIFT = 4
_CELL_M = 128.0
_KEPT_TILES = 400
_PATCH_CELL_M = 9.6
_GRASS = ((96, 118, 66), (128, 122, 82), (112, 128, 74), (134, 126, 108))
_ASPHALT = ((92, 92, 95), (108, 106, 104), (82, 84, 90), (100, 96, 92))
_SLAB = ((164, 160, 154), (176, 168, 154), (150, 150, 152))


@dataclass(frozen=True, eq=False)
class Shadows:
    """Convex shadows of what stands still (world xy), with bounds."""

    polygons_m: tuple[Float[ndarray, "_ 2"], ...]
    low: Float[ndarray, "k 2"]
    high: Float[ndarray, "k 2"]


@dataclass(frozen=True, eq=False)
class GroundWorld:
    """What the ground's tiles are painted from."""

    areas: roads.RoadAreas
    markings: Markings
    lamps: tuple[Pole, ...]
    shadows: Shadows
    look: Look
    seed: int


class TileStore:
    """Tiles by (resolution, column, row), painted on demand; the last ``_KEPT_TILES`` are kept."""

    def __init__(self, world: GroundWorld) -> None:
        self._world = world
        self._tiles: OrderedDict[tuple[float, int, int], tuple[np.ndarray, np.ndarray]] = OrderedDict()
        self._cells: dict[tuple[int, int, str], BaseGeometry] = {}
        self._asphalt, self._slab = (p[hashing.pick(len(p), world.seed, 81 + i)] for i, p in enumerate((_ASPHALT, _SLAB)))
        self._heads_m = np.array([lamp.point_m + lamp.arm_m for lamp in world.lamps]).reshape(-1, 2)
        self._grass = _GRASS[hashing.pick(len(_GRASS), world.seed, 83)]

    def tile(
        self, metres_per_px: float, column: int, row: int
    ) -> tuple[UInt8[ndarray, "256 256 3"], UInt8[ndarray, "256 256"]]:
        """Lit colours and semantic ids; pixel (i, j) is centred at world x = (256 column + j + 0.5) metres_per_px."""
        key = (metres_per_px, column, row)
        if key in self._tiles:
            self._tiles.move_to_end(key)
            return self._tiles[key]
        painted = self._paint(metres_per_px, column, row)
        self._tiles[key] = painted
        if len(self._tiles) > _KEPT_TILES:
            self._tiles.popitem(last=False)
        return painted

    def _area(self, name: str, low: np.ndarray, high: np.ndarray) -> BaseGeometry:
        """The part of an area inside a rectangle; a coarse grid of cut pieces keeps this cheap on large maps."""
        whole: BaseGeometry = getattr(self._world.areas, name)
        pieces = []
        x0, y0 = (np.floor(low / _CELL_M)).astype(int)
        x1, y1 = (np.floor(high / _CELL_M)).astype(int)
        for x in range(x0, x1 + 1):
            for y in range(y0, y1 + 1):
                key = (int(x), int(y), name)
                if key not in self._cells:
                    box = (x * _CELL_M - 0.5, y * _CELL_M - 0.5, (x + 1) * _CELL_M + 0.5, (y + 1) * _CELL_M + 0.5)
                    self._cells[key] = shapely.clip_by_rect(whole, *box)
                pieces.append(shapely.clip_by_rect(self._cells[key], *(low - 0.5), *(high + 0.5)))
        return shapely.geometry.MultiPolygon([polygon for piece in pieces for polygon in roads.polygons_of(piece)])

    def _paint(self, scale: float, column: int, row: int) -> tuple[np.ndarray, np.ndarray]:
        low = np.array([column, row]) * TILE_PX * scale
        high = low + TILE_PX * scale
        world = self._world

        @no_type_check
        def pixels(points_m: np.ndarray) -> np.ndarray:
            return np.rint(((points_m - low) / scale - 0.5) * (1 << _SHIFT)).astype(np.int32)

        picture = np.empty((TILE_PX, TILE_PX, 3), np.uint8)
        picture[:] = self._grass
        kinds = np.full((TILE_PX, TILE_PX), TERRAIN, np.uint8)
        road = self._area("road", low, high)
        for area, colour, kind in ((self._area("sidewalk", low, high), self._slab, SIDEWALK), (road, self._asphalt, ROAD)):
            for polygon in roads.polygons_of(area):
                rings = [pixels(np.asarray(ring.coords)[:, :2]) for ring in (polygon.exterior, *polygon.interiors)]
                cv2.fillPoly(picture, rings, colour, cv2.LINE_AA, _SHIFT)
                cv2.fillPoly(kinds, rings, (kind,), cv2.LINE_8, _SHIFT)
        gain = self._gain(scale, column, row, kinds)
        self._kerbs(picture, road, low, high, scale, pixels)
        self._patches(gain, kinds, low, high, pixels)
        marks = world.markings
        near = np.flatnonzero(((marks.high > low) & (marks.low < high)).all(axis=1))
        for i in near:
            cv2.fillConvexPoly(picture, pixels(marks.quads_m[i]), marks.colour[i].tolist(), cv2.LINE_AA, _SHIFT)
            cv2.fillConvexPoly(kinds, pixels(marks.quads_m[i]), (int(marks.semantic[i]),), cv2.LINE_8, _SHIFT)
        light = self._light(low, high, scale, pixels)
        lit = picture * (gain[:, :, None] * light)
        return np.clip(lit, 0, 255).astype(np.uint8), kinds

    def _noise(self, salt: int, spacing_m: float, scale: float, column: int, row: int) -> np.ndarray:
        """Smooth noise in [-1, 1] with knots every ``spacing_m``."""
        step = scale / spacing_m
        x0, y0 = column * TILE_PX * step, row * TILE_PX * step
        n = int(np.ceil(TILE_PX * step)) + 4
        knots = hashing.lattice(
            hashing.mix(self._world.seed, salt), int(np.floor(x0)) - 1 + np.arange(n), int(np.floor(y0)) - 1 + np.arange(n)
        )
        to_knots = np.array([[step, 0, x0 - np.floor(x0) + 1 + 0.5 * step], [0, step, y0 - np.floor(y0) + 1 + 0.5 * step]])
        smooth = cv2.warpAffine(knots, to_knots, (TILE_PX, TILE_PX), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
        return smooth * 2 - 1

    def _gain(self, scale: float, column: int, row: int, kinds: np.ndarray) -> np.ndarray:
        """Brightness by what the ground is made of: stains and grain, slabs, tufts."""
        coarse = self._noise(84, 12.8, scale, column, row)
        middle = self._noise(85, 2.4, scale, column, row)
        fine = self._noise(86, max(0.2, 2 * scale), scale, column, row) if scale < 0.2 else np.float32(0)
        terrain = 1 + 0.10 * coarse + 0.10 * middle + 0.08 * fine
        road = 1 + 0.09 * coarse + 0.04 * middle + 0.05 * fine
        slabs = np.arange(TILE_PX) * scale
        x, y = column * TILE_PX * scale + slabs, row * TILE_PX * scale + slabs
        jitter = hashing.lattice(
            hashing.mix(self._world.seed, 87), np.floor(x / 1.6).astype(int), np.floor(y / 1.6).astype(int)
        )
        walk = 1 + 0.05 * coarse + 0.12 * (jitter - 0.5) + 0.03 * fine
        if scale < 0.2:
            walk[(np.mod(y, 1.6) < 0.1), :] *= 0.84
            walk[:, (np.mod(x, 1.6) < 0.1)] *= 0.84
        gain = np.where(kinds == ROAD, road, terrain)
        np.copyto(gain, walk, where=kinds == SIDEWALK)
        return gain.astype(np.float32)

    def _kerbs(self, picture: np.ndarray, road: BaseGeometry, low: np.ndarray, high: np.ndarray, scale: float, pixels) -> None:
        """A pale kerb with a dark gutter inside, along the road's edge."""
        inside = shapely.geometry.box(*(low - 0.4), *(high + 0.4))
        edge = shapely.intersection(shapely.boundary(road), inside)
        for line in getattr(edge, "geoms", [edge]):
            if line.geom_type != "LineString" or line.is_empty:
                continue
            points = np.asarray(line.coords)[:, :2]
            cv2.polylines(picture, [pixels(points)], False, (64, 64, 66), max(round(0.34 / scale), 1), cv2.LINE_AA, _SHIFT)
            cv2.polylines(picture, [pixels(points)], False, (186, 184, 178), max(round(0.2 / scale), 1), cv2.LINE_AA, _SHIFT)

    def _patches(self, gain: np.ndarray, kinds: np.ndarray, low: np.ndarray, high: np.ndarray, pixels) -> None:
        """Repaired rectangles and manhole covers in the road, at hashed places."""
        mask = np.zeros((TILE_PX, TILE_PX), np.uint8)
        x0, y0 = (int(v) - 1 for v in np.floor(low / _PATCH_CELL_M))
        x1, y1 = (int(v) + 1 for v in np.floor(high / _PATCH_CELL_M))
        for x in range(x0, x1 + 1):
            for y in range(y0, y1 + 1):
                key = hashing.mix(self._world.seed, 88, x, y)
                if hashing.unit(key) > 0.32:
                    continue
                centre = np.array([x + hashing.unit(key, 1), y + hashing.unit(key, 2)]) * _PATCH_CELL_M
                if hashing.unit(key, 3) < 0.35:
                    angles = np.arange(10) * 2 * np.pi / 10
                    shape, depth = 0.42 * np.stack([np.cos(angles), np.sin(angles)], axis=1), 105
                else:
                    angle = hashing.between(0.0, np.pi, key, 4)
                    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
                    half = np.array([hashing.between(0.8, 2.6, key, 5), hashing.between(0.5, 1.4, key, 6)])
                    shape = (np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]]) * half) @ turn.T
                    depth = 45 + hashing.pick(35, key, 7)
                cv2.fillConvexPoly(mask, pixels(centre + shape), (depth,), cv2.LINE_AA, _SHIFT)
        on_road = cv2.multiply(mask, (kinds == ROAD).astype(np.uint8))
        gain *= 1 - on_road.astype(np.float32) / 255.0

    def _light(self, low: np.ndarray, high: np.ndarray, scale: float, pixels) -> np.ndarray:
        """Sun and sky on flat ground, cast shadows, and pools of lamp light after dark."""
        look, shadows = self._world.look, self._world.shadows
        light = np.empty((TILE_PX, TILE_PX, 3), np.float32)
        light[:] = look.light(np.array([[0.0, 0.0, 1.0]]))[0]
        mask = np.zeros((TILE_PX, TILE_PX), np.uint8)
        for i in np.flatnonzero(((shadows.high > low) & (shadows.low < high)).all(axis=1)):
            cv2.fillConvexPoly(mask, pixels(shadows.polygons_m[i]), (255,), cv2.LINE_AA, _SHIFT)
        if mask.any():
            soft = max(round(0.25 / scale), 1) * 2 + 1
            shade = cv2.blur(mask, (soft, soft)).astype(np.float32) / 255.0
            light *= 1 - look.shadow * shade[:, :, None]
        if look.dark:
            light += self._lamp_light(low, high, scale)[:, :, None] * np.array([0.62, 0.50, 0.33], np.float32)
        return light

    def _lamp_light(self, low: np.ndarray, high: np.ndarray, scale: float) -> Float[ndarray, "256 256"]:
        """The pools of light under the lamps, together: each is a product of one bell in x and one in y."""
        heads = self._heads_m[((self._heads_m > low - 14) & (self._heads_m < high + 14)).all(axis=1)].astype(np.float32)
        centres_m = low.astype(np.float32) + (np.arange(TILE_PX, dtype=np.float32)[:, None] + 0.5) * np.float32(scale)
        bells = np.exp(-np.square((centres_m[None] - heads[:, None]) / 6.0))  # lamps, pixels, (x, y)
        return np.float32(1.0 if self._world.look.night else 0.5) * (bells[:, :, 1].T @ bells[:, :, 0])

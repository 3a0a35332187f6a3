"""The ground in a camera's picture: the tiles' mosaic warped by the plane's homography, in bands by distance.

The ground is the ego car's own plane z = 0. A band far away has coarser tiles and more samples down the picture, since a pixel
there covers little across and much along the view.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray

from everroad.render.tiles import TILE_PX, TileStore
from everroad.render.view import Lens, View

FARTHEST_M = 230.0


@dataclass(frozen=True)
class Band:
    """Ground from ``near_m`` on is drawn from tiles of this resolution with ``taps`` samples a canvas row."""

    near_m: float
    metres_per_px: float
    taps: int


BANDS = (Band(0.0, 0.05, 1), Band(13.0, 0.1, 2), Band(38.0, 0.25, 4))


class Ground:
    """Paints the ground; remembers the last mosaics, which change only when the ego enters another tile."""

    def __init__(self, tiles: TileStore) -> None:
        self._tiles = tiles
        self._mosaics: OrderedDict[tuple[float, int, int, int, int, bool], np.ndarray] = OrderedDict()

    def paint(self, canvas: UInt8[ndarray, "h w 3"], view: View) -> None:
        """Paints the rows below the horizon of a canvas of ``samples`` samples a pixel."""
        lens = view.lens
        for band, first, last in bands_of(lens):
            taps = lens.samples * band.taps
            to_ground = view.ground_from_pixel @ _pixel_from_sample(first, lens.samples, taps)
            flat = self._warp(band, view, first, last, to_ground, (lens.width_px * lens.samples, (last - first) * taps), False)
            rows = slice(first * lens.samples, last * lens.samples)
            if band.taps > 1:
                flat = cv2.resize(flat, (flat.shape[1], rows.stop - rows.start), interpolation=cv2.INTER_AREA)
            _overlay(canvas, flat, rows, lens, lens.samples)

    def paint_semantics(self, semantic: UInt8[ndarray, "h w"], view: View) -> None:
        """Writes the ground's classes below the horizon, one sample a pixel."""
        lens = view.lens
        for band, first, last in bands_of(lens):
            to_ground = view.ground_from_pixel @ _pixel_from_sample(first, 1, 1)
            flat = self._warp(band, view, first, last, to_ground, (lens.width_px, last - first), True)
            _overlay(semantic, flat, slice(first, last), lens, 1)

    def _warp(
        self, band: Band, view: View, first: int, last: int, to_ground: np.ndarray, size: tuple[int, int], ids: bool
    ) -> np.ndarray:
        """``to_ground`` maps samples to the flat frame."""
        low, high = view.ground_bounds(first, last, FARTHEST_M)
        tile_m = TILE_PX * band.metres_per_px
        x0, y0 = (int(v) for v in np.floor(low / tile_m))
        x1, y1 = (int(v) for v in np.floor(high / tile_m))
        mosaic = self._mosaic(band.metres_per_px, x0, y0, x1, y1, ids)
        corner = np.array([x0, y0]) * tile_m - view.origin_m[:2]
        scale = 1 / band.metres_per_px
        to_mosaic = np.array([[scale, 0, -corner[0] * scale - 0.5], [0, scale, -corner[1] * scale - 0.5], [0, 0, 1]])
        how = (cv2.INTER_NEAREST if ids else cv2.INTER_LINEAR) | cv2.WARP_INVERSE_MAP
        return cv2.warpPerspective(mosaic, to_mosaic @ to_ground, size, flags=how, borderMode=cv2.BORDER_REPLICATE)

    def _mosaic(self, scale: float, x0: int, y0: int, x1: int, y1: int, ids: bool) -> np.ndarray:
        key = (scale, x0, y0, x1, y1, ids)
        if key in self._mosaics:
            self._mosaics.move_to_end(key)
            return self._mosaics[key]
        rows = [[self._tiles.tile(scale, x, y)[int(ids)] for x in range(x0, x1 + 1)] for y in range(y0, y1 + 1)]
        mosaic = np.concatenate([np.concatenate(row, axis=1) for row in rows], axis=0)
        self._mosaics[key] = mosaic
        if len(self._mosaics) > 2 * len(BANDS) * 2:
            self._mosaics.popitem(last=False)
        return mosaic


def _pixel_from_sample(first_row: int, across: int, down: int) -> Float[ndarray, "3 3"]:
    """Pixel coordinates of a sample's centre, of samples counted from the top left of row ``first_row``."""
    return np.array([[1 / across, 0, 0.5 / across - 0.5], [0, 1 / down, first_row + 0.5 / down - 0.5], [0, 0, 1.0]])


def _overlay(target: np.ndarray, flat: np.ndarray, rows: slice, lens: Lens, samples: int) -> None:
    """Writes the ground's rows, where they are ground."""
    if rows.start >= lens.mixed_rows[samples][1]:
        target[rows] = flat
    else:
        inside = lens.ground_mask(samples)[rows]
        target[rows][inside] = flat[inside]


def bands_of(lens: Lens) -> list[tuple[Band, int, int]]:
    """Bands with their first and last (exclusive) picture row, by the ground's distance in the middle column."""
    top = lens.first_ground_row
    if top >= lens.height_px:
        return []
    distance = lens.row_distance_m
    starts = [0] + [int(np.count_nonzero(distance > band.near_m)) for band in BANDS[1:]]
    out, last = [], lens.height_px
    for band, start in zip(BANDS, [*starts[1:], 0], strict=True):
        first = max(start, top)
        if first < last:
            out.append((band, first, last))
            last = first
    return out

"""Facade pictures laid over their walls: the right level of detail, hazed column by column, warped onto the canvas."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

import cv2
import numpy as np
from jaxtyping import Int, UInt8
from numpy import ndarray

from everroad.render.facades import facade_picture
from everroad.render.raster import Prepared
from everroad.render.statics import LitScenery
from everroad.render.view import NEAR_M, Lens

_KEPT_PICTURES = 2500
_COARSEST = 5
# Shares of haze are rounded to this many steps, so that a hazed picture serves many frames.
_HAZE_STEPS = 64


class Facades:
    """Facade pictures by wall, by halvings across and down, and by haze at both ends; made on demand, the latest are kept."""

    def __init__(self, lit: LitScenery) -> None:
        self._lit = lit
        self._pictures: OrderedDict[tuple[int, ...], np.ndarray] = OrderedDict()

    def _kept(self, key: tuple[int, ...], make: Callable[[], np.ndarray]) -> np.ndarray:
        if key in self._pictures:
            self._pictures.move_to_end(key)
            return self._pictures[key]
        made = make()
        self._pictures[key] = made
        if len(self._pictures) > _KEPT_PICTURES:
            self._pictures.popitem(last=False)
        return made

    def picture(self, texture: int) -> UInt8[ndarray, "h w 3"]:
        """The picture of a wall."""

        def make() -> np.ndarray:
            scenery = self._lit.scenery
            light = self._lit.light[scenery.polygons[texture // 4, 0] + texture % 4]
            return facade_picture(scenery.buildings[texture // 4], texture % 4, self._lit.look, light)

        return self._kept((texture,), make)

    def reduced(self, texture: int, across: int, down: int) -> UInt8[ndarray, "h w 3"]:
        """The picture halved so many times in width and in height, with a border of one texel."""

        def make() -> np.ndarray:
            fine = self.picture(texture)
            size = (max(fine.shape[1] >> across, 1), max(fine.shape[0] >> down, 1))
            return cv2.copyMakeBorder(cv2.resize(fine, size, interpolation=cv2.INTER_AREA), 1, 1, 1, 1, cv2.BORDER_REPLICATE)

        return self._kept((texture, across, down), make)

    def hazed(self, texture: int, across: int, down: int, left: int, right: int) -> UInt8[ndarray, "h w 3"]:
        """The reduced picture with so many steps of haze at its left and right end."""
        clear = self.reduced(texture, across, down)
        if left == 0 and right == 0:
            return clear

        def make() -> np.ndarray:
            share = np.linspace(left, right, clear.shape[1], dtype=np.float32)[None, :, None] / _HAZE_STEPS
            haze = np.array(self._lit.look.haze, np.float32)
            return (clear * (1 - share) + haze * share).astype(np.uint8)

        return self._kept((texture, across, down, left, right), make)

    def covering(self, prepared: Prepared, lens: Lens) -> Callable[[np.ndarray, int], None]:
        """A function that lays the picture of the polygon of an index onto a canvas."""
        which = np.flatnonzero(prepared.texture >= 0)
        if len(which) == 0:
            return lambda canvas, index: None
        samples = lens.samples
        size = np.array([lens.width_px, lens.height_px]) * samples
        low = np.floor((prepared.low_px[which] + 0.5) * samples - 0.5)
        high = np.ceil((prepared.high_px[which] + 0.5) * samples - 0.5) + 1
        texels = np.array([self.picture(t).shape[1::-1] for t in prepared.texture[which].tolist()])
        corners = prepared.points_m[which, :4]
        halvings = np.clip(np.floor(np.log2(texels / np.maximum(high - low, 1.0)) + 0.3), 0, _COARSEST).astype(np.int64)
        halvings[corners[..., 2].min(axis=1) <= NEAR_M] = 0
        ends = np.linalg.norm(corners[:, [1, 2]], axis=2)
        haze = np.rint(self._lit.look.haze_share(ends) * _HAZE_STEPS).astype(np.int64).tolist()
        area = np.concatenate([np.clip(low, 0, size), np.clip(high, 0, size)], axis=1).astype(np.int64)
        to_picture = _picture_from_canvas(corners, np.maximum(texels >> halvings, 1), area, lens)
        rows = {int(index): row for row, index in enumerate(which)}
        areas, levels, textures = area.tolist(), halvings.tolist(), prepared.texture[which].tolist()

        def lay(canvas: np.ndarray, index: int) -> None:
            row = rows[index]
            x0, y0, x1, y1 = areas[row]
            if x1 > x0 and y1 > y0:
                cv2.warpPerspective(
                    self.hazed(textures[row], *levels[row], *haze[row]),
                    to_picture[row],
                    (x1 - x0, y1 - y0),
                    dst=canvas[y0:y1, x0:x1],
                    flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                    borderMode=cv2.BORDER_TRANSPARENT,
                )

        return lay


def _picture_from_canvas(corners: np.ndarray, texels: np.ndarray, area: Int[ndarray, "k 4"], lens: Lens) -> np.ndarray:
    """Homographies (k, 3, 3) from samples of each wall's part of the canvas to its bordered picture."""
    along_u = (corners[:, 3] - corners[:, 0]) / texels[:, :1]
    along_v = (corners[:, 1] - corners[:, 0]) / texels[:, 1:]
    first = corners[:, 0] - 0.5 * (along_u + along_v)
    to_canvas = np.tile(np.eye(3), (len(corners), 1, 1))
    to_canvas[:, :2, 2] = 0.5 * lens.samples - 0.5 - area[:, :2]
    to_canvas[:, 0, 0] = to_canvas[:, 1, 1] = lens.samples
    return np.linalg.inv(to_canvas @ (lens.intrinsics @ np.stack([along_u, along_v, first], axis=2)))

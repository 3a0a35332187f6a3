"""Facades as small pictures: courses, windows, shops, doors and cornices, drawn once and warped into every frame."""

from __future__ import annotations

from typing import no_type_check

import cv2
import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray

from everroad.render import hashing
from everroad.render.buildings import Building, Style
from everroad.render.look import Look
from everroad.render.mesh import Colour, Number

TEXELS_PER_M = 10.0
_LIT: tuple[Colour, ...] = ((255, 206, 128), (255, 224, 164), (246, 190, 104), (214, 226, 240))


class _Sheet:
    """A picture in metres: x from the left, y from the ground up; ``glow`` marks what shines by itself."""

    def __init__(self, width_m: float, height_m: float, colour: Colour) -> None:
        self.width_m, self.height_m = width_m, height_m
        self.columns, self.rows = max(round(width_m * TEXELS_PER_M), 2), max(round(height_m * TEXELS_PER_M), 2)
        self.albedo = np.empty((self.rows, self.columns, 3), np.float32)
        self.albedo[:] = colour
        self.glow = np.zeros((self.rows, self.columns, 1), np.float32)

    @no_type_check
    def rect(self, x0: Number, y0: Number, x1: Number, y1: Number, colour: Colour, glow: float = 0.0) -> None:
        sx, sy = self.columns / self.width_m, self.rows / self.height_m
        a, b = max(round(x0 * sx), 0), max(round(x1 * sx), 0)
        c, d = max(self.rows - round(y1 * sy), 0), max(self.rows - round(y0 * sy), 0)
        self.albedo[c:d, a:b] = colour
        self.glow[c:d, a:b] = glow


def _scaled(colour: Colour, gain: float) -> Colour:
    return (colour[0] * gain, colour[1] * gain, colour[2] * gain)


def facade_picture(building: Building, side: int, look: Look, light: Float[ndarray, "3"]) -> UInt8[ndarray, "h w 3"]:
    """The lit picture of one wall (0 front, 1 and 3 sides, 2 back), first row at the top; ``light`` is that on the wall."""
    corners, style = building.lot.corners_m, building.style
    width = float(np.linalg.norm(corners[(side + 1) % 4] - corners[side]))
    sheet = _Sheet(width, building.eaves_m, style.wall)
    seed = hashing.mix(style.seed, 40 + side)
    _courses(sheet, style, seed)
    for floor in range(building.floors):
        if floor == 0 and side == 0 and style.ground_floor != "door":
            continue
        _windows(sheet, style, floor, side, seed, look)
    if side == 0:
        _ground_floor(sheet, style, seed, look)
    else:
        _base(sheet, style)
    if style.cornice_m:
        top = building.eaves_m
        sheet.rect(0, top - style.cornice_m, width, top, style.trim)
        sheet.rect(0, top - style.cornice_m - 0.15, width, top - style.cornice_m, _scaled(style.wall, 0.6))
    lit = sheet.albedo * (light.astype(np.float32) * (1 - sheet.glow) + sheet.glow)
    return np.clip(lit, 0, 255).astype(np.uint8)


def _courses(sheet: _Sheet, style: Style, seed: int) -> None:
    """Large soft stains, and on some walls a band at every floor."""
    stains = (
        hashing.generator(seed, 1)
        .normal(1.0, 0.035, (max(sheet.rows // 12, 2), max(sheet.columns // 12, 2)))
        .astype(np.float32)
    )
    sheet.albedo *= cv2.resize(stains, (sheet.columns, sheet.rows), interpolation=cv2.INTER_LINEAR)[:, :, None]
    if style.courses:
        for floor in range(1, int(sheet.height_m / style.floor_m) + 1):
            y = floor * style.floor_m
            sheet.rect(0, y - 0.15, sheet.width_m, y + 0.15, style.trim)
    # Corners read as edges even where two walls are lit alike.
    sheet.rect(0, 0, 0.25, sheet.height_m, _scaled(style.wall, 0.84))
    sheet.rect(sheet.width_m - 0.25, 0, sheet.width_m, sheet.height_m, _scaled(style.wall, 0.84))


def _glass(seed: int, look: Look) -> tuple[Colour, float]:
    """Colour and glow of one pane."""
    if look.dark and hashing.unit(seed, 1) < (0.42 if look.night else 0.25):
        return _LIT[hashing.pick(len(_LIT), seed, 2)], 0.95
    if hashing.unit(seed, 3) < 0.18:
        return (176, 172, 160), 0.0
    return _scaled((66, 84, 104), hashing.between(0.65, 1.25, seed, 4)), 0.0


def _windows(sheet: _Sheet, style: Style, floor: int, side: int, seed: int, look: Look) -> None:
    margin = 0.7
    bays = max(int((sheet.width_m - 2 * margin) / style.bay_m), 1)
    bay = (sheet.width_m - 2 * margin) / bays
    wide, high = style.window_share[0] * bay, style.window_share[1] * style.floor_m
    low = floor * style.floor_m + 0.3 * style.floor_m
    if style.windows == "band":
        sheet.rect(margin - 0.2, low - 0.2, sheet.width_m - margin + 0.2, low + high + 0.15, style.trim)
        wide = bay * 0.86
    for i in range(bays):
        key = hashing.mix(seed, floor, i)
        if side in (1, 3) and hashing.unit(seed, 5, i) < 0.5:
            continue
        centre = margin + (i + 0.5) * bay
        halves = [(-wide / 2, wide / 2)]
        if style.windows == "pair":
            halves = [(-wide / 2 - 0.1, -0.12), (0.12, wide / 2 + 0.1)]
        for n, (a, b) in enumerate(halves):
            glass, glow = _glass(hashing.mix(key, n), look)
            y0, y1 = (
                (low, low + high)
                if style.windows != "strip"
                else (floor * style.floor_m + 0.35, (floor + 1) * style.floor_m - 0.2)
            )
            if style.windows != "band":
                sheet.rect(centre + a - 0.16, y0 - 0.2, centre + b + 0.16, y1 + 0.16, style.trim)
            sheet.rect(centre + a, y0, centre + b, y1, glass, glow)
            if not glow:
                sheet.rect(centre + a, y0 + 0.62 * (y1 - y0), centre + b, y1, _scaled(glass, 1.35))


def _base(sheet: _Sheet, style: Style) -> None:
    sheet.rect(0, 0, sheet.width_m, 0.5, _scaled(style.base, 0.8))


def _ground_floor(sheet: _Sheet, style: Style, seed: int, look: Look) -> None:
    width, high = sheet.width_m, style.floor_m
    door = hashing.between(0.15, 0.8, seed, 7) * (width - 2.0) + 0.4
    if style.ground_floor == "shop":
        lit = look.dark and hashing.unit(seed, 8) < 0.6
        glass: Colour = (250, 218, 160) if lit else (58, 70, 82)
        sheet.rect(0, 0, width, high - 0.2, style.base)
        sheet.rect(0.6, 0.6, width - 0.6, high - 1.0, glass, 0.9 if lit else 0.0)
        panes = max(int(width / 3.5), 2)
        for i in range(1, panes):
            x = 0.6 + (width - 1.2) * i / panes
            sheet.rect(x - 0.15, 0.6, x + 0.15, high - 1.0, style.base)
        sheet.rect(0.3, high - 1.05, width - 0.3, high - 0.25, style.accent, 0.55 if look.dark else 0.0)
    elif style.ground_floor == "arcade":
        sheet.rect(0, 0, width, high - 0.2, style.base)
        arches = max(int(width / 3.6), 2)
        for i in range(arches):
            centre = width * (i + 0.5) / arches
            sheet.rect(centre - 1.1, 0, centre + 1.1, high - 0.9, (40, 40, 44))
    elif style.ground_floor == "gate":
        _base(sheet, style)
        gates = max(int(width / 6.0), 1)
        for i in range(gates):
            centre = width * (i + 0.5) / gates
            sheet.rect(centre - 1.9, 0, centre + 1.9, high * 0.72, style.accent if i % 2 == 0 else style.trim)
            sheet.rect(centre - 1.7, high * 0.36, centre + 1.7, high * 0.42, _scaled(style.trim, 0.6))
    else:
        _base(sheet, style)
    if style.ground_floor in ("door", "shop"):
        sheet.rect(door - 0.15, 0, door + 1.45, 2.5, style.trim)
        sheet.rect(door, 0, door + 1.3, 2.3, _scaled(style.accent, 0.72))

"""What stands on a lot: a building's style and its box, from the lot's seed alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import no_type_check

import numpy as np

from everroad.render import hashing
from everroad.render.lots import Lot
from everroad.render.mesh import Colour, Face, Point

_WALLS: tuple[Colour, ...] = (
    (168, 74, 56), (196, 118, 78), (214, 176, 120), (226, 212, 186), (150, 150, 152), (236, 232, 224),
    (92, 124, 132), (108, 132, 168), (112, 82, 62), (216, 152, 132), (140, 146, 96), (206, 164, 66),
    (126, 84, 96), (184, 196, 188), (92, 96, 104), (146, 56, 50), (118, 160, 150), (222, 192, 164),
)  # fmt: skip
_TRIMS: tuple[Colour, ...] = ((238, 234, 226), (84, 60, 46), (52, 56, 62), (206, 198, 180), (120, 44, 38), (60, 84, 74))
_ACCENTS: tuple[Colour, ...] = (
    (196, 44, 40),
    (30, 98, 160),
    (34, 122, 74),
    (224, 160, 30),
    (120, 52, 128),
    (28, 140, 150),
    (226, 100, 40),
)
_ROOFS: tuple[Colour, ...] = ((134, 62, 46), (92, 54, 46), (78, 80, 86), (112, 104, 96), (60, 64, 76), (150, 86, 58))

WINDOW_STYLES = ("single", "band", "strip", "pair")


@dataclass(frozen=True)
class Style:
    """Everything about a building that is not its size. Colours RGB 0 to 255, lengths metres."""

    seed: int
    wall: Colour
    base: Colour
    trim: Colour
    accent: Colour
    roof: Colour
    windows: str
    bay_m: float
    floor_m: float
    window_share: tuple[float, float]
    ground_floor: str
    cornice_m: float
    courses: bool


@dataclass(frozen=True, eq=False)
class Building:
    """A box on a lot. ``eaves_m`` is the height of its walls; ``ridge_m`` that of a gabled roof (0: flat)."""

    lot: Lot
    style: Style
    floors: int
    eaves_m: float
    ridge_m: float


def _jitter(colour: Colour, amount: float, *keys: int) -> Colour:
    gain = hashing.between(1.0 - amount, 1 + amount, *keys, 91)
    r, g, b = (
        min(c * gain * hashing.between(1.0 - amount / 3, 1 + amount / 3, *keys, 92 + i), 245.0) for i, c in enumerate(colour)
    )
    return (r, g, b)


def make_building(lot: Lot) -> Building | None:
    """The building of a lot; ``None`` on a garden."""
    if lot.kind == "garden":
        return None
    seed = lot.seed
    wall = _jitter(_WALLS[hashing.pick(len(_WALLS), seed, 1)], 0.14, seed, 2)
    floor_m = hashing.between(3.0, 3.9, seed, 3)
    if lot.kind == "block":
        floors = 2 + hashing.pick(5, seed, 4) + (hashing.pick(4, seed, 5) if hashing.unit(seed, 6) < 0.3 else 0)
    elif lot.kind == "house":
        floors = 1 + hashing.pick(2, seed, 4)
    else:
        floors = 1 + int(hashing.unit(seed, 4) < 0.3)
        floor_m *= 1.35
    gabled = lot.kind == "house" or (lot.kind == "block" and floors <= 4 and hashing.unit(seed, 7) < 0.25)
    eaves = floors * floor_m + (0.5 if lot.kind == "block" else 0.2)
    style = Style(
        seed=seed,
        wall=wall,
        base=_jitter(wall, 0.0, seed)
        if hashing.unit(seed, 8) < 0.35
        else _jitter((wall[0] * 0.66, wall[1] * 0.66, wall[2] * 0.66), 0.1, seed, 9),
        trim=_TRIMS[hashing.pick(len(_TRIMS), seed, 10)],
        accent=_ACCENTS[hashing.pick(len(_ACCENTS), seed, 11)],
        roof=_jitter(_ROOFS[hashing.pick(len(_ROOFS), seed, 12)], 0.15, seed, 13),
        windows=WINDOW_STYLES[hashing.pick(4, seed, 14)]
        if lot.kind != "house"
        else ("single", "pair")[hashing.pick(2, seed, 14)],
        bay_m=hashing.between(2.3, 3.8, seed, 15),
        floor_m=floor_m,
        window_share=(hashing.between(0.38, 0.62, seed, 16), hashing.between(0.42, 0.66, seed, 17)),
        ground_floor={"block": ("shop", "shop", "door", "arcade")[hashing.pick(4, seed, 18)], "house": "door", "shed": "gate"}[
            lot.kind
        ],
        cornice_m=hashing.between(0.3, 0.8, seed, 19) if hashing.unit(seed, 20) < 0.7 else 0.0,
        courses=hashing.unit(seed, 21) < 0.35,
    )
    ridge = hashing.between(1.8, 3.2, seed, 22) if gabled else 0.0
    return Building(lot, style, floors, eaves, ridge)


@no_type_check
def _at(point_m: np.ndarray, z_m: float) -> Point:
    return (float(point_m[0]), float(point_m[1]), z_m)


def wall_faces(building: Building) -> list[Face]:
    """Front, right side seen from the road, back, left side; each top left, bottom left, bottom right, top right."""
    corners, top = building.lot.corners_m, building.eaves_m
    return [
        Face(
            (_at(corners[i], top), _at(corners[i], 0.0), _at(corners[(i + 1) % 4], 0.0), _at(corners[(i + 1) % 4], top)),
            building.style.wall,
        )
        for i in range(4)
    ]


def roof_faces(building: Building) -> list[Face]:
    """A flat roof, or a gabled one whose ridge runs along the road with the gables in the walls' colour."""
    c, top, roof = building.lot.corners_m, building.eaves_m, building.style.roof
    if building.ridge_m == 0:
        return [Face(tuple(_at(p, top) for p in c), roof)]
    ridge = top + building.ridge_m
    left, right = _at((c[0] + c[3]) / 2, ridge), _at((c[1] + c[2]) / 2, ridge)
    return [
        Face((left, _at(c[0], top), _at(c[1], top), right), roof),
        Face((right, _at(c[2], top), _at(c[3], top), left), roof),
        Face((right, _at(c[1], top), _at(c[2], top)), building.style.wall),
        Face((left, _at(c[3], top), _at(c[0], top)), building.style.wall),
    ]


def chimney(building: Building) -> tuple[np.ndarray, float, float] | None:
    """Centre, half width and top of a chimney or a roof hut, where there is one."""
    if hashing.unit(building.style.seed, 31) > 0.45:
        return None
    c = building.lot.corners_m
    share = hashing.between(0.2, 0.8, building.style.seed, 32)
    ridge = (c[0] + c[3]) / 2 * (1 - share) + (c[1] + c[2]) / 2 * share
    wide = 0.35 if building.ridge_m else hashing.between(1.0, 2.0, building.style.seed, 33)
    return ridge, wide, building.eaves_m + building.ridge_m + hashing.between(0.7, 2.0, building.style.seed, 34)

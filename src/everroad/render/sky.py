"""Sky, clouds and the far horizon: a function of the direction in the world, so it turns with the ego and never drifts."""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import UInt8
from numpy import ndarray

from everroad.render import hashing
from everroad.render.look import Look
from everroad.render.view import Lens

# The dome is a picture over azimuth (columns, -pi to pi) and elevation (rows, _LOW to _HIGH radians).
_COLUMNS, _ROWS = 1440, 200
_LOW, _HIGH = -0.05, 0.75


def make_dome(look: Look) -> UInt8[ndarray, "200 1440 3"]:
    """The painted dome of a look."""
    elevation = np.linspace(_HIGH, _LOW, _ROWS, dtype=np.float32)
    rise = np.clip(elevation / 0.5, 0, 1)[:, None] ** 0.6
    dome = np.array(look.haze, np.float32) * (1 - rise[..., None]) + np.array(look.zenith, np.float32) * rise[..., None]
    dome = np.repeat(dome, _COLUMNS, axis=1)
    dome += _sun_glow(look, elevation)[..., None] * (np.array(look.sun, np.float32) * 200)
    clouds = _clouds(look.seed)
    share = (
        np.clip((clouds - (0.78 - 0.55 * look.cloud)) * 3.0, 0, 0.75 if look.cloud else 0.0)[..., None]
        * np.clip(elevation / 0.12, 0, 1)[:, None, None]
    )
    haze = np.array(look.haze, np.float32)
    white = np.minimum(haze * (1.12 if not look.night else 1.0) + (8 if look.night else 18), 250)
    dome = dome * (1 - share) + white * share
    return np.clip(_horizon(dome, elevation, look), 0, 255).astype(np.uint8)


def _sun_glow(look: Look, elevation: np.ndarray) -> np.ndarray:
    azimuth = (np.arange(_COLUMNS) + 0.5) / _COLUMNS * 2 * np.pi - np.pi
    x, y, z = look.sun_direction
    cosine = (
        np.cos(elevation)[:, None] * (np.cos(azimuth) * x + np.sin(azimuth) * y)[None, :] + (np.sin(elevation) * z)[:, None]
    )
    spread = 5.0 if look.weather == "clear" else 2.0
    return (
        (np.maximum(cosine, 0) ** (24 / spread) * 0.35).astype(np.float32)
        if look.sun[0] > 0.1
        else np.zeros_like(cosine, np.float32)
    )


def _tiling_noise(seed: int, knots: int, levels: int) -> np.ndarray:
    """Smooth noise in [0, 1] that closes around the azimuth."""
    lattice = hashing.lattice(seed, np.arange(knots), np.arange(levels))
    wide = np.concatenate([lattice[:, -2:], lattice, lattice[:, :2]], axis=1)
    pad = 2 * _COLUMNS // knots
    smooth = cv2.resize(wide, (_COLUMNS + 2 * pad, _ROWS), interpolation=cv2.INTER_CUBIC)
    return np.clip(smooth[:, pad:-pad], 0, 1)


def _clouds(seed: int) -> np.ndarray:
    return (
        0.55 * _tiling_noise(hashing.mix(seed, 101), 36, 10)
        + 0.3 * _tiling_noise(hashing.mix(seed, 102), 90, 25)
        + 0.15 * _tiling_noise(hashing.mix(seed, 103), 240, 60)
    )


def _horizon(dome: np.ndarray, elevation: np.ndarray, look: Look) -> np.ndarray:
    """A far line of woods, hills or roofs, faded by haze."""
    hills = (
        _tiling_noise(hashing.mix(look.seed, 104), 24, 2)[0] * 0.025
        + _tiling_noise(hashing.mix(look.seed, 105), 120, 2)[0] * 0.012
    )
    roofs = np.repeat(hashing.lattice(hashing.mix(look.seed, 106), np.arange(360), np.arange(1))[0], _COLUMNS // 360)
    where = _tiling_noise(hashing.mix(look.seed, 107), 12, 2)[0] > 0.5
    height = 0.006 + np.where(where, roofs**3 * 0.05 + 0.006, hills)
    colour = np.where(where[:, None], (104.0, 108.0, 118.0), (78.0, 96.0, 74.0)) * look.light(np.array([[0.7, 0.0, 0.7]]))[0]
    faded = colour + (np.array(look.haze) - colour) * look.haze_share(np.array([420.0]))[0]
    inside = elevation[:, None] < height[None, :]
    return np.where(inside[..., None], faded[None], dome)


class Sky:
    """Paints the part of a canvas above the horizon."""

    def __init__(self, look: Look) -> None:
        self._dome = make_dome(look)

    def paint(self, canvas: UInt8[ndarray, "h w 3"], lens: Lens, yaw_rad: float) -> None:
        """Paints every row that has sky in it."""
        first, last = lens.mixed_rows[lens.samples]
        if last == 0:
            return
        azimuth, elevation = lens.directions
        column = np.mod((azimuth[:last] + (yaw_rad + np.pi)) * (_COLUMNS / (2 * np.pi)) - 0.5, _COLUMNS).astype(np.float32)
        row = (_HIGH - elevation[:last]) * ((_ROWS - 1) / (_HIGH - _LOW))
        sampled = cv2.remap(self._dome, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        canvas[:first] = sampled[:first]
        if last > first:
            np.copyto(canvas[first:last], sampled[first:], where=~lens.ground_mask(lens.samples)[first:last, :, None])

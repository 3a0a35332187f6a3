"""Trees and bushes: a trunk and a crown of balls at fixed places, so that a tree looks the same tree from everywhere."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from everroad.render import hashing
from everroad.render.mesh import Colour

_LEAVES: tuple[Colour, ...] = (
    (74, 118, 46),
    (92, 128, 50),
    (56, 98, 52),
    (112, 128, 56),
    (140, 122, 48),
    (158, 92, 46),
    (66, 108, 72),
)


@dataclass(frozen=True, eq=False)
class Plant:
    """``balls`` rows are x, y, z, radius (metres, world xy, z above the ground); the trunk is upright (0 height: a bush)."""

    point_m: Float[ndarray, "2"]
    trunk_m: tuple[float, float]
    trunk: Colour
    leaves: Colour
    balls: Float[ndarray, "n 4"]
    seed: int

    @property
    def radius_m(self) -> float:
        """Half of the crown's width."""
        return float((np.linalg.norm(self.balls[:, :2] - self.point_m, axis=1) + self.balls[:, 3]).max())


def make_tree(point_m: Float[ndarray, "2"], seed: int, scale: float = 1.0) -> Plant:
    """A broad-leaved tree or a conifer, told by its place and the seed."""
    seed = hashing.mix(seed, hashing.point_key(point_m), 51)
    draws = hashing.generator(seed)
    leaves = _LEAVES[hashing.pick(len(_LEAVES), seed, 1)]
    gain = hashing.between(0.8, 1.15, seed, 2)
    colour = (leaves[0] * gain, leaves[1] * gain, leaves[2] * gain)
    height = hashing.between(5.0, 9.5, seed, 3) * scale
    if hashing.unit(seed, 4) < 0.2:
        heights = np.array([0.22, 0.4, 0.56, 0.7, 0.82, 0.92])
        radii = (1.05 - heights) * height * 0.24 + 0.18
        centres = np.stack([np.zeros(6), np.zeros(6), heights * height], axis=1)
        colour = (48 * gain, 86 * gain, 54 * gain)
        trunk_top = 0.3 * height
    else:
        n = 6
        spread = hashing.between(0.15, 0.23, seed, 5) * height
        angles = draws.uniform(0, 2 * np.pi) + np.arange(n) * 2 * np.pi / (n - 1)
        reach = np.where(np.arange(n) == n - 1, 0.0, spread * draws.uniform(0.7, 1.15, n))
        levels = np.where(np.arange(n) == n - 1, 0.84, draws.uniform(0.52, 0.74, n)) * height
        centres = np.stack([reach * np.cos(angles), reach * np.sin(angles), levels], axis=1)
        radii = spread * draws.uniform(0.75, 1.0, n)
        trunk_top = 0.6 * height
    balls = np.column_stack([centres + np.array([point_m[0], point_m[1], 0.0]), radii])
    return Plant(np.asarray(point_m, np.float64), (trunk_top, 0.022 * height + 0.04), (86, 66, 50), colour, balls, seed)


def make_bush(point_m: Float[ndarray, "2"], seed: int) -> Plant:
    """Three low balls."""
    seed = hashing.mix(seed, hashing.point_key(point_m), 52)
    draws = hashing.generator(seed)
    leaves = _LEAVES[hashing.pick(len(_LEAVES), seed, 1)]
    offsets = draws.uniform(-0.6, 0.6, (3, 2))
    radii = draws.uniform(0.45, 0.8, 3)
    balls = np.column_stack([point_m + offsets, radii * 0.8, radii])
    return Plant(np.asarray(point_m, np.float64), (0.0, 0.0), leaves, leaves, balls, seed)

"""Numbers that look random and are pure functions of integers: what the layout does not say hangs on these.

The scalar ones are called a hundred thousand times a town: ``no_type_check`` keeps the tests' runtime checker out of them.
"""

from __future__ import annotations

from typing import no_type_check

import numpy as np
from jaxtyping import Float, Int, UInt64
from numpy import ndarray

_MASK = (1 << 64) - 1


@no_type_check
def mix(*keys: int) -> int:
    """64-bit hash of integers (the finaliser of splitmix64, chained)."""
    state = 0x9E3779B97F4A7C15
    for key in keys:
        state = ((state ^ (key & _MASK)) * 0xBF58476D1CE4E5B9) & _MASK
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & _MASK
        state ^= state >> 31
    return state


@no_type_check
def unit(*keys: int) -> float:
    """A number in [0, 1)."""
    return (mix(*keys) >> 11) / float(1 << 53)


@no_type_check
def between(low: float, high: float, *keys: int) -> float:
    """A number in [low, high)."""
    return low + (high - low) * unit(*keys)


@no_type_check
def pick(n: int, *keys: int) -> int:
    """An integer in 0 .. n-1."""
    return mix(*keys) % n


def text_key(text: str) -> int:
    """An integer of a string, the same in every process."""
    return mix(*text.encode("utf-8"))


@no_type_check
def point_key(point_m: Float[ndarray, "2"]) -> int:
    """An integer of a world position, one per 0.25 m cell."""
    return mix(round(float(point_m[0]) * 4), round(float(point_m[1]) * 4))


def generator(*keys: int) -> np.random.Generator:
    """A generator whose whole stream is a function of the keys."""
    return np.random.Generator(np.random.PCG64(mix(*keys)))


def spread(seeds: UInt64[ndarray, "n"], count: int) -> Float[ndarray, "n count"]:
    """``count`` numbers in [0, 1) for every seed."""
    with np.errstate(over="ignore"):
        state = seeds.astype(np.uint64)[:, None] ^ (np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15))
        state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (state >> np.uint64(11)).astype(np.float64) / float(1 << 53)


def lattice(seed: int, columns: Int[ndarray, "w"], rows: Int[ndarray, "h"]) -> Float[ndarray, "h w"]:
    """A number in [0, 1) (float32) for every integer lattice point; the same whichever window it is asked in."""
    with np.errstate(over="ignore"):
        a = rows.astype(np.int64).astype(np.uint64)[:, None] * np.uint64(0xD6E8FEB86659FD93)
        b = columns.astype(np.int64).astype(np.uint64)[None, :] * np.uint64(0xA0761D6478BD642F)
        state = (a ^ b) + np.uint64(mix(seed))
        state = (state ^ (state >> np.uint64(32))) * np.uint64(0xBF58476D1CE4E5B9)
        state = (state ^ (state >> np.uint64(29))) * np.uint64(0x94D049BB133111EB)
    return ((state >> np.uint64(40)).astype(np.float32)) / np.float32(1 << 24)

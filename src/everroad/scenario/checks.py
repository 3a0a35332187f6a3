"""Checks that the scenario's classes share; each raises a one-line ``ValueError``."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy import ndarray

# What is plausible (ours): metres in the world, metres of a box and of a camera's mounting, metres a second. Far beyond it the
# arithmetic of polygons and pictures overflows.
FARTHEST_M, LARGEST_M, FASTEST_MPS = 1e7, 1e3, 1e3


def check_finite(name: str, array: ndarray) -> None:
    """Raises ``ValueError`` naming the first number that is not finite."""
    if not np.isfinite(array).all():
        where = np.argwhere(~np.isfinite(array))[0].tolist()
        raise ValueError(f"{name}: expected finite numbers, got {array[tuple(where)]} at index {where}; mend or drop it")


def check_range(name: str, values: ndarray | float, least: float, most: float, unit: str = "") -> None:
    """Raises ``ValueError`` naming the first number outside ``least`` to ``most``, such as one that is not finite."""
    array = np.asarray(values, dtype=np.float64)
    outside = ~((array >= least) & (array <= most))
    if outside.any():
        where = np.argwhere(outside)[0].tolist()
        wanted = f"finite numbers, {least:g} to {most:g}{unit and ' '}{unit}"
        got = f"{array[tuple(where)]}{f' at index {where}' if where else ''}"
        raise ValueError(f"{name}: expected {wanted}, got {got}; mend or drop it")


def check_positions(name: str, array_m: ndarray) -> None:
    """Raises ``ValueError`` naming the first coordinate that is not finite or further than ``FARTHEST_M``."""
    check_range(name, array_m, -FARTHEST_M, FARTHEST_M, "m")


def check_once(what: str, names: Iterable[str]) -> None:
    """Raises ``ValueError`` with the first name that comes twice."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ValueError(f"expected every {what} once, got '{name}' more than once; rename or drop one")
        seen.add(name)


def check_shape(name: str, array: ndarray, want: tuple[int | None, ...]) -> None:
    """Raises ``ValueError`` unless the shape is ``want``; ``None`` stands for any length."""
    ok = array.ndim == len(want) and all(w is None or w == s for w, s in zip(want, array.shape, strict=True))
    if not ok:
        raise ValueError(f"{name}: expected shape {tuple('any' if w is None else w for w in want)}, got {array.shape}; mend it")


def check_unit_quaternions(name: str, array: ndarray) -> None:
    """Raises ``ValueError`` unless all quaternions have norm 1 to a thousandth."""
    check_range(name, array, -1e3, 1e3)
    norms = np.linalg.norm(array, axis=-1)
    if len(norms) and np.abs(norms - 1).max() > 1e-3:
        worst = norms[np.abs(norms - 1).argmax()]
        raise ValueError(f"{name}: expected unit wxyz quaternions, got norm {worst:.4f}; normalise them")

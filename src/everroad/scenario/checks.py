"""Checks that the scenario's classes share; each raises a one-line ``ValueError``."""

from __future__ import annotations

import numpy as np
from numpy import ndarray


def check_finite(name: str, array: ndarray) -> None:
    """Raises ``ValueError`` naming the first number that is not finite."""
    if not np.isfinite(array).all():
        where = np.argwhere(~np.isfinite(array))[0].tolist()
        raise ValueError(f"{name}: expected finite numbers, got {array[tuple(where)]} at index {where}; mend or drop it")


def check_shape(name: str, array: ndarray, want: tuple[int | None, ...]) -> None:
    """Raises ``ValueError`` unless the shape is ``want``; ``None`` stands for any length."""
    ok = array.ndim == len(want) and all(w is None or w == s for w, s in zip(want, array.shape, strict=True))
    if not ok:
        raise ValueError(f"{name}: expected shape {tuple('any' if w is None else w for w in want)}, got {array.shape}")


def check_unit_quaternions(name: str, array: ndarray) -> None:
    """Raises ``ValueError`` unless all quaternions have norm 1 to a thousandth."""
    norms = np.linalg.norm(array, axis=-1)
    if len(norms) and np.abs(norms - 1).max() > 1e-3:
        worst = norms[np.abs(norms - 1).argmax()]
        raise ValueError(f"{name}: expected unit wxyz quaternions, got norm {worst:.4f}; normalise them")

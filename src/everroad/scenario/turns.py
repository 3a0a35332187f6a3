"""Turning curves: straight, spiral, arc, spiral, straight; so curvature, and with it the yaw rate, has no jumps."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy import ndarray

_RAMP = 0.35  # share of the curve spent on each spiral
_SAMPLES = 128


def _unit_turn(angle_rad: float) -> tuple[Float[ndarray, "p 2"], float]:
    """A turn of unit length starting at the origin along +x, and the length of its tangents."""
    u = np.linspace(0, 1, _SAMPLES + 1)
    shape = np.minimum(1.0, np.minimum(u, 1 - u) / _RAMP)
    yaw = np.concatenate([[0.0], np.cumsum((shape[1:] + shape[:-1]) / 2)])
    yaw *= angle_rad / yaw[-1]
    middle = (yaw[1:] + yaw[:-1]) / 2
    steps = np.stack([np.cos(middle), np.sin(middle)], axis=-1) / _SAMPLES
    points = np.concatenate([np.zeros((1, 2)), np.cumsum(steps, axis=0)])
    end = points[-1]
    return points, float(end[0] - end[1] / np.tan(angle_rad))


def turn_curve(
    start_m: Float[ndarray, "2"], start_yaw_rad: float, end_m: Float[ndarray, "2"], end_yaw_rad: float, longest_tangent_m: float
) -> Float[ndarray, "p 2"]:
    """A smooth path from one pose to another whose tangents meet ahead of the first and behind the second.

    The bend is as wide as the tangents allow, but no wider than ``longest_tangent_m``. Where the tangents do not meet so
    (nearly parallel poses, or one lies behind the other), a cubic Hermite curve joins them.
    """
    ahead = np.array([np.cos(start_yaw_rad), np.sin(start_yaw_rad)])
    out = np.array([np.cos(end_yaw_rad), np.sin(end_yaw_rad)])
    angle = float((end_yaw_rad - start_yaw_rad + np.pi) % (2 * np.pi) - np.pi)
    across = ahead[0] * out[1] - ahead[1] * out[0]
    if abs(across) > 0.1:
        gap = end_m - start_m
        first = float((gap[0] * out[1] - gap[1] * out[0]) / across)
        second = float((ahead[0] * gap[1] - ahead[1] * gap[0]) / across)
        tangent = min(first, second, longest_tangent_m)
        if tangent > 1.0:
            unit, unit_tangent = _unit_turn(angle)
            rotation = np.array([[ahead[0], ahead[1]], [-ahead[1], ahead[0]]])
            bend = start_m + (first - tangent) * ahead + unit @ rotation * (tangent / unit_tangent)
            pieces = [start_m[None]] if first - tangent > 1e-3 else []
            pieces.append(bend)
            if second - tangent > 1e-3:
                pieces.append(end_m[None])
            return np.concatenate(pieces)
    reach = float(np.hypot(*(end_m - start_m)))
    u = np.linspace(0, 1, _SAMPLES + 1)[:, None]
    return (
        (2 * u**3 - 3 * u**2 + 1) * start_m + (u**3 - 2 * u**2 + u) * reach * ahead
        + (3 * u**2 - 2 * u**3) * end_m + (u**3 - u**2) * reach * out
    )  # fmt: skip

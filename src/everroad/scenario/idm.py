"""The Intelligent Driver Model.

M. Treiber, A. Hennecke, D. Helbing, "Congested traffic states in empirical observations and microscopic simulations",
Physical Review E 62, 1805 (2000), equations 2 and 3 (the interaction term with the desired gap, and the free-road term).
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy import ndarray

EXPONENT = 4  # delta of the paper
COMFORTABLE_BRAKING_MPS2 = 2.0  # b; the paper has 1.67 on freeways, town traffic brakes harder
HARDEST_BRAKING_MPS2 = 6.0  # ours: what a dry road gives without drama


def free_acceleration(
    speed_mps: Float[ndarray, "*n"], desired_mps: Float[ndarray, "*n"], acceleration_mps2: Float[ndarray, "*n"]
) -> Float[ndarray, "*n"]:
    """``a (1 - (v / v0)^delta)``: the acceleration on an empty road."""
    return acceleration_mps2 * (1 - (speed_mps / desired_mps) ** EXPONENT)


def desired_gap(
    speed_mps: Float[ndarray, "*n"],
    approach_mps: Float[ndarray, "*n"],
    acceleration_mps2: Float[ndarray, "*n"],
    headway_s: Float[ndarray, "*n"],
    standstill_m: Float[ndarray, "*n"],
) -> Float[ndarray, "*n"]:
    """``s* = s0 + max(0, v T + v dv / (2 sqrt(a b)))`` in metres; ``approach_mps`` dv is the own speed less the leader's."""
    dynamic = speed_mps * headway_s + speed_mps * approach_mps / (2 * np.sqrt(acceleration_mps2 * COMFORTABLE_BRAKING_MPS2))
    return standstill_m + np.maximum(dynamic, 0)


def interaction(
    speed_mps: Float[ndarray, "*n"],
    gap_m: Float[ndarray, "*n"],
    approach_mps: Float[ndarray, "*n"],
    acceleration_mps2: Float[ndarray, "*n"],
    headway_s: Float[ndarray, "*n"],
    standstill_m: Float[ndarray, "*n"],
) -> Float[ndarray, "*n"]:
    """``-a (s* / s)^2``: the braking that a leader ``gap_m`` ahead asks for; never positive. Gaps below 5 cm count as 5 cm."""
    wanted = desired_gap(speed_mps, approach_mps, acceleration_mps2, headway_s, standstill_m)
    return -acceleration_mps2 * (wanted / np.maximum(gap_m, 0.05)) ** 2

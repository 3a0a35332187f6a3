"""Light that depends on where the ego car is: its head lamps, and the haze between it and a thing."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from everroad.render.look import Look

_LAMP_X_M = 3.6
BEAM_COLOUR = (1.0, 0.95, 0.82)


def beam(points_ego_m: Float[ndarray, "*n 3"]) -> Float[ndarray, "*n"]:
    """Head lamp light at ego-frame points: wide and short below, narrow and far ahead, dipped above the bonnet."""
    x, y, z = points_ego_m[..., 0] - _LAMP_X_M, points_ego_m[..., 1], points_ego_m[..., 2]
    ahead = np.maximum(x, 0.1)
    spread = np.exp(-((y / (2.2 + 0.42 * ahead)) ** 2))
    reach = np.where(x > -0.5, np.exp(-ahead / 22.0), 0.0)
    dipped = np.exp(-np.maximum(z - 0.8 - 0.02 * ahead, 0.0) / 1.2)
    return 0.8 * spread * reach * dipped


def to_the_eye(
    albedo: Float[ndarray, "m 3"],
    glow: Float[ndarray, "m"],
    light: Float[ndarray, "m 3"],
    centres_ego_m: Float[ndarray, "m 3"],
    distance_m: Float[ndarray, "m"],
    look: Look,
) -> Float[ndarray, "m 3"]:
    """What reaches the camera of lit, glowing, hazed surfaces."""
    if look.night:
        light = light + beam(centres_ego_m)[:, None] * np.array(BEAM_COLOUR)
    lit = albedo * (light * (1 - glow[:, None]) + glow[:, None])
    # Lamps pierce haze farther than reflected light does.
    share = (look.haze_share(distance_m) * (1 - 0.35 * glow * look.dark))[:, None]
    return lit * (1 - share) + np.array(look.haze) * share

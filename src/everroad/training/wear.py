"""What a roll-out does to pictures: each frame is the one before, sampled between its pixels, so edges soften.

The decoder sees pictures that were shifted by a part of a pixel and back, and learns to undo it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from everroad.data.addressing import addressed_generator


@dataclass(frozen=True)
class Wear:
    """How often each picture is shifted there and back, and by how many pixels (x, y) each time."""

    times: Int[Tensor, "b"]
    shift_px: Float[Tensor, "b t 2"]


def draw_wear(most: int, seed: int, train_step: int, batch: int) -> Wear:
    """0 to ``most`` times, by up to half a pixel along each axis."""
    draw = addressed_generator(seed, "wear", train_step)
    times = torch.from_numpy(draw.integers(0, most + 1, batch))
    return Wear(times, torch.from_numpy(draw.uniform(-0.5, 0.5, (batch, most, 2)).astype(np.float32)))


def worn(images: Float[Tensor, "b 3 h w"], wear: Wear) -> Float[Tensor, "b 3 h w"]:
    """The pictures after their shifts, bicubic as the motion compensation's."""
    for time in range(wear.shift_px.shape[1]):
        moved = shifted(shifted(images, wear.shift_px[:, time]), -wear.shift_px[:, time])
        images = torch.where((wear.times > time).view(-1, 1, 1, 1), moved, images)
    return images


def shifted(images: Float[Tensor, "b 3 h w"], shift_px: Float[Tensor, "b 2"]) -> Float[Tensor, "b 3 h w"]:
    """What lay ``shift_px`` to the right and below comes here; at the edges the nearest pixel."""
    height, width = images.shape[-2:]
    theta = torch.zeros(len(images), 2, 3, device=images.device)
    theta[:, 0, 0] = theta[:, 1, 1] = 1
    theta[:, :, 2] = 2 * shift_px / torch.tensor([width, height], device=images.device)
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, mode="bicubic", padding_mode="border", align_corners=False).clamp(0, 1)

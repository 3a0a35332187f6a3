"""Pictures as patches, without the copies that ``pixel_unshuffle`` and a convolution make, which cost more than the sums.

Axis letters: ``n`` pictures, ``y x`` patches, ``d`` the values of one patch, ordered as by ``pixel_unshuffle``: channel, row,
column.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Shaped
from torch import Tensor
from torch.nn import functional as F


def to_patches(images: Shaped[Tensor, "n c h w"], patch_px: int) -> Shaped[Tensor, "n y x d"]:
    """What ``pixel_unshuffle`` gives, with the channels last."""
    n, c, h, w = images.shape
    split = images.reshape(n, c, h // patch_px, patch_px, w // patch_px, patch_px)
    return split.permute(0, 2, 4, 1, 3, 5).reshape(n, h // patch_px, w // patch_px, c * patch_px**2)


def from_patches(patches: Shaped[Tensor, "n y x d"], patch_px: int) -> Shaped[Tensor, "n c h w"]:
    """The inverse of ``to_patches``."""
    n, rows, columns, d = patches.shape
    split = patches.reshape(n, rows, columns, d // patch_px**2, patch_px, patch_px)
    return split.permute(0, 3, 1, 4, 2, 5).reshape(n, -1, rows * patch_px, columns * patch_px)


def patches_conv(
    images: Float[Tensor, "n c h w"], weight: Float[Tensor, "o d k k"], patch_px: int, bias: Float[Tensor, "o"] | None = None
) -> Float[Tensor, "n o y x"]:
    """``conv2d(pixel_unshuffle(images, patch_px), weight, padding=k // 2)`` as one convolution of stride ``patch_px``; quickest
    where the pictures have their channels last."""
    o, _, k, _ = weight.shape
    split = weight.reshape(o, images.shape[1], patch_px, patch_px, k, k).permute(0, 1, 4, 2, 5, 3)
    kernel = split.reshape(o, images.shape[1], k * patch_px, k * patch_px).contiguous(memory_format=torch.channels_last)
    return F.conv2d(images, kernel, bias, stride=patch_px, padding=k // 2 * patch_px)

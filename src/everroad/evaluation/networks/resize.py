"""Resizing as the public protocols do it. Axis letters: ``b`` pictures, ``h w`` pixels."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F


def torch_bilinear(pictures: Float[Tensor, "b c _ _"], height_px: int, width_px: int) -> Float[Tensor, "b c h w"]:
    """Bilinear between pixel centres, without smoothing: ``F.interpolate``, as pytorch-fid and VideoGPT call it."""
    return F.interpolate(pictures, size=(height_px, width_px), mode="bilinear", align_corners=False)


def tensorflow_bilinear(pictures: Float[Tensor, "b c _ _"], height_px: int, width_px: int) -> Float[Tensor, "b c h w"]:
    """Bilinear as TensorFlow 1's ``resize_bilinear``: pixel i of n is read at i * size / n, at corners and not at centres."""
    rows, columns = _taps(pictures.shape[-2], height_px, pictures), _taps(pictures.shape[-1], width_px, pictures)
    left, right = pictures[..., columns[0]], pictures[..., columns[1]]
    across = left + (right - left) * columns[2]
    above, below = across[..., rows[0], :], across[..., rows[1], :]
    return above + (below - above) * rows[2][:, None]


def _taps(size: int, wanted: int, like: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The two pixels to read for every wanted one, and the second's share."""
    places = torch.arange(wanted, dtype=torch.float32, device=like.device) * (size / wanted)
    first = places.long().clamp_max(size - 1)
    return first, (first + 1).clamp_max(size - 1), (places - first).to(like.dtype)


def short_side_crop(pictures: Float[Tensor, "b c _ _"], side_px: int) -> Float[Tensor, "b c h w"]:
    """The short side brought to ``side_px``, the long one in proportion and rounded up, and the middle square cut out."""
    height_px, width_px = pictures.shape[-2:]
    scale = side_px / min(height_px, width_px)
    if height_px < width_px:
        pictures = torch_bilinear(pictures, side_px, math.ceil(width_px * scale))
    else:
        pictures = torch_bilinear(pictures, math.ceil(height_px * scale), side_px)
    top, left = (pictures.shape[-2] - side_px) // 2, (pictures.shape[-1] - side_px) // 2
    return pictures[..., top : top + side_px, left : left + side_px]


def lowest_rows(pictures: Float[Tensor, "b c _ _"], width_px: int, height_px: int) -> Float[Tensor, "b c h w"]:
    """Bicubic to a width, its sides' ratio kept, and of that the lowest rows, where a road is.

    Raises ``ValueError`` where there are fewer rows.
    """
    height, width = pictures.shape[-2:]
    rows = round(height * width_px / width)
    if rows < height_px:
        raise ValueError(
            f"pictures: expected {height_px} rows at a width of {width_px}, got {rows}; use a protocol that does not crop"
        )
    resized = F.interpolate(pictures, (rows, width_px), mode="bicubic", antialias=True).clamp(0, 1)
    return resized[..., rows - height_px :, :]

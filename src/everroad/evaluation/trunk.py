"""The trunk that the judges share: a picture at a half, a quarter, an eighth and a sixteenth of its size.

Fully convolutional; normalised by fixed statistics at evaluation, not by the picture's own, which would make up for washed-out
pictures. Axis letters: ``b`` pictures, ``c`` channels, ``h w`` pixels.
"""

from __future__ import annotations

from typing import NamedTuple, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

MULTIPLE_PX = 16


class Seen(NamedTuple):
    """A picture at a half, a quarter, an eighth and a sixteenth of its size."""

    half: Tensor
    quarter: Tensor
    eighth: Tensor
    sixteenth: Tensor


class Trunk(nn.Module):
    """Two or three convolutions at each size. Convolutions run fastest in channels_last."""

    def __init__(self, widths: tuple[int, int, int, int]) -> None:
        super().__init__()
        half, quarter, eighth, sixteenth = widths
        self.at_half = nn.Sequential(layer(12, half), layer(half, half))
        self.at_quarter = nn.Sequential(layer(4 * half, quarter, 1), layer(quarter, quarter), layer(quarter, quarter))
        self.at_eighth = nn.Sequential(layer(4 * quarter, eighth, 1), layer(eighth, eighth), layer(eighth, eighth))
        self.at_sixteenth = nn.Sequential(
            layer(4 * eighth, sixteenth, 1), layer(sixteenth, sixteenth), layer(sixteenth, sixteenth)
        )

    def forward(self, images: Float[Tensor, "b 3 h w"]) -> Seen:
        """Of pictures in [0, 1]. Raises ``ValueError`` for sides that are no multiples of 16."""
        check_size(*images.shape[-2:])
        half = self.at_half(F.pixel_unshuffle(images.contiguous(memory_format=torch.channels_last) - 0.5, 2))
        quarter = self.at_quarter(F.pixel_unshuffle(half, 2))
        eighth = self.at_eighth(F.pixel_unshuffle(quarter, 2))
        return Seen(half, quarter, eighth, self.at_sixteenth(F.pixel_unshuffle(eighth, 2)))


class Neck(nn.Module):
    """The coarse sizes joined into a quarter of the picture, of the trunk's width there."""

    def __init__(self, widths: tuple[int, int, int, int]) -> None:
        super().__init__()
        _, quarter, eighth, sixteenth = widths
        self.to_eighth, self.to_quarter = nn.Conv2d(sixteenth, eighth, 1), nn.Conv2d(eighth, quarter, 1)
        self.join_eighth, self.join_quarter = layer(2 * eighth, eighth), layer(2 * quarter, quarter)

    def forward(self, seen: Seen) -> tuple[Float[Tensor, "b c h8 w8"], Float[Tensor, "b d h4 w4"]]:
        """At an eighth and at a quarter of the size."""
        eighth = self.join_eighth(torch.cat([seen.eighth, F.interpolate(self.to_eighth(seen.sixteenth), scale_factor=2)], 1))
        wide = F.interpolate(self.to_quarter(eighth), scale_factor=2)
        return eighth, self.join_quarter(torch.cat([seen.quarter, wide], 1))


def layer(inner: int, outer: int, kernel: int = 3) -> nn.Sequential:
    """Convolution, batch normalisation, ReLU."""
    convolution = nn.Conv2d(inner, outer, kernel, padding=kernel // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outer), nn.ReLU(inplace=True))


def fold_normalisation(module: nn.Module) -> None:
    """Puts each ``layer``'s batch normalisation into its convolution, where it costs nothing: for judging, never for training.

    Results are the same but for rounding. Raises ``ValueError`` for a module in training mode.
    """
    if module.training:
        raise ValueError("judge: expected evaluation mode, got training mode; call .eval() first")
    for child in module.modules():
        if isinstance(child, nn.Sequential) and len(child) > 1 and isinstance(child[1], nn.BatchNorm2d):
            child[0] = fuse_conv_bn_eval(cast(nn.Conv2d, child[0]), cast(nn.BatchNorm2d, child[1]))
            child[1] = nn.Identity()
    module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def check_size(height_px: int, width_px: int) -> None:
    """Raises ``ValueError`` for sides that are no multiples of 16."""
    if height_px % MULTIPLE_PX or width_px % MULTIPLE_PX:
        raise ValueError(f"judge: expected sides of multiples of {MULTIPLE_PX}, got {height_px}x{width_px}; crop the pictures")

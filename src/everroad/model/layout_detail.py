"""A small network that adds to a picture the detail that the conditions tell, on pixels unshuffled by four.

Patches of eight pixels are coarse for lines and cars, and a linear function of them draws no wheels. So the conditions, and
a picture, go once a frame (not once a denoise step) through a U-Net on a grid twice as fine as that of the latents. It draws
what is to be added. One such network adds to the sketch's closed form (``model.sketch``), another to the picture of a frame's
latents (``WorldModel.decode``); each is trained alone (``training.detail``), then fixed.
"""

from __future__ import annotations

from contextlib import nullcontext
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from everroad.conditions.types import BOX_LAYERS, MAP_LAYERS, Conditions
from everroad.model.alignment import COARSE_PX
from everroad.model.lights import LIGHTS, light_of
from everroad.model.patches import patches_conv
from everroad.model.surfaces import SURFACE_CHANNELS, surfaces
from everroad.model.unet import ResBlock

BLOCK_PX = COARSE_PX
EMBED = 64
FINE = 24  # channels at 2 pixels a cell


class LayoutDetail(nn.Module):
    """``widths``: channels at 4, 8 and 16 pixels a cell; a last layer works at 2. Adds nothing until it is trained."""

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        pictures = len(MAP_LAYERS) + len(BOX_LAYERS) + 1 + 3
        self.light = nn.Embedding(LIGHTS + 1, EMBED)
        self.input = nn.Conv2d(pictures * BLOCK_PX**2 + SURFACE_CHANNELS, widths[0], 1)
        self.encoder = nn.ModuleList(ResBlock(width, width, EMBED) for width in widths)
        self.down = nn.ModuleList(nn.Conv2d(fine, coarse, 3, stride=2, padding=1) for fine, coarse in pairwise(widths))
        self.middle = ResBlock(widths[-1], widths[-1], EMBED)
        self.up = nn.ModuleList(nn.Conv2d(coarse, fine, 1) for fine, coarse in pairwise(widths))
        self.decoder = nn.ModuleList(ResBlock(2 * width, width, EMBED) for width in widths[:-1])
        self.expand = nn.Conv2d(widths[0], 4 * FINE, 1)
        self.fine = nn.Conv2d(FINE + 4 * pictures, FINE, 3, padding=1)
        self.output = nn.Conv2d(FINE, 12, 3, padding=1)
        nn.init.zeros_(self.output.weight)
        nn.init.zeros_(self.output.bias)  # type: ignore[arg-type]

    @property
    def trained(self) -> bool:
        """Whether it adds anything: its last layer begins as zeros."""
        return bool(self.output.weight.any())

    def added_to(self, picture: Float[Tensor, "n 3 h w"], conditions: Conditions) -> Float[Tensor, "n 3 h w"]:
        """The picture with its detail."""
        weights = self.output.weight
        stored_short = weights.dtype == torch.bfloat16  # for inference; a training around this casts as it likes
        with torch.autocast(weights.device.type, torch.bfloat16) if stored_short else nullcontext():
            return picture + self(picture, conditions)

    def forward(self, picture: Float[Tensor, "n 3 h w"], conditions: Conditions) -> Float[Tensor, "n 3 h w"]:
        """What to add to ``picture`` (views folded into the batch)."""
        embedding = self.light(light_of(conditions)).repeat_interleave(conditions.map_image.shape[1], 0)
        pictures = (_told(conditions, picture.dtype), (picture - 0.5).contiguous(memory_format=torch.channels_last))
        seen, skips = _of_pictures(self.input.weight[:, :-SURFACE_CHANNELS], pictures, BLOCK_PX), []
        h = seen + F.conv2d(surfaces(conditions), self.input.weight[:, -SURFACE_CHANNELS:], self.input.bias)
        for level, block in enumerate(self.encoder):
            h = block(h, embedding)
            skips.append(h)
            h = self.down[level](h) if level < len(self.down) else h
        h = self.middle(h, embedding)
        for level in reversed(range(len(self.decoder))):
            h = F.interpolate(self.up[level](h), size=skips[level].shape[-2:], mode="nearest")
            h = self.decoder[level](torch.cat([h, skips[level]], 1), embedding)
        h = F.pixel_shuffle(self.expand(F.silu(h)), 2)
        seen = _of_pictures(self.fine.weight[:, FINE:], pictures, 2)
        h = seen + F.conv2d(h, self.fine.weight[:, :FINE], self.fine.bias, padding=1)
        return F.pixel_shuffle(self.output(F.silu(h)), 2).float()


def _told(conditions: Conditions, dtype: torch.dtype) -> Float[Tensor, "n c h w"]:
    """Map, box and depth pictures, 0 to 255, their channels last. What is absent is zero."""
    views, there = conditions.map_image.shape[1], conditions.present

    def of(flags: Tensor, image: Tensor) -> Tensor:
        return image.flatten(0, 1) * flags.repeat_interleave(views).view(-1, 1, 1, 1)

    told = [of(there.map, conditions.map_image)]
    told += [of(there.boxes, image) for image in (conditions.box_image, conditions.depth_image)]
    # As bytes up to here: a quarter of the memory traffic.
    return torch.cat(told, 1).to(dtype, memory_format=torch.channels_last)


def _of_pictures(
    weight: Float[Tensor, "o d k k"], pictures: tuple[Float[Tensor, "n c h w"], Float[Tensor, "n 3 h w"]], patch_px: int
) -> Float[Tensor, "n o y x"]:
    """The part of a convolution that reads both pictures, unshuffled."""
    told, drawn = pictures
    of_told, of_drawn = weight[:, : -3 * patch_px**2], weight[:, -3 * patch_px**2 :]
    return patches_conv(told, of_told * (1 / 255), patch_px) + patches_conv(drawn, of_drawn, patch_px)

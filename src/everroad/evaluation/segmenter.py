"""The judge of layout agreement: a small U-Net that names the painter's semantic class of every pixel.

It is trained on the painter's pictures (``segmenter_recipe``), ships beside the world model's weights and is no part of
generation. Axis letters: ``b`` pictures, ``c`` classes, ``h w`` pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn import functional as F

from everroad.evaluation.judge_files import load_judge, save_judge
from everroad.evaluation.trunk import layer
from everroad.model.checkpoint import packaged_path
from everroad.render.semantics import SEMANTIC_CLASSES

FORMAT_VERSION = 1
KIND = "segmenter"
MULTIPLE_PX = 8  # three halvings


@dataclass(frozen=True)
class SegmenterConfig:
    """Widths at a half, a quarter and an eighth of the picture's size, and the classes by index."""

    widths: tuple[int, int, int] = (24, 48, 96)
    classes: tuple[str, ...] = SEMANTIC_CLASSES

    def __post_init__(self) -> None:
        if len(self.widths) != 3 or min(self.widths) < 1:
            raise ValueError(f"widths: expected three positive numbers, got {self.widths}")


class Segmenter(nn.Module):
    """Fully convolutional: any picture whose sides are multiples of 8. Convolutions run fastest in channels_last, as built."""

    def __init__(self, config: SegmenterConfig | None = None) -> None:
        super().__init__()
        self.config = config = SegmenterConfig() if config is None else config
        fine, middle, coarse = config.widths
        self.fine = nn.Sequential(layer(12, fine), layer(fine, fine))
        self.middle = nn.Sequential(layer(4 * fine, middle, 1), layer(middle, middle), layer(middle, middle))
        self.coarse = nn.Sequential(layer(4 * middle, coarse, 1), *(layer(coarse, coarse) for _ in range(3)))
        self.to_middle, self.to_fine = nn.Conv2d(coarse, middle, 1), nn.Conv2d(middle, fine, 1)
        self.join_middle = nn.Sequential(layer(2 * middle, middle), layer(middle, middle))
        self.join_fine = nn.Sequential(layer(2 * fine, fine), layer(fine, fine))
        self.output = nn.Conv2d(fine, 4 * len(config.classes), 1)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b c h w"]:
        """Logits of pictures in [0, 1]. Raises ``ValueError`` for sides that are no multiples of 8."""
        _check_size(images.shape[-2], images.shape[-1])
        images = images.contiguous(memory_format=torch.channels_last)
        fine = self.fine(F.pixel_unshuffle(images - 0.5, 2))
        middle = self.middle(F.pixel_unshuffle(fine, 2))
        coarse = self.coarse(F.pixel_unshuffle(middle, 2))
        h = self.join_middle(torch.cat([middle, F.interpolate(self.to_middle(coarse), scale_factor=2)], 1))
        h = self.join_fine(torch.cat([fine, F.interpolate(self.to_fine(h), scale_factor=2)], 1))
        return F.pixel_shuffle(self.output(h), 2)

    @torch.no_grad()
    def labels(self, pictures: UInt8[Tensor, "b 3 h w"]) -> UInt8[Tensor, "b h w"]:
        """The likeliest class of every pixel, on the pictures' device."""
        return self(pictures.float() / 255).argmax(1).to(torch.uint8)


def _check_size(height_px: int, width_px: int) -> None:
    if height_px % MULTIPLE_PX or width_px % MULTIPLE_PX:
        raise ValueError(f"segmenter: expected sides that are multiples of {MULTIPLE_PX} pixels, got {height_px}x{width_px}")


def save_segmenter(segmenter: Segmenter, path: Path, card: dict[str, Any]) -> None:
    """Writes ``path`` and its card (same name, ``.json``), each beside and renamed. Kernels are stored in bfloat16."""
    save_judge(segmenter, segmenter.config, KIND, FORMAT_VERSION, path, card)


def load_segmenter(path: Path) -> tuple[Segmenter, dict[str, Any]]:
    """The segmenter in evaluation mode, fp32, and its card with the file's own sha256.

    Raises ``ValueError``: no such file, a pickle, a truncated file, another kind or version, weights that do not fit.
    """
    return load_judge(path, KIND, FORMAT_VERSION, SegmenterConfig, Segmenter)


def load_packaged_segmenter() -> tuple[Segmenter, dict[str, Any]]:
    """The segmenter that ships with the package, and its card."""
    return load_segmenter(packaged_path("segmenter.safetensors"))

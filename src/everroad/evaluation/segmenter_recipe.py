"""How the segmenter is trained: ``everroad train segmenter``, painted pictures of training towns alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from numpy import ndarray
from torch import Tensor, nn
from torch.nn import functional as F

from everroad.data.addressing import addressed_generator
from everroad.evaluation.damage import DamageConfig, damaged, draw_damage, mirrored
from everroad.evaluation.painted_frames import PaintedSet, painted_frames
from everroad.evaluation.segmenter import Segmenter, SegmenterConfig
from everroad.stream.folder import check_can_be_made
from everroad.training.recipe import LoopConfig, OptimiserConfig, Recipe
from everroad.training.strips import STRIP_FRAMES, STRIP_SEED, painted_town

# A colour for each of SEMANTIC_CLASSES, for eyes alone.
PALETTE = np.array(
    [
        (140, 190, 235), (90, 90, 95), (250, 250, 250), (200, 200, 120), (180, 150, 140), (110, 150, 80), (150, 100, 80),
        (40, 120, 50), (200, 130, 40), (30, 60, 200), (200, 40, 160), (220, 30, 40), (120, 60, 200),
    ],
    dtype=np.uint8,
)  # fmt: skip


@dataclass(frozen=True)
class LabelledBatch:
    """Damaged pictures in [0, 1] and the class of every pixel."""

    images: Float[Tensor, "b 3 h w"]
    semantic: UInt8[Tensor, "b h w"]


@dataclass(frozen=True, kw_only=True)
class SegmenterRecipe(Recipe):
    """Cross-entropy and soft Dice: the second weighs thin classes like wide ones. A share of batches is at half the size."""

    batch: int = 16
    half_size: float = 0.25
    dice: float = 1.0
    network: SegmenterConfig = field(default_factory=SegmenterConfig)
    pictures: PaintedSet = field(default_factory=PaintedSet)
    damage: DamageConfig = field(default_factory=DamageConfig)
    workers: int = 1
    cache_dir: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        pictures = self.pictures.towns * self.pictures.frames  # a batch has each at most once
        for name, least, most in (("batch", 1, pictures), ("half_size", 0, 1), ("dice", 0, 1000), ("workers", 0, 256)):
            if not least <= getattr(self, name) <= most:
                raise ValueError(f"{name}: expected {least} to {most}, got {getattr(self, name)}")

    def check(self) -> None:
        check_can_be_made(self._cache(), "cache_dir")

    def _cache(self) -> Path:
        return Path(self.cache_dir or Path.home() / ".cache" / "everroad" / f"{self.name}-{self.seed}")

    def build(self) -> nn.Module:
        return Segmenter(self.network)

    def free_fields(self) -> tuple[str, ...]:
        return (*super().free_fields(), "workers", "cache_dir")

    def batches(self, first_train_step: int, carried: Mapping[str, Tensor] | None = None) -> Iterator[LabelledBatch]:
        painted = painted_frames(self.pictures, self._cache(), self.workers)
        train_step = first_train_step
        while True:
            draw = addressed_generator(self.seed, "pictures", train_step)
            chosen = torch.from_numpy(draw.choice(len(painted.images), self.batch, replace=False))
            images, semantic = painted.images[chosen].float() / 255, painted.semantic[chosen]
            if draw.random() < self.half_size:
                images, semantic = F.avg_pool2d(images, 2), semantic[:, 1::2, 1::2]
            damage = draw_damage(self.damage, tuple(images.shape), self.seed, "damage", train_step)
            yield LabelledBatch(damaged(images, damage), mirrored(semantic, damage.mirrored))
            train_step += 1

    def loss(
        self, module: nn.Module, batch: LabelledBatch, train_step: int
    ) -> tuple[Float[Tensor, ""], dict[str, Tensor | float]]:
        logits, classes = module(batch.images).float(), batch.semantic.long()
        entropy = F.cross_entropy(logits, classes)
        overlap = dice(logits, classes)
        right = (logits.detach().argmax(1) == classes).float().mean()
        metrics = {"cross_entropy": entropy.detach(), "dice": overlap.detach(), "right": right}
        return entropy + self.dice * (1 - overlap), metrics

    def sample_strip(self, module: nn.Module, train_step: int) -> UInt8[ndarray, "h w 3"] | None:
        segmenter: Segmenter = module  # type: ignore[assignment]
        town = painted_town(STRIP_SEED, STRIP_FRAMES[-1] + 1, self.pictures.height_px, self.pictures.width_px)
        pictures = town.images[list(STRIP_FRAMES)]
        labels = segmenter.labels(pictures.to(next(segmenter.parameters()).device)).cpu().numpy()
        rows = pictures.permute(0, 2, 3, 1).numpy(), PALETTE[labels]
        return np.concatenate([np.concatenate(list(row), 1) for row in rows], 0)


def dice(logits: Float[Tensor, "b c h w"], classes: Tensor) -> Float[Tensor, ""]:
    """Soft Dice coefficient 2 Σ p y / (Σ p + Σ y), sums over the batch's pixels, mean over the classes that occur (V-Net,
    Milletari et al. 2016, without the squares)."""
    shares = logits.softmax(1)
    truth = F.one_hot(classes, logits.shape[1]).permute(0, 3, 1, 2).to(shares.dtype)
    both, either = (shares * truth).sum((0, 2, 3)), (shares + truth).sum((0, 2, 3))
    return (2 * both / either.clamp(min=1e-6))[truth.sum((0, 2, 3)) > 0].mean()


SEGMENTER_RECIPES: dict[str, Recipe] = {
    # everroad train segmenter dtype=bfloat16 on one core: see the card beside the weights for time and scores.
    "segmenter": SegmenterRecipe(
        name="segmenter",
        train_steps=2500,
        optimiser=OptimiserConfig(learning_rate=3e-3, warmup_steps=50, ema_decay=0.99),
        loop=LoopConfig(checkpoint_steps=500, checkpoint_minutes=5.0, strip_steps=500),
    ),
}

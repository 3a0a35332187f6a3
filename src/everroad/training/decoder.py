"""The learned part of the decoder: trained alone, since the encoder is the closed-form patch code.

Losses compared: L1; with the gradients of the picture; with the magnitudes of its 8x8 spectra; with a small adversarial term.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn import functional as F

from everroad.data.addressing import addressed_generator
from everroad.data.blocks import Block
from everroad.data.sampler import frame_draws
from everroad.model.world_model import WorldModel
from everroad.training.block_recipe import BlockRecipe, refuse_unread
from everroad.training.critic import PatchCritic, critic_loss, realism_loss
from everroad.training.own_frames import RollOuts
from everroad.training.sketches import Sketches
from everroad.training.wear import Wear, draw_wear, worn


@dataclass(frozen=True)
class DecoderLossConfig:
    """Weights of the terms beside L1; and what makes it robust to generated latents: noise on them (standard deviation) and how
    often the picture is worn at most (``training.wear``)."""

    gradient: float = 0.5
    spectrum: float = 0.0
    adversarial: float = 0.0
    latent_noise: float = 0.05
    wear: int = 0

    def __post_init__(self) -> None:
        for name, most in (("gradient", 1000), ("spectrum", 1000), ("adversarial", 1000), ("latent_noise", 100), ("wear", 100)):
            if not 0 <= getattr(self, name) <= most:
                raise ValueError(f"{name}: expected 0 to {most}, got {getattr(self, name)}")


@dataclass(frozen=True)
class PictureBatch:
    """Pictures (uint8), how they are worn, and the noise added to their latents, scaled."""

    images: UInt8[Tensor, "b 3 h w"]
    wear: Wear
    noise: Float[Tensor, "b z y x"]


@dataclass(frozen=True, kw_only=True)
class DecoderRecipe(BlockRecipe):
    """Trains ``autoencoder.detail`` of a world model and nothing else."""

    terms: DecoderLossConfig = field(default_factory=DecoderLossConfig)

    def __post_init__(self) -> None:
        super().__post_init__()
        refuse_unread(self, "own.share", "realism.weight")

    def build(self) -> nn.Module:
        model = super().build()
        if self.terms.adversarial:
            model.critic = PatchCritic()  # in the run only: what ships is the decoder
        return model

    def parameters(self, module: nn.Module) -> Iterable[nn.Parameter]:
        model: WorldModel = module  # type: ignore[assignment]
        critic = model.critic.parameters() if self.terms.adversarial else ()  # type: ignore[union-attr,operator]
        return [*model.autoencoder.detail.parameters(), *critic]  # type: ignore[list-item]

    def _batch(self, block: Block, roll_outs: RollOuts | None, sketches: Sketches, train_step: int) -> PictureBatch:
        draws = frame_draws(self.seed, train_step, self.batch, self.plan.shape, self.plan.uses)
        draw = addressed_generator(self.seed, "latent noise", train_step)
        level = torch.from_numpy(draw.random((self.batch, 1, 1, 1), dtype=np.float32))
        noise = self.terms.latent_noise * level * self.draw_noise("decoder", train_step)[:, 0]
        return PictureBatch(
            block.images_at(draws.clip, draws.frame), draw_wear(self.terms.wear, self.seed, train_step, self.batch), noise
        )

    def loss(self, module: nn.Module, batch: Any, train_step: int) -> tuple[Float[Tensor, ""], dict[str, Tensor | float]]:
        model: WorldModel = module  # type: ignore[assignment]
        images = batch.images.float() / 255
        with torch.no_grad():
            latents = model.autoencoder.encode(worn(images, batch.wear)) + batch.noise
        decoded = model.autoencoder.decode(latents)
        absolute = (decoded - images).abs().mean()
        total = absolute + self.terms.gradient * gradient_error(decoded, images)
        if self.terms.spectrum:
            total = total + self.terms.spectrum * spectrum_error(decoded, images)
        if self.terms.adversarial:
            critic: PatchCritic = model.critic  # type: ignore[assignment]
            total = total + self.terms.adversarial * realism_loss(critic, decoded) + critic_loss(critic, decoded, images)
        psnr = -10 * (decoded.detach().clamp(0, 1) - images).square().mean().log10()
        return total, {"psnr_db": psnr, "l1": absolute.detach()}

    def sample_strip(self, module: nn.Module, train_step: int) -> None:
        return None


def gradient_error(decoded: Float[Tensor, "b 3 h w"], images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, ""]:
    """Mean absolute error of the horizontal and vertical differences."""
    error = decoded - images
    return error.diff(dim=-1).abs().mean() + error.diff(dim=-2).abs().mean()


def spectrum_error(decoded: Float[Tensor, "b 3 h w"], images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, ""]:
    """Mean absolute difference of the magnitudes of 8x8 blocks' Fourier coefficients: right detail, whatever its place."""

    def magnitudes(pictures: Tensor) -> Tensor:
        blocks = pictures.unfold(2, 8, 8).unfold(3, 8, 8)
        return torch.fft.rfft2(blocks.float(), norm="ortho").abs()

    return F.l1_loss(magnitudes(decoded), magnitudes(images))

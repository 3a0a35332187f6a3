"""Pictures ↔ latents: a closed-form patch code, and a learned decoder that removes its blocking.

The code is the principal components of 8x8 patches, so encoding is one matrix product and loses nothing that the shares of
variance do not say. Each component is divided by the square root of its standard deviation and all by one number, so that the
mean variance is 1 (what the preconditioning assumes) and shape keeps more weight than noise-like detail.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from everroad.model.config import AutoencoderConfig
from everroad.model.patches import from_patches, to_patches


@dataclass(frozen=True)
class PatchBasis:
    """Principal components of patches, strongest first; d = 3 * patch_px²."""

    mean: Float[Tensor, "d"]
    components: Float[Tensor, "z d"]
    scale: Float[Tensor, "z"]


def fit_patch_basis(images: Float[Tensor, "n 3 h w"], config: AutoencoderConfig) -> PatchBasis:
    """The basis of pictures in [0, 1], by eigendecomposition in float64; each is signed so that its sum is positive."""
    patches = F.pixel_unshuffle(images, config.patch_px).permute(0, 2, 3, 1).flatten(0, 2).double()
    mean = patches.mean(0)
    centred = patches - mean
    covariance = centred.T @ centred / (len(patches) - 1)
    values, vectors = torch.linalg.eigh(covariance)
    order = torch.arange(len(values) - 1, len(values) - 1 - config.channels, -1)
    components = vectors[:, order].T
    components = components * torch.where(components.sum(1, keepdim=True) < 0, -1.0, 1.0)
    std = values[order].clamp(min=1e-12).sqrt()
    scale = std.sqrt() * std.mean().sqrt()  # variance of component i becomes std_i / mean std: mean variance 1
    return PatchBasis(mean.float(), components.float(), scale.float())


class PatchCode(nn.Module):
    """The linear code: ``encode`` and ``decode`` are each other's inverse on the span of the components."""

    mean: Tensor
    components: Tensor
    scale: Tensor

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        self.patch = config.patch_px
        size = 3 * config.patch_px**2
        self.register_buffer("mean", torch.full((size,), 0.5))
        self.register_buffer("components", torch.eye(config.channels, size))
        self.register_buffer("scale", torch.ones(config.channels))

    def load_basis(self, basis: PatchBasis) -> None:
        """Takes over a fitted basis."""
        self.mean.copy_(basis.mean)
        self.components.copy_(basis.components)
        self.scale.copy_(basis.scale)

    def encode(self, images: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n z y x"]:
        weight = self.components / self.scale[:, None]
        with torch.autocast(images.device.type, enabled=False):
            latents = F.linear(to_patches(images.float() - 0.5, self.patch), weight, -(weight @ (self.mean - 0.5)))
        return latents.permute(0, 3, 1, 2)

    def decode(self, latents: Float[Tensor, "n z y x"]) -> Float[Tensor, "n 3 h w"]:
        weight = (self.components * self.scale[:, None]).T
        with torch.autocast(latents.device.type, enabled=False):
            return from_patches(F.linear(latents.float().permute(0, 2, 3, 1), weight, self.mean), self.patch)


class DetailDecoder(nn.Module):
    """What the patch code's picture lacks: coarse blocks on the latent grid, one fine layer over pixels unshuffled by 2."""

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        width, fine, up = config.decoder_width, config.fine_width, config.patch_px // 2
        self.head = nn.Conv2d(config.channels, width, 3, padding=1)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Conv2d(width, width, 3, padding=1), nn.SiLU(), nn.Conv2d(width, width, 3, padding=1))
            for _ in range(config.decoder_blocks)
        )
        self.expand = nn.Conv2d(width, fine * up**2, 1)
        self.up = up
        self.fine = nn.Conv2d(fine + 12, fine, 3, padding=1)
        self.output = nn.Conv2d(fine, 12, 3, padding=1)
        nn.init.zeros_(self.output.weight)
        nn.init.zeros_(self.output.bias)  # type: ignore[arg-type]

    def forward(self, latents: Float[Tensor, "n z y x"], coarse: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n 3 h w"]:
        h = F.silu(self.head(latents))
        for block in self.blocks:
            h = F.silu(h + block(h))
        h = F.pixel_shuffle(self.expand(h), self.up)  # fine channels at half the picture's size
        h = F.silu(self.fine(torch.cat([h, F.pixel_unshuffle(coarse - 0.5, 2).to(h.dtype)], 1)))
        return F.pixel_shuffle(self.output(h), 2)


class Autoencoder(nn.Module):
    """``encode`` is the patch code; ``decode`` adds the learned detail."""

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        self.code = PatchCode(config)
        self.detail = DetailDecoder(config)

    def encode(self, images: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n z y x"]:
        return self.code.encode(images)

    def decode(self, latents: Float[Tensor, "n z y x"]) -> Float[Tensor, "n 3 h w"]:
        coarse = self.code.decode(latents)
        return coarse + self.detail(latents, coarse).float()

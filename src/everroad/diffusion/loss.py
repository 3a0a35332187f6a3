"""The denoising loss on x0 and the noise levels it is drawn at."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class NoiseLevelConfig:
    """ln sigma ~ N(mean, std²), a share of the draws taken from the sampler's own levels instead.

    STAGE's pre-release has mean 1.0 and std 1.6 for a schedule up to sigma 700; ours stops at 20, hence the lower mean.
    """

    mean: float = 0.2
    std: float = 1.4
    schedule_share: float = 0.7

    def __post_init__(self) -> None:
        if not -20 <= self.mean <= 20:
            raise ValueError(f"mean: expected -20 to 20, got {self.mean}")
        if not 0 <= self.std <= 20:
            raise ValueError(f"std: expected 0 to 20, got {self.std}")
        if not 0 <= self.schedule_share <= 1:
            raise ValueError(f"schedule_share: expected 0 to 1, got {self.schedule_share}")


def loss_weight(sigma: Float[Tensor, "b"]) -> Float[Tensor, "b"]:
    """(s² + 1) / s², which makes the weighted x0 error the plain error of v (Karras et al. 2022, sec. 5, sigma_data = 1)."""
    return (sigma.square() + 1.0) / sigma.square()


def draw_sigma(
    uniform: Float[Tensor, "b"], normal: Float[Tensor, "b"], levels: Float[Tensor, "s"], config: NoiseLevelConfig
) -> Float[Tensor, "b"]:
    """Noise levels from addressed draws: with probability ``schedule_share`` one of ``levels`` (all > 0), else log-normal."""
    free = torch.exp(config.mean + config.std * normal).clamp(levels.min() / 2, levels.max() * 1.5)
    index = (uniform / max(config.schedule_share, 1e-9) * len(levels)).long().clamp(max=len(levels) - 1)
    return torch.where(uniform < config.schedule_share, levels.to(free.dtype)[index], free)


def denoising_loss(
    denoised: Float[Tensor, "b *rest"],
    clean: Float[Tensor, "b *rest"],
    sigma: Float[Tensor, "b"],
    weight: Tensor | None = None,
) -> Float[Tensor, "b"]:
    """Weighted squared x0 error per sample; ``weight`` broadcasts over the latents (STAGE's W_aux, or none)."""
    error = (denoised.float() - clean.float()).square()
    if weight is not None:
        error = error * weight
    return loss_weight(sigma) * error.flatten(1).mean(1)

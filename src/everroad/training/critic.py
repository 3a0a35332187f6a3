"""A small patch critic and the hinge losses of an adversarial term (Isola et al. 2017; Lim & Ye 2017)."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import functional_call


class PatchCritic(nn.Module):
    """How real each place of a picture looks: three strided convolutions, so one score sees some 22 pixels."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, width, 4, stride=2, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(width, 2 * width, 4, stride=2, padding=1),
            nn.GroupNorm(8, 2 * width),
            nn.LeakyReLU(0.2),
            nn.Conv2d(2 * width, 4 * width, 3, padding=1),
            nn.GroupNorm(8, 4 * width),
            nn.LeakyReLU(0.2),
            nn.Conv2d(4 * width, 1, 3, padding=1),
        )

    def forward(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 1 y x"]:
        return self.layers(images - 0.5)


def critic_loss(critic: PatchCritic, made: Float[Tensor, "b 3 h w"], real: Float[Tensor, "b 3 h w"]) -> Float[Tensor, ""]:
    """What the critic learns by: scores above 1 for real, below -1 for made. Nothing of it reaches what made the pictures."""
    return (1 - critic(real)).relu().mean() + (1 + critic(made.detach())).relu().mean()


def realism_loss(critic: PatchCritic, made: Float[Tensor, "b 3 h w"]) -> Float[Tensor, ""]:
    """What the maker learns by: high scores. Nothing of it reaches the critic, so one optimiser may serve both."""
    frozen = {name: parameter.detach() for name, parameter in critic.named_parameters()}
    return -torch.as_tensor(functional_call(critic, frozen, (made,))).mean()

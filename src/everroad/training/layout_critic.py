"""A critic that sees picture and layout, and what it has to say about denoised latents.

The mean of all pictures that a noisy latent may stand for is blurred where the previous frame and the layout say little, and in
a stream that blur becomes the next frame's previous one. A critic that compares with real pictures under the same layout pulls
towards one of them (Isola et al. 2017; hinge losses of Lim & Ye 2017; features matched as in Wang et al. 2018). Neither of the
papers has it; ``RealismConfig.weight`` 0 leaves it out. Axis letters: ``n`` samples with their views folded in.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from everroad.conditions.types import BOX_LAYERS, MAP_LAYERS, Conditions

CRITIC = "critic."  # what the critic's weights in a training run begin with
LAYOUT_CHANNELS = len(MAP_LAYERS) + len(BOX_LAYERS)
# The critic learns by AdamW, which does not mind the size of its loss; the gradient's clipping does.
LEARNING_SHARE = 0.02


@dataclass(frozen=True)
class RealismConfig:
    """``weight``: how strong the critic's pull is, as a share of the denoising loss's own gradient in the same sample; it grows
    to this over ``ramp_steps`` train steps. In ``alone_steps`` train steps before them the critic alone learns: a network that
    has learnt with a critic loses its detail beside a new one. Noise levels below ``sigma_low`` leave nothing to invent and are
    spared. ``matching`` weighs the features' distances against the scores. The critic sees at most
    ``samples`` of a train step's samples: it costs about as much as the network. Its learning rate is ``rate_share`` of the
    recipe's, which is one for Muon and too high for it."""

    weight: float = 0.0
    matching: float = 5.0
    sigma_low: float = 0.4
    ramp_steps: int = 150
    alone_steps: int = 0
    samples: int = 16
    width: int = 24
    rate_share: float = 0.25

    def __post_init__(self) -> None:
        for name in ("weight", "matching", "sigma_low", "ramp_steps", "alone_steps", "samples", "rate_share"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name}: expected 0 or more, got {getattr(self, name)}")
        if not 8 <= self.width <= 1024 or self.width % 8:
            raise ValueError(f"width: expected a multiple of 8 up to 1024, got {self.width}")

    def weight_at(self, train_step: int) -> float:
        """The weight of one train step."""
        return self.weight * min(1.0, max(train_step - self.alone_steps, 0) / max(self.ramp_steps, 1))

    def alone_at(self, train_step: int) -> bool:
        """Whether the critic alone learns in one train step."""
        return self.weight > 0 and train_step < self.alone_steps


@dataclass(frozen=True)
class Judgement:
    """Scores at a fourth and an eighth of the picture's size, higher for real; the features they were read from."""

    scores: tuple[Float[Tensor, "n 1 _ _"], ...]
    features: tuple[Float[Tensor, "n _ _ _"], ...]


class LayoutCritic(nn.Module):
    """How real each place of a picture looks, given what the layout says of it."""

    def __init__(self, width: int = 24) -> None:
        super().__init__()
        widths = (width, 2 * width, 4 * width)
        self.stages = nn.ModuleList(
            nn.Conv2d(before, after, 4, stride=2, padding=1)
            for before, after in zip((3 + LAYOUT_CHANNELS, *widths[:-1]), widths, strict=True)
        )
        self.norms = nn.ModuleList(nn.GroupNorm(8, channels) for channels in widths[1:])
        self.texture = nn.Conv2d(widths[1], 1, 3, padding=1)
        self.mix = nn.Conv2d(widths[2], widths[2], 3, padding=1)
        self.shape = nn.Conv2d(widths[2], 1, 3, padding=1)

    def forward(self, images: Float[Tensor, "n 3 h w"], layout: Float[Tensor, "n l h w"]) -> Judgement:
        fine = F.leaky_relu(self.stages[0](torch.cat([images - 0.5, layout], 1)), 0.2)
        middle = F.leaky_relu(self.norms[0](self.stages[1](fine)), 0.2)
        coarse = F.leaky_relu(self.norms[1](self.stages[2](middle)), 0.2)
        wide = F.leaky_relu(coarse + self.mix(coarse), 0.2)
        return Judgement((self.texture(middle), self.shape(wide)), (fine, middle, coarse, wide))


@dataclass(frozen=True)
class Verdict:
    """What the critic has to say of what was made: the gradient that its maker is to follow down, and its own learning loss."""

    pull: Float[Tensor, "n _ _ _"]
    learning: Float[Tensor, ""]
    score_real: Float[Tensor, ""]
    score_made: Float[Tensor, ""]


def judge(
    critic: LayoutCritic,
    conditions: Conditions,
    real: Float[Tensor, "n 3 h w"],
    made: Float[Tensor, "n _ _ _"],
    picture: Callable[[Tensor], Tensor],
    asked: Float[Tensor, "n 1 y x"],
    matching: float,
) -> Verdict:
    """Compares ``picture(made)`` with the real pictures under the same layout. The maker's own graph is left alone."""
    given, layout = made.detach().requires_grad_(), layout_pictures(conditions)
    of_real, of_made = critic(real, layout), critic(picture(given), layout)
    (pull,) = torch.autograd.grad(pulling_loss(of_real, of_made, asked, matching), given, retain_graph=True)
    real_score, made_score = (torch.stack([s.detach().mean() for s in seen.scores]).mean() for seen in (of_real, of_made))
    return Verdict(pull, learning_loss(of_real, of_made), real_score, made_score)


def layout_pictures(conditions: Conditions) -> Float[Tensor, "n l h w"]:
    """Map and box image, 0 to 1, in the channels that the critic reads."""
    return torch.cat([conditions.map_image, conditions.box_image], 2).flatten(0, 1).float() / 255


def learning_loss(real: Judgement, made: Judgement) -> Float[Tensor, ""]:
    """What the critic learns by: scores above 1 for real, below -1 for made."""
    terms = [(1 - r).relu().mean() + (1 + m).relu().mean() for r, m in zip(real.scores, made.scores, strict=True)]
    return torch.stack(terms).mean()


def pulling_loss(real: Judgement, made: Judgement, asked: Float[Tensor, "n 1 y x"], matching: float) -> Float[Tensor, ""]:
    """What the maker is to lower: low scores, and distances to the real picture's features where that picture is asked for
    (``asked``, 0 to 1)."""
    scores = -torch.stack([s.mean() for s in made.scores]).mean()
    distances = [
        ((m - r.detach()).abs() * F.interpolate(asked, size=m.shape[-2:], mode="bilinear", align_corners=False)).mean()
        for r, m in zip(real.features, made.features, strict=True)
    ]
    return scores + matching * torch.stack(distances).mean()


def in_proportion(pull: Float[Tensor, "n *rest"], own: Float[Tensor, "n *rest"], weight: float) -> Float[Tensor, "n *rest"]:
    """The pull with its size set, in each sample, to ``weight`` times that of the other gradient (a weight after Esser et al.
    2021, per sample): so it neither vanishes nor takes over at any noise level."""
    rest = tuple(range(1, pull.ndim))
    ratio = own.square().sum(rest, keepdim=True).sqrt() / pull.square().sum(rest, keepdim=True).sqrt().clamp(min=1e-12)
    return weight * ratio * pull

"""The network that adds detail to the sketch: trained alone, on single pictures and their conditions.

Absolute differences from the painted picture and from its gradients, and a critic that sees the layout
(``training.layout_critic``): the picture that is right on average is a blur, and a blurred car is no car.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, UInt8
from numpy import ndarray
from torch import Tensor, nn

from everroad.conditions.types import Conditions
from everroad.data.sampler import frame_draws
from everroad.model.presets import get_preset
from everroad.model.world_model import WorldModel
from everroad.training.degrade import Degradation, draw_degradation, drop_conditions
from everroad.training.denoiser import DenoiserRecipe, encode_bytes
from everroad.training.layout_critic import (
    CRITIC,
    LEARNING_SHARE,
    LayoutCritic,
    in_proportion,
    judge,
)
from everroad.training.sketch import SKETCH


@dataclass(frozen=True)
class SketchBatch:
    """Pictures (uint8), their conditions, and which of those are withheld."""

    images: UInt8[Tensor, "b v 3 h w"]
    conditions: Conditions
    degradation: Degradation


@dataclass(frozen=True, kw_only=True)
class SketchRecipe(DenoiserRecipe):
    """Trains ``sketch.detail`` of a world model and nothing else. ``edges`` weighs the gradients' differences."""

    edges: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.own.share:
            raise ValueError(f"own.share: expected 0 in {self.name}, since it reads no previous frame; leave it out")
        if not 0 <= self.edges <= 1000:
            raise ValueError(f"edges: expected 0 to 1000, got {self.edges}")

    def build(self) -> nn.Module:
        model: WorldModel = super().build()  # type: ignore[assignment]
        if model.sketch.detail is None:
            raise ValueError(f"preset {self.preset}: expected one whose sketch has a network; choose another preset")
        return model

    def parameters(self, module: nn.Module) -> Iterable[nn.Parameter]:
        return [p for name, p in module.named_parameters() if name.startswith((SKETCH, CRITIC))]

    def batches(self, first_train_step: int, carried: Mapping[str, Tensor] | None = None) -> Iterator[Any]:
        per_block = self.steps_per_block()
        channels = get_preset(self.preset).latent_channels
        with self.prefetcher(first_train_step // per_block) as blocks:
            train_step = first_train_step
            for block in blocks:
                while train_step // per_block == block.index:
                    draws = frame_draws(self.seed, train_step, self.batch, self.plan.shape, self.plan.uses)
                    yield SketchBatch(
                        block.images_at(draws.clip, draws.frame)[:, None],
                        block.conditions_at(draws.clip, draws.frame),
                        draw_degradation(self.degrade, self.seed, train_step, self.batch, channels),
                    )
                    train_step += 1

    def loss(self, module: nn.Module, batch: Any, train_step: int) -> tuple[Float[Tensor, ""], dict[str, Tensor | float]]:
        model: WorldModel = module  # type: ignore[assignment]
        code = model.autoencoder.code
        conditions = drop_conditions(batch.conditions, batch.degradation)
        real = code.decode(encode_bytes(model, batch.images).flatten(0, 1))
        made = code.decode(model.sketch(conditions, code))
        weight = self.weight_map(batch.conditions).flatten(0, 1)
        weight = nn.functional.interpolate(weight, scale_factor=model.config.autoencoder.patch_px)
        absolute = ((made - real).abs() * weight).mean()
        own = absolute + self.edges * edge_error(made, real, weight)
        figures: dict[str, Tensor | float] = {
            "l1": absolute.detach(),
            "psnr_db": -10 * (made.detach().clamp(0, 1) - real).square().mean().log10(),
        }
        if not self.realism.weight:
            return own, figures
        critic: LayoutCritic = model.critic  # type: ignore[assignment]
        asked = torch.ones_like(made[:, :1])
        verdict = judge(critic, batch.conditions, real, made, lambda picture: picture, asked, self.realism.matching)
        (slope,) = torch.autograd.grad(own, made, retain_graph=True)
        pull = in_proportion(verdict.pull, slope, self.realism.weight_at(train_step))
        figures["critic_loss"] = verdict.learning.detach()
        return own + (made * pull).sum() + LEARNING_SHARE * verdict.learning, figures

    def sample_strip(self, module: nn.Module, train_step: int) -> UInt8[ndarray, "h w 3"] | None:
        return None


def edge_error(
    made: Float[Tensor, "n 3 h w"], real: Float[Tensor, "n 3 h w"], weight: Float[Tensor, "n 1 h w"]
) -> Float[Tensor, ""]:
    """Mean absolute error of the horizontal and vertical differences, weighed by place."""
    error = made - real
    across, down = error.diff(dim=-1).abs() * weight[..., 1:], error.diff(dim=-2).abs() * weight[..., 1:, :]
    return across.mean() + down.mean()

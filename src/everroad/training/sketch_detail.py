"""The network that adds detail: to the sketch's closed form, and (with ``own``) to the pictures of frames that the model made.

Absolute differences from the painted picture and from its gradients, and a critic that sees the layout
(``training.layout_critic``): the picture that is right on average is a blur, and a blurred car is no car. An own frame shows,
where nothing tells it, another town than the truth; there its colours are to stay, and detail is the critic's matter alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8
from numpy import ndarray
from torch import Tensor, nn
from torch.nn import functional as F

from everroad.conditions.types import Conditions
from everroad.data.blocks import Block
from everroad.data.sampler import frame_draws
from everroad.model.presets import get_preset
from everroad.model.world_model import WorldModel
from everroad.training.degrade import Degradation, draw_degradation, drop_conditions
from everroad.training.denoiser import OWN, DenoiserRecipe
from everroad.training.layout_critic import CRITIC, LEARNING_SHARE, LayoutCritic, in_proportion, judge
from everroad.training.own_frames import RollOuts, draw_own, other_town
from everroad.training.sketch import SKETCH
from everroad.training.sketches import Sketches


@dataclass(frozen=True)
class SketchBatch:
    """Pictures (uint8), their conditions, and which of those are withheld; ``own`` says which samples are own frames, of the
    places ``clip`` and ``frame`` of the block."""

    images: UInt8[Tensor, "b v 3 h w"]
    conditions: Conditions
    degradation: Degradation
    clip: Int[Tensor, "b"]
    frame: Int[Tensor, "b"]
    own: Bool[Tensor, "b"]
    sketches: Sketches
    roll_outs: RollOuts | None


@dataclass(frozen=True, kw_only=True)
class SketchRecipe(DenoiserRecipe):
    """Trains ``sketch.detail`` of a world model and nothing else. ``edges`` weighs the gradients' differences."""

    edges: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
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
        with self.prefetcher(first_train_step // per_block) as blocks:
            train_step, made = first_train_step, dict(carried or {}) if first_train_step % per_block else {}
            for block in blocks:
                roll_outs = RollOuts(block, self.seed, self.own, made.pop(OWN, None)) if self.own.share else None
                sketches = Sketches(block)
                while train_step // per_block == block.index:
                    yield self._pictures(block, roll_outs, sketches, train_step)
                    train_step += 1

    def _pictures(self, block: Block, roll_outs: RollOuts | None, sketches: Sketches, train_step: int) -> SketchBatch:
        draws = frame_draws(self.seed, train_step, self.batch, self.plan.shape, self.plan.uses)
        frame = draws.frame - 1  # the last frame of a clip is not rolled out
        rolled = np.zeros(self.batch, dtype=bool) if roll_outs is None else roll_outs.rolled(draws.clip)
        channels = get_preset(self.preset).latent_channels
        return SketchBatch(
            images=block.images_at(draws.clip, frame)[:, None],
            conditions=block.conditions_at(draws.clip, frame),
            degradation=draw_degradation(self.degrade, self.seed, train_step, self.batch, channels),
            clip=torch.from_numpy(draws.clip),
            frame=torch.from_numpy(frame),
            own=draw_own(self.own, self.seed, train_step, rolled),
            sketches=sketches,
            roll_outs=roll_outs,
        )

    def ready(self, averaged: nn.Module, batch: Any) -> None:
        """The block's own frames, and the sketches that they need."""
        if batch.roll_outs is not None:
            batch.sketches.make(averaged)
            batch.roll_outs.make(averaged, batch.sketches)

    def carried(self, batch: Any) -> dict[str, Tensor]:
        """The block's own frames."""
        return {} if batch.roll_outs is None or batch.roll_outs.latents is None else {OWN: batch.roll_outs.latents}

    def loss(self, module: nn.Module, batch: Any, train_step: int) -> tuple[Float[Tensor, ""], dict[str, Tensor | float]]:
        model: WorldModel = module  # type: ignore[assignment]
        conditions = drop_conditions(batch.conditions, batch.degradation)
        given, real = self._given(model, conditions, batch)
        made = self._as_latents(model, model.sketch.add_detail(conditions, given), batch.own)
        asked = self._asked(given, real, batch)
        own, figures = self._own_loss(given, made, real, asked, batch)
        if not self.realism.weight:
            return own, figures
        critic: LayoutCritic = model.critic  # type: ignore[assignment]
        verdict = judge(critic, batch.conditions, real, made, lambda picture: picture, asked, self.realism.matching)
        (slope,) = torch.autograd.grad(own, made, retain_graph=True)
        pull = in_proportion(verdict.pull, slope, self.realism.weight_at(train_step))
        figures["critic_loss"] = verdict.learning.detach()
        return own + (made * pull).sum() + LEARNING_SHARE * verdict.learning, figures

    @torch.no_grad()
    def _given(
        self, model: WorldModel, conditions: Conditions, batch: SketchBatch
    ) -> tuple[Float[Tensor, "n 3 h w"], Float[Tensor, "n 3 h w"]]:
        """The pictures to which detail is added, and what they should become: what latents can say of the truth; of own
        frames, the truth itself."""
        code, truth = model.autoencoder.code, batch.images.flatten(0, 1).float() / 255
        given = code.decode(model.sketch.closed_form(conditions))
        if batch.roll_outs is not None:
            made = code.decode(batch.roll_outs.at(batch.clip, batch.frame).flatten(0, 1))
            given = torch.where(batch.own.view(-1, 1, 1, 1), made, given)
        return given, self._as_latents(model, truth, batch.own)

    def _as_latents(
        self, model: WorldModel, pictures: Float[Tensor, "n 3 h w"], own: Bool[Tensor, "b"]
    ) -> Float[Tensor, "n 3 h w"]:
        """Sketches end as latents, and are compared as what those can say; own frames' pictures are what is seen."""
        code = model.autoencoder.code
        return torch.where(own.view(-1, 1, 1, 1), pictures, code.decode(code.encode(pictures)))

    def _asked(self, given: Tensor, real: Tensor, batch: SketchBatch) -> Float[Tensor, "n 1 y x"]:
        """How far the truth is asked for, 0 to 1: everywhere but where an own frame shows another town."""
        patch = get_preset(self.preset).autoencoder.patch_px
        other = other_town((given - real)[:, None], batch.conditions, self.own, patch)[:, 0]
        return 1 - other * batch.own.view(-1, 1, 1, 1)

    def _own_loss(
        self, given: Tensor, made: Tensor, real: Tensor, asked: Tensor, batch: SketchBatch
    ) -> tuple[Float[Tensor, ""], dict[str, Tensor | float]]:
        """Differences from the truth where it is asked for; elsewhere, of each cell's mean colour from the given picture's."""
        patch = get_preset(self.preset).autoencoder.patch_px
        weight = self.weight_map(batch.conditions).flatten(0, 1)
        kept = (F.avg_pool2d(made - given, patch).abs() * weight * (1 - asked)).mean()
        weight = F.interpolate(weight * asked, scale_factor=patch)
        error = (made - real).abs() * weight
        figures: dict[str, Tensor | float] = {"l1": error.detach().mean(), "kept_l1": kept.detach()}
        squared = (made.detach().clamp(0, 1) - real).square().mean((1, 2, 3))
        for name, some in (("psnr_db", ~batch.own), ("own_psnr_db", batch.own)):
            if bool(some.any()):
                figures[name] = -10 * squared[some].mean().log10()
        return error.mean() + self.edges * edge_error(made, real, weight) + kept, figures

    def sample_strip(self, module: nn.Module, train_step: int) -> UInt8[ndarray, "h w 3"] | None:
        return None


def edge_error(
    made: Float[Tensor, "n 3 h w"], real: Float[Tensor, "n 3 h w"], weight: Float[Tensor, "n 1 h w"]
) -> Float[Tensor, ""]:
    """Mean absolute error of the horizontal and vertical differences, weighed by place."""
    error = made - real
    across, down = error.diff(dim=-1).abs() * weight[..., 1:], error.diff(dim=-2).abs() * weight[..., 1:, :]
    return across.mean() + down.mean()

"""Stage 1 (STAGE): single frames, the ground truth as previous frame, no memory; and what all denoiser stages share."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from numpy import ndarray
from torch import Tensor, nn

from everroad.conditions.types import Conditions, map_tensors
from everroad.data.addressing import addressed_generator
from everroad.data.blocks import Block
from everroad.data.sampler import frame_draws
from everroad.diffusion.loss import NoiseLevelConfig, denoising_loss, draw_sigma
from everroad.diffusion.preconditioning import per_sample
from everroad.diffusion.sampler import schedule_of
from everroad.model.presets import get_preset
from everroad.model.world_model import Context, WorldModel
from everroad.training.block_recipe import BlockRecipe
from everroad.training.degrade import degrade_previous, draw_degradation, drop_conditions
from everroad.training.frame_batch import FrameBatch
from everroad.training.layout_critic import (
    LEARNING_SHARE,
    LayoutCritic,
    in_proportion,
    judge,
)
from everroad.training.own_frames import RollOuts, continued, draw_own
from everroad.training.sketches import Sketches
from everroad.training.strips import rollout_strip


@dataclass(frozen=True, kw_only=True)
class DenoiserRecipe(BlockRecipe):
    """Stage 1.

    Latents weigh detail more than the eye does: an error of a patch's mean is seen ten times as well as the same error of its
    48th component. So components count by their standard deviation to the ``component_power``: 0 is the error of latents, 2
    that of pixels.
    """

    levels: NoiseLevelConfig = field(default_factory=NoiseLevelConfig)
    component_power: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.component_power <= 10:
            raise ValueError(f"component_power: expected 0 to 10, got {self.component_power}")

    def parameters(self, module: nn.Module) -> Iterable[nn.Parameter]:
        """Everything but the autoencoder, what adds detail, and the unused projections of HTFT."""
        apart = ("autoencoder.", "sketch.", "finish.", "unet.htft.")
        return [p for name, p in module.named_parameters() if not name.startswith(apart)]

    def _batch(self, block: Block, roll_outs: RollOuts | None, sketches: Sketches, train_step: int) -> Any:
        draws = frame_draws(self.seed, train_step, self.batch, self.plan.shape, self.plan.uses)
        config = get_preset(self.preset)
        rolled = np.zeros(self.batch, dtype=bool) if roll_outs is None else roll_outs.rolled(draws.clip)
        return FrameBatch(
            target=block.images_at(draws.clip, draws.frame)[:, None],
            previous=block.images_at(draws.clip, draws.frame - 1)[:, None],
            anchor=block.images_at(draws.anchor_clip, draws.anchor_frame)[:, None],
            conditions=block.conditions_at(draws.clip, draws.frame),
            degradation=draw_degradation(self.degrade, self.seed, train_step, self.batch, config.latent_channels),
            sigma=self.draw_sigmas("sigma", train_step),
            noise=self.draw_noise("noise", train_step),
            previous_noise=self.draw_noise("previous", train_step),
            clip=torch.from_numpy(draws.clip),
            frame=torch.from_numpy(draws.frame),
            sketches=sketches,
            own=draw_own(self.own, self.seed, train_step, rolled),
            roll_outs=roll_outs,
        )

    def draw_sigmas(self, purpose: str, train_step: int) -> Float[Tensor, "b"]:
        """One noise level a sample."""
        draw = addressed_generator(self.seed, purpose, train_step)
        uniform, normal = torch.from_numpy(draw.random(self.batch)), torch.from_numpy(draw.standard_normal(self.batch))
        return draw_sigma(uniform, normal, schedule_of(get_preset(self.preset).sampler)[:-1], self.levels).float()

    def loss(self, module: nn.Module, batch: Any, train_step: int) -> tuple[Float[Tensor, ""], dict[str, Tensor | float]]:
        model: WorldModel = module  # type: ignore[assignment]
        conditions = drop_conditions(batch.conditions, batch.degradation)
        clean, truth, anchor = (encode_bytes(model, images) for images in (batch.target, batch.previous, batch.anchor))
        previous, sigma, present = self._previous(model, truth, batch)
        context = model.prepare(conditions, anchor, batch.degradation.anchor_present, self.sketch(model, conditions, batch))
        aligned = model.align(previous, sigma, context, present)
        target, asked = self._target(model, clean, truth, context, batch)
        noisy = target + per_sample(batch.sigma, clean) * batch.noise
        denoised, _ = model.denoise(noisy, batch.sigma, aligned, context, None)
        losses = denoising_loss(denoised, target, batch.sigma, self.weight(model, batch.conditions))
        return self.judged(model, denoised, losses, clean, asked, batch, train_step)

    def judged(
        self, model: WorldModel, denoised: Tensor, losses: Tensor, clean: Tensor, asked: Tensor, batch: Any, train_step: int
    ) -> tuple[Float[Tensor, ""], dict[str, Tensor | float]]:
        """The mean loss and, where there is a critic, its learning loss and its pull on what is denoised (a term with that
        gradient and without a meaning)."""
        total, figures = losses.mean(), by_noise_level(losses.detach(), batch.sigma)
        invents = (batch.sigma >= self.realism.sigma_low).nonzero()[: self.realism.samples, 0]
        if not self.realism.weight or not len(invents):
            return total, figures
        critic: LayoutCritic = model.critic  # type: ignore[assignment]
        decode, made = model.autoencoder.code.decode, denoised[invents].flatten(0, 1)
        conditions = map_tensors(batch.conditions, lambda tensor: tensor[invents])
        real, asked = decode(clean[invents].flatten(0, 1)), asked[invents].flatten(0, 1)
        verdict = judge(critic, conditions, real, made, decode, asked, self.realism.matching)
        figures = figures | {
            "critic_loss": verdict.learning.detach(),
            "score_real": verdict.score_real,
            "score_made": verdict.score_made,
        }
        learning = LEARNING_SHARE * verdict.learning
        if self.realism.alone_at(train_step):
            return learning, figures
        (own,) = torch.autograd.grad(losses.sum(), denoised, retain_graph=True)
        pull = in_proportion(verdict.pull, own[invents].flatten(0, 1), self.realism.weight_at(train_step))
        return total + (made * pull).sum() / len(losses) + learning, figures

    def sketch(self, model: WorldModel, conditions: Conditions, batch: FrameBatch) -> Tensor | None:
        """The samples' sketches, where the block's have been made."""
        if not batch.sketches.made:
            return None
        told = batch.degradation
        whole = told.map_present & told.boxes_present & told.weather_present & told.time_present
        return batch.sketches.at(model, batch.clip, batch.frame, conditions, whole)

    def _previous(self, model: WorldModel, truth: Tensor, batch: FrameBatch) -> tuple[Tensor, Tensor, Tensor]:
        """The previous latents as the model is to see them, their noise levels, and which are there."""
        degradation = batch.degradation
        previous = degrade_previous(truth, batch.previous_noise, degradation)
        if batch.roll_outs is None or batch.own is None:
            return previous, degradation.previous_sigma, degradation.previous_present
        own, level = batch.own, model.config.sampler.previous_sigma
        made = batch.roll_outs.at(batch.clip, batch.frame - 1) + level * batch.previous_noise
        return (
            torch.where(own.view(-1, 1, 1, 1, 1), made, previous),
            torch.where(own, level, degradation.previous_sigma),
            degradation.previous_present | own,
        )

    def weight(self, model: WorldModel, conditions: Conditions) -> Float[Tensor, "b v z y x"]:
        """What the squared errors count, by place and component; over the components its mean is that of ``weight_map``."""
        component = model.autoencoder.code.scale**self.component_power  # the scale is in proportion to the deviation
        return self.weight_map(conditions) * (component / component.mean()).view(-1, 1, 1)

    @torch.no_grad()
    def _target(
        self, model: WorldModel, clean: Tensor, truth: Tensor, context: Context, batch: FrameBatch
    ) -> tuple[Tensor, Float[Tensor, "b v 1 y x"]]:
        """What is asked for, after an own frame what goes on from it; and how far it is the true frame, 0 to 1."""
        if batch.roll_outs is None or batch.own is None:
            return clean, torch.ones_like(clean[:, :, :1])
        asked, rows = torch.ones_like(clean[:, :, :1]), batch.own.nonzero()[:, 0]
        if not len(rows):
            return clean, asked
        made = batch.roll_outs.at(batch.clip[rows], batch.frame[rows] - 1)
        views = torch.arange(clean.shape[1], device=rows.device)
        grids = context.grids.at((rows[:, None] * clean.shape[1] + views).flatten())
        conditions = map_tensors(batch.conditions, lambda tensor: tensor[rows])
        target, told = continued(model, clean[rows], truth[rows], made, grids, conditions, self.own)
        return clean.index_copy(0, rows, target), asked.index_copy(0, rows, told)

    def sample_strip(self, module: nn.Module, train_step: int) -> UInt8[ndarray, "h w 3"] | None:
        return rollout_strip(module, self.shown())  # type: ignore[arg-type]


@torch.no_grad()
def encode_bytes(model: WorldModel, images: UInt8[Tensor, "b v 3 h w"]) -> Float[Tensor, "b v z y x"]:
    """Latents of byte pictures; the patch code is fixed, so nothing of it is kept for the backward pass."""
    return model.encode(images.float() / 255)


def by_noise_level(losses: Float[Tensor, "b"], sigma: Float[Tensor, "b"]) -> dict[str, Tensor | float]:
    """Mean losses of samples below and above a tenth and one: what the curves are read by."""
    bands: dict[str, Bool[Tensor, "b"]] = {
        "loss_sigma_low": sigma < 0.1,
        "loss_sigma_middle": (sigma >= 0.1) & (sigma < 1.5),
        "loss_sigma_high": sigma >= 1.5,
    }
    return {name: losses[band].mean() for name, band in bands.items() if bool(band.any())}

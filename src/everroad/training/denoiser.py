"""Stage 1 (STAGE): single frames, the ground truth as previous frame, no memory; and what all denoiser stages share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from numpy import ndarray
from torch import Tensor, nn

from everroad.conditions.types import Conditions, map_tensors
from everroad.data.addressing import addressed_generator
from everroad.data.blocks import Block, BlockConfig
from everroad.data.prefetch import BlockPrefetcher
from everroad.data.sampler import frame_draws, frame_steps_per_block
from everroad.diffusion.loss import NoiseLevelConfig, denoising_loss, draw_sigma
from everroad.diffusion.preconditioning import per_sample
from everroad.diffusion.sampler import schedule_of
from everroad.model.checkpoint import load_weights, packaged_path, read_safetensors
from everroad.model.presets import get_preset
from everroad.model.world_model import Context, WorldModel
from everroad.stream.folder import check_can_be_made
from everroad.training.block_plan import BlockPlan
from everroad.training.checkpoint import load_run_weights
from everroad.training.degrade import DegradeConfig, degrade_previous, draw_degradation, drop_conditions
from everroad.training.frame_batch import FrameBatch
from everroad.training.layout_critic import (
    CRITIC,
    LEARNING_SHARE,
    LayoutCritic,
    RealismConfig,
    in_proportion,
    judge,
)
from everroad.training.own_frames import OwnFramesConfig, RollOuts, continued, draw_own
from everroad.training.recipe import Recipe
from everroad.training.sketch import load_sketch
from everroad.training.sketches import Sketches
from everroad.training.strips import rollout_strip

OWN = "own_frames"


def refuse_unread(recipe: DenoiserRecipe, *settings: str) -> None:
    """Raises ``ValueError`` where a recipe asks for one of those settings: own frames (``own.share``) or a critic
    (``realism.weight``)."""
    for setting, value in (("own.share", recipe.own.share), ("realism.weight", recipe.realism.weight)):
        if setting in settings and value:
            raise ValueError(f"{setting}: expected 0 in {recipe.name}, which does not read it, got {value}; leave it out")


@dataclass(frozen=True, kw_only=True)
class DenoiserRecipe(Recipe):
    """Stage 1. ``init`` is a model file or a run folder (its averaged weights) to begin with, "" for none.

    Latents weigh detail more than the eye does: an error of a patch's mean is seen ten times as well as the same error of its
    48th component. So components count by their standard deviation to the ``component_power``: 0 is the error of latents, 2
    that of pixels.
    """

    preset: str
    batch: int = 16
    init: str = ""
    plan: BlockPlan = field(default_factory=BlockPlan)
    degrade: DegradeConfig = field(default_factory=DegradeConfig)
    levels: NoiseLevelConfig = field(default_factory=NoiseLevelConfig)
    object_weight: float = 1.0
    component_power: float = 1.0
    own: OwnFramesConfig = field(default_factory=OwnFramesConfig)
    realism: RealismConfig = field(default_factory=RealismConfig)

    def __post_init__(self) -> None:
        super().__post_init__()
        get_preset(self.preset)
        for name, least, most in (("batch", 1, 10_000), ("object_weight", 0, 1000), ("component_power", 0, 10)):
            if not least <= getattr(self, name) <= most:
                raise ValueError(f"{name}: expected {least} to {most}, got {getattr(self, name)}")
        try:
            self.block_config()
        except ValueError as error:
            raise ValueError(f"plan.{error}") from None
        self.steps_per_block()

    def check(self) -> None:
        if self.plan.workers:
            check_can_be_made(self._cache(), "plan.cache_dir")

    def build(self) -> nn.Module:
        model, critic = WorldModel(get_preset(self.preset)), {}
        if self.init:
            folder = Path(self.init)
            tensors = load_run_weights(folder, "ema") if folder.is_dir() else read_safetensors(folder)[0]
            critic = {name.removeprefix(CRITIC): tensors.pop(name) for name in list(tensors) if name.startswith(CRITIC)}
            load_weights(model, tensors, self.init)
        else:
            code, _ = read_safetensors(packaged_path(f"{self.preset}-code.safetensors"))
            load_weights(model.autoencoder.code, code, "packaged patch code")
            load_sketch(model)
        if self.realism.weight:
            model.critic = LayoutCritic(self.realism.width)  # in the run only: what ships is the model
            if critic:
                load_weights(model.critic, critic, self.init)
        return model

    def parameters(self, module: nn.Module) -> Iterable[nn.Parameter]:
        """Everything but the autoencoder, what adds detail, and the unused projections of HTFT."""
        apart = ("autoencoder.", "sketch.", "finish.", "unet.htft.")
        return [p for name, p in module.named_parameters() if not name.startswith(apart)]

    def block_config(self) -> BlockConfig:
        """Where the pictures come from."""
        preset = get_preset(self.preset)
        return BlockConfig(
            seed=self.seed,
            towns=self.plan.towns,
            segments=self.plan.segments,
            frames=self.plan.frames,
            height_px=preset.height_px,
            width_px=preset.width_px,
            town_seconds=self.plan.town_seconds,
        )

    def steps_per_block(self) -> int:
        """Train steps that one block serves. Raises ``ValueError`` where it serves none."""
        return frame_steps_per_block(self.batch, self.plan.shape, self.plan.uses)

    def batches(self, first_train_step: int, carried: Mapping[str, Tensor] | None = None) -> Iterator[Any]:
        per_block = self.steps_per_block()
        with self.prefetcher(first_train_step // per_block) as blocks:
            train_step, made = first_train_step, dict(carried or {}) if first_train_step % per_block else {}
            for block in blocks:
                roll_outs = self._roll_outs(block, made.pop(OWN, None)) if self.own.share else None
                sketches = Sketches(block)
                while train_step // per_block == block.index:
                    yield self._batch(block, roll_outs, sketches, train_step)
                    train_step += 1

    def ready(self, averaged: nn.Module, batch: Any) -> None:
        """The block's own frames and sketches."""
        if not isinstance(batch, FrameBatch):
            return
        batch.sketches.make(averaged)  # type: ignore[arg-type]
        if batch.roll_outs is not None:
            batch.roll_outs.make(averaged, batch.sketches)  # type: ignore[arg-type]

    def by_adamw(self, name: str) -> bool:
        """The critic's kernels."""
        return name.startswith(CRITIC)

    def rate_share(self, name: str) -> float:
        """The critic's own."""
        return self.realism.rate_share if name.startswith(CRITIC) else 1.0

    def carried(self, batch: Any) -> dict[str, Tensor]:
        """The block's own frames: they were made with its first weights, which a resumed run no longer has."""
        roll_outs = batch.roll_outs if isinstance(batch, FrameBatch) else None  # later stages and the decoder have none
        return {} if roll_outs is None or roll_outs.latents is None else {OWN: roll_outs.latents}

    def prefetcher(self, first_block: int) -> BlockPrefetcher:
        """The blocks from ``first_block`` on."""
        return BlockPrefetcher(self.block_config(), first_block, self.plan.workers, self._cache())

    def _cache(self) -> Path:
        return Path(self.plan.cache_dir or Path.home() / ".cache" / "everroad" / f"{self.name}-{self.seed}")

    def free_fields(self) -> tuple[str, ...]:
        return (*super().free_fields(), "plan.workers", "plan.cache_dir")

    def _roll_outs(self, block: Block, latents: Tensor | None) -> RollOuts:
        return RollOuts(block, self.seed, self.own, latents)

    def _batch(self, block: Block, roll_outs: RollOuts | None, sketches: Sketches, train_step: int) -> Any:
        """What one train step reads; recipes that train something else on such blocks read something else."""
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

    def draw_noise(self, purpose: str, train_step: int) -> Float[Tensor, "b v z y x"]:
        """Standard normal latents of one view."""
        config = get_preset(self.preset)
        shape = (self.batch, 1, config.latent_channels, config.latent_rows, config.latent_columns)
        return torch.from_numpy(addressed_generator(self.seed, purpose, train_step).standard_normal(shape, dtype=np.float32))

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

    def weight_map(self, conditions: Conditions) -> Float[Tensor, "b v 1 y x"]:
        """1 plus ``object_weight`` times the share of each latent cell that boxes cover."""
        covered = conditions.box_image.amax(2).float() / 255
        patch = get_preset(self.preset).autoencoder.patch_px
        return 1 + self.object_weight * nn.functional.avg_pool2d(covered, patch)[:, :, None]

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
        return rollout_strip(module)  # type: ignore[arg-type]


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

"""Stages 2 and 3 (STAGE): batch slots walk clips in frame order, with the features of earlier frames in memory.

Stage 2: the previous frame is the ground truth; one noise level a clip, so the buffered features match the current one; only
HTFT trains. Stage 3: the previous frame and the memory come from ``next_frame``, the code that generates; every w-th frame the
ground truth is put in its place, w doubling as training goes on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from everroad.data.addressing import addressed_generator, addressed_seed
from everroad.data.blocks import Block
from everroad.data.sampler import ClipDraws, clip_draws, clip_steps_per_block
from everroad.diffusion.loss import denoising_loss, draw_sigma
from everroad.diffusion.preconditioning import per_sample
from everroad.diffusion.sampler import schedule_of
from everroad.model.memory import Memory, read_memory, read_memory_of_each, write_memory, zero_memory
from everroad.model.presets import get_preset
from everroad.model.world_model import WorldModel
from everroad.stream.generate import next_frame, previous_latent
from everroad.stream.start import start
from everroad.stream.state import StreamState
from everroad.training.block_recipe import refuse_unread
from everroad.training.degrade import degrade_previous, draw_degradation, drop_conditions
from everroad.training.denoiser import DenoiserRecipe, by_noise_level, encode_bytes
from everroad.training.frame_batch import FrameBatch
from everroad.training.own_frames import continued, roll_out_dtype
from everroad.training.sketches import Sketches
from everroad.training.strips import rollout_strip


class Walk:
    """What is carried from one train step to the next while the slots walk; empty where a walk starts."""

    def __init__(self) -> None:
        self.memory: Memory | None = None
        self.state: StreamState | None = None


@dataclass(frozen=True)
class WalkBatch:
    """One frame of every slot; ``frame`` is its index within the clip, ``level`` the schedule level each slot trains at."""

    data: FrameBatch
    walk: Walk
    frame: int
    level: Tensor


@dataclass(frozen=True, kw_only=True)
class WalkRecipe(DenoiserRecipe):
    """Stage 2: HTFT alone trains."""

    UNREAD: ClassVar[tuple[str, ...]] = ("own.share", "realism.weight")

    def __post_init__(self) -> None:
        super().__post_init__()
        refuse_unread(self, *self.UNREAD)

    def parameters(self, module: nn.Module) -> Iterable[nn.Parameter]:
        model: WorldModel = module  # type: ignore[assignment]
        return model.unet.htft.parameters()

    def ready(self, averaged: nn.Module, batch: Any) -> None:
        """The block's sketches."""
        super().ready(averaged, batch.data if isinstance(batch, WalkBatch) else batch)

    def may_pause(self, train_step: int) -> bool:
        return train_step % (self.plan.frames - 1) == 0

    def steps_per_block(self) -> int:
        return clip_steps_per_block(self.batch, self.plan.shape, self.plan.uses)

    def batches(self, first_train_step: int, carried: Mapping[str, Tensor] | None = None) -> Iterator[Any]:
        per_block = self.steps_per_block()
        with self.prefetcher(first_train_step // per_block) as blocks:
            train_step, walk = first_train_step, Walk()
            for block in blocks:
                sketches = Sketches(block)
                while train_step // per_block == block.index:
                    draws = clip_draws(self.seed, train_step, self.batch, self.plan.shape, self.plan.uses)
                    walk = Walk() if draws.starts[0] else walk
                    yield self._walk_batch(block, sketches, draws, walk, train_step)
                    train_step += 1

    def _walk_batch(self, block: Block, sketches: Sketches, draws: ClipDraws, walk: Walk, train_step: int) -> WalkBatch:
        first = train_step - int(draws.frame[0]) + 1  # the walk's first train step: what holds for a walk is addressed by it
        channels = get_preset(self.preset).latent_channels
        levels = schedule_of(get_preset(self.preset).sampler)[:-1]
        draw = addressed_generator(self.seed, "walk", first)
        level = torch.from_numpy(draw.integers(0, len(levels), self.batch))
        segment = draws.clip % self.plan.segments
        earlier = (draw.random(self.batch) < 0.5) & (segment > 0)
        anchor_clip = np.where(earlier, draws.clip - segment + draw.integers(0, np.maximum(segment, 1)), draws.clip)
        data = FrameBatch(
            target=block.images_at(draws.clip, draws.frame)[:, None],
            previous=block.images_at(draws.clip, draws.frame - 1)[:, None],
            anchor=block.images_at(anchor_clip, np.zeros_like(anchor_clip))[:, None],
            conditions=block.conditions_at(draws.clip, draws.frame),
            degradation=draw_degradation(self.degrade, self.seed, train_step, self.batch, channels),
            sigma=self.walk_sigmas(first, level, levels),
            noise=self.draw_noise("noise", train_step),
            previous_noise=self.draw_noise("previous", train_step),
            clip=torch.from_numpy(draws.clip),
            frame=torch.from_numpy(draws.frame),
            sketches=sketches,
        )
        return WalkBatch(data, walk, int(draws.frame[0]), level)

    def walk_sigmas(self, first: int, level: Tensor, levels: Tensor) -> Float[Tensor, "b"]:
        """One noise level a slot, held for the walk."""
        draw = addressed_generator(self.seed, "sigma", first)
        uniform, normal = torch.from_numpy(draw.random(self.batch)), torch.from_numpy(draw.standard_normal(self.batch))
        return draw_sigma(uniform, normal, levels, self.levels).float()

    def loss(self, module: nn.Module, batch: Any, train_step: int) -> tuple[Float[Tensor, ""], dict[str, Tensor | float]]:
        model: WorldModel = module  # type: ignore[assignment]
        data, walk = batch.data, batch.walk
        clean, previous, anchor = (encode_bytes(model, images) for images in (data.target, data.previous, data.anchor))
        if walk.memory is None:
            walk.memory = zero_memory(model.config, len(clean), 1, 1, "raw", torch.bfloat16, clean.device)
        conditions = drop_conditions(data.conditions, data.degradation)
        previous = degrade_previous(previous, data.previous_noise, data.degradation)
        context = model.prepare(conditions, anchor, data.degradation.anchor_present, self.sketch(model, conditions, data))
        aligned = model.align(previous, data.degradation.previous_sigma, context, data.degradation.previous_present)
        noisy = clean + per_sample(data.sigma, clean) * data.noise
        row = read_memory(walk.memory, 0, model.config.htft.ages)
        denoised, features = model.denoise(noisy, data.sigma, aligned, context, row)
        walk.memory = write_memory(walk.memory, tuple(f.detach()[:, :, None].to(torch.bfloat16) for f in features))
        losses = denoising_loss(denoised, clean, data.sigma, self.weight(model, data.conditions))
        return losses.mean(), by_noise_level(losses.detach(), data.sigma)

    def sample_strip(self, module: nn.Module, train_step: int) -> UInt8[np.ndarray, "h w 3"] | None:
        return rollout_strip(module, self.shown())  # type: ignore[arg-type]


@dataclass(frozen=True, kw_only=True)
class RolloutRecipe(WalkRecipe):
    """Stage 3: all weights but the autoencoder's train, on frames that follow the model's own; with a critic if asked for.

    The ground truth replaces the previous frame every w-th frame, w = 2 · 2^(train step // ``double_steps``) (pre-release: w
    starts at 2 and doubles).
    """

    UNREAD: ClassVar[tuple[str, ...]] = ("own.share",)  # all of its previous frames are its own
    double_steps: int = 1500

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.double_steps < 1:
            raise ValueError(f"double_steps: expected at least 1, got {self.double_steps}")

    def parameters(self, module: nn.Module) -> Iterable[nn.Parameter]:
        return [p for name, p in module.named_parameters() if not name.startswith(("autoencoder.", "sketch.", "finish."))]

    def walk_sigmas(self, first: int, level: Tensor, levels: Tensor) -> Float[Tensor, "b"]:
        """The sampler's own levels, so that each slot reads the memory row of its level."""
        return levels[level].float()

    def loss(self, module: nn.Module, batch: Any, train_step: int) -> tuple[Float[Tensor, ""], dict[str, Tensor | float]]:
        model: WorldModel = module  # type: ignore[assignment]
        data, walk = batch.data, batch.walk
        clean, truth = encode_bytes(model, data.target), encode_bytes(model, data.previous)
        state = self._state(model, batch, train_step, truth)
        conditions = drop_conditions(data.conditions, data.degradation)
        context = model.prepare(conditions, state.anchor, data.degradation.anchor_present, self.sketch(model, conditions, data))
        aligned = previous_latent(model, state, state.frame_index + 1, context)
        target, asked = continued(model, clean, truth, state.previous, context.grids, data.conditions, self.own)
        noisy = target + per_sample(data.sigma, clean) * data.noise
        row = read_memory_of_each(state.memory, batch.level, model.config.htft.ages)
        denoised, _ = model.denoise(noisy, data.sigma, aligned, context, row)
        losses = denoising_loss(denoised, target, data.sigma, self.weight(model, data.conditions))
        if batch.frame < self.plan.frames - 1:
            walk.state = _roll_out(model, state, data)
        return self.judged(model, denoised, losses, clean, asked, data, train_step)

    def _state(self, model: WorldModel, batch: Any, train_step: int, truth: Float[Tensor, "b v z y x"]) -> StreamState:
        """Where the slots' streams stand before this frame."""
        data, state = batch.data, batch.walk.state
        if state is None:
            first = train_step - batch.frame + 1
            seeds = [addressed_seed(self.seed, "stream", first, slot) & 0x7FFFFFFF for slot in range(len(truth))]
            images = data.previous.float() / 255
            fresh = start(
                model.eval(),
                images,
                data.conditions,
                seeds,
                ("CAM_FRONT",),
                dtype=roll_out_dtype(truth.device),
                form="raw",
                model_hash="training",
            )
            model.train()
            return replace(fresh, anchor=encode_bytes(model, data.anchor))
        every = 2 * 2 ** min(train_step // self.double_steps, 20)
        return replace(state, previous=truth) if (batch.frame - 1) % every == 0 else state


def _roll_out(model: WorldModel, state: StreamState, data: FrameBatch) -> StreamState:
    model.eval()
    sketches = data.sketches
    _, after = next_frame(model, state, data.conditions, sketches.of(data.clip, data.frame) if sketches.made else None)
    model.train()
    return after

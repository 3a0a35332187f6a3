"""How the clip model is trained: clips of the same blocks as the frames of stage 1, the first frames of some given clean.

Axis letters: ``n`` clips of one train step, ``f`` their frames; where both are folded, frames are the faster axis.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8
from numpy import ndarray
from torch import Tensor, nn

from everroad.conditions.types import map_tensors
from everroad.data.addressing import addressed_generator
from everroad.data.blocks import Block, BlockShape
from everroad.diffusion.loss import denoising_loss, draw_sigma
from everroad.diffusion.sampler import schedule_of
from everroad.evaluation.baselines.clip_model import ClipConfig, ClipModel, clip_model
from everroad.evaluation.baselines.clip_source import run_scheme
from everroad.evaluation.baselines.clip_stream import ClipStream
from everroad.evaluation.baselines.strip import last_shown, strip
from everroad.model.presets import get_preset
from everroad.training.block_recipe import refuse_unread
from everroad.training.degrade import draw_degradation, drop_conditions
from everroad.training.denoiser import DenoiserRecipe, by_noise_level, encode_bytes
from everroad.training.frame_batch import FrameBatch
from everroad.training.own_frames import RollOuts
from everroad.training.sketches import Sketches


@dataclass(frozen=True)
class ClipBatch:
    """The frames of one train step's clips, folded into the batch, and which of them are given. There is no previous frame: its
    fields hold the targets again."""

    data: FrameBatch
    given: Bool[Tensor, "n f"]


@dataclass(frozen=True, kw_only=True)
class ClipRecipe(DenoiserRecipe):
    """``batch`` clips of ``clip.frames`` consecutive frames a train step.

    How many frames of a clip are given is drawn from ``given`` (up to three are Vista's dynamic priors; none and one are for
    clips made at once). All frames of a clip have one noise level, or with ``own_levels`` each its own, as in the queue of
    diagonal denoising; FIFO-Diffusion does without. ``init`` is a frame model; attention between frames begins as nothing.
    """

    clip: ClipConfig = field(default_factory=ClipConfig)
    given: tuple[int, ...] = (0, 1, 3)
    own_levels: bool = False

    def __post_init__(self) -> None:
        if not 2 <= self.clip.frames <= self.plan.frames:
            raise ValueError(f"clip.frames: expected 2 to plan.frames {self.plan.frames}, got {self.clip.frames}")
        if not self.given or not 0 <= min(self.given) <= max(self.given) < self.clip.frames:
            raise ValueError(f"given: expected numbers from 0 to {self.clip.frames - 1}, got {self.given[:20]}")
        super().__post_init__()
        refuse_unread(self, "own.share", "realism.weight")

    def build(self) -> nn.Module:
        frame_model = super().build()
        return clip_model(frame_model, self.clip)  # type: ignore[arg-type]

    def steps_per_block(self) -> int:
        """As many frames of a block serve as in stage 1."""
        shape, frames = self.plan.shape, self.batch * self.clip.frames
        steps = self.plan.uses * shape.clips * (shape.frames - 1) // frames
        if steps < 1 or self.batch > shape.clips:
            raise ValueError(f"batch: expected no more clips than a block of {shape} serves, got {self.batch}; make it larger")
        return steps

    def ready(self, averaged: nn.Module, batch: Any) -> None:
        """The block's sketches."""
        super().ready(averaged, batch.data if isinstance(batch, ClipBatch) else batch)

    def _batch(self, block: Block, roll_outs: RollOuts | None, sketches: Sketches, train_step: int) -> ClipBatch:
        clips, frames, config = self.batch, self.clip.frames, get_preset(self.preset)
        drawn = clip_windows(self.seed, train_step, clips, self.plan.shape, frames)
        clip, frame = np.repeat(drawn.clip, frames), (drawn.first[:, None] + np.arange(frames)).ravel()
        anchor = block.images_at(drawn.anchor_clip, np.zeros_like(drawn.anchor_clip))[:, None]
        degradation = draw_degradation(self.degrade, self.seed, train_step, clips, config.latent_channels)
        target = block.images_at(clip, frame)[:, None]
        noise = self._clip_noise(train_step)
        data = FrameBatch(
            target=target,
            previous=target,
            anchor=anchor.repeat_interleave(frames, 0),
            conditions=block.conditions_at(clip, frame),
            degradation=map_tensors(degradation, lambda tensor: tensor.repeat_interleave(frames, 0)),
            sigma=self._clip_sigmas(train_step),
            noise=noise,
            previous_noise=noise,
            clip=torch.from_numpy(clip),
            frame=torch.from_numpy(frame),
            sketches=sketches,
        )
        numbers = addressed_generator(self.seed, "given", train_step).choice(self.given, clips)
        return ClipBatch(data, torch.arange(frames) < torch.from_numpy(numbers)[:, None])

    def _clip_sigmas(self, train_step: int) -> Float[Tensor, "nf"]:
        clips, frames = self.batch, self.clip.frames
        draw = addressed_generator(self.seed, "sigma", train_step)
        count = clips * frames if self.own_levels else clips
        uniform, normal = torch.from_numpy(draw.random(count)), torch.from_numpy(draw.standard_normal(count))
        sigma = draw_sigma(uniform, normal, schedule_of(get_preset(self.preset).sampler)[:-1], self.levels).float()
        return sigma if self.own_levels else sigma.repeat_interleave(frames)

    def _clip_noise(self, train_step: int) -> Float[Tensor, "nf 1 z y x"]:
        config = get_preset(self.preset)
        shape = (self.batch * self.clip.frames, 1, config.latent_channels, config.latent_rows, config.latent_columns)
        return torch.from_numpy(addressed_generator(self.seed, "noise", train_step).standard_normal(shape, dtype=np.float32))

    def loss(self, module: nn.Module, batch: ClipBatch, train_step: int) -> tuple[Float[Tensor, ""], dict[str, Tensor | float]]:
        model: ClipModel = module  # type: ignore[assignment]
        data, given = batch.data, batch.given
        conditions = drop_conditions(data.conditions, data.degradation)
        clean, anchor = encode_bytes(model, data.target), encode_bytes(model, data.anchor)
        context = model.prepare(conditions, anchor, data.degradation.anchor_present, self.sketch(model, conditions, data))
        sigma = data.sigma.view(given.shape)
        added = torch.where(given, 0.0, sigma)
        noisy = clean[:, 0].unflatten(0, given.shape) + added[..., None, None, None] * data.noise[:, 0].unflatten(
            0, given.shape
        )
        denoised = model.denoise_clip(noisy, sigma, given, context).flatten(0, 1)[:, None]
        losses = denoising_loss(denoised, clean, data.sigma, self.weight(model, data.conditions))
        asked = ~given.flatten()
        return losses[asked].mean(), by_noise_level(losses.detach()[asked], data.sigma[asked])

    def sample_strip(self, module: nn.Module, train_step: int) -> UInt8[ndarray, "h w 3"] | None:
        model: ClipModel = module  # type: ignore[assignment]
        truth, last = self.shown(), last_shown(self.shown())
        first = truth.images[:1, None].to(next(model.parameters()).device).float() / 255
        stream = ClipStream(model, first, truth.conditions.__getitem__, [0], "CAM_FRONT")
        frames = enumerate(run_scheme("chunked", stream, last), start=1)
        return strip(truth, (stream.decode(latents, index) for index, latents in frames))


@dataclass(frozen=True)
class ClipWindows:
    """Clips of a block, the first frame of each that is shown, and the clips whose first frames are the anchors."""

    clip: Int[ndarray, "n"]
    first: Int[ndarray, "n"]
    anchor_clip: Int[ndarray, "n"]


def clip_windows(seed: int, train_step: int, count: int, shape: BlockShape, frames: int) -> ClipWindows:
    """The windows of one train step: different clips, any place in them; half of the anchors from an earlier segment of the
    town, where there is one, as in stage 1."""
    draw = addressed_generator(seed, "windows", train_step)
    clip = draw.choice(shape.clips, count, replace=False)
    first = draw.integers(0, shape.frames - frames + 1, count)
    segment = clip % shape.segments
    earlier = (draw.random(count) < 0.5) & (segment > 0)
    anchor_clip = np.where(earlier, clip - segment + draw.integers(0, np.maximum(segment, 1)), clip)
    return ClipWindows(clip, first, anchor_clip)

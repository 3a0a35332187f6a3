"""What all trainings on clips share: where the clips come from, what a run begins with, own frames and sketches."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from everroad.conditions.types import Conditions
from everroad.data.addressing import addressed_generator
from everroad.data.blocks import Block, BlockConfig, BlockSource
from everroad.data.clips import render_town
from everroad.data.prefetch import BlockPrefetcher
from everroad.data.recorded_clips import RecordedConfig, read_recorded
from everroad.data.recordings import find_stretches
from everroad.data.sampler import frame_steps_per_block
from everroad.model.checkpoint import load_weights, packaged_path, read_safetensors
from everroad.model.presets import get_preset
from everroad.model.world_model import WorldModel
from everroad.stream.folder import check_can_be_made
from everroad.training.block_plan import BlockPlan, RecordedPlan
from everroad.training.checkpoint import load_run_weights
from everroad.training.degrade import DegradeConfig
from everroad.training.frame_batch import FrameBatch
from everroad.training.layout_critic import (
    CRITIC,
    LayoutCritic,
    RealismConfig,
)
from everroad.training.own_frames import OwnFramesConfig, RollOuts
from everroad.training.recipe import Recipe
from everroad.training.sketch import load_sketch
from everroad.training.sketches import Sketches
from everroad.training.strips import STRIP_FRAMES, STRIP_SEED, Reference, painted_town, recorded_end

PACKAGED = "packaged"
OWN = "own_frames"


@dataclass(frozen=True, kw_only=True)
class BlockRecipe(Recipe, ABC):
    """A training on blocks of clips, painted or recorded. ``init`` is what it begins with: a model file, a run folder (its
    averaged weights), "packaged" for the weights that ship, "" for nothing. What boxes cover weighs ``object_weight`` more than
    the rest."""

    preset: str
    batch: int = 16
    init: str = ""
    plan: BlockPlan = field(default_factory=BlockPlan)
    recorded: RecordedPlan = field(default_factory=RecordedPlan)
    degrade: DegradeConfig = field(default_factory=DegradeConfig)
    object_weight: float = 1.0
    own: OwnFramesConfig = field(default_factory=OwnFramesConfig)
    realism: RealismConfig = field(default_factory=RealismConfig)

    def __post_init__(self) -> None:
        super().__post_init__()
        get_preset(self.preset)
        for name, least, most in (("batch", 1, 10_000), ("object_weight", 0, 1000)):
            if not least <= getattr(self, name) <= most:
                raise ValueError(f"{name}: expected {least} to {most}, got {getattr(self, name)}")
        if not self.recorded.path:  # recordings are looked through only when they are needed
            try:
                self.source()
            except ValueError as error:
                raise ValueError(f"plan.{error}") from None
        self.steps_per_block()

    def check(self) -> None:
        self.source()
        if self.plan.workers:
            check_can_be_made(self._cache(), "plan.cache_dir")

    def build(self) -> nn.Module:
        model, critic = WorldModel(get_preset(self.preset)), {}
        if self.init:
            folder = packaged_path(f"{self.preset}.safetensors") if self.init == PACKAGED else Path(self.init)
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

    def source(self) -> BlockSource:
        """Where the pictures come from. Raises ``ValueError`` for recordings that are refused."""
        preset, plan, recorded = get_preset(self.preset), self.plan, self.recorded
        shape: dict[str, Any] = {"seed": self.seed, "towns": plan.towns, "segments": plan.segments, "frames": plan.frames}
        shape |= {"height_px": preset.height_px, "width_px": preset.width_px}
        if not recorded.path:
            return BlockConfig(**shape, town_seconds=plan.town_seconds)
        least = plan.frames + plan.segments - 1
        stretches = find_stretches(Path(recorded.path), least, recorded.until_s, recorded.cameras)
        return RecordedConfig(**shape, stretches=stretches, vertical_anchor=recorded.vertical_anchor)

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
        make = read_recorded if self.recorded.path else render_town
        return BlockPrefetcher(self.source(), first_block, self.plan.workers, self._cache(), render=make)

    def shown(self) -> Reference:
        """What sample strips compare with: an evaluation town, or the end of the longest stretch that is trained on."""
        config, frames = get_preset(self.preset), STRIP_FRAMES[-1] + 1
        if not self.recorded.path:
            return painted_town(STRIP_SEED, frames, config.height_px, config.width_px)
        source = self.source()
        assert isinstance(source, RecordedConfig)
        return recorded_end(source, frames)

    def _cache(self) -> Path:
        return Path(self.plan.cache_dir or Path.home() / ".cache" / "everroad" / f"{self.name}-{self.seed}")

    def free_fields(self) -> tuple[str, ...]:
        return (*super().free_fields(), "plan.workers", "plan.cache_dir")

    def _roll_outs(self, block: Block, latents: Tensor | None) -> RollOuts:
        return RollOuts(block, self.seed, self.own, latents)

    @abstractmethod
    def _batch(self, block: Block, roll_outs: RollOuts | None, sketches: Sketches, train_step: int) -> Any:
        """What one train step reads."""

    def draw_noise(self, purpose: str, train_step: int) -> Float[Tensor, "b v z y x"]:
        """Standard normal latents of one view."""
        config = get_preset(self.preset)
        shape = (self.batch, 1, config.latent_channels, config.latent_rows, config.latent_columns)
        return torch.from_numpy(addressed_generator(self.seed, purpose, train_step).standard_normal(shape, dtype=np.float32))

    def weight_map(self, conditions: Conditions) -> Float[Tensor, "b v 1 y x"]:
        """1 plus ``object_weight`` times the share of each latent cell that boxes cover."""
        covered = conditions.box_image.amax(2).float() / 255
        patch = get_preset(self.preset).autoencoder.patch_px
        return 1 + self.object_weight * nn.functional.avg_pool2d(covered, patch)[:, :, None]


def refuse_unread(recipe: BlockRecipe, *settings: str) -> None:
    """Raises ``ValueError`` where a recipe asks for one of those settings: own frames (``own.share``) or a critic
    (``realism.weight``)."""
    for setting, value in (("own.share", recipe.own.share), ("realism.weight", recipe.realism.weight)):
        if setting in settings and value:
            raise ValueError(f"{setting}: expected 0 in {recipe.name}, which does not read it, got {value}; leave it out")

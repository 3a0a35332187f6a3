"""The networks that add detail (``model.layout_detail``), each trained alone: the sketch's and the one that finishes frames.

Absolute differences from the painted picture and from its gradients, and a critic that sees the layout
(``training.layout_critic``): the picture that is right on average is a blur, and a blurred car is no car.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from jaxtyping import Float, Int, UInt8
from numpy import ndarray
from torch import Tensor, nn
from torch.nn import functional as F

from everroad.conditions.types import Conditions
from everroad.data.blocks import Block
from everroad.data.sampler import frame_draws
from everroad.model.layout_detail import LayoutDetail
from everroad.model.presets import get_preset
from everroad.model.world_model import WorldModel
from everroad.training.block_recipe import OWN, BlockRecipe
from everroad.training.degrade import Degradation, draw_degradation, drop_conditions
from everroad.training.layout_critic import CRITIC, LEARNING_SHARE, LayoutCritic, in_proportion, judge
from everroad.training.own_frames import RollOuts, other_town
from everroad.training.sketches import Sketches

# What a pixel's difference from the given picture counts where the truth is not asked for. Without it nothing bounds what the
# critic pulls towards there: dots and stripes.
RESTRAINT = 0.5
# Within a window detail may be anywhere; windows overlap by half.
AMOUNT_WINDOW_PX = 16


@dataclass(frozen=True)
class DetailBatch:
    """Pictures (uint8), their conditions, which of those are withheld, and the pictures' places in the block."""

    images: UInt8[Tensor, "b v 3 h w"]
    conditions: Conditions
    degradation: Degradation
    clip: Int[Tensor, "b"]
    frame: Int[Tensor, "b"]
    sketches: Sketches
    roll_outs: RollOuts | None


@dataclass(frozen=True)
class Task:
    """Pictures to which detail is to be added, what they should become, and how far that is asked for, 0 to 1."""

    given: Float[Tensor, "n 3 h w"]
    real: Float[Tensor, "n 3 h w"]
    asked: Float[Tensor, "n 1 y x"]


@dataclass(frozen=True, kw_only=True)
class DetailRecipe(BlockRecipe, ABC):
    """Trains one network and nothing else. ``edges`` weighs the gradients' differences, ``amount`` how much detail there is,
    wherever it is, beside the true picture's."""

    PART: ClassVar[str] = ""  # what the network's weights in a model file begin with
    edges: float = 0.5
    amount: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("edges", "amount"):
            if not 0 <= getattr(self, name) <= 1000:
                raise ValueError(f"{name}: expected 0 to 1000, got {getattr(self, name)}")

    @abstractmethod
    def network(self, model: WorldModel) -> LayoutDetail | None:
        """The one that trains."""

    @abstractmethod
    def task(self, model: WorldModel, conditions: Conditions, batch: DetailBatch) -> Task:
        """What it is to do; ``conditions`` are those that are not withheld."""

    @abstractmethod
    def seen(self, model: WorldModel, made: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n 3 h w"]:
        """What is seen of what it makes."""

    def build(self) -> nn.Module:
        model: WorldModel = super().build()  # type: ignore[assignment]
        if self.network(model) is None:
            raise ValueError(f"preset {self.preset}: expected one with the network of {self.PART[:-1]}; choose another preset")
        return model

    def parameters(self, module: nn.Module) -> Iterable[nn.Parameter]:
        return [p for name, p in module.named_parameters() if name.startswith((self.PART, CRITIC))]

    def _batch(self, block: Block, roll_outs: RollOuts | None, sketches: Sketches, train_step: int) -> DetailBatch:
        draws = frame_draws(self.seed, train_step, self.batch, self.plan.shape, self.plan.uses)
        frame = draws.frame - 1  # the last frame of a clip is not rolled out
        channels = get_preset(self.preset).latent_channels
        return DetailBatch(
            images=block.images_at(draws.clip, frame)[:, None],
            conditions=block.conditions_at(draws.clip, frame),
            degradation=draw_degradation(self.degrade, self.seed, train_step, self.batch, channels),
            clip=torch.from_numpy(draws.clip),
            frame=torch.from_numpy(frame),
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
        with torch.no_grad():
            task = self.task(model, conditions, batch)
        network: LayoutDetail = self.network(model)  # type: ignore[assignment]
        alone = self.realism.alone_at(train_step)
        with torch.set_grad_enabled(not alone):
            made = self.seen(model, network.added_to(task.given, conditions))
        own, figures = self.differences(made, task, batch)
        if not self.realism.weight:
            return own, figures
        critic: LayoutCritic = model.critic  # type: ignore[assignment]
        verdict = judge(critic, batch.conditions, task.real, made, lambda picture: picture, task.asked, self.realism.matching)
        figures["critic_loss"] = verdict.learning.detach()
        if alone:
            return LEARNING_SHARE * verdict.learning, figures
        (slope,) = torch.autograd.grad(own, made, retain_graph=True)
        pull = in_proportion(verdict.pull, slope, self.realism.weight_at(train_step))
        return own + (made * pull).sum() + LEARNING_SHARE * verdict.learning, figures

    def differences(self, made: Tensor, task: Task, batch: DetailBatch) -> tuple[Float[Tensor, ""], dict[str, Tensor | float]]:
        """From the truth where it is asked for; elsewhere from the given picture, of each cell's mean colour above all."""
        patch = get_preset(self.preset).autoencoder.patch_px
        weight = self.weight_map(batch.conditions).flatten(0, 1)
        change, keep = made - task.given, weight * (1 - task.asked)
        kept = (F.avg_pool2d(change, patch).abs() * keep).mean()
        kept = kept + RESTRAINT * (F.avg_pool2d(change.abs(), patch) * keep).mean()
        weight = F.interpolate(weight * task.asked, scale_factor=patch)
        absolute = ((made - task.real).abs() * weight).mean()
        psnr = -10 * (made.detach().clamp(0, 1) - task.real).square().mean().log10()
        figures: dict[str, Tensor | float] = {"l1": absolute.detach(), "kept_l1": kept.detach(), "psnr_db": psnr}
        total = absolute + self.edges * edge_error(made, task.real, weight) + kept
        if self.amount:
            amount = amount_error(made, task.real)
            figures["amount"] = amount.detach()
            total = total + self.amount * amount
        return total, figures

    def sample_strip(self, module: nn.Module, train_step: int) -> UInt8[ndarray, "h w 3"] | None:
        return None


@dataclass(frozen=True, kw_only=True)
class SketchRecipe(DetailRecipe):
    """The network on top of the sketch's closed form. A sketch ends as latents, so it is compared as what those can say."""

    PART: ClassVar[str] = "sketch.detail."

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.own.share:
            raise ValueError(f"own.share: expected 0 in {self.name}, since it reads no previous frame; leave it out")

    def network(self, model: WorldModel) -> LayoutDetail | None:
        return model.sketch.detail

    def task(self, model: WorldModel, conditions: Conditions, batch: DetailBatch) -> Task:
        given = model.autoencoder.code.decode(model.sketch.closed_form(conditions))
        real = self.seen(model, batch.images.flatten(0, 1).float() / 255)
        patch = model.config.autoencoder.patch_px
        return Task(given, real, torch.ones_like(F.avg_pool2d(given[:, :1], patch)))

    def seen(self, model: WorldModel, made: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n 3 h w"]:
        return model.autoencoder.code.decode(model.autoencoder.code.encode(made))


@dataclass(frozen=True, kw_only=True)
class FinishRecipe(DetailRecipe):
    """The network that finishes frames: detail for the pictures of the model's own frames, rolled out once a block.

    Where nothing tells it, an own frame shows another town than the truth (``own_frames.other_town``), or the same one without
    its detail: the cells' mean colours tell which. Of another town the colours are to stay, and detail is the critic's matter,
    within bounds (``RESTRAINT``).
    """

    PART: ClassVar[str] = "finish."

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.own.share != 1 or self.own.clips != 1:
            raise ValueError(
                f"own.share: expected 1 in {self.name}, as own.clips, since it finishes own frames, got {self.own.share} and "
                f"{self.own.clips}; leave them out"
            )

    def network(self, model: WorldModel) -> LayoutDetail | None:
        return model.finish

    def _roll_outs(self, block: Block, latents: Tensor | None) -> RollOuts:
        return RollOuts(block, self.seed, self.own, latents, as_drawn=True)

    def task(self, model: WorldModel, conditions: Conditions, batch: DetailBatch) -> Task:
        assert batch.roll_outs is not None, "a share of 1 makes them"
        real = batch.images.flatten(0, 1).float() / 255
        given = model.autoencoder.code.decode(batch.roll_outs.at(batch.clip, batch.frame).flatten(0, 1))
        patch = model.config.autoencoder.patch_px
        colours = F.interpolate(F.avg_pool2d(given - real, patch), scale_factor=patch)
        other = other_town(colours.unflatten(0, batch.images.shape[:2]), batch.conditions, self.own, patch)
        return Task(given, real, 1 - other.flatten(0, 1))

    def seen(self, model: WorldModel, made: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n 3 h w"]:
        return made


def edge_error(
    made: Float[Tensor, "n 3 h w"], real: Float[Tensor, "n 3 h w"], weight: Float[Tensor, "n 1 h w"]
) -> Float[Tensor, ""]:
    """Mean absolute error of the horizontal and vertical differences, weighed by place."""
    error = made - real
    across, down = error.diff(dim=-1).abs() * weight[..., 1:], error.diff(dim=-2).abs() * weight[..., 1:, :]
    return across.mean() + down.mean()


def amount_error(made: Float[Tensor, "n 3 h w"], real: Float[Tensor, "n 3 h w"]) -> Float[Tensor, ""]:
    """Mean absolute difference of the root mean square gradients of windows: right as to how much detail there is, whatever its
    place. Absolute differences alone teach to leave out what cannot be placed."""
    return (_local_gradient(made) - _local_gradient(real)).abs().mean()


def _local_gradient(picture: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n 1 y x"]:
    corner = picture[..., :-1, :-1]
    squared = (picture[..., :-1, 1:] - corner).square() + (picture[..., 1:, :-1] - corner).square()
    return (F.avg_pool2d(squared.mean(1, keepdim=True), AMOUNT_WINDOW_PX, AMOUNT_WINDOW_PX // 2) + 1e-6).sqrt()

"""Previous frames of the model's own making, at the price of one roll-out a block of training pictures.

Stage 3 rolls out beside every train step, which costs more than the training itself. Here clips of a block are rolled out
once, by ``next_frame`` and with the averaged weights of that moment, which are better than the raw ones and are what ships. Its
frames serve as previous ones as often as they are used.
A share of the clips starts from the conditions alone: they are what a stream is after its first frame has long gone.
Axis letters: ``n`` clips of the block, ``f`` their frames, ``b`` samples of one train step.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional as F

from everroad.conditions.types import Conditions
from everroad.data.addressing import addressed_generator, addressed_seed
from everroad.data.blocks import Block
from everroad.model.alignment import FlowGrids, near_view
from everroad.model.world_model import WorldModel
from everroad.stream.generate import next_frame
from everroad.stream.start import start
from everroad.training.sketches import Sketches

BATCH = 64


@dataclass(frozen=True)
class OwnFramesConfig:
    """``share`` of the samples have a previous frame of the model's own, 1 to ``depth`` frames after a true one. They are of a
    share ``clips`` of the clips, which alone are rolled out; in a share ``from_nothing`` of these no frame ever was true.

    An own frame shows, where nothing tells it, another town than the truth. To ask for the truth there would teach to forget
    the previous frame; so such a cell is asked to go on as it is (``DenoiserRecipe``), the more the less it agrees with the
    truth: agreement is exp(-(d / tolerance)² / 2), d the root mean square difference over the cell's pixels and colours, from
    0 to 1.
    """

    share: float = 0.0
    depth: int = 4
    from_nothing: float = 0.0
    tolerance: float = 0.08
    clips: float = 1.0

    def agreement(self, difference: Float[Tensor, "b v 3 h w"], patch_px: int) -> Float[Tensor, "b v 1 y x"]:
        """Of each cell: 1 where own and true picture are the same, towards 0 where they differ by more than ``tolerance``."""
        squared = F.avg_pool2d(difference.flatten(0, 1).square().mean(1, keepdim=True), patch_px)
        return torch.exp(-squared / (2 * self.tolerance**2)).unflatten(0, difference.shape[:2])

    def __post_init__(self) -> None:
        if self.depth < 1:
            raise ValueError(f"depth: expected at least 1, got {self.depth}")
        if not self.tolerance > 0:
            raise ValueError(f"tolerance: expected more than 0, got {self.tolerance}")
        for name in ("share", "from_nothing", "clips"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name}: expected 0 to 1, got {getattr(self, name)}")
        if self.share > self.clips:
            raise ValueError(f"clips: expected share {self.share} or more, got {self.clips}: the samples are from these clips")


class RollOuts:
    """The roll-outs of one block; ``latents`` are those of a run that was saved within it, ``None`` until ``make``.

    They are what goes back into the streams, or, ``as_drawn``, the frames before anything is fed back to them
    (``FinishConfig.feedback``).
    """

    def __init__(
        self,
        block: Block,
        seed: int,
        config: OwnFramesConfig,
        latents: Float[Tensor, "n f z y x"] | None = None,
        *,
        as_drawn: bool = False,
    ) -> None:
        self._as_drawn = as_drawn
        self._block, self._seed, self._depth = block, seed, config.depth
        clips = block.images.shape[0]
        self._order = addressed_generator(seed, "own frames", block.index).permutation(clips)[: ceil(config.clips * clips)]
        self._blind = self._order[: round(config.from_nothing * len(self._order))]
        self.latents = latents

    def rolled(self, clip: Int[np.ndarray, "b"]) -> Bool[np.ndarray, "b"]:
        """Whether a clip is among those that are rolled out."""
        return np.isin(clip, self._order)

    def make(self, model: WorldModel, sketches: Sketches) -> None:
        """Rolls out, where that is not yet done. The block's ``sketches`` must have been made."""
        if self.latents is None:
            self.latents = self._make(model, sketches)

    def at(self, clip: Int[Tensor, "b"], frame: Int[Tensor, "b"]) -> Float[Tensor, "b 1 z y x"]:
        """Latents of the model's own frames, which must have been made."""
        assert self.latents is not None, "make them first"
        self.latents = self.latents.to(clip.device)
        return self.latents[clip, frame].float()[:, None]

    @torch.no_grad()
    def _make(self, model: WorldModel, sketches: Sketches) -> Float[Tensor, "n f z y x"]:
        training = model.training
        model.eval()
        parts = [
            self._roll_out(model, sketches, np.sort(some), some_blind)
            for group, some_blind in ((self._blind, True), (self._order[len(self._blind) :], False))
            for some in np.array_split(group, max(1, -(-len(group) // BATCH)))
            if len(some)
        ]
        model.train(training)
        first = parts[0][1]
        latents = first.new_zeros(self._block.images.shape[0], *first.shape[1:])
        for clip, made in parts:
            latents[torch.from_numpy(clip).to(first.device)] = made
        return latents

    def _roll_out(
        self, model: WorldModel, sketches: Sketches, clip: np.ndarray, blind: bool
    ) -> tuple[np.ndarray, Float[Tensor, "n f z y x"]]:
        device = next(model.parameters()).device
        first = np.zeros_like(clip)

        def truth(frame: int) -> Float[Tensor, "b 1 3 h w"]:
            return self._block.images_at(clip, first + frame)[:, None].to(device).float() / 255

        conditions = self._block.conditions_at(clip, first).to(device)
        seeds = [addressed_seed(self._seed, "own frames", self._block.index, int(c)) & 0x7FFFFFFF for c in clip]
        state = start(
            model, None if blind else truth(0), conditions, seeds, ("CAM_FRONT",), dtype=roll_out_dtype(device), form="raw",
            model_hash="training",
        )  # fmt: skip
        if blind:  # the anchor is a picture that is no longer to be seen
            state = replace(state, anchor=model.encode(truth(0)).float())
        latents = [state.previous]
        for frame in range(1, self._block.frames - 1):
            if not blind and (frame - 1) % self._depth == 0:
                state = replace(state, previous=model.encode(truth(frame - 1)).float())
            conditions = self._block.conditions_at(clip, first + frame).to(device)
            made, state = next_frame(model, state, conditions, sketches.of(clip, first + frame))
            latents.append(made.latents if self._as_drawn else state.previous)
        return clip, torch.cat(latents, 1).half()


@torch.no_grad()
def continued(
    model: WorldModel,
    clean: Float[Tensor, "b v z y x"],
    truth: Float[Tensor, "b v z y x"],
    made: Float[Tensor, "b v z y x"],
    grids: FlowGrids,
    conditions: Conditions,
    config: OwnFramesConfig,
) -> tuple[Float[Tensor, "b v z y x"], Float[Tensor, "b v 1 y x"]]:
    """What is asked for after the own previous frame ``made`` instead of the true one, ``truth``: the true frame ``clean``; but
    where the own one shows another town and the map says nothing (it knows no colour of a car either), the own frame carried on
    by what truly changed: near(made) + clean - near(truth). And how far it is the true frame, 0 to 1."""
    code, lead = model.autoencoder.code, clean.shape[:2]
    own, true = (code.encode(near_view(code.decode(previous.flatten(0, 1)), grids)) for previous in (made, truth))
    difference = (code.decode(own) - code.decode(true)).unflatten(0, lead)
    other = other_town(difference, conditions, config, model.config.autoencoder.patch_px)
    return clean + other * (own - true).unflatten(0, lead), 1 - other


def other_town(
    difference: Float[Tensor, "b v 3 h w"], conditions: Conditions, config: OwnFramesConfig, patch_px: int
) -> Float[Tensor, "b v 1 y x"]:
    """Of each cell, how far an own picture that differs so much from the true one shows what the truth cannot correct, 0 to 1:
    none of what the map tells."""
    told = conditions.map_image.amax(2).float() * (conditions.box_image.amax(2) == 0) / 255
    return (1 - config.agreement(difference, patch_px)) * (1 - F.avg_pool2d(told, patch_px)[:, :, None])


def roll_out_dtype(device: torch.device) -> str:
    """Roll-outs compute as the training around them does."""
    return "bfloat16" if torch.is_autocast_enabled(device.type) else "float32"


def draw_own(config: OwnFramesConfig, seed: int, train_step: int, rolled: Bool[np.ndarray, "b"]) -> Bool[Tensor, "b"]:
    """Which samples of one train step get an own frame; ``rolled`` says which are of a clip that is rolled out."""
    share = config.share / config.clips if config.share else 0.0
    return torch.from_numpy(rolled & (addressed_generator(seed, "own", train_step).random(len(rolled)) < share))

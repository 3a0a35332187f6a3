"""Previous frames of the model's own making, at the price of one roll-out a block of training pictures.

Stage 3 rolls out beside every train step, which costs more than the training itself. Here each clip of a block is rolled out
once, by ``next_frame`` and with the weights of that moment, and its frames serve as previous ones as often as they are used.
A share of the clips starts from the conditions alone: they are what a stream is after its first frame has long gone.
Axis letters: ``n`` clips of the block, ``f`` their frames, ``b`` samples of one train step.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from everroad.data.addressing import addressed_generator, addressed_seed
from everroad.data.blocks import Block
from everroad.model.world_model import WorldModel
from everroad.stream.generate import next_frame
from everroad.stream.start import start

BATCH = 64


@dataclass(frozen=True)
class OwnFramesConfig:
    """``share`` of the samples have a previous frame of the model's own; ``from_nothing`` of the clips start without one.

    Such a clip shows another town than the truth. To ask for the truth there would teach to forget the previous frame, so cells
    that neither map nor boxes say anything of count ``untold`` only.
    """

    share: float = 0.0
    from_nothing: float = 0.3
    untold: float = 0.03

    def __post_init__(self) -> None:
        for name in ("share", "from_nothing", "untold"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name}: expected 0 to 1, got {getattr(self, name)}")


class RollOuts:
    """The roll-outs of one block, made when first asked for."""

    def __init__(self, block: Block, seed: int, from_nothing: float) -> None:
        self._block, self._seed = block, seed
        clips = block.images.shape[0]
        self._order = addressed_generator(seed, "own frames", block.index).permutation(clips)
        self._blind = self._order[: round(from_nothing * clips)]
        self._latents: Float[Tensor, "n f z y x"] | None = None

    def is_blind(self, clip: Int[Tensor, "b"]) -> Bool[Tensor, "b"]:
        """Whether the clips' roll-outs start from the conditions alone, so that they show another town than the truth."""
        return torch.isin(clip, torch.from_numpy(self._blind).to(clip.device))

    def at(self, model: WorldModel, clip: Int[Tensor, "b"], frame: Int[Tensor, "b"]) -> Float[Tensor, "b 1 z y x"]:
        """Latents of the model's own frames."""
        if self._latents is None:
            self._latents = self._make(model)
        return self._latents[clip, frame].float()[:, None]

    def _make(self, model: WorldModel) -> Float[Tensor, "n f z y x"]:
        training = model.training
        model.eval()
        parts = [
            self._roll_out(model, np.sort(some), some_blind)
            for group, some_blind in ((self._blind, True), (self._order[len(self._blind) :], False))
            for some in np.array_split(group, max(1, -(-len(group) // BATCH)))
            if len(some)
        ]
        model.train(training)
        rows = np.concatenate([clip for clip, _ in parts])
        return torch.cat([latents for _, latents in parts])[torch.from_numpy(np.argsort(rows)).to(parts[0][1].device)]

    def _roll_out(self, model: WorldModel, clip: np.ndarray, blind: bool) -> tuple[np.ndarray, Float[Tensor, "n f z y x"]]:
        device = next(model.parameters()).device
        first = np.zeros_like(clip)
        image = self._block.images_at(clip, first)[:, None].to(device).float() / 255
        conditions = self._block.conditions_at(clip, first).to(device)
        seeds = [addressed_seed(self._seed, "own frames", self._block.index, int(c)) & 0x7FFFFFFF for c in clip]
        state = start(
            model, None if blind else image, conditions, seeds, ("CAM_FRONT",), dtype=roll_out_dtype(device), form="raw",
            model_hash="training",
        )  # fmt: skip
        if blind:  # the anchor is a picture that is no longer to be seen
            state = replace(state, anchor=model.encode(image).float())
        latents = [state.previous]
        for frame in range(1, self._block.frames - 1):
            _, state = next_frame(model, state, self._block.conditions_at(clip, first + frame).to(device))
            latents.append(state.previous)
        return clip, torch.cat(latents, 1).half()


def roll_out_dtype(device: torch.device) -> str:
    """Roll-outs compute as the training around them does."""
    return "bfloat16" if torch.is_autocast_enabled(device.type) else "float32"


@dataclass(frozen=True)
class OwnDraws:
    """Which samples of a train step get an own frame, and the clip and target frame of each."""

    chosen: Bool[Tensor, "b"]
    clip: Int[Tensor, "b"]
    frame: Int[Tensor, "b"]


def draw_own(
    config: OwnFramesConfig, seed: int, train_step: int, clip: Int[np.ndarray, "b"], frame: Int[np.ndarray, "b"]
) -> OwnDraws:
    """The draws of one train step."""
    chosen = addressed_generator(seed, "own", train_step).random(len(clip)) < config.share
    return OwnDraws(torch.from_numpy(chosen), torch.from_numpy(clip), torch.from_numpy(frame))

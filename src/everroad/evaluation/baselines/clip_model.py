"""The clip model: a world model's backbone over several frames at once, with attention between them.

Frames are folded into the batch, each with its own conditions; there is no previous frame and no memory. The first frames of a
clip may be *given*: clean latents stand in the place of noisy ones, and the network is told which (Vista's dynamic priors; Gao
et al. 2024). Axis letters: ``n`` clips, ``f`` frames; one view.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import cast

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from everroad.evaluation.baselines.temporal import ClipStage
from everroad.model.config import ModelConfig
from everroad.model.unet import Stage
from everroad.model.world_model import Context, WorldModel

GIVEN_SHARE = 0.1  # of the sampler's lowest noise level: the level that given frames are told to have (ours)


@dataclass(frozen=True)
class ClipConfig:
    """``frames`` of a clip; levels of the U-Net whose last stages attend to other frames (the middle, below them all, always
    does), with the U-Net's number of heads."""

    frames: int = 8
    levels: tuple[int, ...] = (0, 1)

    def __post_init__(self) -> None:
        if not 1 <= self.frames <= 1000:
            raise ValueError(f"frames: expected 1 to 1000, got {self.frames}")
        if len(set(self.levels)) < len(self.levels) or any(level < 0 for level in self.levels):
            raise ValueError(f"levels: expected levels of the U-Net, each once, got {self.levels[:20]}")


class ClipModel(WorldModel):
    """A world model whose batch is clips of ``clip.frames`` frames, frames the faster axis."""

    def __init__(self, config: ModelConfig, clip: ClipConfig) -> None:
        super().__init__(config)
        self.clip = clip
        widths, heads = config.unet.widths, config.unet.heads
        if any(level >= len(widths) or widths[level] % heads for level in clip.levels):
            raise ValueError(f"clip.levels: expected levels 0 to {len(widths) - 1} of {heads} heads, got {clip.levels[:20]}")
        for level in clip.levels:
            for side, index in ((self.unet.encoder, level), (self.unet.decoder, len(widths) - 1 - level)):
                stages = cast(nn.ModuleList, side[index])
                stages[-1] = ClipStage(cast(Stage, stages[-1]), widths[level], heads, clip.frames)
        self.unet.middle = ClipStage(self.unet.middle, widths[-1], heads, clip.frames)
        self.given = nn.Parameter(torch.zeros(config.unet.embed_width))

    def denoise_clip(
        self,
        noisy: Float[Tensor, "n f z y x"],
        sigma: Float[Tensor, "n f"],
        given: Bool[Tensor, "n f"],
        context: Context,
    ) -> Float[Tensor, "n f z y x"]:
        """The denoised latents of whole clips, each frame at its own noise level; ``context`` has a row for each frame.

        Where frames are ``given`` their latents are clean, ``sigma`` is not read, and what comes out is not meant to be used.
        """
        level = torch.where(given, GIVEN_SHARE * self.config.sampler.sigma_min, sigma).flatten()
        embedding = context.embedding + given.flatten()[:, None] * self.given
        alone = self.align(None, torch.zeros_like(level), context)
        denoised, _ = self.denoise(noisy.flatten(0, 1)[:, None], level, alone, replace(context, embedding=embedding), None)
        return denoised[:, 0].unflatten(0, noisy.shape[:2])


def clip_model(frame_model: WorldModel, clip: ClipConfig) -> ClipModel:
    """A clip model that makes of each frame what ``frame_model`` does: its weights, and attention that adds nothing yet."""
    model = ClipModel(frame_model.config, clip)
    model.load_state_dict(model.state_dict() | frame_model.state_dict())
    return model


def of_length(model: ClipModel, frames: int) -> ClipModel:
    """The same weights (shared, not copied) for clips of another length, in evaluation mode."""
    with torch.device("meta"):
        twin = ClipModel(model.config, replace(model.clip, frames=frames))
    twin.load_state_dict(model.state_dict(), assign=True)
    return twin.eval()


def added_parameters(model: ClipModel) -> int:
    """How many parameters the clip model has that the frame model lacks."""
    return sum(p.numel() for name, p in model.named_parameters() if ".temporal." in name or name == "given")

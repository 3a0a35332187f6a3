"""How the frame-by-frame baseline is trained: stage 1 with the previous frame always dropped."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import UInt8
from numpy import ndarray
from torch import nn

from everroad.evaluation.baselines.frame_by_frame import alone, without_memory
from everroad.evaluation.baselines.strip import last_shown, strip
from everroad.stream.state import make_with
from everroad.training.block_recipe import refuse_unread
from everroad.training.denoiser import DenoiserRecipe


@dataclass(frozen=True, kw_only=True)
class FrameRecipe(DenoiserRecipe):
    """Stage 1 without a previous frame: what differs from it are settings alone, and how a sample strip is made."""

    def __post_init__(self) -> None:
        super().__post_init__()
        refuse_unread(self, "own.share")
        if self.degrade.drop_previous != 1:
            raise ValueError(f"degrade.drop_previous: expected 1, no previous frame, got {self.degrade.drop_previous}")

    def sample_strip(self, module: nn.Module, train_step: int) -> UInt8[ndarray, "h w 3"] | None:
        truth = self.shown()
        model = without_memory(module)  # type: ignore[arg-type]
        model.to(next(module.parameters()).device)
        first = truth.images[:1, None].to(next(model.parameters()).device).float() / 255
        made_with = make_with(model, model_hash="strip")
        frames = alone(model, made_with, first, truth.conditions.__getitem__, [0], "CAM_FRONT", last_shown(truth))
        return strip(truth, frames)

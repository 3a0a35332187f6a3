"""What one train step of the denoiser's stages reads."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from everroad.conditions.types import Conditions
from everroad.training.degrade import Degradation
from everroad.training.own_frames import RollOuts
from everroad.training.sketches import Sketches


@dataclass(frozen=True)
class FrameBatch:
    """Pictures (uint8) and conditions of one train step's samples, with its addressed draws; ``clip`` and ``frame`` are the
    targets' places in the block, ``own`` says which samples follow an own frame."""

    target: UInt8[Tensor, "b v 3 h w"]
    previous: UInt8[Tensor, "b v 3 h w"]
    anchor: UInt8[Tensor, "b v 3 h w"]
    conditions: Conditions
    degradation: Degradation
    sigma: Float[Tensor, "b"]
    noise: Float[Tensor, "b v z y x"]
    previous_noise: Float[Tensor, "b v z y x"]
    clip: Int[Tensor, "b"]
    frame: Int[Tensor, "b"]
    sketches: Sketches
    own: Bool[Tensor, "b"] | None = None
    roll_outs: RollOuts | None = None

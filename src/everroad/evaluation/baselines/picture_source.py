"""What makes the pictures that are measured, and the few steps that all sources of this package share.

Axis letters: ``b`` towns, of one view each.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, UInt8
from numpy import ndarray
from torch import Tensor

from everroad.conditions.types import Conditions, cat_conditions
from everroad.evaluation.reference import EvaluationTown

Picture = UInt8[ndarray, "h w 3"]


@runtime_checkable
class PictureSource(Protocol):
    """A model, a recorded run, the painter itself, a baseline."""

    @property
    def name(self) -> str:
        """What reports call it."""
        ...

    def described(self) -> Mapping[str, Any]:
        """What it is, as JSON values."""
        ...

    def pictures(self, towns: Sequence[EvaluationTown]) -> Iterator[list[Picture]]:
        """Frame 0 (the painter's picture) first, then frames 1, 2, … as far as the towns go; at each frame one picture a town,
        all towns in lockstep."""
        ...


def last_frame(towns: Sequence[EvaluationTown]) -> int:
    """The last frame that every town has. Raises ``ValueError`` without towns."""
    if not towns:
        raise ValueError("towns: expected one or more, got none; open some")
    return min(len(town.source.scenario) for town in towns) - 1


def painted(towns: Sequence[EvaluationTown], frame_index: int) -> list[Picture]:
    """The painter's pictures of one frame."""
    return [town.reference(frame_index).picture for town in towns]


def told(towns: Sequence[EvaluationTown], frame_index: int) -> Conditions:
    """The conditions of one frame of all towns."""
    return cat_conditions([town.conditions(frame_index) for town in towns])


def to_images(pictures: Sequence[Picture], device: torch.device) -> Float[Tensor, "b 1 3 h w"]:
    """Pictures as the encoder takes them, in [0, 1]."""
    images = torch.from_numpy(np.ascontiguousarray(np.stack(pictures).transpose(0, 3, 1, 2)))
    return images.to(device)[:, None].float() / 255


def to_pictures(images: Float[Tensor, "b 1 3 h w"]) -> list[Picture]:
    """The inverse, rounded to nearest."""
    made = images[:, 0].clamp(0, 1).mul(255).round().to(torch.uint8).cpu()
    return list(made.permute(0, 2, 3, 1).contiguous().numpy())

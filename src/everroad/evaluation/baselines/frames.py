"""The few steps that all sources of this package share.

Axis letters: ``b`` towns, of one view each.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from everroad.conditions.types import Conditions, cat_conditions
from everroad.evaluation.reference import EvaluationTown
from everroad.evaluation.sources.types import Picture


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

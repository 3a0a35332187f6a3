"""Weather and time of day as one index."""

from __future__ import annotations

import torch
from jaxtyping import Int
from torch import Tensor

from everroad.conditions.types import Conditions
from everroad.scenario.types import TIMES_OF_DAY, WEATHERS

LIGHTS = len(WEATHERS) * len(TIMES_OF_DAY)  # one more index serves where either is absent


def light_of(conditions: Conditions) -> Int[Tensor, "b"]:
    """Weather by weather, within it by time of day; the last where either is absent."""
    there = conditions.present.weather & conditions.present.time_of_day
    return torch.where(there, conditions.weather * len(TIMES_OF_DAY) + conditions.time_of_day, LIGHTS)

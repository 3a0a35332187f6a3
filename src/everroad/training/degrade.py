"""How a ground-truth previous frame is made to look like a generated one, and conditions are dropped (STAGE, stages 1 and 2).

STAGE's pre-release adds noise of standard deviation 0.2 to the previous latent and keeps each of previous frame, map, boxes and
anchor with probability 0.85; the paper filters the previous frame's DCT. Here the noise level is drawn and told to the network,
and the filter works on the patch code, whose components are ordered from shape to detail as DCT coefficients are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from everroad.conditions.types import Conditions
from everroad.data.addressing import addressed_generator
from everroad.diffusion.preconditioning import per_sample


@dataclass(frozen=True)
class DegradeConfig:
    """Probabilities of dropping parts, range of the previous frame's noise (log-uniform) and how often it loses detail."""

    drop_previous: float = 0.25
    drop_anchor: float = 0.1
    drop_map: float = 0.04
    drop_boxes: float = 0.04
    drop_scalars: float = 0.04
    noise_low: float = 0.05
    noise_high: float = 3.0
    clean_share: float = 0.2
    filter_share: float = 0.4

    def __post_init__(self) -> None:
        for name in ("drop_previous", "drop_anchor", "drop_map", "drop_boxes", "drop_scalars", "clean_share", "filter_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name}: expected 0 to 1, got {getattr(self, name)}")
        if not 0 < self.noise_low <= self.noise_high:
            raise ValueError(f"noise_low: expected 0 < noise_low <= noise_high, got {self.noise_low} and {self.noise_high}")


@dataclass(frozen=True)
class Degradation:
    """What befalls each sample: addressed, so a train step can be repeated."""

    previous_present: Bool[Tensor, "b"]
    anchor_present: Bool[Tensor, "b"]
    map_present: Bool[Tensor, "b"]
    boxes_present: Bool[Tensor, "b"]
    weather_present: Bool[Tensor, "b"]
    time_present: Bool[Tensor, "b"]
    previous_sigma: Float[Tensor, "b"]
    component_gain: Float[Tensor, "b z"]


def draw_degradation(config: DegradeConfig, seed: int, train_step: int, batch: int, channels: int) -> Degradation:
    """The degradation of one train step's samples."""
    draw = addressed_generator(seed, "degrade", train_step)
    shares = (
        config.drop_previous,
        config.drop_anchor,
        config.drop_map,
        config.drop_boxes,
        config.drop_scalars,
        config.drop_scalars,
    )
    previous, anchor, layout, boxes, weather, time = (torch.from_numpy(draw.random(batch) >= share) for share in shares)
    sigma = np.exp(draw.uniform(np.log(config.noise_low), np.log(config.noise_high), batch))
    sigma = np.where(draw.random(batch) < config.clean_share, 0.0, sigma)
    first_lost = draw.integers(channels // 8, channels, batch)
    gain = np.where(np.arange(channels) < first_lost[:, None], 1.0, draw.random((batch, 1)))
    gain = np.where(draw.random((batch, 1)) < config.filter_share, gain, 1.0)
    return Degradation(
        previous, anchor, layout, boxes, weather, time, torch.from_numpy(sigma).float(), torch.from_numpy(gain).float()
    )


def degrade_previous(
    previous: Float[Tensor, "b v z y x"], noise: Float[Tensor, "b v z y x"], degradation: Degradation
) -> Float[Tensor, "b v z y x"]:
    """The previous latent with its detail filtered and its noise added."""
    return previous * degradation.component_gain[:, None, :, None, None] + per_sample(degradation.previous_sigma, noise) * noise


def drop_conditions(conditions: Conditions, degradation: Degradation) -> Conditions:
    """Conditions with parts marked absent; what is absent stays absent. Pictures of absent parts are not read."""
    present = conditions.present
    dropped = replace(
        present,
        map=present.map & degradation.map_present,
        boxes=present.boxes & degradation.boxes_present,
        weather=present.weather & degradation.weather_present,
        time_of_day=present.time_of_day & degradation.time_present,
    )
    # The depth picture also steers the alignment, so it goes with the boxes.
    depth = conditions.depth_image * degradation.boxes_present.view(-1, 1, 1, 1, 1)
    return replace(conditions, present=dropped, depth_image=depth)

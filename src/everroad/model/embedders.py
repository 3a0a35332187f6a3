"""Conditions → what the U-Net reads: a feature map, tokens and one vector. An absent part enters as a learned embedding."""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor, nn
from torch.nn import functional as F

from everroad.conditions.rays import camera_rays
from everroad.conditions.types import BOX_LAYERS, MAP_LAYERS, NUM_BOX_CLASSES, BoxList, Conditions
from everroad.geometry import UNIT_BOX_CORNERS
from everroad.model.alignment import coarse_intrinsics
from everroad.model.config import ModelConfig
from everroad.model.patches import patches_conv
from everroad.scenario.types import TIMES_OF_DAY, WEATHERS

# Scales that bring metres and radians of one frame's ego motion at 12 Hz to about unit range (20 m/s is 1.7 m a frame).
MOTION_SCALE_M = 1.0
MOTION_SCALE_RAD = 0.05
NEAR_M = 0.5  # corners nearer than this are described as if they were at this depth


def fourier(values: Float[Tensor, "*n"], width: int, lowest: float = 0.25) -> Float[Tensor, "*n w"]:
    """Sines and cosines at octave frequencies from ``lowest`` upward; w = width (even)."""
    frequencies = lowest * 2.0 ** torch.arange(width // 2, device=values.device, dtype=torch.float32)
    angles = 2 * math.pi * values.float().unsqueeze(-1) * frequencies
    return torch.cat([angles.sin(), angles.cos()], dim=-1)


def choose(present: Bool[Tensor, "b"], value: Tensor, absent: Tensor) -> Tensor:
    """``value`` (b first) where present, the learned ``absent`` (broadcast) elsewhere."""
    mask = present.view(-1, *([1] * (value.ndim - 1)))
    return torch.where(mask, value, absent.to(value.dtype))


class LayoutEmbedder(nn.Module):
    """Map, box, depth and ray pictures → features on the latent grid, by pixel-unshuffle and a convolution, so that thin
    markings survive."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width = config.unet.condition_width
        self.patch = config.autoencoder.patch_px
        area = self.patch**2
        self.map = nn.Conv2d(len(MAP_LAYERS) * area, width, 1)
        self.box = nn.Conv2d((len(BOX_LAYERS) + 1) * area, width, 1)
        self.ray = nn.Conv2d(3 + 1, width, 1)
        self.absent = nn.Parameter(torch.zeros(3, width, 1, 1))
        self.mix = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, conditions: Conditions) -> Float[Tensor, "bv c y x"]:
        """Features of each sample and view, views folded into the batch."""
        views = conditions.map_image.shape[1]
        has_map, has_boxes, has_camera = (
            flags.repeat_interleave(views)
            for flags in (conditions.present.map, conditions.present.boxes, conditions.present.camera)
        )
        lines = self._of(self.map, conditions.map_image)
        boxes = self._of(self.box, torch.cat([conditions.box_image, conditions.depth_image], dim=2))
        total = choose(has_map, lines, self.absent[0]) + choose(has_boxes, boxes, self.absent[1])
        total = total + choose(has_camera, self.ray(self._rays(conditions)), self.absent[2])
        return F.silu(total) + self.mix(F.silu(total))

    def _of(self, layer: nn.Conv2d, image: UInt8[Tensor, "b v c h w"]) -> Float[Tensor, "bv o y x"]:
        picture = image.flatten(0, 1).to(layer.weight.dtype, memory_format=torch.channels_last)
        return patches_conv(picture, layer.weight * (1 / 255), self.patch, layer.bias)

    def _rays(self, conditions: Conditions) -> Tensor:
        p = self.patch
        coarse = coarse_intrinsics(conditions.intrinsics, p)
        with torch.autocast(coarse.device.type, enabled=False):
            rays = camera_rays(coarse, conditions.ego_from_camera, conditions.height_px // p, conditions.width_px // p)
        height = conditions.ego_from_camera[..., 2, 3][..., None, None, None].expand_as(rays[:, :, :1])
        return torch.cat([rays, height], dim=2).flatten(0, 1).float()


class BoxEmbedder(nn.Module):
    """A box list → one token a box: projected corners, depths, velocity and class, through a small network."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width = config.unet.token_width
        self.classes = nn.Embedding(NUM_BOX_CLASSES, width)
        self.geometry = nn.Linear(len(UNIT_BOX_CORNERS) * 3 + 3, width)
        self.output = nn.Sequential(nn.SiLU(), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
        self.absent = nn.Parameter(torch.zeros(width))

    def forward(self, boxes: BoxList, present: Bool[Tensor, "b"]) -> tuple[Float[Tensor, "bv n d"], Bool[Tensor, "bv n"]]:
        """Tokens and which of them exist. Where boxes are absent all tokens are the learned one and all exist."""
        views = boxes.mask.shape[1]
        depth = boxes.corners_m[..., 2:].clamp(min=NEAR_M)
        numbers = torch.cat([(boxes.corners_m[..., :2] / depth).clamp(-4, 4), depth.log() / 2], dim=-1).flatten(-2)
        numbers = torch.cat([numbers, boxes.velocity_mps / 10], dim=-1).flatten(0, 1).float()
        tokens = self.output(self.geometry(numbers) + self.classes(boxes.class_index.flatten(0, 1)))
        flags = present.repeat_interleave(views)
        return choose(flags, tokens, self.absent), boxes.mask.flatten(0, 1) | ~flags[:, None]


class AnchorEmbedder(nn.Module):
    """The first frame's latent → one token."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width = config.unet.token_width
        self.layers = nn.Sequential(
            nn.Conv2d(config.latent_channels, width // 2, 3, padding=1), nn.SiLU(),
            nn.Conv2d(width // 2, width, 3, stride=2, padding=1), nn.SiLU(),
            nn.Conv2d(width, width, 3, stride=2, padding=1), nn.SiLU(),
        )  # fmt: skip
        self.output = nn.Linear(width, width)
        self.absent = nn.Parameter(torch.zeros(width))

    def forward(self, anchor: Float[Tensor, "bv z y x"], present: Bool[Tensor, "b"]) -> Float[Tensor, "bv one d"]:
        token = self.output(self.layers(anchor).mean((2, 3)))
        flags = present.repeat_interleave(len(anchor) // len(present))
        return choose(flags, token, self.absent).unsqueeze(1)


class MotionEmbedder(nn.Module):
    """Ego motion since the last frame, weather and time of day → one vector a sample."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width = config.unet.embed_width
        self.motion = nn.Linear(6 * 9, width)
        self.weather = nn.Embedding(len(WEATHERS) + 1, width)  # the last row is "absent"
        self.time = nn.Embedding(len(TIMES_OF_DAY) + 1, width)
        self.absent = nn.Parameter(torch.zeros(width))

    def forward(self, conditions: Conditions) -> Float[Tensor, "b d"]:
        present = conditions.present
        motion = choose(present.ego_motion, self.motion(self._numbers(conditions.previous_from_current)), self.absent)
        weather = torch.where(present.weather, conditions.weather, len(WEATHERS))
        time = torch.where(present.time_of_day, conditions.time_of_day, len(TIMES_OF_DAY))
        return motion + self.weather(weather) + self.time(time)

    def _numbers(self, previous_from_current: Float[Tensor, "b 4 4"]) -> Float[Tensor, "b n"]:
        r = previous_from_current[:, :3, :3]
        small_rotation = torch.stack([r[:, 2, 1] - r[:, 1, 2], r[:, 0, 2] - r[:, 2, 0], r[:, 1, 0] - r[:, 0, 1]], -1) / 2
        numbers = torch.cat([previous_from_current[:, :3, 3] / MOTION_SCALE_M, small_rotation / MOTION_SCALE_RAD], -1)
        return torch.cat([numbers.unsqueeze(-1), fourier(numbers, 8, lowest=0.125)], -1).flatten(1).float()

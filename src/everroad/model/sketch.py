"""The sketch: what the conditions alone say of the latents, in closed form (fitted by ``training.sketch``, then fixed), and a
network's detail on top of it.

A linear function of features of each latent cell, with weights of its own for each weather and time of day, so that a line at
night is as dark as lines are at night. Features: the patches of the map, box and depth pictures; where the cell looks (height
above the horizon and distance from straight ahead, on the ground, on a box and elsewhere); and where in the nearest box it
lies. Axis letters: ``d`` features, ``l`` lights.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from everroad.conditions.box_images import LAYER_OF_CLASS
from everroad.conditions.rays import camera_rays
from everroad.conditions.types import BOX_LAYERS, MAP_LAYERS, Conditions
from everroad.model.alignment import GROUND_LAYERS, coarse_intrinsics
from everroad.model.autoencoder import PatchCode
from everroad.model.config import ModelConfig
from everroad.model.layout_detail import LayoutDetail
from everroad.model.lights import LIGHTS, light_of

ELEVATIONS_RAD = tuple(0.05 * i for i in range(-7, 8))
ELEVATION_WIDTH_RAD = 0.04
PLACES = (0.0, 0.25, 0.5, 0.75, 1.0)  # across and down a box
PLACE_WIDTH = 0.18
GROUPS = len(BOX_LAYERS) - 1
NEAR_M = 0.5


class Sketch(nn.Module):
    """Fixed weights: a buffer, which no optimiser touches, zero until a fit is loaded; and, where the config has one, the
    network that adds detail to its picture (``model.layout_detail``)."""

    weight: Float[Tensor, "l z d"]

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.patch = config.autoencoder.patch_px
        self.register_buffer("weight", torch.zeros(LIGHTS + 1, config.latent_channels, feature_count(self.patch)))
        self.detail = LayoutDetail(config.sketch.widths) if config.sketch.widths else None

    def forward(self, conditions: Conditions, code: PatchCode) -> Float[Tensor, "bv z y x"]:
        """The sketch of each view, in fp32."""
        closed = self.closed_form(conditions)
        if self.detail is None:
            return closed
        return code.encode(self.detail.added_to(code.decode(closed), conditions))

    def closed_form(self, conditions: Conditions) -> Float[Tensor, "bv z y x"]:
        """The linear part alone."""
        with torch.autocast(self.weight.device.type, enabled=False):
            given = features(conditions, self.patch)
            weight = self.weight[light_of(conditions)].repeat_interleave(conditions.map_image.shape[1], 0)
            return torch.bmm(weight, given.flatten(2)).unflatten(2, given.shape[2:])


def feature_count(patch_px: int) -> int:
    """d."""
    pictures = len(MAP_LAYERS) + len(BOX_LAYERS) + 1
    return pictures * patch_px**2 + 4 * len(ELEVATIONS_RAD) + GROUPS * len(PLACES) ** 2 + 1


def features(conditions: Conditions, patch_px: int) -> Float[Tensor, "bv d y x"]:
    """All features, the constant last. What is absent is zero."""
    views = conditions.map_image.shape[1]

    def of(flags: Tensor, values: Tensor) -> Tensor:
        return torch.where(flags.repeat_interleave(views).view(-1, 1, 1, 1), values, 0.0)

    there = conditions.present
    lines = of(there.map, conditions.map_image.flatten(0, 1).float() / 255)
    boxes = of(there.boxes, torch.cat([conditions.box_image, conditions.depth_image], 2).flatten(0, 1).float() / 255)
    looks = of(there.camera, _looks(conditions, lines, boxes, patch_px))
    places = of(there.boxes & there.camera, _places(conditions, patch_px))
    patches = F.pixel_unshuffle(torch.cat([lines, boxes], 1), patch_px)
    return torch.cat([patches, looks, places, torch.ones_like(patches[:, :1])], 1)


def _looks(conditions: Conditions, lines: Tensor, boxes: Tensor, patch_px: int) -> Float[Tensor, "bv e y x"]:
    """How high the cell looks, in soft steps; the same times how far aside, how much ground and how much box there is."""
    rows, columns = lines.shape[2] // patch_px, lines.shape[3] // patch_px
    rays = camera_rays(coarse_intrinsics(conditions.intrinsics, patch_px), conditions.ego_from_camera, rows, columns).flatten(
        0, 1
    )
    elevation, aside = rays[:, 2:].clamp(-1, 1).asin(), torch.atan2(rays[:, 1:2], rays[:, :1]).abs()
    steps = torch.tensor(ELEVATIONS_RAD, device=rays.device).view(1, -1, 1, 1)
    soft = torch.exp(-((elevation - steps) / ELEVATION_WIDTH_RAD).square() / 2)
    ground = F.avg_pool2d(lines[:, list(GROUND_LAYERS)].amax(1, keepdim=True), patch_px)
    box = F.avg_pool2d(boxes[:, :GROUPS].amax(1, keepdim=True), patch_px)
    return torch.cat([soft, 2 * aside * soft, ground * soft, box * soft], 1)


def _places(conditions: Conditions, patch_px: int) -> Float[Tensor, "bv p y x"]:
    """Where in the upright rectangle around the nearest box's picture the cell's centre lies, in soft steps, by group."""
    rows, columns = conditions.height_px // patch_px, conditions.width_px // patch_px
    corners = conditions.boxes.corners_m.flatten(0, 1)  # n k 8 3
    pixels = corners @ conditions.intrinsics.flatten(0, 1).transpose(-1, -2)[:, None]
    cells = (pixels[..., :2] / corners[..., 2:].clamp(min=NEAR_M) + 0.5) / patch_px - 0.5
    low, high = cells.amin(2), cells.amax(2)  # n k 2
    y, x = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
    centre = torch.stack([x, y], -1).flatten(0, 1).to(cells)  # c 2
    place = (centre - low[:, :, None]) / (high - low).clamp(min=1e-3)[:, :, None]  # n k c 2
    seen = conditions.boxes.mask.flatten(0, 1) & (corners[..., 2] > NEAR_M).any(-1)
    inside = ((place >= 0) & (place <= 1)).all(-1) & seen[:, :, None]
    nearest = torch.where(inside, corners[..., 2].mean(-1)[:, :, None], torch.inf).argmin(1)  # n c
    found = inside.any(1)
    place = place.gather(1, nearest[:, None, :, None].expand(-1, 1, -1, 2))[:, 0]  # n c 2
    layer = torch.as_tensor(LAYER_OF_CLASS, device=cells.device)[conditions.boxes.class_index.flatten(0, 1)].gather(1, nearest)
    steps = torch.tensor(PLACES, device=cells.device)
    across, down = (torch.exp(-((place[..., i, None] - steps) / PLACE_WIDTH).square() / 2) for i in (0, 1))
    soft = (across[..., :, None] * down[..., None, :]).flatten(-2)  # n c 25
    group = F.one_hot(layer, GROUPS).to(soft) * found[..., None]
    return (group[..., :, None] * soft[..., None, :]).flatten(-2).transpose(1, 2).unflatten(2, (rows, columns))

"""The ground ahead as a grid, and what a picture or a grid holds at points of the ground. Rows lead ahead, columns to the left.

Axis letters: ``b`` pictures, ``c`` channels, ``*n`` points, ``h w`` pixels, ``x y`` cells.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from everroad.evaluation.detector.codes import Lens
from everroad.evaluation.mapping.ground_truth import Window

_NEAREST_M = 0.5
_NOWHERE = -9.0


def cell_middles(window: Window, cells: tuple[int, int]) -> Float[Tensor, "x y 2"]:
    """Metres ahead and to the left in the ego frame."""
    ahead = (torch.arange(cells[0]) + 0.5) / cells[0] * (window.x_max_m - window.x_min_m) + window.x_min_m
    aside = (torch.arange(cells[1]) + 0.5) / cells[1] * (window.y_max_m - window.y_min_m) + window.y_min_m
    return torch.stack(torch.meshgrid(ahead, aside, indexing="ij"), -1)


def in_picture(points_m: Float[Tensor, "b *n 2"], lens: Lens, height_px: int, width_px: int) -> Float[Tensor, "b *n 2"]:
    """Where points of the ground are seen: column and row, -1 to 1 from edge to edge; far outside for those behind the lens."""
    with torch.autocast(points_m.device.type, enabled=False):  # products in bfloat16 would be off by whole pixels
        rotation, place = lens.ego_from_camera[:, :3, :3], lens.ego_from_camera[:, :3, 3:]
        camera_from_ego = torch.cat([rotation.transpose(1, 2), -rotation.transpose(1, 2) @ place], 2)
        pixel_from_ground = (lens.intrinsics @ camera_from_ego)[:, :, [0, 1, 3]].float()
        flat = points_m.float().flatten(1, -2)
        pixel = torch.cat([flat, torch.ones_like(flat[..., :1])], -1) @ pixel_from_ground.transpose(1, 2)
        size = torch.tensor([width_px, height_px], device=flat.device)
        at = (pixel[..., :2] / pixel[..., 2:].clamp(min=_NEAREST_M) + 0.5) / size * 2 - 1
    return torch.where(pixel[..., 2:] > _NEAREST_M, at.clamp(_NOWHERE, -_NOWHERE), _NOWHERE).view(points_m.shape)


def in_sight(at: Float[Tensor, "*n 2"]) -> Bool[Tensor, "*n"]:
    """Whether ``in_picture``'s places are inside."""
    return (at.abs() <= 1).all(-1)


def in_window(points_m: Float[Tensor, "*n 2"], window: Window) -> Float[Tensor, "*n 2"]:
    """Where points lie in a grid over a window: column and row, -1 to 1 from edge to edge."""
    row = (points_m[..., 0] - window.x_min_m) / (window.x_max_m - window.x_min_m)
    column = (points_m[..., 1] - window.y_min_m) / (window.y_max_m - window.y_min_m)
    return torch.stack([column, row], -1) * 2 - 1


def taken(planes: Float[Tensor, "b c h w"], at: Float[Tensor, "b *n 2"]) -> Float[Tensor, "b *n c"]:
    """Values between the middles of a plane's cells, zero outside of it."""
    with torch.autocast(planes.device.type, enabled=False):
        found = F.grid_sample(planes.float(), at.float().flatten(1, -2)[:, None], align_corners=False)
    return found[:, :, 0].transpose(1, 2).reshape(*at.shape[:-1], planes.shape[1])

"""Viewing rays of pinhole cameras. Axis letters: ``b`` streams, ``v`` views, ``h w`` pixels."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def camera_rays(
    intrinsics: Float[Tensor, "b v 3 3"], ego_from_camera: Float[Tensor, "b v 4 4"], height_px: int, width_px: int
) -> Float[Tensor, "b v 3 {height_px} {width_px}"]:
    """Unit directions in the ego frame through every pixel centre. The intrinsics belong to height_px x width_px pictures."""
    rows = torch.arange(height_px, dtype=intrinsics.dtype, device=intrinsics.device)
    columns = torch.arange(width_px, dtype=intrinsics.dtype, device=intrinsics.device)
    v, u = torch.meshgrid(rows, columns, indexing="ij")
    pixels = torch.stack([u, v, torch.ones_like(u)]).reshape(3, -1)  # 3, h*w
    ego_from_pixel = ego_from_camera[..., :3, :3] @ torch.linalg.inv(intrinsics)  # b v 3 3
    directions = ego_from_pixel @ pixels  # b v 3 h*w
    # Written out: the norm over an axis in the middle takes three times as long.
    return (directions / directions.square().sum(-2, keepdim=True).sqrt()).unflatten(-1, (height_px, width_px))

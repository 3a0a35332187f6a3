"""Where things that stand move in the picture when the camera does: flow from depth and ego motion.

Axis letters: ``b`` pictures, ``h w`` cells of the picture.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def rigid_flow(
    depth_m: Float[Tensor, "b h w"],
    intrinsics: Float[Tensor, "b 3 3"],
    ego_from_camera: Float[Tensor, "b 4 4"],
    second_from_first: Float[Tensor, "b 4 4"],
    cell_px: int,
) -> tuple[Float[Tensor, "b 2 h w"], Bool[Tensor, "b h w"]]:
    """Flow in pixels (columns, rows) of what stands, and where it is told: of finite depth, and before the camera still.

    ``depth_m`` is along the camera's axis at the middle of cells of ``cell_px`` pixels; ``intrinsics`` are of the whole
    picture, whose integer coordinates are pixel centres; ``second_from_first`` leads from the first ego frame to the second.
    """
    height, width = depth_m.shape[-2:]
    rows = (torch.arange(height, device=depth_m.device) + 0.5) * cell_px - 0.5
    columns = (torch.arange(width, device=depth_m.device) + 0.5) * cell_px - 0.5
    pixel = torch.stack([columns.expand(height, width), rows[:, None].expand(height, width), torch.ones_like(depth_m[0])])
    known = depth_m.isfinite()
    depth = torch.where(known, depth_m, 1.0)
    points = torch.linalg.solve(intrinsics, pixel.flatten(1).expand(len(depth_m), 3, -1)) * depth.flatten(1)[:, None]
    moved = torch.linalg.solve(ego_from_camera, second_from_first @ ego_from_camera)
    points = moved[:, :3, :3] @ points + moved[:, :3, 3:]
    ahead = points[:, 2] > 0.1
    seen = intrinsics @ points
    there = seen[:, :2] / torch.where(ahead, seen[:, 2], 1.0)[:, None]
    flow = (there - pixel[:2].flatten(1)).unflatten(-1, (height, width))
    return flow, known & ahead.unflatten(-1, (height, width))

"""Where in the previous frame each pixel of this one was, if the world stood still: ground plane, boxes, and infinity.

The motion-compensated previous frame leaves less to learn than the previous frame alone. It uses nothing that the conditions do
not hold: camera, ego motion, the ground plane z = 0 of the ego frame and the depth picture of the boxes. What stands beside the
road has no depth here and is treated as infinitely far (rotation only); the network mends the rest.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from everroad.conditions.rays import camera_rays
from everroad.conditions.types import Conditions

FARTHEST_GROUND_M = 60.0
FARTHEST_M = 1.0e4
COARSE_PX = 4  # the flow is computed on blocks of this size and interpolated: it is smooth but for the edges of boxes


def coarse_intrinsics(intrinsics: Float[Tensor, "b v 3 3"], block_px: int) -> Float[Tensor, "b v 3 3"]:
    """Intrinsics of the picture whose pixels are blocks of ``block_px`` pixels, integer coordinates at block centres."""
    scale = torch.tensor([1 / block_px, 1 / block_px, 1.0], device=intrinsics.device).view(3, 1)
    shift = torch.zeros(3, 3, device=intrinsics.device)
    shift[:2, 2] = 0.5 / block_px - 0.5
    return intrinsics * scale + shift


def proxy_distance(conditions: Conditions, rays: Float[Tensor, "b v 3 r s"]) -> Float[Tensor, "b v 1 r s"]:
    """The assumed distance in metres along each unit ray: the nearer of ground and box, or very far."""
    camera_height = conditions.ego_from_camera[..., 2, 3][..., None, None, None]
    ground = camera_height / (-rays[:, :, 2:]).clamp(min=1e-6)
    distance = torch.where((rays[:, :, 2:] < 0) & (ground < FARTHEST_GROUND_M), ground, FARTHEST_M)
    inverse_depth = F.max_pool2d(conditions.depth_image.flatten(0, 1).float(), COARSE_PX).unflatten(0, rays.shape[:2]) / 255
    forward = conditions.ego_from_camera[..., :3, 2][..., None, None]  # camera z axis in the ego frame
    cosine = (rays * forward).sum(2, keepdim=True).clamp(min=1e-3)
    box = 1.0 / inverse_depth.clamp(min=1e-6) / cosine
    return torch.where(inverse_depth > 0, torch.minimum(distance, box), distance)


def flow_grid(conditions: Conditions) -> tuple[Float[Tensor, "bv h w 2"], Bool[Tensor, "bv 1 h w"]]:
    """Sampling grid into the previous frame (``grid_sample``'s -1 .. 1, align_corners=False) and which pixels it shows.

    Identity for samples whose ego motion or camera is absent. In fp32 whatever autocast says: bf16 would move pixels.
    """
    with torch.autocast(conditions.intrinsics.device.type, enabled=False):
        return _flow_grid(conditions)


def _flow_grid(conditions: Conditions) -> tuple[Float[Tensor, "bv h w 2"], Bool[Tensor, "bv 1 h w"]]:
    rows, columns = conditions.height_px // COARSE_PX, conditions.width_px // COARSE_PX
    intrinsics = coarse_intrinsics(conditions.intrinsics, COARSE_PX)
    rays = camera_rays(intrinsics, conditions.ego_from_camera, rows, columns)
    origin = conditions.ego_from_camera[..., :3, 3][..., None, None]
    now = (origin + rays * proxy_distance(conditions, rays)).flatten(3)  # b v 3 rs, ego frame of this frame
    motion = conditions.previous_from_current[:, None].float()
    before = motion[..., :3, :3] @ now + motion[..., :3, 3:]
    rotation, translation = conditions.ego_from_camera[..., :3, :3], conditions.ego_from_camera[..., :3, 3:]
    camera = rotation.transpose(-1, -2) @ (before - translation)
    depth = camera[..., 2:, :]
    pixels = (intrinsics @ (camera / depth.clamp(min=0.1)))[..., :2, :]
    size = torch.tensor([columns, rows], device=pixels.device, dtype=pixels.dtype).view(2, 1)
    moved = ((pixels + 0.5) / size * 2 - 1).reshape(-1, 2, rows, columns)
    known = (conditions.present.ego_motion & conditions.present.camera).repeat_interleave(conditions.intrinsics.shape[1])
    displacement = torch.where(known.view(-1, 1, 1, 1), moved - _identity(len(moved), rows, columns, moved), 0.0)
    fine = F.interpolate(displacement, size=(conditions.height_px, conditions.width_px), mode="bilinear", align_corners=False)
    grid = _identity(len(moved), conditions.height_px, conditions.width_px, moved) + fine
    return grid.permute(0, 2, 3, 1), (grid.abs() <= 1).all(1, keepdim=True)


def _identity(n: int, rows: int, columns: int, like: Tensor) -> Float[Tensor, "n 2 r s"]:
    y = (torch.arange(rows, device=like.device, dtype=like.dtype) + 0.5) / rows * 2 - 1
    x = (torch.arange(columns, device=like.device, dtype=like.dtype) + 0.5) / columns * 2 - 1
    return torch.stack([x.expand(rows, columns), y[:, None].expand(rows, columns)]).expand(n, 2, rows, columns)


def warp(image: Float[Tensor, "bv c h w"], grid: Float[Tensor, "bv h w 2"]) -> Float[Tensor, "bv c h w"]:
    """The picture sampled at the grid, bilinearly; outside it the nearest edge pixel."""
    return F.grid_sample(image, grid.to(image.dtype), mode="bilinear", padding_mode="border", align_corners=False)

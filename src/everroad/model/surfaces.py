"""What each cell looks at, as coordinates: where on the nearest box, and where in the street.

A wheel is low and near the end of a car, a window some metres above the ground: in these coordinates what is to be drawn is
nearly a function of the place. Made of the conditions alone, with the guessed depths of ``model.alignment``. Axis letters:
``n`` samples with their views folded in, ``k`` boxes, ``p`` cells.
"""

from __future__ import annotations

from dataclasses import replace
from math import pi

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from everroad.conditions.rays import camera_rays
from everroad.conditions.types import Conditions
from everroad.model.alignment import COARSE_PX, FARTHEST_M, coarse_intrinsics, near_distance

NEAR_M = 0.1
SCALE_M = (30.0, 15.0, 6.0)  # of the ego frame's x, y and z; brings a street to about unit range
PERIODS_M = (3.0, 9.0)  # of the waves along x, y and z: storeys and lanes
BOX_SIZE_M = 5.0
SURFACE_CHANNELS = 3 + 3 + 1 + 3 + 1 + 3 * 2 * len(PERIODS_M)


def surfaces(conditions: Conditions) -> Float[Tensor, "n c y x"]:
    """Cells of ``COARSE_PX`` pixels. Channels: place on the nearest box (forward, left, up, each -1 to 1), the box's size, 1
    where there is one; the point in the ego frame (scaled), 1 over its distance in metres, and waves along its coordinates.
    Zero where there is no box, beyond ``FARTHEST_M``, and where the camera is absent."""
    boxes_there = conditions.present.boxes.view(-1, 1, 1, 1, 1)
    conditions = replace(conditions, depth_image=conditions.depth_image * boxes_there)
    with torch.autocast(conditions.intrinsics.device.type, enabled=False):
        rows, columns = conditions.height_px // COARSE_PX, conditions.width_px // COARSE_PX
        rays = camera_rays(coarse_intrinsics(conditions.intrinsics, COARSE_PX), conditions.ego_from_camera, rows, columns)
        found = torch.cat([_on_boxes(conditions, rays), _in_street(conditions, rays)], 1)
        there = conditions.present.camera.repeat_interleave(rays.shape[1])
        return torch.where(there.view(-1, 1, 1, 1), found, 0.0)


def entry(
    rays: Float[Tensor, "n p 3"], corners: Float[Tensor, "n k 8 3"]
) -> tuple[Float[Tensor, "n p k 3"], Float[Tensor, "n p k"], Bool[Tensor, "n p k"]]:
    """Where rays from the origin enter boxes (slabs, Kay & Kajiya 1986): the place in the box's own axes, -1 to 1, how far
    along the ray, and whether it does, before the camera. Corners in the order of ``geometry.UNIT_BOX_CORNERS``."""
    centre = corners.mean(2)
    ends = [corners[:, :, :4].mean(2), corners[:, :, [0, 3, 4, 7]].mean(2), corners[:, :, [0, 1, 4, 5]].mean(2)]
    axes = torch.stack([end - centre for end in ends], 2)  # n k 3 3: half the box's length, width and height
    axes = axes / axes.square().sum(-1, keepdim=True).clamp(min=1e-6)
    slope = torch.einsum("npc,nkac->npka", rays, axes)
    offset = torch.einsum("nkc,nkac->nka", centre, axes)[:, None]
    slope = torch.where(slope.abs() < 1e-6, 1e-6, slope)
    first, second = (offset - 1) / slope, (offset + 1) / slope
    enters, leaves = torch.minimum(first, second).amax(-1), torch.maximum(first, second).amin(-1)
    enters = enters.clamp(min=NEAR_M)  # from inside the box: where the camera is
    return (slope * enters[..., None] - offset).clamp(-1, 1), enters, leaves > enters


def _on_boxes(conditions: Conditions, rays: Float[Tensor, "b v 3 r s"]) -> Float[Tensor, "n c r s"]:
    rotation = conditions.ego_from_camera[..., :3, :3].transpose(-1, -2)
    camera = (rotation @ rays.flatten(3)).transpose(-1, -2).flatten(0, 1)  # n p 3
    corners = conditions.boxes.corners_m.flatten(0, 1)
    place, distance, hit = entry(camera, corners)
    there = conditions.boxes.mask & conditions.present.boxes.view(-1, 1, 1)
    hit = hit & there.flatten(0, 1)[:, None]
    nearest = torch.where(hit, distance, torch.inf).argmin(-1, keepdim=True)  # n p 1
    size = torch.stack([(corners[:, :, 0] - corners[:, :, i]).norm(dim=-1) for i in (4, 1, 3)], -1) / BOX_SIZE_M  # n k 3
    place = place.gather(2, nearest[..., None].expand(-1, -1, -1, 3))[:, :, 0]
    size = size.gather(1, nearest.expand(-1, -1, 3))
    on = hit.any(-1, keepdim=True)
    found = torch.cat([place * on, size * on, on.to(place.dtype)], -1)
    return found.transpose(-1, -2).unflatten(-1, rays.shape[-2:])


def _in_street(conditions: Conditions, rays: Float[Tensor, "b v 3 r s"]) -> Float[Tensor, "n c r s"]:
    distance, _ = near_distance(conditions, rays)
    near = distance < FARTHEST_M
    point = conditions.ego_from_camera[..., :3, 3][..., None, None] + rays * distance
    scale = torch.tensor(SCALE_M, device=point.device).view(3, 1, 1)
    waves = [trig(2 * pi * point / period) for period in PERIODS_M for trig in (torch.sin, torch.cos)]
    return torch.where(near, torch.cat([point / scale, 1 / distance, *waves], 2), 0.0).flatten(0, 1)

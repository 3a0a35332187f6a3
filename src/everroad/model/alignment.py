"""Where in the previous frame each pixel of this one was: the previous frame, motion-compensated, leaves less to learn.

Two views of the previous frame are made. The *far* one compensates rotation alone (right for the sky and what is far away). The
*near* one moves each pixel by a depth that the conditions let one guess: the ground plane z = 0 of the ego frame, the depth
picture of the boxes (each moving at its own velocity), and an upright wall where the mapped ground ends. Nothing else is used;
where the guess is wrong the network has the far view and mends the rest. What a box hid in the previous frame cannot be
found in it: such pixels are filled from around them, else every passing car would leave a trail.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional as F

from everroad.conditions.rays import camera_rays
from everroad.conditions.types import MAP_LAYERS, Conditions

FARTHEST_M = 60.0  # beyond this, parallax in one frame is below a pixel
INFINITELY_FAR_M = 1.0e4
WALL_SETBACK_M = 4.0  # what stands beside the road stands a little behind its edge
COARSE_PX = 4  # the flow is computed on blocks of this size and interpolated: it is smooth but for the edges of objects
HIDDEN_BEHIND_M = 1.0  # how far behind a box's surface another one lies that it hides
CLEARLY_BEFORE = 0.7  # of a box's depth: what is no box and nearer than this is not hidden by it
FILL_LEVELS = 7  # halvings of the picture from which holes are filled
GROUND_LAYERS = tuple(MAP_LAYERS.index(name) for name in ("drivable_area", "walkway", "ped_crossing"))


@dataclass(frozen=True)
class FlowGrids:
    """Sampling grids into the previous frame (``grid_sample``'s -1 .. 1, align_corners=False), and for each pixel whether the
    near one finds it there: inside the frame, and not ``hidden`` behind a box."""

    far: Float[Tensor, "bv h w 2"]
    near: Float[Tensor, "bv h w 2"]
    near_visible: Bool[Tensor, "bv 1 h w"]
    hidden: Bool[Tensor, "bv 1 h w"]

    def at(self, rows: Int[Tensor, "k"]) -> FlowGrids:
        """Those of some of the rows."""
        return FlowGrids(self.far[rows], self.near[rows], self.near_visible[rows], self.hidden[rows])


def coarse_intrinsics(intrinsics: Float[Tensor, "b v 3 3"], block_px: int) -> Float[Tensor, "b v 3 3"]:
    """Intrinsics of the picture whose pixels are blocks of ``block_px`` pixels, integer coordinates at block centres."""
    scale = torch.tensor([1 / block_px, 1 / block_px, 1.0], device=intrinsics.device).view(3, 1)
    shift = torch.zeros(3, 3, device=intrinsics.device)
    shift[:2, 2] = 0.5 / block_px - 0.5
    return intrinsics * scale + shift


def flow_grids(conditions: Conditions) -> FlowGrids:
    """The grids of one frame; identity for samples whose ego motion or camera is absent. In fp32 whatever autocast says: bf16
    would move pixels."""
    with torch.autocast(conditions.intrinsics.device.type, enabled=False):
        rows, columns = conditions.height_px // COARSE_PX, conditions.width_px // COARSE_PX
        rays = camera_rays(coarse_intrinsics(conditions.intrinsics, COARSE_PX), conditions.ego_from_camera, rows, columns)
        distance, box_depth = near_distance(conditions, rays)
        near_points = _along(conditions, rays, distance)
        near_points = near_points - box_travel(conditions, near_points, box_depth > 0)
        before = _before(conditions, near_points)
        near, inside = _grid(conditions, before, rows, columns)
        hidden = hidden_before(
            _pixels(conditions, before), before[..., 2, :], (box_depth > 0).flatten(3)[:, :, 0], rows, columns
        )
        hidden = (
            hidden.flatten(0, 1).unflatten(-1, (rows, columns)).repeat_interleave(COARSE_PX, 1).repeat_interleave(COARSE_PX, 2)
        )
        hidden = hidden[:, None] & _known(conditions).view(-1, 1, 1, 1)
        everything = torch.full_like(distance, INFINITELY_FAR_M)
        far, _ = _grid(conditions, _before(conditions, _along(conditions, rays, everything)), rows, columns)
        return FlowGrids(far, near, inside & ~hidden, hidden)


def moved_px(grids: FlowGrids) -> Float[Tensor, "bv 1 h w"]:
    """How many pixels each pixel has moved since the previous frame, by the guessed depths; infinitely far where it cannot be
    found there."""
    height, width = grids.near.shape[1:3]
    now = _identity(len(grids.near), height, width, grids.near).permute(0, 2, 3, 1)
    size = torch.tensor([width / 2, height / 2], device=now.device, dtype=now.dtype)
    distance = ((grids.near - now) * size).norm(dim=-1)[:, None]
    return torch.where(grids.near_visible, distance, torch.inf)


def hidden_before(
    pixels: Float[Tensor, "b v 2 n"], depth: Float[Tensor, "b v n"], on_box: Bool[Tensor, "b v n"], rows: int, columns: int
) -> Bool[Tensor, "b v n"]:
    """Which points a box hid in the previous frame. ``pixels`` (blocks, integers at block centres) and ``depth`` (metres) are
    the points' in that frame's camera. The nearest box point in each block hides other boxes that lie more than a metre behind
    it, and all else that is not clearly before it, since a wall's depth is but guessed."""
    place = pixels.round().long()
    inside = ((place >= 0) & (place < torch.tensor([columns, rows], device=place.device).view(2, 1))).all(2) & (depth > 0)
    index = torch.where(inside, place[..., 1, :] * columns + place[..., 0, :], 0)
    nearest = torch.full((*depth.shape[:2], rows * columns), torch.inf, device=depth.device)
    nearest = nearest.scatter_reduce(2, index, torch.where(inside & on_box, depth, torch.inf), "amin")
    nearest = nearest.gather(2, index)
    return inside & (depth > torch.where(on_box, nearest + HIDDEN_BEHIND_M, CLEARLY_BEFORE * nearest))


def fill(picture: Float[Tensor, "n c h w"], holes: Bool[Tensor, "n 1 h w"]) -> Float[Tensor, "n c h w"]:
    """The picture with its holes filled from what is around them: means of ever larger blocks of what is known."""
    if not holes.any():
        return picture
    known = (~holes).to(picture.dtype)
    pyramid = [(picture * known, known)]
    while min(pyramid[-1][0].shape[-2:]) >= 2 and len(pyramid) < FILL_LEVELS:
        pyramid.append((F.avg_pool2d(pyramid[-1][0], 2), F.avg_pool2d(pyramid[-1][1], 2)))
    total, weight = pyramid.pop()
    filled = total / weight.clamp(min=1e-6)
    for total, weight in reversed(pyramid):
        larger = F.interpolate(filled, size=total.shape[-2:], mode="nearest")
        filled = torch.where(weight > 0, total / weight.clamp(min=1e-6), larger)
    return filled


def near_view(picture: Float[Tensor, "bv c h w"], grids: FlowGrids) -> Float[Tensor, "bv c h w"]:
    """The previous picture moved by the guessed depths, what a box hid in it filled."""
    return fill(warp(picture, grids.near), grids.hidden)


def near_distance(
    conditions: Conditions, rays: Float[Tensor, "b v 3 r s"]
) -> tuple[Float[Tensor, "b v 1 r s"], Float[Tensor, "b v 1 r s"]]:
    """The guessed metres along each unit ray (the nearest of ground, wall and box), and the boxes' inverse depth."""
    cosine = (rays * _forward(conditions)).sum(2, keepdim=True).clamp(min=1e-3)
    ground = _ground_distance(conditions, rays)
    distance = torch.minimum(ground, _wall_depth(conditions)[:, :, None, None] / cosine)
    inverse_depth = F.max_pool2d(conditions.depth_image.flatten(0, 1).float(), COARSE_PX)
    below = F.pad(inverse_depth, (0, 0, 1, 0))[:, :, :-1]  # the shadow under a car goes with it
    inverse_depth = torch.maximum(inverse_depth, below).unflatten(0, rays.shape[:2]) / 255
    distance = torch.where(inverse_depth > 0, 1.0 / inverse_depth.clamp(min=1e-6) / cosine, distance)
    return torch.where(distance < FARTHEST_M, distance, INFINITELY_FAR_M), inverse_depth


def _wall_depth(conditions: Conditions) -> Float[Tensor, "b v s"]:
    """Depth in metres, by block of columns, of an upright wall behind the farthest mapped ground; without a map very far."""
    height = conditions.height_px
    ground = conditions.map_image[:, :, list(GROUND_LAYERS)].amax(2) > 127  # b v h w
    columns = ground.unflatten(-1, (-1, COARSE_PX)).any(-1)  # b v h s
    top = columns.float().argmax(2)  # the first row with ground in it
    scale = torch.tensor([1 / COARSE_PX, 1.0, 1.0], device=top.device).view(3, 1)
    shift = torch.zeros(3, 3, device=top.device)
    shift[0, 2] = 0.5 / COARSE_PX - 0.5
    intrinsics = conditions.intrinsics * scale + shift
    rays = camera_rays(intrinsics, conditions.ego_from_camera, height, columns.shape[-1])
    depth = _ground_distance(conditions, rays) * (rays * _forward(conditions)).sum(2, keepdim=True)  # b v 1 h s
    at_top = depth[:, :, 0].gather(2, top[:, :, None])[:, :, 0]
    known = columns.any(2) & conditions.present.map[:, None, None]
    return torch.where(known, at_top + WALL_SETBACK_M, INFINITELY_FAR_M)


def _ground_distance(conditions: Conditions, rays: Float[Tensor, "b v 3 r s"]) -> Float[Tensor, "b v 1 r s"]:
    """Metres along each unit ray to the plane z = 0; infinitely far above the horizon."""
    camera_height = conditions.ego_from_camera[..., 2, 3][..., None, None, None]
    distance = camera_height / (-rays[:, :, 2:]).clamp(min=1e-6)
    return torch.where(rays[:, :, 2:] < 0, distance, INFINITELY_FAR_M)


def box_travel(
    conditions: Conditions, points: Float[Tensor, "b v 3 n"], on_box: Bool[Tensor, "b v 1 r s"]
) -> Float[Tensor, "b v 3 n"]:
    """How far (metres, ego axes) the object at each point has moved since the last frame: the nearest box's velocity times the
    time; zero off the boxes."""
    rotation, translation = conditions.ego_from_camera[..., :3, :3], conditions.ego_from_camera[..., :3, 3:]
    centres = rotation @ conditions.boxes.corners_m.mean(-2).transpose(-1, -2) + translation  # b v 3 k
    velocity = rotation @ conditions.boxes.velocity_mps.transpose(-1, -2)
    gap = torch.cdist(points.transpose(-1, -2), centres.transpose(-1, -2))  # b v n k
    gap = torch.where(conditions.boxes.mask[:, :, None], gap, torch.inf)
    nearest = gap.argmin(-1)[:, :, None].expand_as(points)
    travel = velocity.gather(3, nearest) * conditions.seconds_since_previous.view(-1, 1, 1, 1)
    counts = on_box.flatten(3) & conditions.boxes.mask.any(-1)[..., None, None] & conditions.present.boxes.view(-1, 1, 1, 1)
    return torch.where(counts, travel, 0.0)


def _forward(conditions: Conditions) -> Float[Tensor, "b v 3 1 1"]:
    """The camera's z axis in the ego frame."""
    return conditions.ego_from_camera[..., :3, 2][..., None, None]


def _along(conditions: Conditions, rays: Tensor, distance: Tensor) -> Float[Tensor, "b v 3 n"]:
    """Points in this frame's ego frame."""
    return (conditions.ego_from_camera[..., :3, 3][..., None, None] + rays * distance).flatten(3)


def _before(conditions: Conditions, now: Float[Tensor, "b v 3 n"]) -> Float[Tensor, "b v 3 n"]:
    """Points of this ego frame in the previous frame's cameras."""
    motion = conditions.previous_from_current[:, None].float()
    before = motion[..., :3, :3] @ now + motion[..., :3, 3:]
    rotation, translation = conditions.ego_from_camera[..., :3, :3], conditions.ego_from_camera[..., :3, 3:]
    return rotation.transpose(-1, -2) @ (before - translation)


def _pixels(conditions: Conditions, camera: Float[Tensor, "b v 3 n"]) -> Float[Tensor, "b v 2 n"]:
    """Points of a camera frame in blocks of ``COARSE_PX`` pixels, integer coordinates at block centres."""
    return (coarse_intrinsics(conditions.intrinsics, COARSE_PX) @ (camera / camera[..., 2:, :].clamp(min=0.1)))[..., :2, :]


def _known(conditions: Conditions) -> Bool[Tensor, "bv"]:
    """Where both the ego motion and the camera are there."""
    return (conditions.present.ego_motion & conditions.present.camera).repeat_interleave(conditions.intrinsics.shape[1])


def _grid(
    conditions: Conditions, before: Float[Tensor, "b v 3 n"], rows: int, columns: int
) -> tuple[Float[Tensor, "bv h w 2"], Bool[Tensor, "bv 1 h w"]]:
    """Where points of the previous frame's cameras lie in its pictures, interpolated to every pixel; and whether inside."""
    pixels = _pixels(conditions, before)
    size = torch.tensor([columns, rows], device=pixels.device, dtype=pixels.dtype).view(2, 1)
    moved = ((pixels + 0.5) / size * 2 - 1).reshape(-1, 2, rows, columns)
    known = _known(conditions).view(-1, 1, 1, 1)
    displacement = torch.where(known, moved - _identity(len(moved), rows, columns, moved), 0.0)
    fine = F.interpolate(displacement, size=(conditions.height_px, conditions.width_px), mode="bilinear", align_corners=False)
    grid = _identity(len(moved), conditions.height_px, conditions.width_px, moved) + fine
    return grid.permute(0, 2, 3, 1), (grid.abs() <= 1).all(1, keepdim=True)


def _identity(n: int, rows: int, columns: int, like: Tensor) -> Float[Tensor, "n 2 r s"]:
    y = (torch.arange(rows, device=like.device, dtype=like.dtype) + 0.5) / rows * 2 - 1
    x = (torch.arange(columns, device=like.device, dtype=like.dtype) + 0.5) / columns * 2 - 1
    return torch.stack([x.expand(rows, columns), y[:, None].expand(rows, columns)]).expand(n, 2, rows, columns)


def warp(image: Float[Tensor, "bv c h w"], grid: Float[Tensor, "bv h w 2"]) -> Float[Tensor, "bv c h w"]:
    """The picture sampled at the grid, outside it the nearest edge pixel. Bicubic: what is warped once a frame loses a third of
    its gradient energy within four frames bilinearly, and keeps it so."""
    return F.grid_sample(image, grid.to(image.dtype), mode="bicubic", padding_mode="border", align_corners=False)

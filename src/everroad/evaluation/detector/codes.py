"""Boxes as the detector's numbers. Axis letters: ``*n`` boxes.

A code is (x, y, z, log length, log width, log height, sin yaw, cos yaw, velocity x, velocity y) in an ego frame: metres, m/s.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, NamedTuple, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor

CODE = 10
STANDARD_DEPTH_PX = 180.0  # of a lens of so many pixels the depth is told; of a longer one it is so much farther


Made = TypeVar("Made")


def exactly(function: Callable[..., Made]) -> Callable[..., Made]:
    """Geometry in float32 whatever the networks around it compute in: bfloat16 would move places by a pixel."""

    @wraps(function)
    def in_float32(*arguments: Any) -> Made:
        with torch.autocast(arguments[0].device.type, enabled=False):
            return function(*arguments)

    return in_float32


class Lens(NamedTuple):
    """Intrinsics and place of the camera of each picture."""

    intrinsics: Float[Tensor, "b 3 3"]
    ego_from_camera: Float[Tensor, "b 4 4"]


def encode(boxes: Float[Tensor, "*n 9"]) -> Float[Tensor, "*n 10"]:
    """Of boxes as ``labelled_clips`` has them: centre, length, width, height, yaw, velocity."""
    size = boxes[..., 3:6].clamp(min=0.05).log()
    yaw = boxes[..., 6:7]
    return torch.cat([boxes[..., :3], size, yaw.sin(), yaw.cos(), boxes[..., 7:9]], -1)


def decode(codes: Float[Tensor, "*n 10"]) -> Float[Tensor, "*n 9"]:
    """The boxes of codes."""
    yaw = torch.atan2(codes[..., 6:7], codes[..., 7:8])
    return torch.cat([codes[..., :3], codes[..., 3:6].clamp(-3.0, 3.5).exp(), yaw, codes[..., 8:10]], -1)


@exactly
def lifted(pixel: Float[Tensor, "b n 2"], dense: Float[Tensor, "b n 8"], lens: Lens) -> Float[Tensor, "b n 10"]:
    """Codes in the ego frame of what a place of the picture tells.

    That is: log depth, log sizes (3), sine and cosine of the yaw against the ray, forward speed, how far the centre is over
    the ray, in metres.
    """
    focal = lens.intrinsics[:, 0, 0, None]
    depth = dense[..., 0].clamp(-2.0, 5.5).exp() * focal / STANDARD_DEPTH_PX
    ones = torch.ones_like(pixel[..., :1])
    rays = torch.linalg.solve(lens.intrinsics, torch.cat([pixel, ones], -1).transpose(1, 2)).transpose(1, 2)
    camera = rays * depth[..., None]
    rotation, place = lens.ego_from_camera[:, :3, :3], lens.ego_from_camera[:, None, :3, 3]
    ego = camera @ rotation.transpose(1, 2) + place
    out = rays @ rotation.transpose(1, 2)
    azimuth = torch.atan2(out[..., 1], out[..., 0])
    c, s = azimuth.cos(), azimuth.sin()
    sin, cos = dense[..., 4] * c + dense[..., 5] * s, dense[..., 5] * c - dense[..., 4] * s
    norm = torch.stack([sin, cos], -1).norm(dim=-1).clamp(min=1e-3)
    sin, cos = sin / norm, cos / norm
    speed = dense[..., 6]
    return torch.cat(
        [
            ego[..., :2],
            (ego[..., 2] + dense[..., 7])[..., None],
            dense[..., 1:4],
            torch.stack([sin, cos, speed * cos, speed * sin], -1),
        ],
        -1,
    )


@exactly
def told(
    codes: Float[Tensor, "b n 10"], lens: Lens
) -> tuple[Float[Tensor, "b n 2"], Float[Tensor, "b n 8"], Float[Tensor, "b n"]]:
    """The reverse of ``lifted`` for boxes: the pixel of the centre, what is to be told there, and the centre's depth in metres
    (below zero behind the camera)."""
    rotation, place = lens.ego_from_camera[:, :3, :3], lens.ego_from_camera[:, None, :3, 3]
    camera = (codes[..., :3] - place) @ rotation
    depth = camera[..., 2]
    ahead = depth.clamp(min=0.1)
    pixel = (camera @ lens.intrinsics.transpose(1, 2))[..., :2] / ahead[..., None]
    out = (camera / ahead[..., None]) @ rotation.transpose(1, 2)
    azimuth = torch.atan2(out[..., 1], out[..., 0])
    c, s = azimuth.cos(), azimuth.sin()
    sin, cos = codes[..., 6], codes[..., 7]
    focal = lens.intrinsics[:, 0, 0, None]
    speed = codes[..., 8] * cos + codes[..., 9] * sin
    log_depth = (ahead * STANDARD_DEPTH_PX / focal).log()
    dense = torch.stack(
        [log_depth, *codes[..., 3:6].unbind(-1), sin * c - cos * s, sin * s + cos * c, speed, torch.zeros_like(speed)], -1
    )
    return pixel, dense, depth


@exactly
def moved(codes: Float[Tensor, "b n 10"], now_from_then: Float[Tensor, "b 4 4"], seconds: float) -> Float[Tensor, "b n 10"]:
    """Codes of an earlier ego frame in the present one, each box gone on with its velocity."""
    rotation = now_from_then[:, :3, :3].transpose(1, 2)
    centre = torch.cat([codes[..., :2] + seconds * codes[..., 8:10], codes[..., 2:3]], -1)
    centre = centre @ rotation + now_from_then[:, None, :3, 3]
    heading = torch.cat([codes[..., 7:8], codes[..., 6:7]], -1) @ rotation[:, :2, :2]
    velocity = codes[..., 8:10] @ rotation[:, :2, :2]
    return torch.cat([centre, codes[..., 3:6], heading.flip(-1), velocity], -1)

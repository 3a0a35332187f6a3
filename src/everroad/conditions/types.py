"""Contract 2: ``Conditions``, what one frame of one or more cameras is conditioned on, as tensors at frame resolution.

Axis letters: ``b`` independent streams, ``v`` camera views, ``c h w`` channels and pixels, ``n`` objects. Pictures are uint8 (0
to 255); networks divide by 255. Every part has a per-sample ``present`` flag: an absent part holds zeros here and enters the
network as a learned embedding. ``conditions.build.build_conditions`` makes them in training, in generation and in the
simulator.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, TypeVar

import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

# Channels of ``map_image``. Virtual lines (mark "none") are in no channel.
MAP_LAYERS: tuple[str, ...] = (
    "drivable_area", "walkway", "ped_crossing", "stop_line", "divider_solid", "divider_dashed", "road_divider",
)  # fmt: skip
# Channels of ``box_image``: the convex hull of the projected box, by group, and the box's front face (255 where the camera sees
# its outside, 128 where the box covers it).
BOX_LAYERS: tuple[str, ...] = ("car", "large_vehicle", "two_wheeler", "pedestrian", "other", "front_face")
# Values of ``BoxList.class_index``: the ten nuScenes detection classes, in ``scenario.types.DETECTION_CLASSES`` order, then
# "none".
NUM_BOX_CLASSES = 11


@dataclass(frozen=True)
class BoxList:
    """Boxes seen by each camera, nearest first, padded to n rows. Camera frame, metres and metres a second."""

    corners_m: Float[Tensor, "b v n 8 3"]  # order of geometry.UNIT_BOX_CORNERS, not clipped
    velocity_mps: Float[Tensor, "b v n 3"]  # of the object over the ground, along camera axes; zero where unknown
    class_index: Int[Tensor, "b v n"]
    mask: Bool[Tensor, "b v n"]


@dataclass(frozen=True)
class Presence:
    """Which parts are there, per sample."""

    map: Bool[Tensor, "b"]
    boxes: Bool[Tensor, "b"]  # box_image, depth_image and the box list together
    camera: Bool[Tensor, "b"]
    ego_motion: Bool[Tensor, "b"]
    weather: Bool[Tensor, "b"]
    time_of_day: Bool[Tensor, "b"]


@dataclass(frozen=True)
class Conditions:
    """Everything that one frame is told.

    ``depth_image`` is the nearest box's inverse depth: 255 at 1 m or nearer, proportional to 1/depth, 0 where there is no box.
    ``intrinsics`` belong to the frame's own size h x w. ``previous_from_current`` takes points of this frame's ego car to the
    previous frame's, the identity where the ego motion is absent. ``weather`` and ``time_of_day`` index
    ``scenario.types.WEATHERS`` and ``TIMES_OF_DAY``.
    """

    map_image: UInt8[Tensor, "b v 7 h w"]
    box_image: UInt8[Tensor, "b v 6 h w"]
    depth_image: UInt8[Tensor, "b v 1 h w"]
    boxes: BoxList
    intrinsics: Float[Tensor, "b v 3 3"]
    ego_from_camera: Float[Tensor, "b v 4 4"]
    previous_from_current: Float[Tensor, "b 4 4"]
    seconds_since_previous: Float[Tensor, "b"]
    weather: Int[Tensor, "b"]
    time_of_day: Int[Tensor, "b"]
    present: Presence

    @property
    def batch_size(self) -> int:
        return self.map_image.shape[0]

    @property
    def height_px(self) -> int:
        return self.map_image.shape[-2]

    @property
    def width_px(self) -> int:
        return self.map_image.shape[-1]

    def to(self, device: torch.device | str) -> Conditions:
        """The same conditions on a device."""
        return map_tensors(self, lambda tensor: tensor.to(device))

    def split(self) -> list[Conditions]:
        """One ``Conditions`` of batch size 1 for each sample."""
        return [map_tensors(self, lambda tensor, i=i: tensor[i : i + 1]) for i in range(self.batch_size)]


T = TypeVar("T")


def map_tensors(tree: T, function: Any) -> T:
    """A dataclass of tensors (nested, tuples too) with ``function`` applied to each tensor."""
    if isinstance(tree, Tensor):
        return function(tree)
    if isinstance(tree, tuple):
        return tuple(map_tensors(item, function) for item in tree)  # type: ignore[return-value]
    if is_dataclass(tree) and not isinstance(tree, type):
        return type(tree)(**{f.name: map_tensors(getattr(tree, f.name), function) for f in fields(tree)})
    return tree


def cat_tensors(trees: Sequence[T], dim: int = 0) -> T:
    """Dataclasses of tensors of one structure, joined along ``dim``."""
    first = trees[0]
    if isinstance(first, Tensor):
        return torch.cat(list(trees), dim)  # type: ignore[misc]
    if isinstance(first, tuple):
        return tuple(cat_tensors(items, dim) for items in zip(*trees, strict=True))  # type: ignore[call-overload,return-value]
    if is_dataclass(first) and not isinstance(first, type):
        return type(first)(**{f.name: cat_tensors([getattr(t, f.name) for t in trees], dim) for f in fields(first)})
    return first


def cat_conditions(parts: Sequence[Conditions]) -> Conditions:
    """Conditions of several streams as one batch. All must have the same views and size."""
    return cat_tensors(parts)

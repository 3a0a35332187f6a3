"""Conditions with one part altered: absent, another town's, or mirrored left to right.

*zero* marks the part absent, and it holds zeros as the contract of ``conditions.types`` has it; what is inverted or multiplied
on the way (the ego motion and the camera) holds the identity. *shuffle* gives every town of the batch the part of the town
before it at the same frame. *mirror* exchanges left and right: of the pictures, of the boxes in the camera's frame, and of the
ego's motion. The camera itself stays, so where its principal point is not in the middle of the picture, a mirrored box and its
mirrored picture lie that much apart.

Two parts are none of the conditions: the *anchor*, the first frame that a stream remembers, and the *start*, the picture it
begins with, which is both the anchor and the first previous frame.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar, get_args

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from everroad.conditions.types import BoxList, Conditions, map_tensors
from everroad.stream.state import StreamState

Part = Literal["map", "boxes", "ego_motion", "camera", "weather", "time_of_day", "anchor", "start"]
Way = Literal["zero", "shuffle", "mirror"]
MIRRORED_PARTS: tuple[Part, ...] = ("map", "boxes", "ego_motion")

_FIELDS: dict[str, tuple[str, ...]] = {
    "map": ("map_image",),
    "boxes": ("box_image", "depth_image", "boxes"),
    "ego_motion": ("previous_from_current",),
    "camera": ("intrinsics", "ego_from_camera"),
    "weather": ("weather",),
    "time_of_day": ("time_of_day",),
}
_MATRICES = ("previous_from_current", "intrinsics", "ego_from_camera")
# Left and right corners of ``geometry.UNIT_BOX_CORNERS`` exchanged.
_OTHER_SIDE = [1, 0, 3, 2, 5, 4, 7, 6]
T = TypeVar("T")


@dataclass(frozen=True)
class Alteration:
    """One part, altered in one way. Raises ``ValueError`` for a mirrored part that has no left and right."""

    part: Part
    way: Way

    def __post_init__(self) -> None:
        if self.way == "mirror" and self.part not in MIRRORED_PARTS:
            raise ValueError(f"mirror: expected {', '.join(MIRRORED_PARTS)}, got '{self.part}', which has no sides; name one")

    @property
    def name(self) -> str:
        return f"{self.part}, {self.way}"


ALTERATIONS: tuple[Alteration, ...] = tuple(
    Alteration(part, way) for part in get_args(Part) for way in get_args(Way) if way != "mirror" or part in MIRRORED_PARTS
)


def altered(conditions: Conditions, alteration: Alteration) -> Conditions:
    """The conditions of a batch of towns, one part altered; unchanged for a part that is none of them.

    Raises ``ValueError`` for a shuffle of one town.
    """
    if alteration.part not in _FIELDS:
        return conditions
    if alteration.way == "zero":
        return _absent(conditions, alteration.part)
    if alteration.way == "shuffle":
        _refuse_one(conditions.batch_size)
        present = replace(conditions.present, **{alteration.part: rolled(getattr(conditions.present, alteration.part))})
        return _with(conditions, alteration.part, lambda _, value: rolled(value), present=present)
    return _with(conditions, alteration.part, _mirrored)


def with_altered_anchor(state: StreamState, way: Way) -> StreamState:
    """The state of a batch of towns with no anchor, or each with the anchor of the town before it.

    Raises ``ValueError`` for a shuffle of one town.
    """
    if way == "zero":
        return replace(state, anchor=torch.zeros_like(state.anchor), anchor_present=torch.zeros_like(state.anchor_present))
    _refuse_one(state.batch_size)
    return replace(state, anchor=rolled(state.anchor), anchor_present=rolled(state.anchor_present))


def altered_start(pictures: Float[Tensor, "b v 3 h w"], way: Way) -> Float[Tensor, "b v 3 h w"] | None:
    """No start pictures, so that frame 0 is generated, or each town with that of the town before it.

    Raises ``ValueError`` for a shuffle of one town.
    """
    if way == "zero":
        return None
    _refuse_one(len(pictures))
    return rolled(pictures)


def differs(one: Conditions, other: Conditions, part: Part) -> Bool[Tensor, "b"]:
    """For which towns a part of the conditions, or whether it is there, is not the same."""
    unequal = getattr(one.present, part) != getattr(other.present, part)
    for name in _FIELDS[part]:
        for a, b in zip(_tensors(getattr(one, name)), _tensors(getattr(other, name)), strict=True):
            unequal = unequal | (a != b).flatten(1).any(1) if a.ndim > 1 else unequal | (a != b)
    return unequal


def rolled(tree: T) -> T:
    """Every town's row of tensors given to the next town, the last one's to the first."""
    return map_tensors(tree, lambda tensor: tensor.roll(1, 0))


def _absent(conditions: Conditions, part: str) -> Conditions:
    present = replace(conditions.present, **{part: torch.zeros_like(getattr(conditions.present, part))})

    def nothing(name: str, value: Any) -> Any:
        if name in _MATRICES:
            return torch.eye(value.shape[-1], dtype=value.dtype, device=value.device).expand_as(value).clone()
        return map_tensors(value, torch.zeros_like)

    return _with(conditions, part, nothing, present=present)


def _mirrored(name: str, value: Any) -> Any:
    if isinstance(value, BoxList):
        sides = torch.tensor([-1.0, 1.0, 1.0], device=value.corners_m.device)
        return replace(value, corners_m=value.corners_m[..., _OTHER_SIDE, :] * sides, velocity_mps=value.velocity_mps * sides)
    if name == "previous_from_current":
        sides = torch.tensor([1.0, -1.0, 1.0, 1.0], device=value.device)
        return value * sides * sides[:, None]
    return value.flip(-1)


def _with(conditions: Conditions, part: str, function: Callable[[str, Any], Any], **more: Any) -> Conditions:
    """The fields of a part replaced by a function of their name and value."""
    return replace(conditions, **{name: function(name, getattr(conditions, name)) for name in _FIELDS[part]}, **more)


def _tensors(value: Tensor | BoxList) -> tuple[Tensor, ...]:
    if isinstance(value, Tensor):
        return (value,)
    return (value.corners_m, value.velocity_mps, value.class_index, value.mask)


def _refuse_one(towns: int) -> None:
    if towns < 2:
        raise ValueError(f"shuffle: expected 2 towns at least, got {towns}; ask for more")

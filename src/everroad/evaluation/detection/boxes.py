"""Boxes of one sample (a key frame): what is there, and what a detector found. Axis letter ``b``: boxes.

All boxes of a sample are in one frame of reference, the world's or the ego car's; no score depends on which.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field, fields

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from everroad import geometry
from everroad.export.vocabulary import ATTRIBUTES
from everroad.scenario.checks import check_positions, check_range, check_shape, check_unit_quaternions
from everroad.scenario.types import DETECTION_CLASSES

ATTRIBUTE_NAMES: tuple[str, ...] = tuple(ATTRIBUTES)
NO_ATTRIBUTE = -1


def label_of(name: str) -> int:
    """Where a class stands in ``DETECTION_CLASSES``. Raises ``ValueError`` for an unknown one, with the nearest."""
    return _place(name, DETECTION_CLASSES, "class")


def attribute_label_of(name: str) -> int:
    """Where an attribute stands in ``ATTRIBUTE_NAMES``; ``NO_ATTRIBUTE`` for "". Raises ``ValueError`` for an unknown one."""
    return _place(name, ATTRIBUTE_NAMES, "attribute") if name else NO_ATTRIBUTE


def _place(name: str, names: tuple[str, ...], what: str) -> int:
    if name in names:
        return names.index(name)
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean '{near[0]}'?" if near else "name one of them"
    raise ValueError(f"{what}: expected one of {', '.join(names)}, got '{name}'; {hint}")


@dataclass(frozen=True, eq=False)
class Boxes:
    """Boxes with their class (a place in ``DETECTION_CLASSES``) and attribute (a place in ``ATTRIBUTE_NAMES``, -1: none).

    ``velocity_mps`` is over ground, in the plane; NaN where it is not known.

    Raises ``ValueError`` for shapes that differ, sizes that are not positive, numbers that are not finite, and places that
    there are not.
    """

    centre_m: Float[ndarray, "b 3"]
    size_lwh_m: Float[ndarray, "b 3"]
    rotation_wxyz: Float[ndarray, "b 4"]
    velocity_mps: Float[ndarray, "b 2"]
    label: Int[ndarray, "b"]
    attribute: Int[ndarray, "b"]

    def __post_init__(self) -> None:
        for name, width in (("centre_m", 3), ("size_lwh_m", 3), ("rotation_wxyz", 4), ("velocity_mps", 2)):
            check_shape(f"boxes.{name}", getattr(self, name), (len(self), width))
        check_positions("boxes.centre_m", self.centre_m)
        check_range("boxes.size_lwh_m", self.size_lwh_m, np.finfo(np.float64).tiny, 1e4, "m")
        check_unit_quaternions("boxes.rotation_wxyz", self.rotation_wxyz)
        if np.isinf(self.velocity_mps).any():
            raise ValueError("boxes.velocity_mps: expected finite numbers or NaN, got an infinite one; mend or drop it")
        for name, least, most in (("label", 0, len(DETECTION_CLASSES)), ("attribute", NO_ATTRIBUTE, len(ATTRIBUTE_NAMES))):
            values = getattr(self, name)
            check_shape(f"boxes.{name}", values, (len(self),))
            check_range(f"boxes.{name}", values, float(least), float(most - 1))

    def __len__(self) -> int:
        return len(self.centre_m)

    @property
    def yaw_rad(self) -> Float[ndarray, "b"]:
        """Headings in the plane."""
        return geometry.yaw_from_rotation(geometry.rotation_from_quaternion(self.rotation_wxyz))

    def of(self, which: Bool[ndarray, "b"] | Int[ndarray, "_"]) -> Boxes:
        """Some of the boxes."""
        return Boxes(*(getattr(self, item.name)[which] for item in fields(self)))


def no_boxes() -> Boxes:
    """None at all."""
    none = np.zeros(0, dtype=np.int64)
    return Boxes(np.zeros((0, 3)), np.zeros((0, 3)), np.zeros((0, 4)), np.zeros((0, 2)), none, none)


@dataclass(frozen=True, eq=False)
class Racks:
    """Bicycle racks of a sample: bicycles and motorcycles inside of them count neither as truth nor as detections."""

    centre_m: Float[ndarray, "b 3"]
    size_lwh_m: Float[ndarray, "b 3"]
    rotation_wxyz: Float[ndarray, "b 4"]


def no_racks() -> Racks:
    """None at all."""
    return Racks(np.zeros((0, 3)), np.zeros((0, 3)), np.zeros((0, 4)))


@dataclass(frozen=True, eq=False)
class Truth:
    """What is there in one sample.

    ``ego_xy_m`` is where the ego car stands in the boxes' frame. ``points`` are the lidar and radar points in each box: one
    without any does not count. ``None``: nobody counted.
    """

    boxes: Boxes
    ego_xy_m: Float[ndarray, "2"] = field(default_factory=lambda: np.zeros(2))
    points: Int[ndarray, "b"] | None = None
    racks: Racks = field(default_factory=no_racks)

    def __post_init__(self) -> None:
        check_shape("truth.ego_xy_m", self.ego_xy_m, (2,))
        check_positions("truth.ego_xy_m", self.ego_xy_m)
        if self.points is not None:
            check_shape("truth.points", self.points, (len(self.boxes),))


@dataclass(frozen=True, eq=False)
class Detections:
    """What a detector found in one sample, in the frame of the sample's truth. Scores are 0 or more.

    Raises ``ValueError`` for scores below 0, scores or velocities that are not finite, and another number of scores than boxes.
    """

    boxes: Boxes
    score: Float[ndarray, "b"]

    def __post_init__(self) -> None:
        check_shape("detections.score", self.score, (len(self.boxes),))
        for name, values in (("score", self.score), ("velocity_mps", self.boxes.velocity_mps)):
            bad = np.argwhere(~np.isfinite(values))
            if len(bad):
                got = values[tuple(bad[0])]
                raise ValueError(f"detections.{name}: expected finite numbers, got {got} at box {bad[0][0]}; mend or drop it")
        if (self.score < 0).any():
            raise ValueError(f"detections.score: expected numbers of 0 and more, got {self.score.min()}; give probabilities")

    def of(self, which: Bool[ndarray, "b"] | Int[ndarray, "_"]) -> Detections:
        """Some of the detections."""
        return Detections(self.boxes.of(which), self.score[which])


def no_detections() -> Detections:
    """None at all."""
    return Detections(no_boxes(), np.zeros(0))

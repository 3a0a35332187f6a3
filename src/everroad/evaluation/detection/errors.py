"""How far a detection is from the box that it matches: nuScenes' five true positive errors."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from everroad.evaluation.detection.boxes import NO_ATTRIBUTE, Boxes, label_of
from everroad.evaluation.detection.config import HALF_TURN_CLASSES

_HALF_TURN_LABELS = tuple(label_of(name) for name in HALF_TURN_CLASSES)


def pair_errors(truth: Boxes, found: Boxes) -> Float[ndarray, "b 5"]:
    """Of pairs of boxes, in the order of ``ERRORS``: metres in the plane, 1 - intersection over union of the sizes, radians,
    metres a second in the plane, 0 or 1. NaN where the truth knows no velocity or no attribute."""
    metres = np.linalg.norm(found.centre_m[:, :2] - truth.centre_m[:, :2], axis=1)
    speed = np.linalg.norm(found.velocity_mps - truth.velocity_mps, axis=1)
    attribute = np.where(truth.attribute == NO_ATTRIBUTE, np.nan, truth.attribute != found.attribute)
    period = np.where(np.isin(truth.label, _HALF_TURN_LABELS), np.pi, 2 * np.pi)
    turn = angle_between(truth.yaw_rad, found.yaw_rad, period)
    return np.stack([metres, 1 - size_overlap(truth.size_lwh_m, found.size_lwh_m), turn, speed, attribute], axis=1)


def size_overlap(first_lwh_m: Float[ndarray, "b 3"], second_lwh_m: Float[ndarray, "b 3"]) -> Float[ndarray, "b"]:
    """Intersection over union of boxes laid on one centre and heading."""
    shared = np.minimum(first_lwh_m, second_lwh_m).prod(1)
    return shared / (first_lwh_m.prod(1) + second_lwh_m.prod(1) - shared)


def angle_between(first_rad: Float[ndarray, "b"], second_rad: Float[ndarray, "b"], period: ndarray) -> Float[ndarray, "b"]:
    """The smallest turn between headings that repeat every ``period``: 0 to half of that."""
    return np.abs((first_rad - second_rad + period / 2) % period - period / 2)

"""Which boxes of a sample count: nuScenes' filters by range, points and bicycle racks."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from everroad import geometry
from everroad.evaluation.detection.boxes import Boxes, Detections, Racks, Truth, label_of
from everroad.evaluation.detection.config import DetectionConfig

_CYCLES = (label_of("bicycle"), label_of("motorcycle"))


def counted_truth(truth: Truth, config: DetectionConfig) -> Boxes:
    """The boxes within their class's range that have a point or whose points nobody counted, cycles in racks left out."""
    counts = _counts(truth.boxes, truth, config)
    if truth.points is not None:
        counts &= truth.points != 0
    return truth.boxes.of(counts)


def counted_detections(detections: Detections, truth: Truth, config: DetectionConfig) -> Detections:
    """The detections within their class's range, cycles in racks left out."""
    return detections.of(_counts(detections.boxes, truth, config))


def _counts(boxes: Boxes, truth: Truth, config: DetectionConfig) -> Bool[ndarray, "b"]:
    away = boxes.centre_m[:, :2] - truth.ego_xy_m
    near = np.sqrt((away**2).sum(1)) < np.array(config.ranges_m, dtype=np.float64)[boxes.label]
    cycle = np.isin(boxes.label, _CYCLES)
    return near & ~(cycle & in_racks(boxes.centre_m, truth.racks))


def in_racks(points_m: Float[ndarray, "n 3"], racks: Racks) -> Bool[ndarray, "n"]:
    """Which points lie in any of the racks, edges included."""
    inside = np.zeros(len(points_m), dtype=bool)
    for centre, size, turn in zip(racks.centre_m, racks.size_lwh_m, racks.rotation_wxyz, strict=True):
        local = (points_m - centre) @ geometry.rotation_from_quaternion(turn)
        inside |= (np.abs(local) <= size / 2).all(1)
    return inside

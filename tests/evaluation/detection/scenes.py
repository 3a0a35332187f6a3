"""Random boxes and detections for the tests of the detection metrics."""

from __future__ import annotations

import numpy as np

from everroad import geometry
from everroad.evaluation.detection.boxes import ATTRIBUTE_NAMES, Boxes, Detections, Truth


def boxes(centres_xy: object, label: int | object = 0, **changes: object) -> Boxes:
    """Boxes of 4 m by 2 m by 1.5 m along x, that stand, at places in the plane."""
    places = np.asarray(centres_xy, dtype=np.float64).reshape(-1, 2)
    count = len(places)
    made = {
        "centre_m": np.concatenate([places, np.full((count, 1), 0.75)], axis=1),
        "size_lwh_m": np.tile([4.0, 2.0, 1.5], (count, 1)),
        "rotation_wxyz": np.tile([1.0, 0.0, 0.0, 0.0], (count, 1)),
        "velocity_mps": np.zeros((count, 2)),
        "label": np.broadcast_to(np.asarray(label), (count,)).astype(np.int64),
        "attribute": np.full(count, -1),
    }
    return Boxes(**(made | changes))


def random_sample(draw: np.random.Generator, most: int = 12, classes: int = 3, levels: int = 1000) -> tuple[Truth, Detections]:
    """Some boxes, and detections near most of them, some of nothing; few ``levels`` make many scores equal."""
    count, spare = int(draw.integers(0, most)), int(draw.integers(0, 4))
    truth = boxes(
        draw.uniform(-25, 25, (count, 2)),
        draw.integers(0, classes, count),
        velocity_mps=np.where(draw.random((count, 1)) < 0.2, np.nan, draw.normal(0, 3, (count, 2))),
        rotation_wxyz=geometry.quaternion_from_yaw(draw.uniform(-3, 3, count)),
        attribute=draw.integers(-1, len(ATTRIBUTE_NAMES), count),
    )
    rows = np.flatnonzero(draw.random(count) < 0.8)
    total = len(rows) + spare
    found = boxes(
        np.concatenate([truth.centre_m[rows, :2] + draw.normal(0, 1, (len(rows), 2)), draw.uniform(-25, 25, (spare, 2))]),
        np.concatenate([truth.label[rows], draw.integers(0, classes, spare)]),
        velocity_mps=draw.normal(0, 3, (total, 2)),
        size_lwh_m=draw.uniform(1, 5, (total, 3)),
        rotation_wxyz=geometry.quaternion_from_yaw(draw.uniform(-3, 3, total)),
        attribute=draw.integers(-1, len(ATTRIBUTE_NAMES), total),
    )
    return Truth(truth), Detections(found, draw.integers(0, levels, total) / levels)

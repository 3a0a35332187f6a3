"""From what the detector's queries say to detections as nuScenes scores them."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from torch import Tensor

from everroad import geometry
from everroad.evaluation.detection.boxes import NO_ATTRIBUTE, Boxes, Detections, attribute_label_of
from everroad.scenario.types import DETECTION_CLASSES

MOST, LEAST_SCORE = 100, 0.02
MOVING_MPS = 0.5
# The detector learns no attributes: they follow from the class and the speed, standing first.
_ATTRIBUTES: dict[str, tuple[str, str]] = {
    **dict.fromkeys(
        ("car", "truck", "bus", "trailer", "construction_vehicle"), ("vehicle.parked", "vehicle.moving")
    ),
    **dict.fromkeys(("motorcycle", "bicycle"), ("cycle.without_rider", "cycle.with_rider")),
    "pedestrian": ("pedestrian.standing", "pedestrian.moving"),
}  # fmt: skip


def detections_of(boxes: Float[Tensor, "q 9"], scores: Float[Tensor, "q c"]) -> Detections:
    """Of one picture, in its ego frame: the ``MOST`` best pairs of a query and a class, of at least ``LEAST_SCORE``."""
    flat = scores.flatten().double().cpu().numpy()
    best = np.argsort(-flat, kind="stable")[:MOST]
    best = best[flat[best] >= LEAST_SCORE]
    query, label = np.divmod(best, scores.shape[1])
    values = boxes.double().cpu().numpy()[query]
    velocity = values[:, 7:9]
    found = Boxes(
        values[:, :3],
        values[:, 3:6],
        geometry.quaternion_from_yaw(values[:, 6]),
        velocity,
        label,
        _attributes(label, np.linalg.norm(velocity, axis=1)),
    )
    return Detections(found, flat[best])


def _attributes(label: ndarray, speed_mps: Float[ndarray, "n"]) -> ndarray:
    out = np.full(len(label), NO_ATTRIBUTE)
    for i, (kind, speed) in enumerate(zip(label.tolist(), speed_mps.tolist(), strict=True)):
        names = _ATTRIBUTES.get(DETECTION_CLASSES[kind])
        if names is not None:
            out[i] = attribute_label_of(names[speed > MOVING_MPS])
    return out

"""What the detection metrics count: nuScenes' configuration ``detection_cvpr_2019``, and the same within a shorter range."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool
from numpy import ndarray

from everroad.scenario.types import DETECTION_CLASSES

ERRORS = ("translation", "scale", "orientation", "velocity", "attribute")
_WITHOUT = {"traffic_cone": {"orientation", "velocity", "attribute"}, "barrier": {"velocity", "attribute"}}
# Which class (row) has which error (column): cones have no heading; cones and barriers neither velocity nor attribute.
HAS_ERROR: Bool[ndarray, "10 5"] = np.array(
    [[error not in _WITHOUT.get(name, ()) for error in ERRORS] for name in DETECTION_CLASSES]
)
# A barrier's front and back look the same.
HALF_TURN_CLASSES = ("barrier",)
RECALLS = np.linspace(0, 1, 101)


@dataclass(frozen=True)
class DetectionConfig:
    """Settings of the metrics; as it stands ``detection_cvpr_2019`` of nuscenes-devkit 1.2.0.

    ``ranges_m`` has one a class, in the order of ``DETECTION_CLASSES``: boxes whose centre is as far from the ego car (in the
    plane) or further do not count. A match lies nearer than a threshold; errors are those of matches at ``error_threshold_m``.
    Recall up to ``least_recall`` and precision below ``least_precision`` earn nothing.

    Raises ``ValueError`` for numbers of ranges, ranges and thresholds that make no sense.
    """

    ranges_m: tuple[float, ...] = (50.0, 50.0, 50.0, 50.0, 50.0, 40.0, 40.0, 40.0, 30.0, 30.0)
    thresholds_m: tuple[float, ...] = (0.5, 1.0, 2.0, 4.0)
    error_threshold_m: float = 2.0
    least_recall: float = 0.1
    least_precision: float = 0.1
    most_boxes: int = 500
    weight_of_mean_ap: float = 5.0

    def __post_init__(self) -> None:
        if len(self.ranges_m) != len(DETECTION_CLASSES) or not all(0 < r < math.inf for r in self.ranges_m):
            raise ValueError(
                f"ranges_m: expected {len(DETECTION_CLASSES)} positive metres, one a class, got {self.ranges_m}; mend it"
            )
        if self.error_threshold_m not in self.thresholds_m or not all(
            0 < threshold < math.inf for threshold in self.thresholds_m
        ):
            got = f"{self.thresholds_m} and {self.error_threshold_m}"
            raise ValueError(f"thresholds_m: expected positive metres, error_threshold_m among them, got {got}; mend it")

    def within(self, range_m: float) -> DetectionConfig:
        """The same, no class further than ``range_m``. Raises ``ValueError`` unless that is positive and finite."""
        if not 0 < range_m < math.inf:
            raise ValueError(f"range: expected positive metres, got {range_m}; name how far boxes count")
        return replace(self, ranges_m=tuple(min(own, range_m) for own in self.ranges_m))

    @property
    def error_column(self) -> int:
        """Which of the thresholds gives the errors."""
        return self.thresholds_m.index(self.error_threshold_m)

    @property
    def counted_recalls(self) -> slice:
        """The part of ``RECALLS`` that counts: all above the least."""
        return slice(round(100 * self.least_recall) + 1, None)


CVPR_2019 = DetectionConfig()

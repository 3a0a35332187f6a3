"""Boxes refuse what they cannot be; racks hold what lies in them; errors of sizes and angles by brute force."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import shapely
import shapely.affinity
from hypothesis import given
from hypothesis import strategies as st

from everroad import geometry
from everroad.evaluation.detection.boxes import (
    Detections,
    Racks,
    Truth,
    attribute_label_of,
    label_of,
    no_boxes,
    no_detections,
)
from everroad.evaluation.detection.config import CVPR_2019, DetectionConfig
from everroad.evaluation.detection.errors import angle_between, size_overlap
from everroad.evaluation.detection.filters import counted_detections, counted_truth, in_racks

from .scenes import boxes


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"centre_m": np.array([[np.nan, 0.0, 0.0]])}, "boxes.centre_m: expected finite numbers"),
        ({"size_lwh_m": np.array([[1.0, -1.0, 1.0]])}, "boxes.size_lwh_m: expected finite numbers"),
        ({"rotation_wxyz": np.array([[2.0, 0.0, 0.0, 0.0]])}, "boxes.rotation_wxyz: expected unit"),
        ({"velocity_mps": np.array([[np.inf, 0.0]])}, "boxes.velocity_mps: expected finite numbers or NaN"),
        ({"label": np.array([10])}, "boxes.label: expected finite numbers, 0 to 9, got 10"),
        ({"attribute": np.array([-2])}, "boxes.attribute: expected finite numbers, -1 to 7, got -2"),
    ],
)
def test_bad_boxes_are_refused(change: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(boxes([(1.0, 2.0)]), **change)


def test_bad_scores_are_refused() -> None:
    with pytest.raises(ValueError, match=r"detections.score: expected finite numbers, got nan at box 1"):
        Detections(boxes([(1.0, 2.0), (3.0, 4.0)]), np.array([0.5, np.nan]))
    with pytest.raises(ValueError, match="expected numbers of 0 and more, got -1"):
        Detections(boxes([(1.0, 2.0)]), np.array([-1.0]))
    with pytest.raises(ValueError, match=r"detections.velocity_mps: expected finite numbers, got nan at box 0"):
        Detections(boxes([(1.0, 2.0)], velocity_mps=np.full((1, 2), np.nan)), np.ones(1))


def test_unknown_names_are_refused_with_the_nearest() -> None:
    with pytest.raises(ValueError, match="got 'pedestrain'; did you mean 'pedestrian'"):
        label_of("pedestrain")
    with pytest.raises(ValueError, match="attribute: expected one of"):
        attribute_label_of("moving fast")
    assert attribute_label_of("") == -1


def test_settings_without_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="range: expected positive metres, got 0"):
        CVPR_2019.within(0.0)
    with pytest.raises(ValueError, match="ranges_m: expected 10 positive metres"):
        DetectionConfig(ranges_m=(50.0,))
    with pytest.raises(ValueError, match="error_threshold_m among them"):
        DetectionConfig(error_threshold_m=3.0)
    assert CVPR_2019.within(35.0).ranges_m == (35.0,) * 8 + (30.0, 30.0)


@given(st.integers(0, 2**32 - 1))
def test_racks_hold_the_points_within_their_outline_and_height(seed: int) -> None:
    draw = np.random.default_rng(seed)
    yaw = draw.uniform(-3, 3, 2)
    racks = Racks(draw.uniform(-2, 2, (2, 3)), draw.uniform(0.5, 4, (2, 3)), geometry.quaternion_from_yaw(yaw))
    points = draw.uniform(-4, 4, (40, 3))
    expected = np.zeros(40, dtype=bool)
    for i in range(2):
        length, width, height = racks.size_lwh_m[i]
        outline = shapely.affinity.rotate(shapely.box(-length / 2, -width / 2, length / 2, width / 2), yaw[i], (0, 0), True)
        outline = shapely.affinity.translate(outline, *racks.centre_m[i, :2])
        level = np.abs(points[:, 2] - racks.centre_m[i, 2]) <= height / 2
        expected |= level & shapely.contains_xy(outline, points[:, 0], points[:, 1])
    np.testing.assert_array_equal(in_racks(points, racks), expected)


def test_cycles_in_racks_count_on_neither_side_and_others_do() -> None:
    rack = Racks(np.array([[5.0, 0.0, 0.75]]), np.array([[4.0, 2.0, 2.0]]), np.array([[1.0, 0.0, 0.0, 0.0]]))
    labels = [label_of(name) for name in ("bicycle", "motorcycle", "car")]
    inside = boxes([(5.0, 0.0)] * 3, labels)
    truth = Truth(inside, racks=rack)
    assert counted_truth(truth, CVPR_2019).label.tolist() == labels[2:]
    assert counted_detections(Detections(inside, np.ones(3)), truth, CVPR_2019).boxes.label.tolist() == labels[2:]
    assert len(counted_truth(Truth(inside), CVPR_2019)) == 3


def test_size_overlap_is_that_of_boxes_laid_on_one_another() -> None:
    first, second = np.array([[4.0, 2.0, 1.0]]), np.array([[2.0, 3.0, 2.0]])
    assert size_overlap(first, second) == pytest.approx(4 / (8 + 12 - 4))
    assert size_overlap(first, first) == pytest.approx(1)


@given(st.floats(-7, 7), st.floats(-7, 7), st.sampled_from([np.pi, 2 * np.pi]))
def test_angles_are_the_smallest_turn(first: float, second: float, period: float) -> None:
    expected = min(abs(first - second + k * period) for k in range(-6, 7))
    assert angle_between(np.array([first]), np.array([second]), np.array([period]))[0] == pytest.approx(expected, abs=1e-9)


def test_no_boxes_are_boxes() -> None:
    assert len(no_boxes()) == 0
    assert len(no_detections().score) == 0

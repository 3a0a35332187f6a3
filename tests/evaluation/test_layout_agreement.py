"""IoUs and shares on made-up masks."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from everroad.evaluation.layout_agreement import CLASS_IDS, LAYOUT_CLASSES, agreement, overlaps
from everroad.evaluation.measure import Window
from everroad.render.semantics import BUILDING, LANE_MARKING, ROAD, SKY, VEHICLE

LABELS = arrays(np.uint8, (6, 7), elements=st.integers(0, 12))


@given(LABELS, LABELS)
def test_overlaps_are_those_of_sets(labels: np.ndarray, truth: np.ndarray) -> None:
    found = overlaps(labels, truth)
    for i, class_id in enumerate(CLASS_IDS):
        a, b = {tuple(p) for p in np.argwhere(labels == class_id)}, {tuple(p) for p in np.argwhere(truth == class_id)}
        assert found[:, i].tolist() == [len(a & b), len(a | b)]


def test_the_classes_are_the_four_of_the_layout() -> None:
    assert LAYOUT_CLASSES == ("road", "lane_marking", "vehicle", "building")
    assert CLASS_IDS.tolist() == [ROAD, LANE_MARKING, VEHICLE, BUILDING]


def street() -> np.ndarray:
    truth = np.full((8, 8), SKY, dtype=np.uint8)
    truth[4:] = ROAD
    truth[5, 2:6] = VEHICLE
    truth[7, 4] = LANE_MARKING
    truth[2:4, :3] = BUILDING
    return truth


def stacked(*per_frame: np.ndarray, towns: int = 2) -> np.ndarray:
    return np.stack([np.stack(per_frame)] * towns)


def test_a_shifted_car_costs_what_it_must() -> None:
    truth, labels = street(), street()
    labels[5, 2:6] = ROAD
    labels[5, 4:8] = VEHICLE  # two of four pixels still agree: 2 / 6
    both = [overlaps(labels, truth)] * 3
    found = agreement(stacked(*both), stacked(*[overlaps(truth, truth)] * 3), Window(1, 2))
    assert found["iou vehicle"].value == pytest.approx(2 / 6)
    assert found["share vehicle"].value == pytest.approx(2 / 6)
    assert found["iou building"].value == 1
    road = (32 - 5 - 2) / (32 - 5 + 2)
    assert found["iou mean"].value == pytest.approx((2 / 6 + 1 + 1 + road) / 4)
    assert found["iou told"].value == pytest.approx((2 / 6 + 1 + road) / 3)


def test_a_share_is_of_what_the_judge_gets_on_the_painter() -> None:
    truth, model, painter = street(), street(), street()
    painter[2:4, 2] = SKY  # the judge sees 4 of 6 building pixels on the painter's picture
    model[2:4, 1:3] = SKY  # and 2 of 6 on the model's
    found = agreement(stacked(*[overlaps(model, truth)] * 2), stacked(*[overlaps(painter, truth)] * 2), Window(1, 1))
    assert found["share building"].value == pytest.approx((2 / 6) / (4 / 6))
    assert found["share mean"].value == pytest.approx((3 + 2 / 6) / (3 + 4 / 6))
    assert found["share told"].value == 1  # buildings are in no condition


def test_intersections_and_unions_are_pooled_before_they_are_divided() -> None:
    truth, nothing = street(), np.full((8, 8), SKY, dtype=np.uint8)
    frames = [overlaps(truth, truth), overlaps(truth, truth), overlaps(nothing, truth), overlaps(truth, truth)]
    found = agreement(stacked(*frames), stacked(*[overlaps(truth, truth)] * 4), Window(1, 3))
    assert found["iou vehicle"].value == pytest.approx(2 / 3)


def test_a_class_that_does_not_occur_is_invalid_and_left_out_of_the_mean() -> None:
    truth = street()
    truth[truth == VEHICLE] = ROAD
    same = stacked(*[overlaps(truth, truth)] * 2)
    found = agreement(same, same, Window(1, 1))
    assert not found["iou vehicle"].valid
    assert not found["share vehicle"].valid
    assert found["share mean"].value == 1


def test_a_window_that_is_not_reached_is_invalid() -> None:
    same = stacked(*[overlaps(street(), street())] * 5)
    assert not any(measure.valid for measure in agreement(same, same, Window(1, 40)).values())


def test_a_frozen_frame_agrees_less_and_less() -> None:
    """A car that moves by a pixel a frame, shown where it was in frame 0."""
    frames = []
    for i in range(9):
        truth = np.full((8, 24), ROAD, dtype=np.uint8)
        truth[3:6, i : i + 6] = VEHICLE
        frames.append(truth)
    frozen = stacked(*(overlaps(frames[0], truth) for truth in frames))
    own = stacked(*(overlaps(truth, truth) for truth in frames))
    shares = [agreement(frozen, own, Window(i, i))["share vehicle"].value for i in range(9)]
    assert shares[0] == 1
    assert shares[6:] == [0, 0, 0]
    assert all(a > b for a, b in pairwise(shares[:7]))

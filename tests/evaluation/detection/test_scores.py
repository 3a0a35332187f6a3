"""Scores of cases whose answer is known, and what holds of all."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everroad import geometry
from everroad.evaluation.detection.boxes import Detections, Truth, label_of, no_boxes, no_detections
from everroad.evaluation.detection.config import CVPR_2019, HAS_ERROR, DetectionConfig
from everroad.evaluation.detection.matching import joined, match_sample, match_samples, no_matches
from everroad.evaluation.detection.scores import detection_scores, rank_towns

from .scenes import boxes, random_sample

PLACES = [(5.0 * i - 20, 3.0) for i in range(10)]
CAR, BARRIER = label_of("car"), label_of("barrier")


def scores(truth: Truth, found: Detections, config: DetectionConfig = CVPR_2019):
    return detection_scores(match_sample(truth, found, config), config)


def test_perfect_detections_score_one_in_their_class_and_nothing_elsewhere() -> None:
    made = scores(
        Truth(boxes(PLACES, attribute=np.zeros(10, dtype=np.int64))),
        Detections(boxes(PLACES, attribute=np.zeros(10, dtype=np.int64)), np.ones(10)),
    )
    np.testing.assert_allclose(made.average_precision[CAR], 1)
    assert np.isnan(made.average_precision[1:]).all()
    np.testing.assert_allclose(made.errors[CAR], 0, atol=1e-12)
    assert made.mean_ap_of_present == pytest.approx(1)
    assert made.nds_of_present == pytest.approx(1)
    assert made.mean_ap == pytest.approx(0.1)


def test_half_missed_is_the_area_up_to_a_recall_of_a_half() -> None:
    made = scores(Truth(boxes(PLACES)), Detections(boxes(PLACES[:5]), np.linspace(1, 0.5, 5)))
    # Recalls 0.11 to 0.50 of the 90 that count have precision 1.
    np.testing.assert_allclose(made.average_precision[CAR], 40 / 90)


def test_wrong_ones_of_high_score_cost_more_than_those_of_low_score() -> None:
    places = [*PLACES, *((x, -20.0) for x, _ in PLACES)]
    last = scores(Truth(boxes(PLACES)), Detections(boxes(places), np.linspace(1, 0.1, 20)))
    first = scores(Truth(boxes(PLACES)), Detections(boxes(places), np.linspace(0.1, 1, 20)))
    # Wrong ones at the end cost the last recall alone: nuScenes reads the precision after all of them there.
    np.testing.assert_allclose(last.average_precision[CAR], (89 * 0.9 + 0.4) / 81)
    assert (first.average_precision[CAR] < 0.5).all()


def test_a_threshold_counts_what_lies_nearer() -> None:
    for away, hits in ((0.499, 4), (0.5, 3), (0.99, 3), (1.0, 2), (1.99, 2), (2.0, 1), (3.99, 1), (4.0, 0)):
        made = scores(Truth(boxes([(8.0, 0)])), Detections(boxes([(8.0, away)]), np.ones(1)))
        np.testing.assert_allclose(made.average_precision[CAR], [0] * (4 - hits) + [1] * hits)


def test_each_error_is_the_one_that_was_made() -> None:
    truth = boxes([(8.0, 0)], velocity_mps=np.array([[3.0, 4.0]]), attribute=np.array([1]))
    found = boxes(
        [(8.3, 0.4)],
        size_lwh_m=np.array([[4.0, 2.0, 3.0]]),
        rotation_wxyz=geometry.quaternion_from_yaw(np.array([-0.4])),
        attribute=np.array([2]),
    )
    made = scores(Truth(truth), Detections(found, np.ones(1)))
    np.testing.assert_allclose(made.errors[CAR], [0.5, 0.5, 0.4, 5.0, 1.0])
    # It lies no nearer than 0.5 m, so mAP is 3/4. Errors above 1 earn nothing, and no less than that.
    assert made.nds_of_present == pytest.approx((5 * 0.75 + 0.5 + 0.5 + 0.6) / 10)


@pytest.mark.parametrize(("name", "error"), [("car", np.pi), ("barrier", 0.0)])
def test_a_barrier_turned_round_is_the_same_and_a_car_is_not(name: str, error: float) -> None:
    turned = geometry.quaternion_from_yaw(np.array([np.pi]))
    label = label_of(name)
    made = scores(Truth(boxes([(8.0, 0)], label)), Detections(boxes([(8.0, 0)], label, rotation_wxyz=turned), np.ones(1)))
    assert made.errors[label, 2] == pytest.approx(error, abs=1e-9)


def test_classes_lack_the_errors_that_they_cannot_have() -> None:
    truth = boxes([(3.0 * i, 5.0) for i in range(10)], np.arange(10))
    made = scores(Truth(truth), Detections(truth, np.ones(10)))
    np.testing.assert_array_equal(np.isnan(made.errors), ~HAS_ERROR)
    assert HAS_ERROR[BARRIER].tolist() == [True, True, True, False, False]


def test_one_box_is_found_once() -> None:
    made = match_sample(Truth(boxes([(8.0, 0)])), Detections(boxes([(8.0, 0), (8.1, 0), (8.2, 0)]), np.array([0.2, 0.9, 0.3])))
    assert made.matched.T.tolist() == [[False, True, False]] * 4
    assert made.truths.tolist() == [1, *[0] * 9]


def test_the_better_one_takes_the_nearest_and_the_next_takes_what_is_left() -> None:
    truth = Truth(boxes([(8.0, 0), (9.5, 0)]))
    made = match_sample(truth, Detections(boxes([(8.4, 0), (8.1, 0)]), np.array([0.9, 0.5])))
    # At 0.5 and 1 m the second finds its box taken and the other too far; at 2 m it takes the other.
    assert made.matched.tolist() == [[True] * 4, [False, False, True, True]]
    assert made.errors[:, 0].tolist() == pytest.approx([0.4, 1.4])


def test_ranges_points_and_racks_leave_boxes_out() -> None:
    truth = Truth(boxes([(24.9, 0), (25.0, 0), (60.0, 0)]), points=np.array([3, 3, 3]))
    assert match_sample(truth, no_detections()).truths[CAR] == 2
    assert match_sample(truth, no_detections(), CVPR_2019.within(25.0)).truths[CAR] == 1
    assert match_sample(replace(truth, points=np.array([0, 3, 3])), no_detections()).truths[CAR] == 1
    away = match_sample(replace(truth, ego_xy_m=np.array([30.0, 0])), Detections(boxes([(60.0, 0)]), np.ones(1)))
    assert away.truths[CAR] == 3
    assert away.matched.all()


def test_no_detections_at_all_is_zero_and_no_truth_is_no_number() -> None:
    nothing = scores(Truth(boxes(PLACES)), no_detections())
    assert nothing.mean_ap_of_present == 0
    assert nothing.nds_of_present == 0
    assert nothing.errors[CAR].tolist() == [1.0] * 5
    empty = scores(Truth(no_boxes()), Detections(boxes(PLACES), np.ones(10)))
    assert np.isnan([empty.mean_ap_of_present, empty.nds_of_present]).all()
    assert np.isnan(empty.average_precision).all()
    assert empty.mean_ap == 0


seeds = st.integers(0, 2**32 - 1)


@settings(max_examples=25, deadline=None)
@given(seeds)
def test_scores_lie_between_none_and_all_and_further_thresholds_find_as_much(seed: int) -> None:
    draw = np.random.default_rng(seed)
    matches = joined(match_sample(*random_sample(draw)) for _ in range(3))
    made = detection_scores(matches)
    known = made.average_precision[~np.isnan(made.average_precision)]
    assert ((known >= 0) & (known <= 1 + 1e-12)).all()
    hits = matches.matched.sum(0)
    assert (np.diff(hits) >= 0).all()
    for label in range(3):
        assert matches.matched[matches.label == label].sum(0).max(initial=0) <= matches.truths[label]


@settings(max_examples=25, deadline=None)
@given(seeds, st.floats(-3, 3), st.floats(-50, 50), st.floats(-50, 50))
def test_another_frame_of_reference_changes_nothing(seed: int, yaw: float, x: float, y: float) -> None:
    truth, found = random_sample(np.random.default_rng(seed))
    c, s = np.cos(yaw), np.sin(yaw)
    turn, shift = np.array([[c, -s], [s, c]]), np.array([x, y])

    def moved(of):
        centre = np.concatenate([of.centre_m[:, :2] @ turn.T + shift, of.centre_m[:, 2:]], axis=1)
        heading = geometry.quaternion_from_yaw(of.yaw_rad + yaw)
        return replace(of, centre_m=centre, rotation_wxyz=heading, velocity_mps=of.velocity_mps @ turn.T)

    there = scores(Truth(moved(truth.boxes), shift), Detections(moved(found.boxes), found.score))
    here = scores(truth, found)
    np.testing.assert_allclose(there.average_precision, here.average_precision, atol=1e-9)
    np.testing.assert_allclose(there.errors, here.errors, atol=1e-7)


@settings(max_examples=25, deadline=None)
@given(seeds)
def test_any_growing_function_of_the_scores_gives_the_same_precision(seed: int) -> None:
    truth, found = random_sample(np.random.default_rng(seed))
    other = scores(truth, Detections(found.boxes, found.score**3 * 7 + 1))
    np.testing.assert_allclose(other.average_precision, scores(truth, found).average_precision)


@settings(max_examples=15, deadline=None)
@given(seeds, st.lists(st.integers(0, 3), min_size=4, max_size=4))
def test_a_draw_of_towns_scores_as_the_samples_written_out(seed: int, times: list[int]) -> None:
    draw = np.random.default_rng(seed)
    towns = [match_sample(*random_sample(draw, levels=10**9)) for _ in times]
    drawn = rank_towns(towns).scores(np.array(times))
    written = detection_scores(joined([no_matches(), *(town for town, n in zip(towns, times, strict=True) for _ in range(n))]))
    np.testing.assert_allclose(drawn.average_precision, written.average_precision, atol=1e-12)
    np.testing.assert_allclose(drawn.errors, written.errors, atol=1e-12)


def test_samples_that_only_one_side_has_are_refused() -> None:
    truth, found = {"a": Truth(no_boxes()), "b": Truth(no_boxes())}, {"a": no_detections(), "c": no_detections()}
    with pytest.raises(ValueError, match=r"detections: expected the samples .* none for 1 of them, first 'b'"):
        match_samples(truth, found)
    with pytest.raises(ValueError, match=r"truth: expected the samples .* first 'c'"):
        match_samples({"a": truth["a"]}, found)
    with pytest.raises(ValueError, match="one sample at least"):
        match_samples({}, {})
    with pytest.raises(ValueError, match="expected 500 boxes at most"):
        match_sample(truth["a"], Detections(boxes(np.zeros((501, 2))), np.ones(501)))

"""Average precision of map elements against a loop written out, cases whose answer is known, and what holds of all."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everroad.evaluation.mapping.chamfer import chamfer_distances, evenly_spaced
from everroad.evaluation.mapping.elements import MAP_CLASSES, MapElements, elements_of
from everroad.evaluation.mapping.matching import THRESHOLDS_M, MapMatches, joined_frames, match_frame
from everroad.evaluation.mapping.measures import area_under_curve, map_average_precisions, map_measures
from everroad.evaluation.measure import measures_to_json

seeds = st.integers(0, 2**32 - 1)


def random_frame(draw: np.random.Generator, classes: int = 3, levels: int = 10**9) -> tuple[MapElements, MapElements]:
    """Lines across, and lines near most of them and of nothing."""
    count = int(draw.integers(0, 7))
    truth = [np.stack([np.linspace(0, 20, 4), y + draw.normal(0, 1, 4)], 1) for y in draw.uniform(-15, 15, count)]
    label = draw.integers(0, classes, count)
    rows = np.flatnonzero(draw.random(count) < 0.8)
    rows = np.concatenate([rows, rows[:1]])
    found = [truth[i] + draw.normal(0, 1, 2) for i in rows] + [draw.uniform(-10, 10, (3, 2)) for _ in range(2)]
    labels = np.concatenate([label[rows], draw.integers(0, classes, 2)]).astype(np.int64)
    score = draw.integers(0, levels, len(found)) / levels
    return MapElements(tuple(truth), label), MapElements(tuple(found), labels, score)


def by_hand(frames: list[tuple[MapElements, MapElements]], label: int, threshold: float) -> float:
    """MapTR's definition, a step at a time."""
    rows, truths = [], 0
    for truth, found in frames:
        theirs = [evenly_spaced(truth.lines_m[i]) for i in range(len(truth)) if truth.label[i] == label]
        truths += len(theirs)
        mine = sorted((i for i in range(len(found)) if found.label[i] == label), key=lambda i: -found.score[i])
        taken = set()
        for i in mine:
            points = evenly_spaced(found.lines_m[i])
            far = [chamfer_distances(points[None], other[None])[0, 0] for other in theirs]
            hit = bool(far) and min(far) <= threshold and far.index(min(far)) not in taken
            if hit:
                taken.add(far.index(min(far)))
            rows.append((found.score[i], hit))
    if not truths:
        return float("nan")
    rows.sort(key=lambda row: -row[0])
    recall, precision, hits = [0.0], [0.0], 0
    for rank, (_, hit) in enumerate(rows, start=1):
        hits += hit
        recall.append(hits / truths)
        precision.append(hits / rank)
    recall, precision = [*recall, 1.0], [*precision, 0.0]
    area = 0.0
    for i in range(1, len(recall)):
        area += (recall[i] - recall[i - 1]) * max(precision[i:])
    return area


@settings(max_examples=25, deadline=None)
@given(seeds)
def test_precision_is_that_of_the_loop_written_out(seed: int) -> None:
    draw = np.random.default_rng(seed)
    frames = [random_frame(draw) for _ in range(3)]
    made = map_average_precisions(joined_frames(match_frame(*frame) for frame in frames))
    for label in range(len(MAP_CLASSES)):
        for column, threshold in enumerate(THRESHOLDS_M):
            assert made[label, column] == pytest.approx(by_hand(frames, label, threshold), nan_ok=True)


def test_area_of_known_curves() -> None:
    assert area_under_curve(np.array([True] * 4), 4) == 1
    assert area_under_curve(np.array([True] * 2), 4) == 0.5
    assert area_under_curve(np.array([False, True]), 1) == 0.5
    assert area_under_curve(np.array([False, True, True]), 2) == pytest.approx(2 / 3)
    assert area_under_curve(np.zeros(0, dtype=bool), 3) == 0
    assert np.isnan(area_under_curve(np.array([False]), 0))


def straight(y: float) -> np.ndarray:
    return np.array([[0.0, y], [20.0, y]])


def test_each_threshold_takes_what_lies_within_it() -> None:
    truth = elements_of([("divider", straight(0))])
    for away, expected in ((0.45, [1, 1, 1]), (0.7, [0, 1, 1]), (1.2, [0, 0, 1]), (1.6, [0, 0, 0])):
        made = map_average_precisions(match_frame(truth, elements_of([("divider", straight(away))], [0.5])))
        assert made[MAP_CLASSES.index("divider")].tolist() == expected


def test_a_second_line_on_the_same_element_is_wrong_even_where_another_is_free() -> None:
    truth = elements_of([("divider", straight(0)), ("divider", straight(1.0))])
    found = elements_of([("divider", straight(0.1)), ("divider", straight(0.2))], [0.9, 0.8])
    assert match_frame(truth, found).matched.tolist() == [[True] * 3, [False] * 3]


def test_a_line_of_another_class_is_wrong() -> None:
    made = match_frame(elements_of([("divider", straight(0))]), elements_of([("boundary", straight(0))], [1.0]))
    assert not made.matched.any()
    precision = map_average_precisions(made)
    assert precision[1].tolist() == [0, 0, 0]
    assert np.isnan(precision[[0, 2]]).all()


def towns(count: int, seed: int = 0, classes: int = 3) -> list[MapMatches]:
    draw = np.random.default_rng(seed)
    return [joined_frames(match_frame(*random_frame(draw, classes)) for _ in range(6)) for _ in range(count)]


def test_measures_are_those_of_all_towns_with_intervals_around_them() -> None:
    parts = towns(6)
    made, precision = map_measures(parts), map_average_precisions(joined_frames(parts))
    assert made["mAP"].value == pytest.approx(precision.mean())
    for i, name in enumerate(MAP_CLASSES):
        measures = made["classes"][name]
        assert measures["AP"].value == pytest.approx(precision[i].mean())
        assert [measures["AP_at"][at].value for at in ("0.5", "1", "1.5")] == precision[i].tolist()
        low, high = measures["AP"].interval
        assert 0 <= low < measures["AP"].value < high <= 1
    assert measures_to_json(made) == measures_to_json(map_measures(towns(6)))


def test_drawn_towns_count_as_often_as_they_are_drawn() -> None:
    town = towns(1)[0]
    measure = map_measures([town] * 4)["mAP"]
    assert measure.interval == pytest.approx((measure.value, measure.value))
    assert measure.value == pytest.approx(map_measures([town])["mAP"].value)
    assert map_measures([town] * 3)["mAP"].interval is None


def test_a_class_without_truth_is_invalid_and_left_out_of_the_mean() -> None:
    made = map_measures(towns(3, classes=2))
    assert not made["classes"]["boundary"]["AP"].valid
    values = [made["classes"][name]["AP"].value for name in MAP_CLASSES[:2]]
    assert made["mAP"].value == pytest.approx(np.mean(values))
    nothing = map_measures([match_frame(elements_of([]), elements_of([], []))] * 2)
    assert not nothing["mAP"].valid
    json.dumps(measures_to_json(nothing), allow_nan=False)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: elements_of([("lane", straight(0))]), "class: expected one of ped_crossing, divider, boundary, got 'lane'"),
        (lambda: elements_of([("divder", straight(0))]), "did you mean 'divider'"),
        (
            lambda: elements_of([("divider", straight(0))], [np.nan]),
            "elements.score: expected finite numbers, got nan at element 0",
        ),
        (lambda: elements_of([("divider", straight(np.nan))]), r"elements.lines_m\[0\]: expected finite numbers"),
        (lambda: elements_of([("divider", np.zeros((3, 2)))]), "2 points or more, apart from each other"),
        (lambda: match_frame(elements_of([]), elements_of([])), "found elements: expected a score each"),
        (lambda: map_measures([]), "expected one frame at least"),
    ],
)
def test_bad_elements_are_refused(make, message: str) -> None:
    with pytest.raises(ValueError, match=message) as raised:
        make()
    assert "\n" not in str(raised.value)

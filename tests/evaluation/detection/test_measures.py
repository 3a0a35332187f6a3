"""Intervals over towns of the detection scores."""

from __future__ import annotations

import json

import numpy as np
import pytest

from everroad.evaluation import measure
from everroad.evaluation.detection.boxes import Detections, Truth, no_boxes, no_detections
from everroad.evaluation.detection.config import CVPR_2019
from everroad.evaluation.detection.matching import Matches, joined, match_sample
from everroad.evaluation.detection.measures import detection_measures, precision_measure
from everroad.evaluation.detection.scores import detection_scores
from everroad.evaluation.measure import INVALID, measures_to_json
from everroad.scenario.types import DETECTION_CLASSES

from .scenes import boxes, random_sample


@pytest.fixture(autouse=True)
def _fewer_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Enough for what is asked here; a thousand take seconds while types are checked."""
    monkeypatch.setattr(measure, "DRAWS", 150)


def towns(count: int, seed: int = 0) -> list[Matches]:
    draw = np.random.default_rng(seed)
    return [joined(match_sample(*random_sample(draw)) for _ in range(6)) for _ in range(count)]


def test_values_are_those_of_all_towns_lie_in_their_intervals_and_never_change() -> None:
    parts = towns(6)
    made, scores = detection_measures(parts), detection_scores(joined(parts))
    assert made["mAP"].value == scores.mean_ap_of_present
    assert made["NDS"].value == scores.nds_of_present
    assert made["official_mAP"].value == scores.mean_ap
    assert made["official_NDS"].value == scores.nds
    car = made["classes"]["car"]
    assert [car["AP_at"][name].value for name in ("0.5", "1", "2", "4")] == scores.average_precision[0].tolist()
    assert [one.value for one in car["errors"].values()] == scores.errors[0].tolist()
    for one in (made["mAP"], made["NDS"], car["AP"], car["AP_at"]["2"]):
        low, high = one.interval
        assert 0 <= low < one.value < high <= 1
    assert measures_to_json(detection_measures(towns(6))) == measures_to_json(made)


def test_a_class_without_truth_is_invalid_never_zero() -> None:
    made = detection_measures(towns(3))
    assert made["classes"]["barrier"]["AP"] == INVALID or not made["classes"]["barrier"]["AP"].valid
    assert made["classes"]["barrier"]["AP"].to_json() == {"value": None, "valid": False, "interval": None}
    nothing = detection_measures([match_sample(Truth(no_boxes()), no_detections())] * 2)
    assert not nothing["mAP"].valid
    assert not nothing["NDS"].valid
    json.dumps(measures_to_json(nothing), allow_nan=False)


def test_towns_that_agree_leave_no_doubt_and_one_town_has_no_interval() -> None:
    places = [(4.0 * i, 2.0) for i in range(8)]
    town = match_sample(Truth(boxes(places)), Detections(boxes(places[:4]), np.ones(4)), CVPR_2019.within(25.0))
    same = detection_measures([town] * 4, CVPR_2019.within(25.0))["classes"]["car"]["AP_at"]["2"]
    assert same.interval == pytest.approx((same.value, same.value))
    assert detection_measures([town])["mAP"].interval is None


def test_no_towns_are_refused() -> None:
    with pytest.raises(ValueError, match="one sample at least"):
        detection_measures([])


def test_one_precision_alone_is_the_one_among_all_of_them() -> None:
    of = towns(5)
    every = detection_measures(of)["classes"]
    for label, name in enumerate(DETECTION_CLASSES):
        for metres in CVPR_2019.thresholds_m:
            alone, among = precision_measure(of, label, metres), every[name]["AP_at"][f"{metres:g}"]
            assert alone.valid == among.valid
            if alone.valid:
                assert (alone.value, alone.interval) == (among.value, among.interval)
    with pytest.raises(ValueError, match=r"threshold: expected one of .* metres, got 3\.0; name one"):
        precision_measure(of, 0, 3.0)

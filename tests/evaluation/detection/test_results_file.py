"""The official file of results: what is written comes back, and what is no such file is refused in one line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from everroad import geometry
from everroad.evaluation.detection.boxes import Detections, no_detections
from everroad.evaluation.detection.results_file import read_results, to_nuscenes_results, write_results

from .scenes import boxes, random_sample


def test_what_is_written_comes_back_exactly(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    detections = {"a": random_sample(draw)[1], "b": no_detections(), "c": random_sample(draw)[1]}
    write_results(tmp_path / "results.json", detections)
    again = read_results(tmp_path / "results.json")
    assert list(again) == ["a", "b", "c"]
    for token, found in detections.items():
        np.testing.assert_array_equal(again[token].score, found.score)
        for name in ("centre_m", "size_lwh_m", "rotation_wxyz", "velocity_mps", "label", "attribute"):
            np.testing.assert_array_equal(getattr(again[token].boxes, name), getattr(found.boxes, name))


def test_the_record_is_what_the_format_asks_for() -> None:
    turned = geometry.quaternion_from_yaw(np.array([0.5]))
    found = boxes([(3.0, 4.0)], 5, rotation_wxyz=turned, attribute=np.array([7]), velocity_mps=np.array([[1.0, 2.0]]))
    made = to_nuscenes_results({"t": Detections(found, np.array([0.25]))}, uses=("camera", "map"))
    assert made["meta"] == {
        "use_camera": True, "use_lidar": False, "use_radar": False, "use_map": True, "use_external": False,
    }  # fmt: skip
    assert made["results"]["t"] == [
        {
            "sample_token": "t",
            "translation": [3.0, 4.0, 0.75],
            "size": [2.0, 4.0, 1.5],
            "rotation": turned[0].tolist(),
            "velocity": [1.0, 2.0],
            "detection_name": "pedestrian",
            "detection_score": 0.25,
            "attribute_name": "pedestrian.moving",
        }
    ]


def test_too_many_boxes_and_unknown_modalities_are_refused() -> None:
    many = Detections(boxes(np.zeros((501, 2))), np.ones(501))
    with pytest.raises(ValueError, match="sample t: expected 500 boxes at most, got 501"):
        to_nuscenes_results({"t": many})
    with pytest.raises(ValueError, match=r"uses: expected some of camera, .*, got 'sonar'"):
        to_nuscenes_results({}, uses=("sonar",))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"detection_name": "cars"}, "sample t: class: expected one of .* got 'cars'; did you mean 'car'"),
        ({"attribute_name": "vehicle.flying"}, "sample t: attribute: expected one of .* got 'vehicle.flying'"),
        ({"detection_score": float("nan")}, "sample t: detections.score: expected finite numbers, got nan at box 0"),
        ({"detection_score": -0.5}, "sample t: detections.score: expected numbers of 0 and more, got -0.5"),
        ({"velocity": [float("nan"), 0]}, "sample t: detections.velocity_mps: expected finite numbers, got nan at box 0"),
        ({"translation": [float("inf"), 0, 0]}, "sample t: boxes.centre_m: expected finite numbers"),
        ({"size": [0, 1, 1]}, "sample t: boxes.size_lwh_m: expected finite numbers"),
        ({"rotation": [0, 0, 0, 0]}, "sample t: boxes.rotation_wxyz: expected unit"),
        ({"size": [1, 1]}, r"results.t\[0\].size"),
        ({"detection_name": None}, r"results.t\[0\].detection_name"),
    ],
)
def test_bad_numbers_and_names_are_refused_with_their_sample(tmp_path: Path, change: dict, message: str) -> None:
    content = to_nuscenes_results({"t": Detections(boxes([(3.0, 4.0)]), np.ones(1))})
    content["results"]["t"][0] |= change
    path = tmp_path / "results.json"
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=message) as raised:
        read_results(path)
    assert "\n" not in str(raised.value)
    assert str(path) in str(raised.value)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"results": {}}', '{"meta": {}, "results": [1]}', '{"meta": {}'])
def test_what_is_no_results_file_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "results.json"
    path.write_text(content)
    with pytest.raises(ValueError, match="expected"):
        read_results(path)

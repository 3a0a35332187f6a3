"""The truth of a data set made by our own export, of a scenario's frame, and scores of a file on them."""

from __future__ import annotations

import json
import shutil
from importlib import util
from pathlib import Path

import numpy as np
import pytest
from tests.export.scenes import drive

from everroad.evaluation.detection.boxes import Detections, label_of, no_detections
from everroad.evaluation.detection.data_set import read_truth
from everroad.evaluation.detection.official import official_scores, own_scores
from everroad.evaluation.detection.results_file import write_results
from everroad.evaluation.detection.town_truth import truth_of_frame
from everroad.export.options import ExportOptions
from everroad.export.run import export_scenario

VERSION, SPLIT = "v1.0-everroad", "everroad"


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported")
    export_scenario(drive(), folder, ExportOptions())
    return folder


@pytest.fixture
def root(exported: Path, tmp_path: Path) -> Path:
    """The tables alone, to be changed."""
    shutil.copytree(exported / VERSION, tmp_path / "set" / VERSION)
    return tmp_path / "set"


def change(root: Path, table: str, edit) -> None:
    path = root / VERSION / f"{table}.json"
    rows = json.loads(path.read_text())
    path.write_text(json.dumps(edit(rows) or rows))


def test_the_boxes_are_the_scenarios(exported: Path) -> None:
    truth = list(read_truth(exported, VERSION, SPLIT).values())
    assert len(truth) == 3
    for key, sample in zip((0, 6, 12), truth, strict=True):
        ours = truth_of_frame(drive(), key)
        assert sorted(sample.boxes.label) == sorted(ours.boxes.label)
        order, mine = (np.lexsort(of.boxes.size_lwh_m[:, ::-1].T) for of in (sample, ours))
        away = sample.boxes.centre_m[:, :2] - sample.ego_xy_m
        # The drive goes along x, so the ego car's axes are the world's.
        np.testing.assert_allclose(
            np.sort(np.linalg.norm(away, axis=1)), np.sort(np.linalg.norm(ours.boxes.centre_m[:, :2], axis=1)), atol=1e-6
        )
        np.testing.assert_allclose(sample.boxes.size_lwh_m[order], ours.boxes.size_lwh_m[mine], atol=1e-9)
        assert sorted(sample.boxes.attribute) == sorted(ours.boxes.attribute)


def test_a_frames_truth_is_in_the_ego_cars_frame() -> None:
    scenario = drive()
    truth = truth_of_frame(scenario, 6)
    walker = truth.boxes.of(truth.boxes.label == label_of("pedestrian"))
    # The car is at x = -20 + 3 after half a second; the walker at (6, 2 - 0.5), heading for -y.
    np.testing.assert_allclose(walker.centre_m[0], [6 + 17, 1.5 + 1.75, 1.75 / 2], atol=1e-9)
    np.testing.assert_allclose(walker.velocity_mps[0], [0, -1], atol=1e-9)
    np.testing.assert_allclose(walker.yaw_rad, -np.pi / 2)
    assert len(truth_of_frame(scenario, 6, seen=["walker", "thing"]).boxes) == 1
    assert len(truth_of_frame(scenario, 6, seen=[]).boxes) == 0
    with pytest.raises(IndexError):
        truth_of_frame(scenario, 13)


def test_scores_of_a_file_and_who_made_them(exported: Path, tmp_path: Path) -> None:
    truth = read_truth(exported, VERSION, SPLIT)
    found = {}
    for token, sample in truth.items():
        known = (sample.points > 0) & np.isfinite(sample.boxes.velocity_mps).all(1)
        found[token] = Detections(sample.boxes.of(known), np.ones(int(known.sum())))
    path = tmp_path / "results.json"
    write_results(path, found | {"a sample of another split": no_detections()})
    made = own_scores(exported, VERSION, SPLIT, path)
    assert made.tool == "everroad"
    np.testing.assert_allclose(made.scores.average_precision[label_of("car")], 1)
    expected = "everroad" if util.find_spec("nuscenes") is None else "nuscenes-devkit"
    official = official_scores(exported, VERSION, SPLIT, path)
    assert official.tool.startswith(expected)
    assert official.scores.nds == pytest.approx(made.scores.nds, abs=1e-9)
    write_results(path, {token: no_detections() for token in list(truth)[1:]})
    with pytest.raises(ValueError, match="expected results for each of the split's 3 samples, got none for 1"):
        own_scores(exported, VERSION, SPLIT, path)


def test_bad_data_sets_are_refused_in_one_line(root: Path) -> None:
    with pytest.raises(ValueError, match="expected one of the splits all, everroad, got 'val'"):
        read_truth(root, VERSION, "val")
    with pytest.raises(ValueError, match=r"splits\.json: expected a readable file"):
        read_truth(root, "v1.0-other", SPLIT)
    (root / VERSION / "ego_pose.json").rename(root / VERSION / "away.json")
    with pytest.raises(ValueError, match=r"ego_pose\.json: expected this table"):
        read_truth(root, VERSION, SPLIT)


def test_a_box_with_two_attributes_is_refused(root: Path) -> None:
    def twice(rows):
        rows[0]["attribute_tokens"] *= 2

    change(root, "sample_annotation", twice)
    with pytest.raises(ValueError, match="record 0, field 'attribute_tokens': expected one attribute at most, got 2"):
        read_truth(root, VERSION, SPLIT)


def test_a_sample_without_lidar_is_refused(root: Path) -> None:
    change(root, "sample_data", lambda rows: [row for row in rows if row["fileformat"] != "pcd"])
    with pytest.raises(ValueError, match="expected a key frame of LIDAR_TOP in every sample"):
        read_truth(root, VERSION, SPLIT)

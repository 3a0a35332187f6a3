"""The detection metrics against nuscenes-devkit 1.2.0's ``DetectionEval``, on random boxes of all classes in a data set."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("nuscenes", reason="needs the official devkit: pip install nuscenes-devkit==1.2.0")
import matplotlib

matplotlib.use("Agg")
from nuscenes import NuScenes
from nuscenes.eval.common.config import config_factory
from nuscenes.eval.detection.evaluate import DetectionEval

from everroad import geometry
from everroad.evaluation.detection.boxes import (
    ATTRIBUTE_NAMES,
    Boxes,
    Detections,
    Truth,
    label_of,
    no_detections,
)
from everroad.evaluation.detection.config import CVPR_2019, HAS_ERROR
from everroad.evaluation.detection.data_set import read_truth
from everroad.evaluation.detection.matching import match_samples
from everroad.evaluation.detection.official import official_scores, own_scores
from everroad.evaluation.detection.official_samples import score_samples
from everroad.evaluation.detection.results_file import read_results, write_results
from everroad.evaluation.detection.scores import detection_scores
from everroad.export.options import ExportOptions
from everroad.export.run import export_scenario
from everroad.scenario.types import DETECTION_CLASS_OF_CATEGORY, DETECTION_CLASSES, Poses
from tests.export.scenes import actor, drive

VERSION, SPLIT = "v1.0-everroad", "everroad"
FRAMES, ACTORS = 37, 70
PARITY = 1e-9
TP_METRICS = ("trans_err", "scale_err", "orient_err", "vel_err", "attr_err")
CATEGORIES = [*DETECTION_CLASS_OF_CATEGORY, "animal"]


def crowd(name: str, seed: int):
    """Random actors around a car that stands; nobody is there at the last key frame but one."""
    draw = np.random.default_rng(seed)
    actors, there = [], np.arange(FRAMES) // 6 != 5
    for i in range(ACTORS):
        begin, end = sorted(draw.integers(0, FRAMES, 2).tolist())
        valid = (np.arange(FRAMES) >= begin) & (np.arange(FRAMES) <= end + 1) & there
        size = tuple(draw.uniform(0.4, 6.0, 3).tolist())
        place, speed = draw.uniform(-45, 45, 2), draw.normal(0, 2, 2)
        category = CATEGORIES[i % len(CATEGORIES)]
        actors.append(actor(f"a{i}", category, size, tuple(place), tuple(speed), draw.uniform(-4, 4), FRAMES, valid=valid))
    for i in range(3):  # racks, each with a bicycle inside
        place = tuple(draw.uniform(-30, 30, 2))
        actors.append(
            actor(
                f"rack{i}", "static_object.bicycle_rack", (6.0, 3.0, 2.0), place, frames=FRAMES, yaw_rad=float(i), valid=there
            )
        )
        actors.append(actor(f"in{i}", "vehicle.bicycle", (1.7, 0.6, 1.4), place, frames=FRAMES, valid=there))
    ego = Poses(np.tile([3.0, -1.75, 0.0], (FRAMES, 1)), np.tile([1.0, 0, 0, 0], (FRAMES, 1)))
    return drive(name, time_s=np.arange(FRAMES) / 12, world_from_ego=ego, actors=tuple(actors), signals=())


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("crowd")
    for number in range(2):
        export_scenario(crowd(f"crowd-{number}", number), folder, ExportOptions())
    # Points and attributes as they may be in recorded data: none here and there.
    path = folder / VERSION / "sample_annotation.json"
    rows, draw = json.loads(path.read_text()), np.random.default_rng(5)
    for row in rows:
        row["num_lidar_pts"], row["num_radar_pts"] = int(draw.integers(0, 4)), int(draw.integers(0, 2))
        if draw.random() < 0.1:
            row["attribute_tokens"] = []
    path.write_text(json.dumps(rows))
    return folder


def noisy(truth: dict[str, Truth], seed: int, levels: int = 12) -> dict[str, Detections]:
    """Boxes near those of the truth, some twice, some not at all, some of another class, and some of nothing at all.

    With few levels many scores are equal; some are 0.
    """
    draw, out = np.random.default_rng(seed), {}
    for number, (token, sample) in enumerate(truth.items()):
        boxes = sample.boxes
        rows = draw.integers(0, max(len(boxes), 1), int(len(boxes) * 1.3)) if number % 5 != 4 else np.zeros(0, dtype=int)
        count, spare = len(rows), 6
        some = boxes.of(rows)
        shift = draw.normal(0, 1, (count, 3)) * draw.choice([0.05, 0.3, 1.2], (count, 1))
        yaw = some.yaw_rad + draw.normal(0, 0.4, count) + np.pi * (draw.random(count) < 0.2)
        label = np.where(draw.random(count) < 0.9, some.label, draw.integers(0, 10, count))
        attribute = np.where(draw.random(count) < 0.6, some.attribute, draw.integers(-1, len(ATTRIBUTE_NAMES), count))
        found = Boxes(
            np.concatenate([some.centre_m + shift, draw.uniform(-60, 60, (spare, 3)) + np.r_[sample.ego_xy_m, 0]]),
            np.concatenate([some.size_lwh_m * np.exp(draw.normal(0, 0.3, (count, 3))), draw.uniform(0.3, 5, (spare, 3))]),
            geometry.quaternion_from_yaw(np.concatenate([yaw, draw.uniform(-4, 4, spare)])),
            np.concatenate([np.nan_to_num(some.velocity_mps) + draw.normal(0, 0.5, (count, 2)), np.zeros((spare, 2))]),
            np.concatenate([label, draw.integers(0, 10, spare)]),
            np.concatenate([attribute, np.full(spare, -1)]),
        )
        score = draw.integers(0, levels, count + spare) / levels
        out[token] = Detections(found, score) if len(boxes) or number % 2 else no_detections()
    return out


def devkit(root, path, tmp_path):
    data_set = NuScenes(VERSION, str(root), verbose=False)
    evaluation = DetectionEval(data_set, config_factory("detection_cvpr_2019"), str(path), SPLIT, str(tmp_path), verbose=False)
    return evaluation, evaluation.evaluate()[0]


@pytest.mark.parametrize(("seed", "levels"), [(0, 12), (1, 3), (2, 100_000), (3, 1)])
def test_every_score_is_the_devkits(root, tmp_path, seed, levels) -> None:
    truth = read_truth(root, VERSION, SPLIT)
    path = tmp_path / "results.json"
    write_results(path, noisy(truth, seed, levels))
    evaluation, metrics = devkit(root, path, tmp_path)
    mine = own_scores(root, VERSION, SPLIT, path)
    assert mine.tool == "everroad"
    worst = 0.0
    scores = mine.scores
    for row, name in enumerate(DETECTION_CLASSES):
        assert any(box.detection_name == name for box in evaluation.gt_boxes.all)
        for column, metres in enumerate(CVPR_2019.thresholds_m):
            worst = max(worst, abs(metrics.get_label_ap(name, metres) - scores.average_precision[row, column]))
        for column, error in enumerate(TP_METRICS):
            theirs = metrics.get_label_tp(name, error)
            assert np.isnan(theirs) == np.isnan(scores.errors[row, column]) == (not HAS_ERROR[row, column])
            if HAS_ERROR[row, column]:
                worst = max(worst, abs(theirs - scores.errors[row, column]))
    worst = max(worst, np.abs(np.array(list(metrics.tp_errors.values())) - scores.mean_errors).max())
    worst = max(worst, abs(metrics.mean_ap - scores.mean_ap), abs(metrics.nd_score - scores.nds))
    print(f"seed {seed}: mAP {scores.mean_ap:.4f}, NDS {scores.nds:.4f}, largest difference {worst:.1e}")
    assert worst < PARITY
    assert scores.mean_ap == pytest.approx(scores.mean_ap_of_present)
    if levels > 1:
        assert scores.mean_ap > 0.02
        assert scores.nds > 0.02


def test_filters_leave_what_the_devkit_leaves(root, tmp_path) -> None:
    truth = read_truth(root, VERSION, SPLIT)
    detections = noisy(truth, 4)
    write_results(tmp_path / "results.json", detections)
    evaluation, _ = devkit(root, tmp_path / "results.json", tmp_path)
    matches = match_samples(truth, detections)
    theirs = [label_of(box.detection_name) for box in evaluation.gt_boxes.all]
    np.testing.assert_array_equal(matches.truths, np.bincount(theirs, minlength=10))
    assert 0 < len(theirs) < 0.9 * sum(len(one.boxes) for one in truth.values())
    kept = [label_of(box.detection_name) for token in truth for box in evaluation.pred_boxes[token]]
    np.testing.assert_array_equal(matches.label, kept)
    assert len(kept) < 0.95 * sum(len(one.score) for one in detections.values())
    assert any(len(one.boxes) == 0 for one in truth.values())
    assert any(len(one.score) == 0 for one in detections.values())


def test_a_class_without_truth_counts_as_the_devkit_has_it(root, tmp_path, monkeypatch) -> None:
    """The truth of one class alone: all other classes are 0 to the devkit, and no numbers to us."""
    truth = read_truth(root, VERSION, SPLIT)
    cars = {}
    for token, sample in truth.items():
        keep = sample.boxes.label == label_of("car")
        cars[token] = replace(sample, boxes=sample.boxes.of(keep), points=sample.points[keep])
    path = tmp_path / "results.json"
    write_results(path, noisy(truth, 6))
    found = read_results(path)
    scores = detection_scores(match_samples(cars, {token: found[token] for token in cars}))
    evaluation, _ = devkit(root, path, tmp_path)
    for token, boxes in evaluation.gt_boxes.boxes.items():
        evaluation.gt_boxes.boxes[token] = [box for box in boxes if box.detection_name == "car"]
    metrics, _ = evaluation.evaluate()
    assert abs(metrics.mean_ap - scores.mean_ap) < PARITY
    assert abs(metrics.nd_score - scores.nds) < PARITY
    assert np.isnan(scores.average_precision[1:]).all()
    assert scores.mean_ap_of_present == pytest.approx(10 * scores.mean_ap)


def test_the_official_tool_is_used_where_it_is_and_says_so(root, tmp_path) -> None:
    truth = read_truth(root, VERSION, SPLIT)
    path = tmp_path / "results.json"
    write_results(path, noisy(truth, 7))
    theirs, mine = official_scores(root, VERSION, SPLIT, path), own_scores(root, VERSION, SPLIT, path)
    assert theirs.tool == "nuscenes-devkit 1.2.0"
    np.testing.assert_allclose(theirs.scores.average_precision, mine.scores.average_precision, atol=PARITY)
    np.testing.assert_allclose(theirs.scores.errors, mine.scores.errors, atol=PARITY)
    write_results(path, {token: no_detections() for token in truth})
    nothing = official_scores(root, VERSION, SPLIT, path)
    assert nothing.tool == "everroad"
    assert nothing.scores.mean_ap == 0


def test_truth_as_results_is_perfect_to_both(root, tmp_path) -> None:
    truth = read_truth(root, VERSION, SPLIT)
    perfect = {}
    for token, sample in truth.items():
        boxes = replace(sample.boxes, velocity_mps=np.nan_to_num(sample.boxes.velocity_mps))
        seen = sample.points != 0
        perfect[token] = Detections(boxes.of(seen), np.full(int(seen.sum()), 0.5))
    path = tmp_path / "results.json"
    write_results(path, perfect)
    for scores in (official_scores(root, VERSION, SPLIT, path), own_scores(root, VERSION, SPLIT, path)):
        assert scores.scores.mean_ap == pytest.approx(1)
        assert np.nanmax(scores.scores.errors) < 1e-6


def test_samples_in_memory_score_as_the_whole_tool_scores_the_data_set(root, tmp_path) -> None:
    truth = read_truth(root, VERSION, SPLIT)
    detections = noisy(truth, 8)
    write_results(tmp_path / "results.json", detections)
    _, metrics = devkit(root, tmp_path / "results.json", tmp_path)
    found = score_samples(truth, detections)
    assert found.tool == "nuscenes-devkit 1.2.0"
    assert abs(found.mean_ap - metrics.mean_ap) < PARITY
    assert abs(found.nds - metrics.nd_score) < PARITY
    assert found.mean_ap > 0.02
    nothing = score_samples(truth, {token: no_detections() for token in truth})
    assert (nothing.mean_ap, nothing.nds) == (0, 0)

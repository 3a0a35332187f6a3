"""Scores of a results file on a data set in nuScenes' format: by the official tool where it is installed, else by our own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from everroad.evaluation.detection.boxes import Detections, Truth
from everroad.evaluation.detection.config import HAS_ERROR
from everroad.evaluation.detection.data_set import read_truth
from everroad.evaluation.detection.matching import match_samples
from everroad.evaluation.detection.official_samples import devkit
from everroad.evaluation.detection.results_file import read_results
from everroad.evaluation.detection.scores import DetectionScores, detection_scores
from everroad.scenario.types import DETECTION_CLASSES

# The official tool's names of ``ERRORS``.
_TOOL_ERRORS = ("trans_err", "scale_err", "orient_err", "vel_err", "attr_err")


@dataclass(frozen=True, eq=False)
class FileScores:
    """Scores and what made them: ``nuscenes-devkit`` with its version, or ``everroad``."""

    tool: str
    scores: DetectionScores


def official_scores(dataroot: Path, version: str, split: str, results_file: Path) -> FileScores:
    """By ``DetectionEval`` with ``detection_cvpr_2019`` where nuscenes-devkit (the extra ``nuscenes``) can be imported.

    Where it cannot, and for no box at all among the results or in the truth, which the tool refuses, by our own implementation.
    Both give the same. The file may hold samples outside of the split; they do not count.

    Raises ``ValueError`` for a file or data set that is none, an unknown split, and a sample of the split without results.
    """
    truth, found = _read(dataroot, version, split, results_file)
    scorable = any(len(one.score) for one in found.values()) and any(len(one.boxes) for one in truth.values())
    tool = devkit()
    if not scorable or tool is None:
        return FileScores("everroad", detection_scores(match_samples(truth, found)))
    return FileScores(tool, _by_tool(dataroot, version, split, results_file))


def own_scores(dataroot: Path, version: str, split: str, results_file: Path) -> FileScores:
    """By our own implementation, whatever is installed. Raises ``ValueError`` as ``official_scores`` does."""
    truth, found = _read(dataroot, version, split, results_file)
    return FileScores("everroad", detection_scores(match_samples(truth, found)))


def _read(dataroot: Path, version: str, split: str, results_file: Path) -> tuple[dict[str, Truth], dict[str, Detections]]:
    """The truth of a split and the detections of its samples."""
    detections, truth = read_results(results_file), read_truth(dataroot, version, split)
    lost = [token for token in truth if token not in detections]
    if lost:
        wanted, got = f"results for each of the split's {len(truth)} samples", f"none for {len(lost)}, first '{lost[0]}'"
        raise ValueError(f"{results_file}: expected {wanted}, got {got}; add empty lists")
    return truth, {token: detections[token] for token in truth}


def _by_tool(dataroot: Path, version: str, split: str, results_file: Path) -> DetectionScores:
    from nuscenes import NuScenes  # pyright: ignore[reportMissingImports]
    from nuscenes.eval.common.config import config_factory  # pyright: ignore[reportMissingImports]
    from nuscenes.eval.detection.evaluate import DetectionEval  # pyright: ignore[reportMissingImports]

    data_set = NuScenes(version, str(dataroot), verbose=False)
    config = config_factory("detection_cvpr_2019")
    with TemporaryDirectory() as folder:
        evaluation = DetectionEval(data_set, config, str(results_file), split, folder, verbose=False)
        metrics, _ = evaluation.evaluate()
    present = np.isin(DETECTION_CLASSES, [box.detection_name for box in evaluation.gt_boxes.all])[:, None]
    precision = [[metrics.get_label_ap(name, metres) for metres in config.dist_ths] for name in DETECTION_CLASSES]
    errors = [[metrics.get_label_tp(name, error) for error in _TOOL_ERRORS] for name in DETECTION_CLASSES]
    return DetectionScores(
        np.where(present, np.array(precision), np.nan), np.where(present & HAS_ERROR, np.array(errors), np.nan)
    )

"""nuscenes-devkit's own ``DetectionEval`` on samples that lie in memory: what counts our filters choose, the rest it does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata, util
from typing import Any

from everroad.evaluation.detection.boxes import ATTRIBUTE_NAMES, NO_ATTRIBUTE, Boxes, Detections, Truth
from everroad.evaluation.detection.config import CVPR_2019
from everroad.evaluation.detection.filters import counted_detections, counted_truth
from everroad.scenario.types import DETECTION_CLASSES

_LWH_OF_WLH = [1, 0, 2]


@dataclass(frozen=True)
class OfficialScores:
    """mAP and NDS as nuScenes has them, and the tool that said so."""

    tool: str
    mean_ap: float
    nds: float


def devkit() -> str | None:
    """The installed nuscenes-devkit with its version; ``None`` where there is none (the extra ``nuscenes`` brings it)."""
    if util.find_spec("nuscenes") is None:
        return None
    return f"nuscenes-devkit {metadata.version('nuscenes-devkit')}"


def score_samples(truth: Mapping[str, Truth], detections: Mapping[str, Detections]) -> OfficialScores:
    """``detection_cvpr_2019`` over samples by token, which both sides share.

    The tool's tables of a data set are not needed: range, points and racks, for which it reads them, are ours
    (``detection.filters``), proven equal. Nothing found, or nothing there, scores 0, where the tool divides by nothing.

    Raises ``ValueError`` where the devkit is not installed.
    """
    tool = devkit()
    if tool is None:
        raise ValueError("nuscenes-devkit: expected it to be installed, got none; install everroad[nuscenes]")
    from nuscenes.eval.common.config import config_factory  # pyright: ignore[reportMissingImports]
    from nuscenes.eval.common.data_classes import EvalBoxes  # pyright: ignore[reportMissingImports]
    from nuscenes.eval.detection.data_classes import DetectionBox  # pyright: ignore[reportMissingImports]
    from nuscenes.eval.detection.evaluate import DetectionEval  # pyright: ignore[reportMissingImports]

    asked, found = EvalBoxes(), EvalBoxes()
    for token, there in truth.items():
        boxes, seen = counted_truth(there, CVPR_2019), counted_detections(detections[token], there, CVPR_2019)
        asked.add_boxes(token, [DetectionBox(**of) for of in _boxes(token, boxes, [-1.0] * len(boxes))])
        found.add_boxes(token, [DetectionBox(**of) for of in _boxes(token, seen.boxes, seen.score.tolist())])

    class OnSamples(DetectionEval):
        def __init__(self) -> None:
            self.gt_boxes, self.pred_boxes, self.cfg, self.verbose = asked, found, config_factory("detection_cvpr_2019"), False

    metrics, _ = OnSamples().evaluate()
    return OfficialScores(tool, float(metrics.mean_ap), float(metrics.nd_score))


def _boxes(token: str, boxes: Boxes, scores: list[float]) -> list[dict[str, Any]]:
    return [
        {
            "sample_token": token,
            "translation": tuple(boxes.centre_m[i].tolist()),
            "size": tuple(boxes.size_lwh_m[i][_LWH_OF_WLH].tolist()),
            "rotation": tuple(boxes.rotation_wxyz[i].tolist()),
            "velocity": tuple(boxes.velocity_mps[i].tolist()),
            "detection_name": DETECTION_CLASSES[boxes.label[i]],
            "detection_score": score,
            "attribute_name": "" if boxes.attribute[i] == NO_ATTRIBUTE else ATTRIBUTE_NAMES[boxes.attribute[i]],
        }
        for i, score in enumerate(scores)
    ]

"""nuScenes' file of detection results (``meta`` and ``results`` by sample token), which the official tool reads.

Boxes there are in the global frame, sizes width, length, height, classes and attributes by name.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from everroad.evaluation.detection.boxes import (
    ATTRIBUTE_NAMES,
    NO_ATTRIBUTE,
    Boxes,
    Detections,
    attribute_label_of,
    label_of,
    no_detections,
)
from everroad.evaluation.detection.config import CVPR_2019
from everroad.scenario.files import parse_json, read_bytes, write_atomically
from everroad.scenario.types import DETECTION_CLASSES

MODALITIES = ("camera", "lidar", "radar", "map", "external")
_LWH_OF_WLH = [1, 0, 2]


def to_nuscenes_results(detections: Mapping[str, Detections], uses: Collection[str] = ("camera",)) -> dict[str, Any]:
    """The content of a results file.

    Args:
        detections: by sample token, in the global frame; samples without any must be there too.
        uses: which of ``MODALITIES`` the detector was given.

    Raises ``ValueError`` for unknown modalities and for more boxes in a sample than the official tool takes (500).
    """
    unknown = sorted(set(uses) - set(MODALITIES))
    if unknown:
        raise ValueError(f"uses: expected some of {', '.join(MODALITIES)}, got '{unknown[0]}'; name one of them")
    for token, found in detections.items():
        if len(found.score) > CVPR_2019.most_boxes:
            got = f"got {len(found.score)}"
            raise ValueError(
                f"sample {token}: expected {CVPR_2019.most_boxes} boxes at most, {got}; keep those of the best scores"
            )
    return {
        "meta": {f"use_{name}": name in uses for name in MODALITIES},
        "results": {token: _records(token, found) for token, found in detections.items()},
    }


def _records(token: str, found: Detections) -> list[dict[str, Any]]:
    boxes = found.boxes
    return [
        {
            "sample_token": token,
            "translation": boxes.centre_m[i].tolist(),
            "size": boxes.size_lwh_m[i][_LWH_OF_WLH].tolist(),
            "rotation": boxes.rotation_wxyz[i].tolist(),
            "velocity": boxes.velocity_mps[i].tolist(),
            "detection_name": DETECTION_CLASSES[boxes.label[i]],
            "detection_score": float(found.score[i]),
            "attribute_name": "" if boxes.attribute[i] == NO_ATTRIBUTE else ATTRIBUTE_NAMES[boxes.attribute[i]],
        }
        for i in range(len(boxes))
    ]


def write_results(path: Path, detections: Mapping[str, Detections], uses: Collection[str] = ("camera",)) -> None:
    """Writes a results file. Raises ``ValueError`` as ``to_nuscenes_results`` does, and for a path that cannot be written."""
    write_atomically(path, json.dumps(to_nuscenes_results(detections, uses), allow_nan=False).encode())


class _Record(BaseModel):
    model_config = ConfigDict(extra="ignore", allow_inf_nan=True)

    translation: tuple[float, float, float]
    size: tuple[float, float, float]
    rotation: tuple[float, float, float, float]
    velocity: tuple[float, float]
    detection_name: str
    detection_score: float
    attribute_name: str


class _File(BaseModel):
    model_config = ConfigDict(extra="ignore")

    meta: dict[str, Any]
    results: dict[str, list[_Record]]


def read_results(path: Path) -> dict[str, Detections]:
    """Detections by sample token, of a file of the official format, ours or another detector's.

    Raises ``ValueError`` with the sample for a file that is none, unknown classes and attributes, and numbers that are not
    finite.
    """
    out = {}
    for token, records in parse_json(_File, read_bytes(path), path).results.items():
        try:
            out[token] = _detections(records)
        except ValueError as error:
            raise ValueError(f"{path}: sample {token}: {error}") from None
    return out


def _detections(records: list[_Record]) -> Detections:
    if not records:
        return no_detections()
    boxes = Boxes(
        np.array([record.translation for record in records]),
        np.array([record.size for record in records])[:, _LWH_OF_WLH],
        np.array([record.rotation for record in records]),
        np.array([record.velocity for record in records]),
        np.array([label_of(record.detection_name) for record in records]),
        np.array([attribute_label_of(record.attribute_name) for record in records]),
    )
    return Detections(boxes, np.array([record.detection_score for record in records]))

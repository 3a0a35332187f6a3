"""The detector's file: written by a training, read by every evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from everroad.evaluation.detector.config import DetectorConfig
from everroad.evaluation.detector.network import Detector
from everroad.evaluation.judge_files import load_judge, save_judge
from everroad.model.checkpoint import packaged_path

FORMAT_VERSION = 1
KIND = "town-detector"


def save_detector(network: Detector, path: Path, card: Mapping[str, Any]) -> None:
    """Writes ``path`` and its card (same name, ``.json``), each beside and renamed."""
    save_judge(network, network.config, KIND, FORMAT_VERSION, path, card)


def load_detector(path: Path) -> tuple[Detector, dict[str, Any]]:
    """The network in evaluation mode, fp32, and its card with the file's own sha256.

    Raises ``ValueError``: no such file, a pickle, a truncated file, another kind or version, weights that do not fit.
    """
    return load_judge(path, KIND, FORMAT_VERSION, DetectorConfig, Detector)


def load_packaged_detector() -> tuple[Detector, dict[str, Any]]:
    """The detector that ships with the package, and its card."""
    return load_detector(packaged_path("town-detector.safetensors"))

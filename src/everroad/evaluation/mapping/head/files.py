"""The map head's file: written by a training, read by every evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from everroad.evaluation.judge_files import filled, read_judge, save_judge
from everroad.evaluation.mapping.elements import MAP_CLASSES
from everroad.evaluation.mapping.head.config import MapHeadConfig
from everroad.evaluation.mapping.head.network import MapHead
from everroad.model.checkpoint import packaged_path

FORMAT_VERSION = 1
KIND = "town-map-head"


def save_map_head(network: MapHead, path: Path, card: Mapping[str, Any]) -> None:
    """Writes ``path`` and its card (same name, ``.json``), each beside and renamed."""
    save_judge(network, network.config, KIND, FORMAT_VERSION, path, card)


def load_map_head(path: Path) -> tuple[MapHead, dict[str, Any]]:
    """The network in evaluation mode, fp32, and its card with the file's own sha256.

    Raises ``ValueError``: no such file, a pickle, a truncated file, another kind, version or classes, weights that do not fit.
    """
    config, tensors, card = read_judge(path, KIND, FORMAT_VERSION, MapHeadConfig)
    if config.classes != MAP_CLASSES:
        raise ValueError(
            f"{path}: expected the classes {', '.join(MAP_CLASSES)}, got {', '.join(config.classes)}; train it again"
        )
    return filled(MapHead(config), tensors, path), card


def load_packaged_map_head() -> tuple[MapHead, dict[str, Any]]:
    """The map head that ships with the package, and its card."""
    return load_map_head(packaged_path("town-map-head.safetensors"))

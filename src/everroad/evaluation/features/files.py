"""The feature network's file: written by a training, read by every evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from everroad.evaluation.features.network import FeatureNetwork, FeaturesConfig
from everroad.evaluation.judge_files import load_judge, save_judge
from everroad.model.checkpoint import load_weights, packaged_path

FORMAT_VERSION = 2
KIND = "town-features"


def save_features(network: FeatureNetwork, path: Path, card: Mapping[str, Any]) -> None:
    """Writes ``path`` and its card (same name, ``.json``), each beside and renamed."""
    save_judge(network, network.config, KIND, FORMAT_VERSION, path, card)


def load_features(path: Path) -> tuple[FeatureNetwork, dict[str, Any]]:
    """The network in evaluation mode, fp32, and its card with the file's own sha256.

    Raises ``ValueError``: no such file, a pickle, a truncated file, another kind or version, weights that do not fit.
    """
    return load_judge(path, KIND, FORMAT_VERSION, FeaturesConfig, FeatureNetwork)


def load_packaged_features() -> tuple[FeatureNetwork, dict[str, Any]]:
    """The feature network that ships with the package, and its card."""
    return load_features(packaged_path("town-features.safetensors"))


def begin_as_learnt(judge: Any, widths: tuple[int, ...]) -> None:
    """Gives another judge's ``trunk`` and ``neck`` the packaged feature network's weights, which know classes and depth.

    Raises ``ValueError`` for other widths.
    """
    features, _ = load_packaged_features()
    if widths != features.config.widths:
        wanted, got = features.config.widths, widths
        raise ValueError(f"learnt_trunk: expected the widths {wanted} of town-features, got {got}; use learnt_trunk=false")
    for part in ("trunk", "neck"):
        load_weights(getattr(judge, part), getattr(features, part).state_dict(), KIND)

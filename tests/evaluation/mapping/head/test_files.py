"""The map head's file: what is written is read; others are refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from everroad.evaluation.mapping.ground_truth import Window
from everroad.evaluation.mapping.head.config import MapHeadConfig
from everroad.evaluation.mapping.head.files import load_map_head, save_map_head
from everroad.evaluation.mapping.head.network import MapHead
from everroad.evaluation.segmenter import Segmenter, SegmenterConfig, save_segmenter

SMALL = MapHeadConfig(widths=(4, 8, 8, 8), ground=(8, 8), query=16, queries=6, heads=2, window=Window(2.0, 30.0, -12.0, 12.0))


def test_a_file_gives_its_network_back(tmp_path: Path) -> None:
    head = MapHead(SMALL)
    save_map_head(head, tmp_path / "head.safetensors", {"name": "x"})
    again, card = load_map_head(tmp_path / "head.safetensors")
    assert again.config == SMALL
    assert card["name"] == "x"
    assert not again.training
    for name, tensor in head.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], tensor, atol=1e-2, rtol=1e-2)


def test_another_network_is_refused(tmp_path: Path) -> None:
    save_segmenter(Segmenter(SegmenterConfig((8, 8, 8))), tmp_path / "other.safetensors", {})
    with pytest.raises(ValueError, match="expected a town-map-head of format 1, got a segmenter of format"):
        load_map_head(tmp_path / "other.safetensors")

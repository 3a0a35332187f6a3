"""What is compared, from files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from everroad.evaluation.candidates import load_candidates
from everroad.model.checkpoint import save_world_model
from everroad.model.config import HTFTConfig, ModelConfig
from everroad.model.world_model import WorldModel


def saved(path: Path, config: ModelConfig) -> Path:
    path.parent.mkdir(exist_ok=True)
    save_world_model(WorldModel(config), path, {"recipe": path.stem})
    return path


def test_files_in_order_and_the_last_without_its_memory(kit, tmp_path: Path) -> None:
    one = saved(tmp_path / "stage1.safetensors", replace(kit.config, htft=HTFTConfig(enabled=False)))
    two = saved(tmp_path / "stage3.safetensors", kit.config)
    found = load_candidates([one, two])
    assert [(c.name, c.zero_memory) for c in found] == [("stage1", False), ("stage3", False), ("stage3, memory at zero", True)]
    assert found[2].world_model is found[1].world_model
    assert found[0].card["recipe"] == "stage1"
    assert len(load_candidates([one, two], zero_memory=False)) == 2
    # A model without memory has none to hold at zero.
    assert [c.name for c in load_candidates([two, one])] == ["stage3", "stage1"]


def test_files_of_one_name_are_told_apart(kit, tmp_path: Path) -> None:
    paths = [saved(tmp_path / run / "model.safetensors", kit.config) for run in ("a", "b")]
    names = [candidate.name for candidate in load_candidates(paths)]
    assert len(set(names)) == 3
    assert names[0].endswith("a/model")


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="safetensors"):
        load_candidates([tmp_path / "missing.safetensors"])
    with pytest.raises(ValueError, match="preset"):
        load_candidates(preset="nonsense")

"""What is no run of a baseline is refused by its folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from everroad.evaluation.baselines.ship import ship_baseline


@pytest.mark.parametrize("recipe", ["", "[]", "{}", '{"recipe": null}', '{"recipe": {}}', "\udcff"])
def test_a_damaged_recipe_is_refused(tmp_path: Path, recipe: str) -> None:
    (tmp_path / "recipe.json").write_text(recipe, errors="surrogateescape")
    with pytest.raises(ValueError, match=r"expected a training run's folder with its recipe\.json, got another"):
        ship_baseline(tmp_path, tmp_path / "out.safetensors")


@pytest.mark.parametrize(
    ("recipe", "said"),
    [
        ({"name": "town-features"}, "expected a run of a baseline, got one of town-features; name another"),
        ({"name": "a", "preset": []}, "expected a run of a baseline, got one of a; name another"),
        ({"name": "a", "preset": "town-nano"}, "folder with its metrics.jsonl, got none; train it again"),
    ],
)
def test_another_run_is_refused(tmp_path: Path, recipe: dict[str, object], said: str) -> None:
    (tmp_path / "recipe.json").write_text(json.dumps({"recipe": recipe}))
    with pytest.raises(ValueError, match=said):
        ship_baseline(tmp_path, tmp_path / "out.safetensors")
    assert not (tmp_path / "out.safetensors").exists()

"""The recipes of the baselines that learn: ``everroad train NAME``. Towns, samples and optimiser are those of the preset's
stage 1 (``training.recipes``)."""

from __future__ import annotations

from dataclasses import fields, replace

from everroad.evaluation.baselines.frame_recipe import FrameRecipe
from everroad.training.denoiser import DenoiserRecipe
from everroad.training.own_frames import OwnFramesConfig
from everroad.training.recipe import Recipe
from everroad.training.recipes import RECIPES


def _baselines(preset: str) -> dict[str, Recipe]:
    stage1 = RECIPES[f"{preset}-stage1"]
    assert isinstance(stage1, DenoiserRecipe)
    shared = {item.name: getattr(stage1, item.name) for item in fields(stage1)} | {"own": OwnFramesConfig()}
    frames = {"name": f"{preset}-frames", "degrade": replace(stage1.degrade, drop_previous=1.0)}
    return {f"{preset}-frames": FrameRecipe(**shared | frames)}


BASELINE_RECIPES: dict[str, Recipe] = _baselines("town-nano")

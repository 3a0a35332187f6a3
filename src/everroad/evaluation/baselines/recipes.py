"""The recipes of the baselines that learn: ``everroad train NAME``. Towns, samples and optimiser are those of the preset's
stage 1 (``training.recipes``); what is given clean is no sample."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np

from everroad.evaluation.baselines.clip_model import ClipConfig
from everroad.evaluation.baselines.clip_recipe import ClipRecipe
from everroad.evaluation.baselines.frame_recipe import FrameRecipe
from everroad.training.denoiser import DenoiserRecipe
from everroad.training.own_frames import OwnFramesConfig
from everroad.training.recipe import Recipe
from everroad.training.recipes import RECIPES

_GIVEN = (0, 1, 3)


def _baselines(preset: str) -> dict[str, Recipe]:
    """Frame by frame, the clip model that one-shot clips, chunks and diagonal denoising share, and the same trained with a
    noise level for each frame."""
    stage1 = RECIPES[f"{preset}-stage1"]
    assert isinstance(stage1, DenoiserRecipe)
    shared: dict[str, Any] = {item.name: getattr(stage1, item.name) for item in fields(stage1)} | {"own": OwnFramesConfig()}
    alone: dict[str, Any] = {"name": f"{preset}-frames", "degrade": replace(stage1.degrade, drop_previous=1.0)}
    clip = ClipConfig()
    batch = stage1.batch // clip.frames  # as many frames a train step
    samples = batch * (clip.frames - float(np.mean(_GIVEN)))
    steps = round(stage1.batch * stage1.train_steps / samples)
    of_clips: dict[str, Any] = {"batch": batch, "train_steps": steps, "clip": clip, "given": _GIVEN}
    return {
        f"{preset}-frames": FrameRecipe(**{**shared, **alone}),
        f"{preset}-clip": ClipRecipe(**{**shared, **of_clips, "name": f"{preset}-clip"}),
        f"{preset}-clip-levels": ClipRecipe(**{**shared, **of_clips, "name": f"{preset}-clip-levels", "own_levels": True}),
    }


BASELINE_RECIPES: dict[str, Recipe] = {**_baselines("town-nano"), **_baselines("town")}

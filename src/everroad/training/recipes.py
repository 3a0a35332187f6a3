"""Named recipes: ``everroad train NAME [key=value …]``. Each names its command, what it trains and on what it was run."""

from __future__ import annotations

import difflib
from dataclasses import replace

from everroad.training.block_plan import BlockPlan
from everroad.training.decoder import DecoderRecipe
from everroad.training.degrade import DegradeConfig
from everroad.training.denoiser import DenoiserRecipe
from everroad.training.detail import FinishRecipe, SketchRecipe
from everroad.training.layout_critic import RealismConfig
from everroad.training.own_frames import OwnFramesConfig
from everroad.training.recipe import LoopConfig, OptimiserConfig, Recipe
from everroad.training.walks import RolloutRecipe, WalkRecipe

# Few views that serve often are learnt by heart (docs/decisions/0010), so: many places, each for a short time.
_FRAMES = BlockPlan(towns=24, segments=8, frames=13, uses=4, town_seconds=40.0)
_WALKS = BlockPlan(towns=24, segments=4, frames=25, uses=2, town_seconds=40.0)
_OWN_FRAMES = BlockPlan(towns=40, segments=3, frames=25, uses=3, town_seconds=40.0)  # all rolled out
_PICTURES = BlockPlan(towns=64, segments=20, frames=2, uses=3, town_seconds=40.0)  # where no previous frame is read
# The sketch of a frame whose conditions are withheld must be drawn for that one train step.
_SELDOM = DegradeConfig(drop_map=0.02, drop_boxes=0.02, drop_scalars=0.02)


def _stages(preset: str, batch: int, samples: int, learning_rate: float) -> dict[str, Recipe]:
    """Autoencoder, stage 1, 2 and 3 of one preset; ``samples`` is the number of stage 1's training samples."""
    loop = LoopConfig(checkpoint_steps=2000, checkpoint_minutes=5.0, strip_steps=1500)
    walk_steps = _WALKS.frames - 1
    return {
        f"{preset}-decoder": DecoderRecipe(
            name=f"{preset}-decoder", preset=preset, batch=16, train_steps=3000, loop=loop, plan=_PICTURES,
            optimiser=OptimiserConfig(learning_rate=1e-3, warmup_steps=200, ema_decay=0.998),
        ),
        f"{preset}-stage1": DenoiserRecipe(
            name=f"{preset}-stage1", preset=preset, batch=batch, train_steps=samples // batch, loop=loop, plan=_FRAMES,
            own=OwnFramesConfig(share=0.35, depth=12, from_nothing=0.3, clips=0.5), object_weight=2.0,
            degrade=replace(_SELDOM, drop_previous=0.5, clean_share=0.3, noise_high=1.0),
            optimiser=OptimiserConfig("muon", learning_rate, schedule="constant", warmup_steps=200, ema_decay=0.999),
        ),
        f"{preset}-stage2": WalkRecipe(
            name=f"{preset}-stage2", preset=preset, batch=batch, train_steps=samples // 10 // batch // walk_steps * walk_steps,
            loop=loop, plan=_WALKS, degrade=_SELDOM,
            optimiser=OptimiserConfig(learning_rate=learning_rate, warmup_steps=200, ema_decay=0.998),
        ),
        f"{preset}-stage3": RolloutRecipe(
            name=f"{preset}-stage3", preset=preset, batch=batch, train_steps=samples // 4 // batch // walk_steps * walk_steps,
            loop=loop, plan=_WALKS, degrade=_SELDOM,
            optimiser=OptimiserConfig(learning_rate=learning_rate / 2, warmup_steps=200, ema_decay=0.999),
        ),
    }  # fmt: skip


def _detail(preset: str) -> dict[str, Recipe]:
    """The networks that add detail, for presets that have them: to the sketch (before stage 1), to frames (after stage 3)."""
    return {
        f"{preset}-sketch": SketchRecipe(
            name=f"{preset}-sketch", preset=preset, batch=8, train_steps=8000, plan=_PICTURES, object_weight=2.0,
            loop=LoopConfig(checkpoint_steps=2000, checkpoint_minutes=5.0), realism=RealismConfig(weight=0.6, ramp_steps=400),
            optimiser=OptimiserConfig("muon", 8e-4, warmup_steps=50, ema_decay=0.995),
        ),
        f"{preset}-finish": FinishRecipe(
            name=f"{preset}-finish", preset=preset, batch=8, train_steps=4500, plan=_OWN_FRAMES, object_weight=2.0, amount=1.5,
            own=OwnFramesConfig(share=1.0, depth=24, from_nothing=0.3),
            loop=LoopConfig(checkpoint_steps=2000, checkpoint_minutes=5.0), realism=RealismConfig(weight=0.6, ramp_steps=400),
            optimiser=OptimiserConfig("muon", 8e-4, warmup_steps=50, ema_decay=0.995),
        ),
    }  # fmt: skip


RECIPES: dict[str, Recipe] = {
    **_detail("town"),
    **_detail("town-hd"),
    **_stages("town", batch=32, samples=500_000, learning_rate=6e-4),
    **_stages("town-nano", batch=16, samples=200_000, learning_rate=8e-4),
    **_stages("town-hd", batch=64, samples=4_000_000, learning_rate=4e-4),
}


def get_recipe(name: str) -> Recipe:
    """The recipe of that name. Raises ``ValueError`` with the names there are."""
    if name not in RECIPES:
        near = difflib.get_close_matches(name, RECIPES, n=1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        raise ValueError(f"recipe: expected one of {', '.join(RECIPES)}, got '{name}'{hint}")
    return RECIPES[name]

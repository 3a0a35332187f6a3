"""Every recipe trains on recordings that have neither a map nor boxes nor a moving car, from weights that ship."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.data.test_recordings import make_recording
from tests.model.conftest import TINY, make_model

from everroad.data.recorded_clips import RecordedSpec, read_recorded
from everroad.model.checkpoint import load_packaged, load_world_model, save_world_model
from everroad.model.presets import PRESETS
from everroad.training.block_plan import BlockPlan, RecordedPlan
from everroad.training.block_recipe import BlockRecipe
from everroad.training.decoder import DecoderRecipe
from everroad.training.denoiser import DenoiserRecipe
from everroad.training.detail import FinishRecipe, SketchRecipe
from everroad.training.engine import train
from everroad.training.layout_critic import RealismConfig
from everroad.training.overrides import apply_overrides
from everroad.training.own_frames import OwnFramesConfig
from everroad.training.recipe import OptimiserConfig
from everroad.training.recipes import get_recipe
from everroad.training.ship import ship
from everroad.training.walks import RolloutRecipe, WalkRecipe

PLAN = BlockPlan(towns=2, segments=2, frames=4, uses=4, workers=0)
CRITIC = RealismConfig(weight=0.3, ramp_steps=0, sigma_low=0.0, width=8)
SOME, ALL = OwnFramesConfig(share=0.5, depth=2, from_nothing=0.5), OwnFramesConfig(share=1.0)


@pytest.fixture
def recipe_of(tmp_path, monkeypatch):
    """Recipes for a tiny model on 20 frames of a recording, of which 16 may be used."""
    monkeypatch.setitem(PRESETS, "tiny", TINY)
    make_recording(tmp_path / "recordings", frames=20)
    save_world_model(make_model(), tmp_path / "tiny.safetensors", {})
    recorded = RecordedPlan(str(tmp_path / "recordings"), until_s=16 / 12)

    def make(kind: type[BlockRecipe], **settings: object) -> BlockRecipe:
        start = str(tmp_path / "tiny.safetensors")
        optimiser = OptimiserConfig(learning_rate=1e-3, warmup_steps=0)
        return kind(
            name=f"tiny-{kind.__name__}", preset="tiny", batch=4, train_steps=3, plan=PLAN, recorded=recorded, init=start,
            object_weight=2.0, optimiser=optimiser, **settings,  # type: ignore[arg-type]
        )  # fmt: skip

    return make


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        (DecoderRecipe, {}),
        (DenoiserRecipe, {"own": SOME, "realism": CRITIC}),
        (WalkRecipe, {}),
        (RolloutRecipe, {"realism": CRITIC}),
        (SketchRecipe, {"realism": CRITIC}),
        (FinishRecipe, {"own": ALL, "realism": CRITIC, "amount": 1.0}),
    ],
)
def test_every_recipe_trains_without_layout(recipe_of, tmp_path, kind, settings, monkeypatch):
    monkeypatch.setattr(kind, "sample_strip", lambda *_: None)
    recipe = recipe_of(kind, **settings)
    done = train(recipe, tmp_path / "run", quiet=True)
    assert done.finished
    before, trained = make_model().state_dict(), {name for name, _ in done.module.named_parameters()}
    moved = [name for name in trained & before.keys() if not torch.equal(done.module.state_dict()[name], before[name])]
    assert moved
    assert all(torch.isfinite(tensor).all() for tensor in done.module.state_dict().values())


def test_nothing_of_the_held_out_part_is_seen(recipe_of):
    recipe = recipe_of(DenoiserRecipe)
    blocks = recipe.prefetcher(0)
    seen = set()
    for _ in range(20):
        block = next(blocks)
        seen |= set(block.images.float().mean((2, 3, 4)).round().int().flatten().tolist())  # picture i is painted with i
        assert not block.conditions.map_image.any()
        assert not block.conditions.present.map.any()
    assert seen == set(range(16))
    assert int(recipe.shown().images.amax()) == 15


def test_the_strip_shows_the_end_of_what_is_trained_on(recipe_of):
    recipe = recipe_of(DenoiserRecipe)
    (clip,) = read_recorded([RecordedSpec(recipe.source().stretches[0].path, "CAM", 0, 16)], 32, 48)
    assert torch.equal(recipe.shown().images, clip.images)
    strip = recipe.sample_strip(make_model(), 0)
    shown = np.array([1, 4, 8])  # of (1, 4, 8, 16, 32) those that 16 frames have
    assert strip.shape == (round(1.5 * 64), round(1.5 * 48 * len(shown)), 3)
    for place, frame in enumerate(shown):
        assert strip[10, round(1.5 * 48 * (place + 0.5)), 0] == frame


def test_recordings_that_are_refused_are_refused_before_anything_is_made(recipe_of, tmp_path):
    recipe = recipe_of(DenoiserRecipe)
    for change, message in (
        ({"path": str(tmp_path / "none")}, "expected a folder of scenario files"),
        ({"until_s": 0.3}, "expected 5 frames on end at 12 Hz"),
    ):
        spoilt = replace(recipe, recorded=replace(recipe.recorded, **change))
        with pytest.raises(ValueError, match=message) as caught:
            train(spoilt, tmp_path / "run", quiet=True)
        assert "\n" not in str(caught.value)
        assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "override",
    [
        "until_s=0",
        "until_s=-1",
        "until_s=nan",
        "until_s=inf",
        "until_s=x",
        "cameras=rear",
        "vertical_anchor=2",
        "vertical_anchor=nan",
    ],
)
def test_settings_that_cannot_be_are_refused_by_the_name_that_was_typed(override):
    with pytest.raises(ValueError, match=rf"recorded\.{override.split('=')[0]}.*: expected [^;]*, got [^;]*; .+"):
        apply_overrides(get_recipe("town-stage1"), [f"recorded.{override}", "recorded.path=recordings"])


def test_settings_of_recordings_without_recordings_are_refused():
    with pytest.raises(ValueError, match=r"^override 'recorded\.path=': expected a value, got none; name one"):
        apply_overrides(get_recipe("town-stage1"), ["recorded.path="])
    wanted = r"^recorded\.path: expected the recordings beside until_s, cameras, got none; name them, or drop the rest$"
    with pytest.raises(ValueError, match=wanted):
        apply_overrides(get_recipe("town-stage1"), ["recorded.until_s=3", "recorded.cameras=all"])


def test_a_run_goes_on_from_the_packaged_weights_and_their_card(tmp_path, monkeypatch):
    make_recording(tmp_path / "recordings", frames=20)
    overrides = [
        "init=packaged",
        f"recorded.path={tmp_path / 'recordings'}",
        "recorded.until_s=1.5",
        "train_steps=1",
        "batch=1",
    ]
    overrides += ["plan.workers=0", "plan.towns=1", "plan.segments=1", "plan.frames=2", "own.share=0"]
    recipe = apply_overrides(get_recipe("town-stage1"), overrides)
    packaged, card = load_packaged("town")
    built = recipe.build().state_dict()
    assert all(torch.equal(tensor, built[name]) for name, tensor in packaged.state_dict().items())
    monkeypatch.setattr(DenoiserRecipe, "sample_strip", lambda *_: None)
    train(recipe, tmp_path / "run", quiet=True)
    shipped = ship([tmp_path / "run"], None, tmp_path / "dashcam.safetensors", None)
    assert shipped["data"].endswith("everroad.render; recorded pictures: recordings (of each what lies before 1.5 s)")
    assert shipped["stages"][:-1] == card["stages"]
    assert "init=packaged" in shipped["stages"][-1]["command"]
    assert "recorded.path=recordings" in shipped["stages"][-1]["command"]
    assert str(tmp_path) not in json.dumps(shipped)
    assert shipped["samples"] == card["samples"] + 1
    loaded, _ = load_world_model(tmp_path / "dashcam.safetensors")
    assert torch.equal(loaded.sketch.detail.output.weight, packaged.sketch.detail.output.weight)
    assert not torch.equal(loaded.input.weight, packaged.input.weight)

"""The clip model's training on a tiny model and made-up clips."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tests.model.conftest import TINY, make_conditions, make_model

from everroad.data.blocks import Block, BlockShape
from everroad.evaluation.baselines.clip_files import load_clip_model, save_clip_model
from everroad.evaluation.baselines.clip_model import ClipConfig, ClipModel, clip_model
from everroad.evaluation.baselines.clip_recipe import ClipRecipe, clip_windows
from everroad.evaluation.baselines.frame_recipe import FrameRecipe
from everroad.evaluation.baselines.recipes import BASELINE_RECIPES
from everroad.evaluation.baselines.ship import ship_baseline
from everroad.evaluation.baselines.sources import NAMES, open_source
from everroad.model.presets import PRESETS
from everroad.training.block_plan import BlockPlan
from everroad.training.block_recipe import BlockRecipe
from everroad.training.degrade import DegradeConfig
from everroad.training.engine import train
from everroad.training.layout_critic import RealismConfig
from everroad.training.own_frames import OwnFramesConfig
from everroad.training.recipe import LoopConfig, OptimiserConfig
from everroad.training.recipes import RECIPES
from everroad.training.strips import Reference

PLAN = BlockPlan(towns=2, segments=2, frames=6, uses=4, workers=0)
PLAIN = DegradeConfig(drop_previous=1.0, drop_anchor=0.0, drop_map=0.0, drop_boxes=0.0, drop_scalars=0.0)


def made_up_block(index: int) -> Block:
    draw = torch.Generator().manual_seed(index)
    images = torch.randint(0, 256, (PLAN.shape.clips, PLAN.frames, 3, 32, 48), dtype=torch.uint8, generator=draw)
    return Block(index, images, make_conditions(batch=PLAN.shape.clips * PLAN.frames, seed=index))


class MadeUpBlocks:
    """Stands in for the prefetcher."""

    def __init__(self, first_block: int) -> None:
        self.next = first_block

    def __enter__(self) -> MadeUpBlocks:
        return self

    def __exit__(self, *_: object) -> None: ...

    def __iter__(self) -> Iterator[Block]:
        while True:
            yield made_up_block(self.next)
            self.next += 1


def shown() -> Reference:
    conditions = make_conditions(batch=5, seed=5).split()
    images = torch.randint(0, 256, (5, 3, 32, 48), dtype=torch.uint8, generator=torch.Generator().manual_seed(5))
    return Reference(images, tuple(conditions))


@pytest.fixture(autouse=True)
def _tiny_preset(monkeypatch):
    monkeypatch.setitem(PRESETS, "tiny", TINY)
    monkeypatch.setattr(BlockRecipe, "prefetcher", lambda self, first_block: MadeUpBlocks(first_block))
    monkeypatch.setattr(BlockRecipe, "build", lambda self: make_model().train())
    monkeypatch.setattr(BlockRecipe, "shown", lambda self: shown())


def recipe_of(**changes: object) -> ClipRecipe:
    settings = {"train_steps": 8, "clip": ClipConfig(4), "degrade": PLAIN, "given": (0, 1, 3)} | changes
    return ClipRecipe(name="test", preset="tiny", batch=2, plan=PLAN, **settings)  # type: ignore[arg-type]


def batches_of(recipe: ClipRecipe, first: int, count: int) -> list:
    iterator = recipe.batches(first)
    return [next(iterator) for _ in range(count)]


def test_batches_do_not_depend_on_where_the_run_began() -> None:
    recipe = recipe_of()
    later, same = batches_of(recipe, 5, 1)[0], batches_of(recipe, 0, 6)[5]
    assert torch.equal(later.given, same.given)
    for name in ("target", "anchor", "sigma", "noise"):
        assert torch.equal(getattr(later.data, name), getattr(same.data, name)), name


def test_a_batch_is_consecutive_frames_of_two_clips_with_their_own_conditions() -> None:
    block = made_up_block(0)
    for batch in batches_of(recipe_of(), 0, 4):
        clip, frame = batch.data.clip.view(2, 4), batch.data.frame.view(2, 4)
        assert (clip == clip[:, :1]).all()
        assert (frame.diff(dim=1) == 1).all()
        assert clip[0, 0] != clip[1, 0]
        rows = (clip * PLAN.frames + frame).flatten()
        assert torch.equal(batch.data.target[:, 0], block.images.flatten(0, 1)[rows])
        assert torch.equal(batch.data.conditions.map_image, block.conditions.map_image[rows])
        assert torch.equal(batch.data.anchor[0], batch.data.anchor[3])


def test_a_clip_has_one_noise_level_unless_each_frame_has_its_own() -> None:
    shared = batches_of(recipe_of(), 0, 1)[0].data.sigma.view(2, 4)
    assert (shared == shared[:, :1]).all()
    assert shared[0, 0] != shared[1, 0]
    own = torch.cat([batch.data.sigma.view(2, 4) for batch in batches_of(recipe_of(own_levels=True), 0, 4)])
    assert (own != own[:, :1]).any(1).all()


def test_as_many_frames_are_given_as_were_drawn_and_all_numbers_come() -> None:
    given = torch.cat([batch.given for batch in batches_of(recipe_of(), 0, 20)])
    numbers = given.sum(1)
    assert set(numbers.tolist()) == {0, 1, 3}
    assert torch.equal(given, torch.arange(4) < numbers[:, None])


def test_given_frames_are_clean_and_cost_nothing() -> None:
    """Their noise is not added, and their errors are not asked about; those of the others are."""
    recipe, model = recipe_of(given=(3,)), clip_model(make_model(), ClipConfig(4))
    with torch.no_grad():
        model.unet.middle.temporal.output.weight.add_(torch.eye(64))
    batch = batches_of(recipe, 0, 1)[0]
    recipe.ready(model, batch)
    loss = recipe.loss(model, batch, 0)[0]

    def with_noise_of(frame: int) -> float:
        noise = batch.data.noise.clone()
        noise[frame] += 1
        return float(recipe.loss(model, replace(batch, data=replace(batch.data, noise=noise)), 0)[0])

    assert with_noise_of(0) == with_noise_of(2) == float(loss)
    assert with_noise_of(3) != float(loss)
    seen = replace(batch.data, target=batch.data.target.clone())
    seen.target[2] = 255 - seen.target[2]
    assert float(recipe.loss(model, replace(batch, data=seen), 0)[0]) != float(loss)  # but they are read


@pytest.mark.parametrize("own_levels", [False, True])
def test_the_loss_falls_and_attention_between_frames_learns(own_levels: bool) -> None:
    recipe, model = recipe_of(own_levels=own_levels, given=(1,)), clip_model(make_model(), ClipConfig(4)).train()
    batch = batches_of(recipe, 0, 1)[0]
    recipe.ready(model, batch)
    optimiser = torch.optim.Adam(recipe.parameters(model), lr=3e-3)
    losses = []
    for _ in range(8):
        loss, metrics = recipe.loss(model, batch, 0)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.9 * losses[0]
    assert all(name.startswith("loss_sigma") for name in metrics)
    assert model.unet.middle.temporal.output.weight.abs().max() > 0
    assert model.given.abs().max() > 0


def test_what_trains_is_the_backbone_and_what_was_added() -> None:
    model = clip_model(make_model(), ClipConfig(4))
    chosen = {id(parameter) for parameter in recipe_of().parameters(model)}
    names = {name for name, parameter in model.named_parameters() if id(parameter) in chosen}
    assert {"given", "unet.middle.temporal.qkv.weight", "unet.encoder.0.1.temporal.output.weight", "input.weight"} <= names
    assert not any(name.startswith(("autoencoder.", "sketch.", "finish.", "unet.htft.")) for name in names)


def run_settings(**changes: object) -> dict:
    loop = LoopConfig(checkpoint_steps=2)
    optimiser = OptimiserConfig("muon", 1e-3, schedule="constant", warmup_steps=1)
    return {"preset": "tiny", "batch": 2, "plan": PLAN, "loop": loop, "degrade": PLAIN, "optimiser": optimiser} | changes


@pytest.mark.slow
def test_a_run_of_clips_resumes_to_the_same_bits_and_ships(tmp_path: Path) -> None:
    recipe = ClipRecipe(name="tiny-clip", train_steps=3, clip=ClipConfig(4), **run_settings())
    train(recipe, tmp_path / "whole", quiet=True)
    train(replace(recipe, train_steps=2), tmp_path / "parts", quiet=True)
    train(recipe, tmp_path / "parts", quiet=True)
    one, other = (load_file(tmp_path / name / "checkpoints" / "000000003" / "ema.safetensors") for name in ("whole", "parts"))
    assert all(torch.equal(tensor, other[name]) for name, tensor in one.items())
    assert len(list((tmp_path / "whole" / "strips").iterdir())) == 1

    out = tmp_path / "shipped" / "clip.safetensors"
    card = ship_baseline(tmp_path / "whole", out)
    assert (card["baseline"], card["seed"]) == (recipe.name, 0)
    assert card["stages"][0]["samples"] == round(3 * 2 * (4 - 4 / 3))
    assert card["parameters_between_frames"] > 0
    for name, tensor in open_source("chunked", out).model.state_dict().items():
        torch.testing.assert_close(tensor, one[name], rtol=1e-2, atol=1e-3)
    with pytest.raises(ValueError, match=r"--out: expected the name of a \.safetensors file"):
        ship_baseline(tmp_path / "whole", tmp_path / "model.json")
    with pytest.raises(ValueError, match="expected a run of a decoder recipe"):
        ship_baseline(tmp_path / "whole", out, decoder=tmp_path / "parts")
    with pytest.raises(ValueError, match="expected a training run's folder"):
        ship_baseline(tmp_path / "none", out)


def test_a_run_of_frames_ships_as_a_world_model_without_memory(tmp_path: Path) -> None:
    recipe = FrameRecipe(name="tiny-frames", train_steps=2, seed=3, **run_settings())
    train(recipe, tmp_path / "run", quiet=True)
    card = ship_baseline(tmp_path / "run", tmp_path / "frames.safetensors")
    assert (card["baseline"], card["seed"], card["stages"][0]["samples"]) == ("tiny-frames", 3, 4)
    assert "train tiny-frames seed=3" in card["stages"][0]["command"]
    assert not open_source("frame-by-frame", tmp_path / "frames.safetensors").model.config.htft.enabled
    with pytest.raises(ValueError, match="expected a clip model"):
        open_source("chunked", tmp_path / "frames.safetensors")


def test_files_bring_the_model_back(tmp_path: Path) -> None:
    model = ClipModel(TINY, ClipConfig(5, levels=(1,)))
    save_clip_model(model, tmp_path / "clip.safetensors", {"baseline": "x"})
    back, card = load_clip_model(tmp_path / "clip.safetensors")
    assert (back.config, back.clip, card["baseline"], back.training) == (TINY, model.clip, "x", False)
    assert torch.equal(back.autoencoder.code.components, model.autoencoder.code.components)
    with pytest.raises(ValueError, match="expected a safetensors file"):
        load_clip_model(tmp_path / "none.safetensors")


def test_sources_are_opened_by_name(tmp_path: Path) -> None:
    assert NAMES == (
        "repeat", "warp", "frame-by-frame", "one-shot", "chunked", "diagonal", "diagonal-lookahead"
    )  # fmt: skip
    assert open_source("warp").name == "warp"
    with pytest.raises(ValueError, match="baseline: expected one of repeat"):
        open_source("vista")
    with pytest.raises(ValueError, match="expected no weights"):
        open_source("repeat", tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match="expected a file of its weights"):
        open_source("chunked")


@pytest.mark.parametrize("preset", ["town-nano", "town"])
def test_the_named_recipes_have_stage_1s_budget_and_towns(preset: str) -> None:
    stage1 = RECIPES[f"{preset}-stage1"]
    for name in ("clip", "clip-levels"):
        recipe = BASELINE_RECIPES[f"{preset}-{name}"]
        asked = recipe.train_steps * recipe.batch * (recipe.clip.frames - np.mean(recipe.given))
        assert asked == pytest.approx(stage1.batch * stage1.train_steps, rel=1e-3)
        assert recipe.batch * recipe.clip.frames == stage1.batch
        assert replace(recipe.source()) == stage1.source()
        assert recipe.steps_per_block() == stage1.steps_per_block()  # so the towns last as long
        assert (recipe.optimiser, recipe.levels) == (stage1.optimiser, stage1.levels)


def test_windows_lie_in_their_clips_and_half_of_the_anchors_in_earlier_ones() -> None:
    shape = BlockShape(towns=6, segments=4, frames=9)
    drawn = [clip_windows(0, step, 8, shape, 5) for step in range(200)]
    clip, first, anchor = (np.concatenate([getattr(d, name) for d in drawn]) for name in ("clip", "first", "anchor_clip"))
    assert all(len(set(d.clip)) == 8 for d in drawn)
    assert (first.min(), first.max()) == (0, 4)
    assert (anchor // 4 == clip // 4).all()  # of one town
    assert (anchor <= clip).all()
    assert (anchor < clip)[clip % 4 > 0].mean() == pytest.approx(0.5, abs=0.05)
    assert np.bincount(clip, minlength=24).min() > 30


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"clip": ClipConfig(7)}, r"clip\.frames: expected 2 to plan\.frames 6"),
        ({"given": ()}, "given: expected numbers from 0 to 3"),
        ({"given": (4,)}, "given: expected numbers from 0 to 3"),
        ({"own": OwnFramesConfig(share=0.5)}, r"own\.share"),
        ({"realism": RealismConfig(weight=0.5)}, r"realism\.weight"),
    ],
)
def test_settings_are_checked(changes, message) -> None:
    with pytest.raises(ValueError, match=message):
        recipe_of(**changes)
    with pytest.raises(ValueError, match="batch: expected no more clips"):
        replace(recipe_of(), batch=5)

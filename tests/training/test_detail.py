"""A network that adds detail trains alone, by differences and by what a critic makes of its pictures."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from tests.model.conftest import TINY, make_model
from tests.training.test_stages import PLAN, MadeUpBlocks, losses_in_both_dtypes

from everroad.model.config import FinishConfig, SketchConfig
from everroad.model.presets import PRESETS
from everroad.model.world_model import WorldModel
from everroad.training.block_recipe import BlockRecipe
from everroad.training.detail import RESTRAINT, DetailBatch, FinishRecipe, SketchRecipe, Task, amount_error, edge_error
from everroad.training.layout_critic import LayoutCritic, RealismConfig
from everroad.training.own_frames import OwnFramesConfig

RECIPE = {"name": "test", "preset": "tiny", "batch": 4, "train_steps": 8, "plan": PLAN}


def recipe_of(kind: type[SketchRecipe] | type[FinishRecipe]) -> SketchRecipe | FinishRecipe:
    own = OwnFramesConfig(share=1.0, depth=4) if kind is FinishRecipe else OwnFramesConfig()
    return kind(**RECIPE, own=own)


@pytest.fixture(autouse=True)
def _tiny_preset(monkeypatch):
    monkeypatch.setitem(PRESETS, "tiny", TINY)
    monkeypatch.setattr(BlockRecipe, "prefetcher", lambda self, first_block: MadeUpBlocks(first_block))


@pytest.mark.parametrize("kind", [SketchRecipe, FinishRecipe])
def test_it_learns_and_nothing_else_does(kind):
    recipe, model = recipe_of(kind), make_model().train()
    before = {name: parameter.clone() for name, parameter in model.named_parameters()}
    batch = next(recipe.batches(0))
    recipe.ready(model, batch)
    optimiser, losses = torch.optim.Adam(recipe.parameters(model), lr=3e-3), []
    for _ in range(30):
        loss, metrics = recipe.loss(model, batch, 0)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.9 * losses[0]
    assert set(metrics) == {"l1", "kept_l1", "psnr_db"}
    changed = {name for name, parameter in model.named_parameters() if not torch.equal(parameter, before[name])}
    assert changed
    assert all(name.startswith(kind.PART) for name in changed)


@pytest.mark.parametrize("kind", [SketchRecipe, FinishRecipe])
def test_both_compute_in_bfloat16_too(kind):
    losses = losses_in_both_dtypes(replace(recipe_of(kind), realism=RealismConfig(weight=0.3)))
    assert losses[0] != losses[1]
    assert losses[1] == pytest.approx(losses[0], rel=0.1)


def test_the_critic_pulls_in_proportion_and_learns_apart(monkeypatch):
    recipe, model = SketchRecipe(**RECIPE, realism=RealismConfig(weight=0.5, ramp_steps=10)), make_model().train()
    model.critic = LayoutCritic(8)
    batch = next(recipe.batches(0))
    pictures, decode = [], model.autoencoder.code.decode

    def catching(latents):
        pictures.append(decode(latents))
        return pictures[-1]

    monkeypatch.setattr(model.autoencoder.code, "decode", catching)
    gradients = []
    for maker, train_step in ((replace(recipe, realism=RealismConfig()), 0), (recipe, 0), (recipe, 5), (recipe, 99)):
        model.zero_grad()
        loss, metrics = maker.loss(model, batch, train_step)
        gradients += torch.autograd.grad(loss, pictures[-1], retain_graph=True)
        loss.backward()
        assert all((parameter.grad is not None) == (maker is recipe) for parameter in model.critic.parameters())
        assert ("critic_loss" in metrics) == (maker is recipe)
    own, at_first, half_way, full = gradients
    torch.testing.assert_close(at_first, own)
    size = own.flatten(1).norm(dim=1)
    torch.testing.assert_close((half_way - own).flatten(1).norm(dim=1), 0.25 * size)
    torch.testing.assert_close((full - own).flatten(1).norm(dim=1), 0.5 * size)


@pytest.mark.parametrize("kind", [SketchRecipe, FinishRecipe])
def test_the_critic_alone_learns_first(kind):
    recipe, model = replace(recipe_of(kind), realism=RealismConfig(weight=0.5, alone_steps=2)), make_model().train()
    model.critic = LayoutCritic(8)
    batch = next(recipe.batches(0))
    recipe.ready(model, batch)
    for train_step, alone in ((0, True), (1, True), (2, False)):
        model.zero_grad()
        recipe.loss(model, batch, train_step)[0].backward()
        learns = {name for name, parameter in model.named_parameters() if parameter.grad is not None}
        assert any(name.startswith("critic.") for name in learns)
        assert any(name.startswith(kind.PART) for name in learns) == (not alone)


def finish_batch() -> tuple[FinishRecipe, WorldModel, DetailBatch]:
    recipe, model = recipe_of(FinishRecipe), make_model()
    batch = next(recipe.batches(0))
    recipe.ready(model, batch)
    return recipe, model, batch


def test_a_sketch_begins_with_its_closed_form_and_is_compared_as_latents():
    recipe, model = recipe_of(SketchRecipe), make_model()
    batch, code = next(recipe.batches(0)), model.autoencoder.code
    task = recipe.task(model, batch.conditions, batch)
    torch.testing.assert_close(task.given, code.decode(model.sketch.closed_form(batch.conditions)))
    torch.testing.assert_close(task.real, code.decode(code.encode(batch.images[:, 0].float() / 255)))
    assert task.asked.eq(1).all()
    drawn = model.sketch.detail.added_to(task.given, batch.conditions)
    torch.testing.assert_close(recipe.seen(model, drawn), code.decode(model.sketch(batch.conditions, code)))


def test_finishing_begins_with_own_frames_of_the_same_instant():
    recipe, model, batch = finish_batch()
    task = recipe.task(model, batch.conditions, batch)
    latents = batch.roll_outs.latents[batch.clip, batch.frame].float()
    torch.testing.assert_close(task.given, model.autoencoder.code.decode(latents))
    torch.testing.assert_close(task.real, batch.images[:, 0].float() / 255)
    assert recipe.seen(model, task.given) is task.given
    start = batch.frame == 0  # its own frame is the true one
    assert start.any()
    assert set(batch.frame.tolist()) <= set(range(PLAN.frames - 1))
    encoded = model.encode(batch.images[start].float() / 255)[:, 0]
    torch.testing.assert_close(latents[start], encoded, atol=2e-3, rtol=2e-3)


def test_what_an_own_frame_shows_of_another_town_keeps_its_colours_above_all():
    recipe, model, batch = finish_batch()
    conditions = replace(
        batch.conditions,
        map_image=torch.zeros_like(batch.conditions.map_image),
        box_image=torch.zeros_like(batch.conditions.box_image),
    )
    conditions.map_image[:, :, 0, :8] = 255  # the first of four rows of cells
    batch = replace(batch, conditions=conditions, images=torch.full_like(batch.images, 255))
    batch.roll_outs.latents = model.encode(torch.zeros(1, 1, 3, 32, 48))[0].expand_as(batch.roll_outs.latents).half()
    task = recipe.task(model, conditions, batch)
    assert task.asked[:, :, 0].eq(1).all()
    assert task.asked[:, :, 1:].max() < 1e-6

    def loss(made: torch.Tensor, task: Task) -> float:
        return float(recipe.differences(made, task, batch)[0])

    told = task.asked.repeat_interleave(8, 2).repeat_interleave(8, 3) > 0.5
    checks = (torch.arange(TINY.height_px)[:, None] + torch.arange(TINY.width_px)) % 2 * 0.1 - 0.05
    detailed = torch.where(told, task.real, task.given + checks)
    # Detail where the truth is not asked for costs the restraint on it alone: three of four rows are 0.05 from the given.
    assert loss(detailed, task) == pytest.approx(0.75 * 0.05 * RESTRAINT, rel=1e-3)
    assert loss(task.real, replace(task, asked=torch.ones_like(task.asked))) == pytest.approx(0, abs=1e-6)
    wrong = float((task.real - task.given)[:, :, 8:].mean())
    assert loss(task.real, task) == pytest.approx(0.75 * wrong * (1 + RESTRAINT), rel=1e-3)


def test_what_lost_its_detail_is_asked_for_it_and_another_colour_is_not():
    recipe, model, batch = finish_batch()
    nothing = torch.zeros_like(batch.conditions.map_image)
    batch = replace(batch, conditions=replace(batch.conditions, map_image=nothing))
    grey = model.encode(torch.full((1, 1, 3, 32, 48), 0.5))[0]
    batch.roll_outs.latents = grey.expand_as(batch.roll_outs.latents).half()
    checks = (torch.arange(TINY.height_px)[:, None] + torch.arange(TINY.width_px)) % 2 * 255  # grey in the mean
    for pictures, asked in ((checks, 1.0), (torch.full_like(checks, 255), 0.0)):
        task = recipe.task(model, batch.conditions, replace(batch, images=pictures.to(torch.uint8).expand_as(batch.images)))
        torch.testing.assert_close(task.asked, torch.full_like(task.asked, asked), atol=1e-3, rtol=0)


def test_the_rolled_out_frames_are_kept_for_a_resumed_run():
    recipe, _, batch = finish_batch()
    again = next(recipe.batches(1, recipe.carried(batch)))
    assert torch.equal(again.roll_outs.latents, batch.roll_outs.latents)
    assert recipe_of(SketchRecipe).carried(next(recipe_of(SketchRecipe).batches(0))) == {}


def test_edges_by_hand():
    """One pixel is wrong by 1 in one colour: two horizontal and two vertical differences are."""
    real, weight = torch.zeros(1, 3, 4, 5), torch.ones(1, 1, 4, 5)
    made = real.clone()
    made[0, 1, 2, 2] = 1.0
    assert float(edge_error(made, real, weight)) == pytest.approx(2 / (3 * 4 * 4) + 2 / (3 * 3 * 5))
    weight[..., 2, 3] = 3.0  # the difference to the pixel on the right
    assert float(edge_error(made, real, weight)) == pytest.approx(4 / (3 * 4 * 4) + 2 / (3 * 3 * 5))


def test_the_amount_of_detail_by_hand_wherever_it_is():
    """Stripes of height a differ by a from their neighbours on one side: the root mean square gradient of each window is a."""
    stripes = (torch.arange(48) % 2).float().expand(1, 3, 32, 48)
    flat = torch.zeros(1, 3, 32, 48)
    assert float(amount_error(0.5 * stripes, flat)) == pytest.approx(0.5 - 1e-3, abs=1e-5)
    assert float(amount_error(0.5 * stripes, 0.2 * stripes)) == pytest.approx(0.3, abs=1e-5)
    assert float(amount_error(0.5 * stripes, 0.5 * stripes.flip(-1))) == pytest.approx(0, abs=1e-6)


def test_refused_settings(monkeypatch):
    with pytest.raises(ValueError, match="edges: expected 0 to 1000, got -1"):
        SketchRecipe(**RECIPE, edges=-1.0)
    with pytest.raises(ValueError, match="amount: expected 0 to 1000, got -1"):
        FinishRecipe(**RECIPE, own=OwnFramesConfig(share=1.0), amount=-1.0)
    with pytest.raises(ValueError, match="width: expected a multiple of 8 up to 1024"):
        RealismConfig(width=8 * 10**8)
    with pytest.raises(ValueError, match=r"own\.share: expected 0"):
        SketchRecipe(**RECIPE, own=OwnFramesConfig(share=0.5))
    with pytest.raises(ValueError, match=r"own\.share: expected 1 in test"):
        FinishRecipe(**RECIPE)
    monkeypatch.setitem(PRESETS, "tiny", replace(TINY, sketch=SketchConfig(), finish=FinishConfig()))
    monkeypatch.setattr(BlockRecipe, "build", lambda self: make_model(PRESETS["tiny"]))
    for kind, part in ((SketchRecipe, "sketch.detail"), (FinishRecipe, "finish")):
        with pytest.raises(ValueError, match=f"expected one with the network of {part};"):
            recipe_of(kind).build()

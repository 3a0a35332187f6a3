"""The sketch's network alone trains, by differences and by what a critic makes of its pictures."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from tests.model.conftest import TINY, make_model
from tests.training.test_stages import PLAN, MadeUpBlocks, losses_of_updates

from everroad.model.config import SketchConfig
from everroad.model.presets import PRESETS
from everroad.model.world_model import WorldModel
from everroad.training.denoiser import DenoiserRecipe
from everroad.training.layout_critic import LayoutCritic, RealismConfig
from everroad.training.own_frames import OwnFramesConfig
from everroad.training.sketch_detail import SketchBatch, SketchRecipe, edge_error

RECIPE = {"name": "test", "preset": "tiny", "batch": 4, "train_steps": 8, "plan": PLAN}


@pytest.fixture(autouse=True)
def _tiny_preset(monkeypatch):
    monkeypatch.setitem(PRESETS, "tiny", TINY)
    monkeypatch.setattr(DenoiserRecipe, "prefetcher", lambda self, first_block: MadeUpBlocks(first_block))


def test_it_learns_and_nothing_else_does():
    recipe, model = SketchRecipe(**RECIPE), make_model().train()
    before = {name: parameter.clone() for name, parameter in model.named_parameters()}
    losses, metrics = losses_of_updates(recipe, model)
    assert losses[-1] < 0.9 * losses[0]
    assert set(metrics) == {"l1", "kept_l1", "psnr_db"}
    changed = {name for name, parameter in model.named_parameters() if not torch.equal(parameter, before[name])}
    assert changed
    assert all(name.startswith("sketch.detail.") for name in changed)


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


def own_batch() -> tuple[SketchRecipe, WorldModel, SketchBatch]:
    """The first two of four samples are own frames, rolled out."""
    recipe, model = SketchRecipe(**RECIPE, own=OwnFramesConfig(share=1.0, depth=4)), make_model()
    batch = replace(next(recipe.batches(0)), own=torch.tensor([True, True, False, False]))
    recipe.ready(model, batch)
    return recipe, model, batch


def test_own_frames_are_given_as_they_were_made_and_sketches_in_closed_form():
    recipe, model, batch = own_batch()
    code, truth = model.autoencoder.code, batch.images[:, 0].float() / 255
    given, real = recipe._given(model, batch.conditions, batch)
    made = batch.roll_outs.latents[batch.clip, batch.frame].float()
    torch.testing.assert_close(given[:2], code.decode(made[:2]))
    torch.testing.assert_close(given[2:], code.decode(model.sketch.closed_form(batch.conditions))[2:])
    torch.testing.assert_close(real[:2], truth[:2])
    torch.testing.assert_close(real[2:], code.decode(code.encode(truth[2:])))


def test_own_frames_are_of_the_same_instant_as_the_truth():
    _, model, batch = own_batch()
    start = batch.roll_outs.latents[:, 0]
    for clip, image in zip(batch.clip[batch.frame == 0], batch.images[batch.frame == 0], strict=True):
        torch.testing.assert_close(start[clip].float(), model.encode(image[None].float() / 255)[0, 0], atol=2e-3, rtol=2e-3)
    assert set(next(SketchRecipe(**RECIPE).batches(0)).frame.tolist()) <= set(range(PLAN.frames - 1))


def test_what_an_own_frame_shows_of_another_town_keeps_its_colours_and_no_more():
    recipe, _, batch = own_batch()
    size = (4, 3, TINY.height_px, TINY.width_px)
    given, real = torch.full(size, 0.2), torch.full(size, 0.9)
    conditions = replace(
        batch.conditions,
        map_image=torch.zeros_like(batch.conditions.map_image),
        box_image=torch.zeros_like(batch.conditions.box_image),
    )
    conditions.map_image[:, :, 0, :8] = 255  # the first row of cells
    batch = replace(batch, conditions=conditions)
    asked = recipe._asked(given, real, batch)
    assert asked[2:].eq(1).all()
    assert asked[:2, :, 0].eq(1).all()
    assert asked[:2, :, 1:].max() < 1e-6
    everywhere = torch.ones_like(asked)

    def loss(made: torch.Tensor, asked: torch.Tensor) -> float:
        return float(recipe._own_loss(given, made, real, asked, batch)[0])

    checks = (torch.arange(TINY.height_px)[:, None] + torch.arange(TINY.width_px)) % 2 * 0.1 - 0.05
    detailed = torch.where(asked.repeat_interleave(8, 2).repeat_interleave(8, 3) < 0.5, given + checks, real)
    assert loss(detailed, asked) == pytest.approx(0, abs=1e-4)  # detail where the truth is not asked for costs nothing
    assert loss(real, everywhere) == pytest.approx(0, abs=1e-6)
    assert loss(real, asked) == pytest.approx(0.7 * 0.5 * 0.75, abs=1e-4)  # three of four rows of half of the samples


def test_the_rolled_out_frames_are_kept_for_a_resumed_run():
    recipe, _, batch = own_batch()
    carried = recipe.carried(batch)
    again = next(recipe.batches(1, carried))
    assert torch.equal(again.roll_outs.latents, batch.roll_outs.latents)
    assert recipe.carried(next(SketchRecipe(**RECIPE).batches(0))) == {}


def test_edges_by_hand():
    """One pixel is wrong by 1 in one colour: two horizontal and two vertical differences are."""
    real, weight = torch.zeros(1, 3, 4, 5), torch.ones(1, 1, 4, 5)
    made = real.clone()
    made[0, 1, 2, 2] = 1.0
    assert float(edge_error(made, real, weight)) == pytest.approx(2 / (3 * 4 * 4) + 2 / (3 * 3 * 5))
    weight[..., 2, 3] = 3.0  # the difference to the pixel on the right
    assert float(edge_error(made, real, weight)) == pytest.approx(4 / (3 * 4 * 4) + 2 / (3 * 3 * 5))


def test_refused_settings(monkeypatch):
    with pytest.raises(ValueError, match="edges: expected 0 to 1000, got -1"):
        SketchRecipe(**RECIPE, edges=-1.0)
    with pytest.raises(ValueError, match="width: expected a multiple of 8 up to 1024"):
        RealismConfig(width=8 * 10**8)
    monkeypatch.setitem(PRESETS, "tiny", replace(TINY, sketch=SketchConfig(widths=())))
    monkeypatch.setattr(DenoiserRecipe, "build", lambda self: make_model(PRESETS["tiny"]))
    with pytest.raises(ValueError, match="a network"):
        SketchRecipe(**RECIPE).build()

"""The sketch's network alone trains, by differences and by what a critic makes of its pictures."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from tests.model.conftest import TINY, make_model
from tests.training.test_stages import PLAN, MadeUpBlocks, losses_of_updates

from everroad.model.config import SketchConfig
from everroad.model.presets import PRESETS
from everroad.training.denoiser import DenoiserRecipe
from everroad.training.layout_critic import LayoutCritic, RealismConfig
from everroad.training.own_frames import OwnFramesConfig
from everroad.training.sketch_detail import SketchRecipe, edge_error

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
    assert set(metrics) == {"l1", "psnr_db"}
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


def test_edges_by_hand():
    """One pixel is wrong by 1 in one colour: two horizontal and two vertical differences are."""
    real, weight = torch.zeros(1, 3, 4, 5), torch.ones(1, 1, 4, 5)
    made = real.clone()
    made[0, 1, 2, 2] = 1.0
    assert float(edge_error(made, real, weight)) == pytest.approx(2 / (3 * 4 * 4) + 2 / (3 * 3 * 5))
    weight[..., 2, 3] = 3.0  # the difference to the pixel on the right
    assert float(edge_error(made, real, weight)) == pytest.approx(4 / (3 * 4 * 4) + 2 / (3 * 3 * 5))


def test_refused_settings(monkeypatch):
    with pytest.raises(ValueError, match=r"own\.share: expected 0"):
        SketchRecipe(**RECIPE, own=OwnFramesConfig(share=0.5))
    with pytest.raises(ValueError, match="edges: expected 0 to 1000, got -1"):
        SketchRecipe(**RECIPE, edges=-1.0)
    with pytest.raises(ValueError, match="width: expected a multiple of 8 up to 1024"):
        RealismConfig(width=8 * 10**8)
    monkeypatch.setitem(PRESETS, "tiny", replace(TINY, sketch=SketchConfig(widths=())))
    monkeypatch.setattr(DenoiserRecipe, "build", lambda self: make_model(PRESETS["tiny"]))
    with pytest.raises(ValueError, match="a network"):
        SketchRecipe(**RECIPE).build()

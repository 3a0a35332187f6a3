from __future__ import annotations

import pytest
import torch
from tiny_recipe import TinyRecipe
from torch import nn

from everroad.training.state import (
    addressed_torch_generator,
    create_state,
    restore_tensors,
    state_tensors,
    update_ema,
)

CPU = torch.device("cpu")


def advanced_state():
    recipe, state = TinyRecipe(), create_state(TinyRecipe(), CPU)
    batch = next(recipe.batches(0))
    for train_step in range(3):
        recipe.loss(state.module, batch, train_step)[0].backward()
        state.optimiser.step()
        state.train_step += 1
        update_ema(state, 0.9)
    return state


def test_restoring_gives_values_and_layouts_back():
    before = advanced_state()
    # As a file holds them: row by row.
    saved = {g: {n: t.detach().contiguous().clone() for n, t in ts.items()} for g, ts in state_tensors(before).items()}
    after = create_state(TinyRecipe(), CPU)
    assert state_tensors(after)["optimiser"] == {}
    restore_tensors(after, saved, before.train_step)
    assert after.train_step == 3
    for group, tensors in state_tensors(after).items():
        expected = state_tensors(before)[group]
        assert tensors.keys() == expected.keys()
        for name, tensor in tensors.items():
            assert torch.equal(tensor, expected[name])
            assert tensor.stride() == expected[name].stride()
            assert tensor.dtype == expected[name].dtype
    moment = state_tensors(after)["optimiser"]["stem.weight/exp_avg"]
    assert moment.is_contiguous(memory_format=torch.channels_last)
    assert not moment.is_contiguous()


def test_a_checkpoint_of_another_network_is_refused():
    saved = state_tensors(advanced_state())
    weights = {name: tensor for name, tensor in saved["weights"].items() if name != "head.bias"}
    with pytest.raises(ValueError, match=r"checkpoint weights: .* got none of \['head\.bias'\]"):
        restore_tensors(create_state(TinyRecipe(), CPU), saved | {"weights": weights}, 3)
    moments = saved["optimiser"] | {"elsewhere/exp_avg": torch.zeros(1)}
    with pytest.raises(ValueError, match=r"checkpoint optimiser: .* but \['elsewhere/exp_avg'\]"):
        restore_tensors(create_state(TinyRecipe(), CPU), saved | {"optimiser": moments}, 3)


def test_addressed_draws_repeat_and_leave_the_generator_alone():
    def draw(*address):
        with addressed_torch_generator(CPU, *address):
            return nn.functional.dropout(torch.ones(64))

    before = torch.get_rng_state()
    assert torch.equal(draw(1, "a", 2), draw(1, "a", 2))
    assert not torch.equal(draw(1, "a", 2), draw(1, "a", 3))
    assert torch.equal(torch.get_rng_state(), before)


def test_the_average_is_the_ramped_mean_of_the_weights():
    state = create_state(TinyRecipe(), CPU)
    expected = state.module.head.bias.detach().clone()
    for train_step in range(1, 40):
        with torch.no_grad():
            state.module.head.bias.fill_(float(train_step))
        state.train_step = train_step
        update_ema(state, 0.5)
        decay = min(0.5, (1 + train_step) / (10 + train_step))
        expected = decay * expected + (1 - decay) * train_step
    torch.testing.assert_close(state.ema.head.bias, expected)
    assert 37 < state.ema.head.bias[0] < 39
    assert torch.equal(state.ema.frozen.weight, state.module.frozen.weight)

from __future__ import annotations

import pytest
import torch

from everroad.model.checkpoint import packaged_path
from everroad.model.lights import LIGHTS
from everroad.model.presets import get_preset
from everroad.model.world_model import WorldModel
from everroad.training.sketch import fit_lights, load_sketch, ridge


def made_up(seed: int, n: int = 3) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(seed)
    inputs, weight = torch.randn(n, 5, 6, 7, generator=draw), torch.randn(4, 5, generator=draw)
    return inputs, weight, torch.einsum("zd,ndyx->nzyx", weight, inputs)


def test_ridge_finds_the_weights_that_made_the_outputs() -> None:
    inputs, weight, outputs = made_up(0)
    torch.testing.assert_close(ridge(inputs, outputs, 1e-6), weight, rtol=1e-5, atol=1e-5)
    assert ridge(inputs, outputs, 1e6).abs().max() < 0.01


def test_a_strong_ridge_stays_where_it_is_drawn_to() -> None:
    inputs, weight, outputs = made_up(1)
    towards = torch.full_like(weight, 0.7)
    torch.testing.assert_close(ridge(inputs, outputs, 1e9, towards), towards, rtol=0, atol=1e-3)
    torch.testing.assert_close(ridge(inputs, outputs, 1e-6, towards), weight, rtol=1e-5, atol=1e-5)


def test_each_light_has_its_own_weights_and_one_without_pictures_the_common_ones() -> None:
    (a, weight_a, out_a), (b, weight_b, out_b) = made_up(2, 200), made_up(3, 200)
    light = torch.tensor([0] * 200 + [4] * 200)
    fitted = fit_lights(torch.cat([a, b]), torch.cat([out_a, out_b]), light)
    assert fitted.shape == (LIGHTS + 1, 4, 5)
    torch.testing.assert_close(fitted[0], weight_a, rtol=0, atol=0.05)
    torch.testing.assert_close(fitted[4], weight_b, rtol=0, atol=0.05)
    assert torch.equal(fitted[1], fitted[LIGHTS])
    torch.testing.assert_close(fitted[LIGHTS], (weight_a + weight_b) / 2, rtol=0, atol=0.2)


@pytest.mark.parametrize("preset", ["town", "town-nano"])
def test_the_packaged_fit_is_loaded_where_there_is_one(preset: str) -> None:
    model = WorldModel(get_preset(preset))
    load_sketch(model)
    assert bool(model.sketch.weight.any()) == packaged_path(f"{preset}.safetensors").is_file()

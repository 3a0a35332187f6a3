from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from tests.model.conftest import TINY, make_conditions, make_model

from everroad.conditions.types import MAP_LAYERS
from everroad.model.checkpoint import packaged_path
from everroad.model.presets import get_preset
from everroad.model.world_model import WorldModel
from everroad.training.sketch import load_sketch, regressors, ridge


def test_ridge_finds_the_weights_that_made_the_outputs() -> None:
    draw = torch.Generator().manual_seed(0)
    inputs, weight = torch.randn(3, 5, 6, 7, generator=draw), torch.randn(4, 5, generator=draw)
    outputs = torch.einsum("zd,ndyx->nzyx", weight, inputs)
    torch.testing.assert_close(ridge(inputs, outputs, 1e-6), weight, rtol=1e-5, atol=1e-5)
    assert ridge(inputs, outputs, 1e6).abs().max() < 0.01


def test_the_pictures_patches_come_first_in_the_order_of_the_convolutions() -> None:
    conditions, model = make_conditions(batch=2), make_model()
    patch = TINY.autoencoder.patch_px
    found = regressors(conditions, patch)
    with torch.no_grad():
        model.layout.sketch_map.weight.fill_(1.0)
        model.layout.sketch_box.weight.zero_()
        _, sketch = model.layout(conditions)
    of_map = found[:, : len(MAP_LAYERS) * patch**2].sum(1)
    expected = torch.where(conditions.present.map.view(-1, 1, 1), of_map, 0.0)
    torch.testing.assert_close(sketch[:, 0], expected, rtol=1e-4, atol=1e-4)


def test_an_absent_layout_has_no_sketch() -> None:
    conditions, model = make_conditions(batch=2), make_model()
    absent = torch.zeros(2, dtype=torch.bool)
    conditions = replace(conditions, present=replace(conditions.present, map=absent, boxes=absent))
    assert not model.layout(conditions)[1].any()


@pytest.mark.parametrize("preset", ["town", "town-nano"])
def test_the_packaged_fit_is_loaded_where_there_is_one(preset: str) -> None:
    model = WorldModel(get_preset(preset))
    load_sketch(model)
    there = packaged_path(f"{preset}-sketch.safetensors").is_file()
    assert bool(model.layout.sketch_map.weight.any()) == there
    assert bool(model.layout.sketch_box.weight.any()) == there

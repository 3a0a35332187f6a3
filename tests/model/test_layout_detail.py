"""The networks that add detail, to the closed-form sketch and to frames: what they read, and that they start at nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from everroad.conditions.types import Conditions, map_tensors
from everroad.model.config import FinishConfig, SketchConfig
from everroad.model.presets import get_preset
from everroad.model.world_model import WorldModel
from tests.model.conftest import TINY, make_conditions, make_model


def sketched(model: WorldModel, conditions: Conditions) -> torch.Tensor:
    with torch.no_grad():
        return model.sketch(conditions, model.autoencoder.code)


def test_untrained_it_adds_nothing():
    model = WorldModel(TINY)
    model.sketch.weight.normal_(std=0.05, generator=torch.Generator().manual_seed(0))
    conditions = make_conditions()
    torch.testing.assert_close(sketched(model, conditions), model.sketch.closed_form(conditions), atol=1e-5, rtol=0)


@pytest.mark.parametrize("part", ["map_image", "box_image", "depth_image", "ego_from_camera", "weather"])
def test_it_reads_every_part_that_is_there_and_none_that_is_not(part: str):
    model, conditions = make_model(), make_conditions()
    value = getattr(conditions, part)
    changed = replace(conditions, **{part: 255 - value if value.dtype == torch.uint8 else value + 1})

    def detail(given: Conditions) -> torch.Tensor:
        closed = model.sketch.closed_form(make_conditions())  # the same picture whatever is asked
        return sketched_detail(model, given, model.autoencoder.code.decode(closed))

    def without(given: Conditions) -> Conditions:
        no = torch.zeros(2, dtype=torch.bool)
        return replace(given, present=replace(given.present, map=no, boxes=no, camera=no, weather=no))

    assert (detail(changed) - detail(conditions)).abs().max() > 1e-4
    assert torch.equal(detail(without(changed)), detail(without(conditions)))


def sketched_detail(model: WorldModel, conditions: Conditions, picture: torch.Tensor) -> torch.Tensor:
    assert model.sketch.detail is not None
    with torch.no_grad():
        return model.sketch.detail(picture, conditions)


def test_each_sample_is_drawn_from_its_own_conditions():
    model, conditions = make_model(), make_conditions(batch=3, views=2)
    together = sketched(model, conditions)
    for i in range(3):
        alone = sketched(model, map_tensors(conditions, lambda t, i=i: t[i : i + 1]))
        torch.testing.assert_close(together[2 * i : 2 * i + 2], alone, atol=1e-5, rtol=1e-5)


def test_a_preset_may_leave_it_out():
    assert WorldModel(get_preset("town-nano")).sketch.detail is None
    assert get_preset("town").sketch.widths
    with pytest.raises(ValueError, match="multiples of 32"):
        SketchConfig(widths=(40,))
    with pytest.raises(ValueError, match=r"^finish\.widths: expected multiples of 32"):
        FinishConfig(widths=(0,))


def test_frames_are_finished_where_their_conditions_are_known_and_the_preset_has_the_network():
    model, plain = make_model(), make_model(replace(TINY, finish=FinishConfig()))
    conditions = make_conditions(views=2)
    latents = 0.3 * torch.randn(2, 2, 8, 4, 6, generator=torch.Generator().manual_seed(1))
    assert model.finish is not None
    with torch.no_grad():
        picture = model.autoencoder.code.decode(latents.flatten(0, 1))
        expected = (picture + model.finish(picture, conditions)).clamp(0, 1).unflatten(0, (2, 2))
        torch.testing.assert_close(model.decode(latents, conditions), expected)
        learned = model.autoencoder.decode(latents.flatten(0, 1)).clamp(0, 1).unflatten(0, (2, 2))
        assert torch.equal(model.decode(latents), learned)
        assert torch.equal(plain.decode(latents, conditions), plain.decode(latents))
        assert (expected - learned).abs().max() > 1e-3


def test_until_the_network_has_learnt_the_decoder_serves_and_nothing_is_fed_back():
    model, conditions = make_model(), make_conditions()
    latents = torch.randn(2, 1, TINY.latent_channels, TINY.latent_rows, TINY.latent_columns)
    assert model.finish is not None
    with torch.no_grad():
        assert model.feeds_back
        assert not torch.equal(model.decode(latents, conditions), model.decode(latents))
        for parameter in (model.finish.output.weight, model.finish.output.bias):
            parameter.zero_()  # as it begins
        assert torch.equal(model.decode(latents, conditions), model.decode(latents))
        assert not model.feeds_back

"""The critic that sees the layout: values by hand, and that it learns to read the layout."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.model.conftest import make_conditions

from everroad.training.layout_critic import (
    LAYOUT_CHANNELS,
    Judgement,
    LayoutCritic,
    RealismConfig,
    in_proportion,
    layout_pictures,
    learning_loss,
    pulling_loss,
)


def judgement(scores: tuple[float, ...], feature: float) -> Judgement:
    return Judgement(tuple(torch.full((2, 1, 4, 6), s) for s in scores), (torch.full((2, 3, 8, 12), feature),))


def test_hinge_values_of_both_scales() -> None:
    real, made = judgement((0.5, 3.0), 0.0), judgement((-2.0, 1.0), 0.0)
    assert float(learning_loss(real, made)) == pytest.approx(((0.5 + 0.0) + (0.0 + 2.0)) / 2)


def test_the_pull_is_low_scores_and_the_distance_where_the_real_picture_is_asked_for() -> None:
    real, made = judgement((0.0, 0.0), 1.0), judgement((2.0, 4.0), 3.0)
    everywhere, nowhere = torch.ones(2, 1, 2, 3), torch.zeros(2, 1, 2, 3)
    assert float(pulling_loss(real, made, everywhere, 5.0)) == pytest.approx(-3.0 + 5.0 * 2.0)
    assert float(pulling_loss(real, made, nowhere, 5.0)) == pytest.approx(-3.0)
    half = nowhere.clone()
    half[0] = 1
    assert float(pulling_loss(real, made, half, 1.0)) == pytest.approx(-3.0 + 1.0)


@given(weight=st.floats(0, 3), scale=st.floats(1e-3, 1e3), seed=st.integers(0, 99))
def test_a_pull_in_proportion_keeps_its_direction_and_takes_the_others_size(weight: float, scale: float, seed: int) -> None:
    draw = torch.Generator().manual_seed(seed)
    pull, own = (torch.randn(3, 1, 2, 4, 5, generator=draw) for _ in range(2))
    got = in_proportion(scale * pull, own, weight)
    torch.testing.assert_close(got.flatten(1).norm(dim=1), weight * own.flatten(1).norm(dim=1), rtol=1e-4, atol=1e-6)
    if weight > 1e-6:
        cosine = torch.nn.functional.cosine_similarity(got.flatten(1), pull.flatten(1), dim=1, eps=1e-12)
        torch.testing.assert_close(cosine, torch.ones(3), rtol=1e-4, atol=1e-4)
    assert not in_proportion(torch.zeros_like(pull), own, weight).any()


def test_the_critic_learns_whether_picture_and_layout_fit() -> None:
    """White where the first layer is drawn is real; the same picture under another layout is not."""
    torch.manual_seed(0)
    critic = LayoutCritic(8)
    optimiser = torch.optim.Adam(critic.parameters(), lr=3e-3)

    def pair(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
        drawn = (torch.rand(8, 1, 4, 6, generator=torch.Generator().manual_seed(seed)) > 0.5).float()
        drawn = torch.nn.functional.interpolate(drawn, scale_factor=8)
        layout = torch.zeros(8, LAYOUT_CHANNELS, 32, 48)
        layout[:, :1] = drawn
        return drawn.expand(-1, 3, -1, -1), layout

    for step in range(60):
        images, layout = pair(step)
        loss = learning_loss(critic(images, layout), critic(images, layout.roll(1, 0)))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    images, layout = pair(1000)
    fits, not_fits = critic(images, layout), critic(images, layout.roll(1, 0))
    for a, b in zip(fits.scores, not_fits.scores, strict=True):
        assert a.mean() > b.mean() + 0.5


def test_the_layout_is_read_from_map_and_boxes() -> None:
    conditions = make_conditions(batch=3)
    pictures = layout_pictures(conditions)
    assert pictures.shape == (3, LAYOUT_CHANNELS, conditions.height_px, conditions.width_px)
    torch.testing.assert_close(pictures[1, -1] * 255, conditions.box_image[1, 0, -1].float())
    torch.testing.assert_close(pictures[2, 0] * 255, conditions.map_image[2, 0, 0].float())


def test_the_weight_grows_while_the_critic_learns() -> None:
    config = RealismConfig(weight=0.4, ramp_steps=100)
    assert [config.weight_at(n) for n in (0, 50, 100, 9999)] == [0.0, 0.2, 0.4, 0.4]
    assert RealismConfig(weight=0.4, ramp_steps=0).weight_at(1) == 0.4
    later = RealismConfig(weight=0.4, ramp_steps=100, alone_steps=30)
    assert [later.weight_at(n) for n in (0, 30, 80, 130)] == [0.0, 0.0, 0.2, 0.4]
    assert [later.alone_at(n) for n in (0, 29, 30)] == [True, True, False]
    assert not RealismConfig(alone_steps=30).alone_at(0)


@pytest.mark.parametrize("bad", [{"weight": -1.0}, {"matching": float("nan")}, {"width": 12}, {"samples": -1}])
def test_bad_settings_are_refused(bad: dict) -> None:
    with pytest.raises(ValueError, match=rf"^{next(iter(bad))}: expected"):
        RealismConfig(**bad)

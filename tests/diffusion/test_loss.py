"""The weighted x0 error is the plain v error; noise levels are drawn as documented."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from everroad.diffusion.loss import NoiseLevelConfig, denoising_loss, draw_sigma, loss_weight
from everroad.diffusion.preconditioning import per_sample, precondition


def test_weighted_x0_error_is_the_error_of_v():
    generator = torch.Generator().manual_seed(1)
    clean, error = torch.randn(3, 5, generator=generator), torch.randn(3, 5, generator=generator)
    sigma = torch.tensor([0.1, 1.0, 8.0])
    denoised = clean + per_sample(precondition(sigma).out, clean) * error
    torch.testing.assert_close(denoising_loss(denoised, clean, sigma), error.square().mean(1))


def test_weight_map_scales_places():
    clean, denoised = torch.zeros(1, 2, 2), torch.ones(1, 2, 2)
    weight = torch.tensor([[2.0, 0.0], [0.0, 0.0]])
    sigma = torch.ones(1)
    assert float(denoising_loss(denoised, clean, sigma, weight)) == 0.5 * float(loss_weight(sigma))


def test_draws_follow_schedule_and_log_normal():
    draw = np.random.default_rng(0)
    uniform, normal = torch.from_numpy(draw.random(20000)), torch.from_numpy(draw.standard_normal(20000))
    levels = torch.tensor([20.0, 3.0, 0.3, 0.03], dtype=torch.float64)
    sigma = draw_sigma(uniform, normal, levels, NoiseLevelConfig(mean=0.2, std=1.4, schedule_share=0.6))
    on_levels = torch.isin(sigma, levels)
    assert abs(float(on_levels.double().mean()) - 0.6) < 0.015
    for level in levels:
        assert abs(float((sigma == level).double().mean()) - 0.15) < 0.01
    free = sigma[~on_levels].log()
    assert abs(float(free.median()) - 0.2) < 0.06


def test_none_or_all_of_the_levels_may_be_of_the_schedule():
    uniform, normal, levels = torch.linspace(0, 0.999, 50), torch.linspace(-1, 1, 50), torch.tensor([5.0, 1.0, 0.2])
    free = draw_sigma(uniform, normal, levels, NoiseLevelConfig(mean=0.0, std=1.0, schedule_share=0.0))
    torch.testing.assert_close(free, normal.exp())
    held = draw_sigma(uniform, normal, levels, NoiseLevelConfig(schedule_share=1.0))
    assert set(held.tolist()) == set(levels.tolist())


@pytest.mark.parametrize(
    "bad", [{"schedule_share": -0.1}, {"schedule_share": 1.5}, {"std": -1.0}, {"std": float("nan")}, {"mean": float("inf")}]
)
def test_bad_noise_levels_are_refused(bad):
    with pytest.raises(ValueError, match=f"^{next(iter(bad))}: expected"):
        NoiseLevelConfig(**bad)

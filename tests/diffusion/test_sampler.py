"""The schedule against diffusers and hand-computed values; Euler against the exact solution of a Gaussian's ODE."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from everroad.diffusion.sampler import SamplerConfig, euler_update, initial_noise_scale, schedule_of, sigma_schedule


def test_schedule_of_the_pre_release():
    # facts: 15 steps, 700 to 0.002, rho 7
    want = [700, 454, 287, 175, 103, 57.9, 31.0, 15.6, 7.28, 3.09, 1.17, 0.376, 0.0974, 0.0182, 0.002, 0]
    got = sigma_schedule(15, 700.0, 0.002, 7.0)
    assert got.shape == (16,)
    torch.testing.assert_close(got, torch.tensor(want, dtype=torch.float64), rtol=6e-3, atol=1e-9)


def test_schedule_equals_diffusers():
    from diffusers.schedulers.scheduling_edm_euler import EDMEulerScheduler

    reference = EDMEulerScheduler(sigma_min=0.03, sigma_max=20.0, rho=5.0)
    reference.set_timesteps(4)
    torch.testing.assert_close(sigma_schedule(4, 20.0, 0.03, 5.0).float(), reference.sigmas.float())


def test_one_step_starts_at_the_top():
    assert sigma_schedule(1, 20.0, 0.03, 5.0).tolist() == [20.0, 0.0]


def test_euler_converges_to_the_exact_solution():
    # Data N(0, 1): the ideal denoiser is z / (1 + s²) and the ODE's solution is z(s) = z(S) √((1 + s²) / (1 + S²)).
    def solve(steps: int) -> float:
        sigmas = sigma_schedule(steps, 20.0, 0.03, 5.0).tolist()
        noisy = torch.full((1, 1), initial_noise_scale(20.0), dtype=torch.float64)
        for sigma, after in pairwise(sigmas):
            noisy = euler_update(noisy, noisy / (1 + sigma**2), sigma, after)
        return float(noisy)

    errors = [abs(solve(steps) - 1.0) for steps in (20, 40, 80)]
    assert errors[0] / errors[1] == pytest.approx(2, rel=0.2)  # first order
    assert errors[1] / errors[2] == pytest.approx(2, rel=0.2)


def test_last_step_is_the_denoised_latent():
    noisy, denoised = torch.randn(2, 3), torch.randn(2, 3)
    assert torch.equal(euler_update(noisy, denoised, 0.03, 0.0), denoised)


@pytest.mark.parametrize("changes", [{"steps": 0}, {"sigma_min": 0.0}, {"sigma_max": 0.01}, {"previous_sigma": -1.0}])
def test_refuses_impossible_schedules(changes):
    with pytest.raises(ValueError, match="expected"):
        SamplerConfig(**changes)


def test_schedule_of_takes_other_step_counts():
    assert len(schedule_of(SamplerConfig(), 9)) == 10

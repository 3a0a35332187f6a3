"""The schedule against diffusers and hand-computed values; Euler against the exact solution of a Gaussian's ODE."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from everroad.diffusion.sampler import (
    Earlier,
    SamplerConfig,
    euler_update,
    initial_noise_scale,
    multistep_update,
    schedule_of,
    sigma_schedule,
)


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


def gaussian(solver, config: SamplerConfig, spread: float) -> float:
    """Standard deviation, over ``spread``, of what a solver makes of noise where the data are N(0, spread²)."""
    sigmas = schedule_of(config).tolist()
    noisy, earlier = torch.full((1, 1), initial_noise_scale(sigmas[0]), dtype=torch.float64), None
    for sigma, after in pairwise(sigmas):
        denoised = noisy * spread**2 / (spread**2 + sigma**2)
        noisy = multistep_update(noisy, denoised, sigma, after, earlier)
        earlier = Earlier(denoised, sigma) if solver == "multistep" else None
    return float(noisy) / spread


def test_multistep_converges_to_the_exact_solution_in_second_order():
    def solve(steps: int) -> float:  # without the last step, whose order is another matter
        sigmas = sigma_schedule(steps, 10.0, 0.1, 1e6)[:-1].tolist()  # even in ln sigma
        noisy, earlier = torch.full((1, 1), initial_noise_scale(10.0), dtype=torch.float64), None
        for sigma, after in pairwise(sigmas):
            denoised = noisy / (1 + sigma**2)
            noisy = multistep_update(noisy, denoised, sigma, after, earlier)
            earlier = Earlier(denoised, sigma)
        return float(noisy)

    errors = [abs(solve(steps) - (1 + 0.1**2) ** 0.5) for steps in (40, 80, 160)]
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.2)
    assert errors[1] / errors[2] == pytest.approx(4, rel=0.2)


def test_multistep_is_diffusers_dpm_solver():
    from diffusers.schedulers.scheduling_edm_dpmsolver_multistep import EDMDPMSolverMultistepScheduler

    reference = EDMDPMSolverMultistepScheduler(
        sigma_min=0.15, sigma_max=10.0, sigma_data=1.0, rho=7.0, final_sigmas_type="zero", euler_at_final=True
    )
    reference.set_timesteps(4)
    sigmas = schedule_of(SamplerConfig(sigma_max=10.0, sigma_min=0.15, rho=7.0)).tolist()
    draw = torch.Generator().manual_seed(0)
    ours = theirs = sigmas[0] * torch.randn(2, 3, generator=draw)
    earlier = None
    for k, t in enumerate(reference.timesteps):
        network = torch.randn(2, 3, generator=draw)
        denoised = reference.precondition_outputs(theirs, network, torch.tensor(sigmas[k]))
        theirs = reference.step(network, t, theirs).prev_sample
        ours = multistep_update(ours, denoised, sigmas[k], sigmas[k + 1], earlier)
        earlier = Earlier(denoised, sigmas[k])
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


def test_what_nothing_determines_keeps_its_energy_with_the_multistep_solver():
    spreads = (0.05, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0, 1.5, 2.0, 3.0)

    def energy(solver, config: SamplerConfig) -> float:
        return sum(gaussian(solver, config, spread) ** 2 for spread in spreads) / len(spreads)

    assert energy("multistep", SamplerConfig()) == pytest.approx(0.66, abs=0.01)
    assert energy("euler", SamplerConfig(sigma_max=20.0, sigma_min=0.2, rho=5.0)) == pytest.approx(0.33, abs=0.01)
    assert max(gaussian("multistep", SamplerConfig(), spread) for spread in spreads) < 1.1  # and nothing is exaggerated


def test_what_is_determined_is_the_same_for_both_solvers():
    denoised = torch.randn(2, 3)
    for solver in ("euler", "multistep"):
        noisy, earlier = torch.randn(2, 3), None
        for sigma, after in pairwise(schedule_of(SamplerConfig()).tolist()):
            noisy = multistep_update(noisy, denoised, sigma, after, earlier)
            earlier = Earlier(denoised, sigma) if solver == "multistep" else None
        torch.testing.assert_close(noisy, denoised)


def test_last_step_is_the_denoised_latent():
    noisy, denoised = torch.randn(2, 3), torch.randn(2, 3)
    assert torch.equal(euler_update(noisy, denoised, 0.03, 0.0), denoised)


@pytest.mark.parametrize(
    "changes",
    [
        {"steps": 0},
        {"steps": 1001},
        {"sigma_min": 0.0},
        {"sigma_max": 0.01},
        {"sigma_max": float("inf")},
        {"previous_sigma": -1.0},
        {"previous_sigma": float("nan")},
        {"rho": 0.0},
    ],
)
def test_refuses_impossible_schedules(changes):
    with pytest.raises(ValueError, match="expected"):
        SamplerConfig(**changes)


def test_schedule_of_takes_other_step_counts():
    assert len(schedule_of(SamplerConfig(), 9)) == 10

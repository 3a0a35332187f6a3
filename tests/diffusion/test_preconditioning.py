"""EDM coefficients against their closed form and against diffusers."""

from __future__ import annotations

import torch
from diffusers.schedulers.scheduling_edm_euler import EDMEulerScheduler

from everroad.diffusion.preconditioning import per_sample, precondition


def test_v_prediction_gives_back_the_clean_latent():
    # With the network answering v = c_skip' ... the true x0 must come back: F = (x0 - skip z) / out.
    generator = torch.Generator().manual_seed(0)
    clean = torch.randn(4, 1, 3, 2, 2, generator=generator, dtype=torch.float64)
    noise = torch.randn(4, 1, 3, 2, 2, generator=generator, dtype=torch.float64)
    sigma = torch.tensor([0.01, 0.5, 3.0, 40.0], dtype=torch.float64)
    noisy = clean + per_sample(sigma, clean) * noise
    c = precondition(sigma)
    # v of the variance-preserving process with alpha = 1/√(1+s²): v = alpha·noise - (s·alpha)·clean
    alpha = per_sample((1 + sigma**2).rsqrt(), clean)
    v = alpha * noise - per_sample(sigma, clean) * alpha * clean
    denoised = per_sample(c.skip, noisy) * noisy + per_sample(c.out, noisy) * v
    torch.testing.assert_close(denoised, clean, rtol=1e-9, atol=1e-9)


def test_network_input_has_unit_variance():
    sigma = torch.tensor([0.1, 1.0, 10.0], dtype=torch.float64)
    c = precondition(sigma)
    torch.testing.assert_close(c.inp**2 * (1 + sigma**2), torch.ones(3, dtype=torch.float64))


def test_equals_diffusers():
    reference = EDMEulerScheduler(sigma_data=1.0, prediction_type="v_prediction")
    sample, output = torch.full((1, 1, 1, 1, 1), 0.7), torch.full((1, 1, 1, 1, 1), -0.3)
    for value in (0.05, 1.0, 9.0):
        sigma = torch.tensor([value])
        c = precondition(sigma)
        ours = per_sample(c.skip, sample) * sample + per_sample(c.out, sample) * output
        # diffusers writes v with the opposite sign of c_out
        theirs = reference.precondition_outputs(sample, output, sigma)
        torch.testing.assert_close(ours, theirs)
        torch.testing.assert_close(per_sample(c.inp, sample) * sample, reference.precondition_inputs(sample, sigma))
        torch.testing.assert_close(c.noise, reference.precondition_noise(sigma))

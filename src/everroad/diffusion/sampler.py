"""Deterministic samplers: Euler (Karras et al. 2022, algorithm 1 without churn or second-order correction) and, for as many
calls of the network, the multistep solver of second order (DPM-Solver++(2M), Lu et al. 2022, algorithm 2).

With few denoise steps the solver decides how much detail there is. Of Gaussian latents that nothing determines, of standard
deviations from 0.05 to 3, four Euler steps from 20 to 0.2 leave a third of the energy, four multistep ones from 10 to 0.15 two
thirds. Both agree on what is determined. Euler is the default: what a frame shares with the one before is copied, with
its detail (``docs/decisions/0006``).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

Solver = Literal["euler", "multistep"]
MOST_STEPS = 1000  # denoise steps


@dataclass(frozen=True)
class SamplerConfig:
    """``steps`` denoise steps from ``sigma_max`` to ``sigma_min`` and then 0.

    The papers' full-size schedule is 15 steps, 700 to 0.002, rho 7 (STAGE pre-release). Ours is shorter: the previous frame is
    given, so little is left to decide at very high noise. ``previous_sigma`` is the noise added to the previous latent, which
    the network is told.
    """

    steps: int = 4
    sigma_max: float = 10.0
    sigma_min: float = 0.15
    rho: float = 7.0
    previous_sigma: float = 0.02
    solver: Solver = "euler"

    def __post_init__(self) -> None:
        if not 1 <= self.steps <= MOST_STEPS:
            raise ValueError(f"sampler.steps: expected 1 to {MOST_STEPS}, got {self.steps}")
        if not 1e6 >= self.sigma_max > self.sigma_min > 0:
            raise ValueError(f"sampler: expected 1e6 >= sigma_max > sigma_min > 0, got {self.sigma_max} and {self.sigma_min}")
        if not 0 <= self.previous_sigma <= 1e6:
            raise ValueError(f"sampler.previous_sigma: expected 0 to 1e6, got {self.previous_sigma}")
        if not 0.1 <= self.rho <= 100:
            raise ValueError(f"sampler.rho: expected 0.1 to 100, got {self.rho}")


def sigma_schedule(steps: int, sigma_max: float, sigma_min: float, rho: float) -> Float[Tensor, "s"]:
    """steps + 1 noise levels in float64, falling from sigma_max to sigma_min, then 0 (Karras et al. 2022, eq. 5)."""
    if steps == 1:
        return torch.tensor([sigma_max, 0.0], dtype=torch.float64)
    ramp = torch.linspace(0, 1, steps, dtype=torch.float64)
    high, low = sigma_max ** (1 / rho), sigma_min ** (1 / rho)
    sigmas = (high + ramp * (low - high)) ** rho
    return torch.cat([sigmas, sigmas.new_zeros(1)])


def schedule_of(config: SamplerConfig, steps: int | None = None) -> Float[Tensor, "s"]:
    """The schedule of a config, with another number of denoise steps where given."""
    return sigma_schedule(config.steps if steps is None else steps, config.sigma_max, config.sigma_min, config.rho)


def initial_noise_scale(sigma_max: float) -> float:
    """Standard deviation of the starting point: √(1 + sigma_max²), latents having variance 1."""
    return (1.0 + sigma_max**2) ** 0.5


def euler_update(
    noisy: Float[Tensor, "b *rest"], denoised: Float[Tensor, "b *rest"], sigma: float, sigma_next: float
) -> Float[Tensor, "b *rest"]:
    """One Euler step along dz/dsigma = (z - denoised) / sigma (Karras et al. 2022, eq. 3)."""
    return denoised + (sigma_next / sigma) * (noisy - denoised)


@dataclass(frozen=True)
class Earlier:
    """What the multistep solver remembers of the denoise step before."""

    denoised: Float[Tensor, "b *rest"]
    sigma: float


def multistep_update(
    noisy: Float[Tensor, "b *rest"],
    denoised: Float[Tensor, "b *rest"],
    sigma: float,
    sigma_next: float,
    earlier: Earlier | None,
) -> Float[Tensor, "b *rest"]:
    """One step of DPM-Solver++(2M): Euler's step towards ``denoised`` extrapolated from the step before (Lu et al. 2022,
    eq. 9). The first step has none before it and the last ends at sigma 0, infinitely far in ln sigma: both are Euler's. Who
    gives no ``earlier`` at all samples by Euler."""
    if earlier is None or sigma_next == 0:
        return euler_update(noisy, denoised, sigma, sigma_next)
    reach = log(sigma / sigma_next) / log(earlier.sigma / sigma)
    return euler_update(noisy, denoised + reach / 2 * (denoised - earlier.denoised), sigma, sigma_next)

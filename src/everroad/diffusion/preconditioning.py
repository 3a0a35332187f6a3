"""EDM preconditioning in its v-prediction form (Karras et al. 2022, eq. 7; STAGE's pre-release, sigma_data = 1)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class Preconditioning:
    """denoised = skip * noisy + out * network(inp * noisy, noise): each of shape (b,)."""

    skip: Float[Tensor, "b"]
    out: Float[Tensor, "b"]
    inp: Float[Tensor, "b"]
    noise: Float[Tensor, "b"]


def precondition(sigma: Float[Tensor, "b"]) -> Preconditioning:
    """Coefficients for latents of variance 1: skip = 1/(s²+1), out = -s/√(s²+1), inp = 1/√(s²+1), noise = ln(s)/4."""
    norm = sigma.square() + 1.0
    return Preconditioning(skip=1.0 / norm, out=-sigma * norm.rsqrt(), inp=norm.rsqrt(), noise=0.25 * sigma.log())


def per_sample(coefficient: Float[Tensor, "b"], like: Tensor) -> Tensor:
    """A (b,) coefficient shaped so that it multiplies ``like``, whose first axis is b."""
    return torch.reshape(coefficient, (-1, *([1] * (like.ndim - 1)))).to(like.dtype)

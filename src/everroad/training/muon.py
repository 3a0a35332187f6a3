"""Muon for kernels, AdamW for the rest, in one optimiser (Jordan et al. 2024; update scale after Liu et al. 2025).

A kernel's momentum is replaced by the nearest semi-orthogonal matrix, so every direction of it learns equally fast. Torch's own
Muon takes matrices alone and iterates in bfloat16, which many processors emulate; on matrices the two agree.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # of the quintic iteration: fast rather than exact, singular values end in 0.7 to 1.2
ITERATIONS = 5
MOMENTUM = 0.95
UPDATE_RMS = 0.2  # what AdamW's updates have, so that both share a learning rate and a weight decay


class Muon(torch.optim.AdamW):
    """AdamW, but for groups with ``orthogonal`` true, whose parameters have two or more axes (the first is the output)."""

    def __init__(self, groups: list[dict[str, Any]], **options: Any) -> None:
        super().__init__([{"orthogonal": False, **group} for group in groups], **options)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        kernels = [group for group in self.param_groups if group["orthogonal"]]
        every = self.param_groups
        for group in kernels:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._update(parameter, group)
        self.param_groups = [group for group in every if not group["orthogonal"]]
        try:
            return super().step(closure)
        finally:
            self.param_groups = every

    def _update(self, parameter: Tensor, group: dict[str, Any]) -> None:
        state = self.state[parameter]
        if not state:
            state["exp_avg"] = torch.zeros_like(parameter)
        gradient, average = parameter.grad, state["exp_avg"]
        assert gradient is not None
        average.lerp_(gradient, 1 - MOMENTUM)
        matrix = gradient.lerp(average, MOMENTUM).flatten(1)  # Nesterov
        scale = group["lr"] * UPDATE_RMS * max(matrix.shape) ** 0.5
        parameter.mul_(1 - group["lr"] * group["weight_decay"])
        parameter.sub_(scale * orthogonal(matrix).view(parameter.shape))


def orthogonal(matrix: Float[Tensor, "r c"]) -> Float[Tensor, "r c"]:
    """About the nearest semi-orthogonal matrix: singular vectors as they are, singular values near one (Newton-Schulz)."""
    x = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    x = x / (x.norm() + 1e-12)
    x = _wide(x) if x.shape[1] >= 2 * x.shape[0] else _iterated(x)
    return x if matrix.shape[0] <= matrix.shape[1] else x.T


def _iterated(x: Float[Tensor, "r c"]) -> Float[Tensor, "r c"]:
    a, b, c = COEFFICIENTS
    for _ in range(ITERATIONS):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x


def _wide(x: Float[Tensor, "r c"]) -> Float[Tensor, "r c"]:
    """The same for many columns: each iteration multiplies x from the left by a polynomial of its Gram matrix, with which
    everything commutes, so the product of all is formed among the rows and applied once."""
    a, b, c = COEFFICIENTS
    gram = x @ x.T
    product = eye = torch.eye(len(x), dtype=x.dtype, device=x.device)
    for _ in range(ITERATIONS):
        factor = a * eye + b * gram + c * gram @ gram
        gram = factor @ gram @ factor
        product = factor @ product
    return product @ x

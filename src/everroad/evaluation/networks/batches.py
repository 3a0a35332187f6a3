"""Samples in, features out, a few at a time: memory does not grow with the batch."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float, UInt8
from torch import Tensor


def check_pictures(pictures: Tensor, who: str) -> None:
    """Raises ``ValueError`` unless they are ``b 3 h w`` in uint8, one at least."""
    _check(pictures, who, "pictures of b 3 h w", 4)


def check_clips(clips: Tensor, who: str) -> None:
    """Raises ``ValueError`` unless they are ``b f 3 h w`` in uint8, one at least."""
    _check(clips, who, "clips of b f 3 h w", 5)


def _check(samples: Tensor, who: str, what: str, axes: int) -> None:
    if samples.dtype != torch.uint8 or samples.ndim != axes or samples.shape[-3] != 3 or 0 in samples.shape:
        found = f"{str(samples.dtype).removeprefix('torch.')} of {'x'.join(map(str, samples.shape))}"
        raise ValueError(f"{who}: expected {what} in uint8, got {found}; give RGB as it is stored")


@torch.no_grad()
def in_chunks(
    run: Callable[[Tensor], Tensor], samples: UInt8[Tensor, "b ..."], chunk: int, device: torch.device
) -> Float[Tensor, "b ..."]:
    """``run`` on ``chunk`` samples at a time on ``device``, the results on the CPU in float32.

    Convolutions are exact to float32 and the same in every run: no TF32, no search for the fastest one.
    """
    with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
        return torch.cat([run(part.to(device)).float().cpu() for part in samples.split(chunk)])

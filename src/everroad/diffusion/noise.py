"""Addressed noise: Gaussian noise that is a function of where it is used, never drawn from a shared generator.

Each (seed, frame index, camera name, purpose) has its own key of a counter-based generator (Philox 4x64; Salmon et al. 2011,
"Parallel random numbers: as easy as 1, 2, 3"), so a value does not depend on the batch, on the order of calls or on what was
drawn before. Axis letters: ``b`` independent streams, ``v`` camera views.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor


def noise_key(seed: int, frame_index: int, camera_name: str, purpose: str) -> int:
    """The 128-bit generator key of one address; the same on every machine."""
    address = json.dumps([seed, frame_index, camera_name, purpose], separators=(",", ":"))
    return int.from_bytes(hashlib.blake2b(address.encode(), digest_size=16, person=b"everroad.noise").digest(), "little")


def addressed_noise(
    seeds: Int[Tensor, "b"] | Sequence[int],
    frame_indices: Int[Tensor, "b"] | Sequence[int],
    camera_names: Sequence[str],
    purpose: str,
    shape: Sequence[int],
) -> Float[Tensor, "b v *shape"]:
    """Standard normal noise, fp32 on the CPU, for every stream and camera.

    ``shape`` is that of one camera's noise, for a latent (z, y, x). ``purpose`` parts draws at the same frame ("initial",
    "previous"). Raises ``ValueError`` when seeds and frame indices differ in number or a camera name comes twice, which would
    give two views the same noise.
    """
    if len(seeds) != len(frame_indices):
        raise ValueError(
            f"noise: expected one frame index a seed, got {len(seeds)} seeds and {len(frame_indices)} frame indices"
        )
    if len(set(camera_names)) != len(camera_names):
        raise ValueError(f"noise: expected camera names that differ, got {', '.join(camera_names)}")
    streams = [(int(seed), int(frame_index)) for seed, frame_index in zip(seeds, frame_indices, strict=True)]
    noise = np.empty((len(streams), len(camera_names), *shape), dtype=np.float32)
    for b, (seed, frame_index) in enumerate(streams):
        for v, camera_name in enumerate(camera_names):
            generator = np.random.Generator(np.random.Philox(key=noise_key(seed, frame_index, camera_name, purpose)))
            generator.standard_normal(out=noise[b, v], dtype=np.float32)
    return torch.from_numpy(noise)

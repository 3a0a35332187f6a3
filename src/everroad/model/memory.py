"""The streaming buffer's contents: features of earlier frames, by denoise step and HTFT site (STAGE, FIFO of N frames).

Two forms, proven equal: ``raw`` holds detached features that are projected on every read (training, since the projections
learn); ``projected`` holds keys and values made at the write (inference). Projections have no bias, so a zero entry is zero
keys and values: the cold start. Axis letters: b streams, v views, k denoise steps, a ages, m stored channels, y x rows and
columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from everroad.model.config import ModelConfig

Form = Literal["raw", "projected"]


@dataclass(frozen=True)
class MemoryRow:
    """What one denoise step reads: per site the entries at the config's ages."""

    form: Form
    sites: tuple[Float[Tensor, "b v a _ _ _"], ...]


@dataclass(frozen=True)
class Memory:
    """N immutable entries, newest first: ``entries[a - 1]`` is the frame of age a. m = c (raw) or 2c (projected)."""

    form: Form
    entries: tuple[tuple[Float[Tensor, "b v k _ _ _"], ...], ...]

    @property
    def size_bytes(self) -> int:
        return sum(site.numel() * site.element_size() for entry in self.entries for site in entry)


def site_shapes(config: ModelConfig) -> tuple[tuple[int, int, int], ...]:
    """(channels, rows, columns) of every HTFT site, in the order of the U-Net's skips."""
    shapes, rows, columns = [], config.latent_rows, config.latent_columns
    for width in config.unet.widths:
        count = config.unet.blocks if config.htft.sites == "all" else 1
        shapes += [(width, rows, columns)] * count
        rows, columns = (rows + 1) // 2, (columns + 1) // 2
    return tuple(shapes)


def zero_memory(
    config: ModelConfig, batch: int, views: int, steps: int, form: Form, dtype: torch.dtype, device: torch.device | str = "cpu"
) -> Memory:
    """The cold start: N zero entries, not masked."""
    factor = 1 if form == "raw" else 2
    entry = tuple(
        torch.zeros(batch, views, steps, factor * c, y, x, dtype=dtype, device=device) for c, y, x in site_shapes(config)
    )
    return Memory(form, (entry,) * config.htft.length)


def read_memory(memory: Memory, k: int, ages: tuple[int, ...]) -> MemoryRow:
    """Row k (denoise step k) of the frames at the given ages."""
    sites = zip(*(memory.entries[age - 1] for age in ages), strict=True)
    return MemoryRow(memory.form, tuple(torch.stack([site[:, :, k] for site in of_ages], dim=2) for of_ages in sites))


def write_memory(memory: Memory, entry: tuple[Float[Tensor, "b v k _ _ _"], ...]) -> Memory:
    """A memory with ``entry`` as its newest frame and the oldest dropped. Entries are stored detached."""
    kept = tuple(site.detach() for site in entry)
    return Memory(memory.form, (kept, *memory.entries[:-1]))


def read_memory_of_each(memory: Memory, k: Int[Tensor, "b"], ages: tuple[int, ...]) -> MemoryRow:
    """Row ``k[i]`` for stream i: streams that stand at different denoise steps (stage 3's training)."""
    streams = torch.arange(len(k), device=k.device)
    sites = zip(*(memory.entries[age - 1] for age in ages), strict=True)
    return MemoryRow(memory.form, tuple(torch.stack([site[streams, :, k] for site in of_ages], dim=2) for of_ages in sites))

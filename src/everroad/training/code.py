"""The patch code's basis, fitted in closed form on painted towns: ``python -m everroad.training.code town``."""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from jaxtyping import UInt8
from torch import Tensor

from everroad.data.addressing import addressed_generator
from everroad.data.clips import ClipSpec, render_town
from everroad.data.tensor_files import save_tensors
from everroad.model.autoencoder import PatchCode, fit_patch_basis
from everroad.model.checkpoint import packaged_path
from everroad.model.presets import get_preset

TOWNS, SEGMENTS = 96, 3


def painted_pictures(seed: int, towns: int, height_px: int, width_px: int) -> UInt8[Tensor, "n 3 h w"]:
    """Single frames of many towns: ``SEGMENTS`` a town, seeds below the evaluation towns'."""
    draw = addressed_generator(seed, "code towns")
    pictures = []
    for town_seed in draw.choice(1_000_000, size=towns, replace=False):
        specs = [ClipSpec(int(town_seed), 30 + 90 * i, 1, int(town_seed), town_seconds=20.0) for i in range(SEGMENTS)]
        pictures += [clip.images for clip in render_town(specs, height_px, width_px)]
    return torch.cat(pictures)


def fit_code(preset: str, path: Path, towns: int = TOWNS) -> float:
    """Fits and writes the basis of a preset's patch code; returns its PSNR in dB on towns it was not fitted on."""
    config = get_preset(preset)
    images = painted_pictures(0, towns, config.height_px, config.width_px).float() / 255
    code = PatchCode(config.autoencoder)
    code.load_basis(fit_patch_basis(images, config.autoencoder))
    held_out = painted_pictures(1, 12, config.height_px, config.width_px).float() / 255
    error = (code.decode(code.encode(held_out)).clamp(0, 1) - held_out).square().mean()
    save_tensors(code.state_dict(), path, {"preset": preset})
    return float(-10 * error.log10())


if __name__ == "__main__":
    name = sys.argv[1]
    print(f"{name}: {fit_code(name, packaged_path(f'{name}-code.safetensors')):.2f} dB on held-out towns")

"""The patch code against a singular value decomposition, and its inverse; the detail decoder starts as nothing."""

from __future__ import annotations

import numpy as np
import torch

from everroad.model.autoencoder import Autoencoder, PatchCode, fit_patch_basis
from everroad.model.config import AutoencoderConfig


def pictures(n: int = 40) -> torch.Tensor:
    draw = torch.Generator().manual_seed(0)
    coarse = torch.rand(n, 3, 4, 6, generator=draw)
    smooth = torch.nn.functional.interpolate(coarse, size=(16, 24), mode="bilinear")
    return (smooth + 0.05 * torch.rand(n, 3, 16, 24, generator=draw)).clamp(0, 1)


def patches_of(images: torch.Tensor) -> np.ndarray:
    n, c, h, w = images.shape
    p = images.reshape(n, c, h // 8, 8, w // 8, 8).permute(0, 2, 4, 1, 3, 5)  # written out, not pixel_unshuffle
    return p.reshape(-1, c * 64).double().numpy()


def test_components_are_those_of_the_svd():
    images, config = pictures(), AutoencoderConfig(channels=6)
    basis = fit_patch_basis(images, config)
    rows = patches_of(images)
    _, singular, vectors = np.linalg.svd(rows - rows.mean(0), full_matrices=False)
    cosines = np.abs((basis.components.numpy() * vectors[:6]).sum(1))
    np.testing.assert_allclose(cosines, 1, atol=1e-4)
    std = singular[:6] / np.sqrt(len(rows) - 1)
    np.testing.assert_allclose(basis.scale.numpy(), np.sqrt(std) * np.sqrt(std.mean()), rtol=1e-4)


def test_latents_have_mean_variance_one():
    images, config = pictures(), AutoencoderConfig(channels=6)
    code = PatchCode(config)
    code.load_basis(fit_patch_basis(images, config))
    latents = code.encode(images)
    assert latents.shape == (40, 6, 2, 3)
    variances = latents.permute(1, 0, 2, 3).flatten(1).var(1)
    torch.testing.assert_close(variances.mean(), torch.tensor(1.0), rtol=1e-3, atol=1e-3)
    assert (variances.diff() < 0).all()  # shape before detail
    assert float(latents.mean((0, 2, 3)).abs().max()) < 1e-3


def test_decode_undoes_encode_on_the_span():
    images, config = pictures(), AutoencoderConfig(channels=6)
    code = PatchCode(config)
    code.load_basis(fit_patch_basis(images, config))
    latents = torch.randn(3, 6, 2, 3)
    torch.testing.assert_close(code.encode(code.decode(latents)), latents, rtol=1e-4, atol=1e-4)


def test_all_components_lose_nothing():
    images, config = pictures(), AutoencoderConfig(channels=192)
    code = PatchCode(config)
    code.load_basis(fit_patch_basis(images, config))
    torch.testing.assert_close(code.decode(code.encode(images)), images, rtol=0, atol=1e-3)


def test_decoder_starts_at_the_closed_form():
    autoencoder = Autoencoder(AutoencoderConfig(channels=6, decoder_width=16, decoder_blocks=1, fine_width=8))
    latents = torch.randn(2, 6, 2, 3)
    assert torch.equal(autoencoder.decode(latents), autoencoder.code.decode(latents))

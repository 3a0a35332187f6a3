"""Each is what torch's pixel_unshuffle, pixel_shuffle and conv2d give, by reference."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from everroad.model.patches import from_patches, patches_conv, to_patches


@pytest.mark.parametrize("patch_px", [1, 2, 4])
def test_patches_are_unshuffled_pixels_and_go_back(patch_px):
    images = torch.randn(2, 3, 8, 12, generator=torch.Generator().manual_seed(0))
    patches = to_patches(images, patch_px)
    assert torch.equal(patches.permute(0, 3, 1, 2), F.pixel_unshuffle(images, patch_px))
    assert torch.equal(from_patches(patches, patch_px), images)
    values = torch.randn(2, 3, 5, 2 * patch_px**2)
    assert torch.equal(from_patches(values, patch_px), F.pixel_shuffle(values.permute(0, 3, 1, 2), patch_px))


@pytest.mark.parametrize("kernel", [1, 3])
@pytest.mark.parametrize("patch_px", [2, 4])
def test_a_strided_convolution_is_one_of_patches_with_its_gradients(patch_px, kernel):
    draw = torch.Generator().manual_seed(1)
    images = torch.randn(2, 3, 16, 24, generator=draw, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(5, 3 * patch_px**2, kernel, kernel, generator=draw, dtype=torch.float64, requires_grad=True)
    expected = F.conv2d(F.pixel_unshuffle(images, patch_px), weight, padding=kernel // 2)
    for layout in (torch.contiguous_format, torch.channels_last):
        found = patches_conv(images.contiguous(memory_format=layout), weight, patch_px)
        torch.testing.assert_close(found, expected)
        gradients = torch.autograd.grad(found.square().sum(), (images, weight))
        wanted = torch.autograd.grad(expected.square().sum(), (images, weight), retain_graph=True)
        torch.testing.assert_close(gradients, wanted)

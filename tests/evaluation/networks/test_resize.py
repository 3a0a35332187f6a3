"""Resizing against formulas written out."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from everroad.evaluation.networks.resize import short_side_crop, tensorflow_bilinear, torch_bilinear


def ramp(height: int, width: int) -> torch.Tensor:
    """Pictures whose value is the column, and whose value is the row."""
    rows, columns = torch.meshgrid(torch.arange(height).float(), torch.arange(width).float(), indexing="ij")
    return torch.stack([columns, rows])[None]


@pytest.mark.parametrize("size", [(5, 7), (299, 299), (400, 13)])
def test_the_size_that_is_there_stays_as_it_is(size: tuple[int, int]) -> None:
    pictures = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(0))
    assert torch.equal(torch_bilinear(pictures, *size), pictures)
    assert torch.equal(tensorflow_bilinear(pictures, *size), pictures)


@pytest.mark.parametrize(("height", "width", "tall", "wide"), [(4, 6, 9, 13), (50, 80, 17, 23), (1, 5, 3, 10)])
def test_a_ramp_is_read_where_each_convention_says(height: int, width: int, tall: int, wide: int) -> None:
    pictures = ramp(height, width)
    corners = tensorflow_bilinear(pictures, tall, wide)[0]
    centres = torch_bilinear(pictures, tall, wide)[0]
    for axis, (size, wanted) in enumerate([(width, wide), (height, tall)]):
        at_corners = np.clip(np.arange(wanted) * size / wanted, 0, size - 1)
        at_centres = np.clip((np.arange(wanted) + 0.5) * size / wanted - 0.5, 0, size - 1)
        line = (0, slice(None)) if axis == 0 else (slice(None), 0)
        np.testing.assert_allclose(corners[axis][line].numpy(), at_corners, atol=1e-5 * size)
        np.testing.assert_allclose(centres[axis][line].numpy(), at_centres, atol=1e-5 * size)


@pytest.mark.parametrize(("height", "width"), [(20, 30), (30, 20), (16, 33), (16, 16), (7, 31), (900, 1600)])
def test_a_crop_is_the_middle_square_of_the_picture(height: int, width: int) -> None:
    crop = short_side_crop(ramp(height, width), 16)
    assert crop.shape == (1, 2, 16, 16)
    # The middle of the crop is the middle of the picture, to a pixel of the resized one and rounding of its long side.
    scale = min(height, width) / 16
    assert float((crop.mean((2, 3)) - torch.tensor([[width - 1, height - 1]]) / 2).abs().max()) <= 0.6 * scale
    assert float(crop[0, 0].max() - crop[0, 0].min()) == pytest.approx(15 * scale, rel=0.08)


def test_the_long_side_is_rounded_up() -> None:
    pictures = ramp(10, 15)
    expected = torch_bilinear(pictures, 7, 11)[..., 2:9]  # 15 * 7 / 10 = 10.5
    assert torch.equal(short_side_crop(pictures, 7), expected)

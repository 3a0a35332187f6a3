from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from everroad.training.wear import Wear, draw_wear, shifted, worn


def gradient_energy(images: torch.Tensor) -> float:
    return float(images.diff(dim=-1).square().mean() + images.diff(dim=-2).square().mean())


def test_whole_pixels_are_moved_exactly():
    images = torch.rand(2, 3, 8, 12, generator=torch.Generator().manual_seed(0))
    moved = shifted(images, torch.tensor([[1.0, 0.0], [0.0, -2.0]]))
    torch.testing.assert_close(moved[0, :, :, :-1], images[0, :, :, 1:], atol=1e-5, rtol=0)
    torch.testing.assert_close(moved[1, :, 2:], images[1, :, :-2], atol=1e-5, rtol=0)


def test_wear_softens_and_more_wear_softens_more():
    images = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    images = images[:1].expand(3, -1, -1, -1).contiguous()
    after = worn(images, Wear(torch.tensor([0, 1, 2]), torch.full((3, 2, 2), 0.4)))
    assert torch.equal(after[0], images[0])
    energy = [gradient_energy(picture[None]) for picture in after]
    assert energy[2] < energy[1] < 0.9 * energy[0]


@given(most=st.integers(0, 3), train_step=st.integers(0, 1000))
def test_draws_are_addressed_and_within_bounds(most: int, train_step: int):
    one, other = (draw_wear(most, 5, train_step, 6) for _ in range(2))
    assert torch.equal(one.times, other.times)
    assert torch.equal(one.shift_px, other.shift_px)
    assert one.shift_px.shape == (6, most, 2)
    assert int(one.times.min()) >= 0
    assert int(one.times.max()) <= most
    assert not most or float(one.shift_px.abs().max()) <= 0.5

"""Kernels in 8 bits: as near as 8 bits are, and whole where they can be."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from everroad.evaluation.judge_files import restored, stored


@given(st.integers(0, 2**31), st.sampled_from([(3, 4), (5, 2, 3, 3), (1, 1)]))
def test_a_kernel_comes_back_within_half_of_its_outputs_unit(seed: int, shape: tuple[int, ...]) -> None:
    kernel = torch.randn(shape, generator=torch.Generator().manual_seed(seed)) * 10 ** torch.linspace(-3, 2, shape[0]).view(
        -1, *[1] * (len(shape) - 1)
    )
    held = stored("layer.weight", kernel)
    assert {name: of.dtype for name, of in held.items()} == {"layer.weight": torch.int8, "layer.weight.unit": torch.float32}
    back = restored(held)["layer.weight"]
    most = kernel.abs().flatten(1).amax(1).view(-1, *[1] * (len(shape) - 1)) / 254
    assert bool(((back - kernel).abs() <= 1.001 * most).all())
    torch.testing.assert_close(back.abs().flatten(1).amax(1), kernel.abs().flatten(1).amax(1))


def test_zeros_and_what_is_no_kernel_stay_as_they_are() -> None:
    held = stored("a", torch.zeros(2, 3)) | stored("bias", torch.tensor([0.1, -7.0])) | stored("count", torch.tensor(3))
    back = restored(held)
    assert torch.equal(back["a"], torch.zeros(2, 3))
    assert torch.equal(back["bias"], torch.tensor([0.1, -7.0]))
    assert back["count"].dtype == torch.int64
    assert torch.equal(restored({"old": torch.ones(2, 2, dtype=torch.bfloat16)})["old"], torch.ones(2, 2, dtype=torch.bfloat16))


def test_a_second_time_changes_nothing() -> None:
    once = restored(stored("w", torch.randn(4, 6, generator=torch.Generator().manual_seed(1))))
    torch.testing.assert_close(restored(stored("w", once["w"]))["w"], once["w"])

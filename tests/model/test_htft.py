"""HTFT against torch's own attention, its two memory forms against one another, and what it must not change."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from everroad.model.config import HTFTConfig
from everroad.model.htft import HTFT


def make_block(channels: int = 64, **changes: object) -> HTFT:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return HTFT(channels, HTFTConfig(zero_init=False, **changes)).eval()  # type: ignore[arg-type]


def test_equals_multi_head_attention_pixel_by_pixel():
    block = make_block(64)
    draw = torch.Generator().manual_seed(1)
    f = torch.randn(2, 64, 3, 4, generator=draw)
    past = torch.randn(2, 3, 64, 3, 4, generator=draw)
    fused = block(f, past, "raw")

    reference = nn.MultiheadAttention(64, 8, bias=True, batch_first=True)
    with torch.no_grad():
        key, value = block.key_value.weight[:, :, 0, 0].chunk(2)
        reference.in_proj_weight.copy_(torch.cat([block.query.weight[:, :, 0, 0], key, value]))
        reference.in_proj_bias.zero_()
        reference.out_proj.weight.copy_(block.merge.weight[:, :, 0, 0])
        reference.out_proj.bias.copy_(block.merge.bias)
        g = block.inner(block.norm(f))
        for n, y, x in [(0, 0, 0), (1, 2, 3), (0, 1, 2)]:
            h, _ = reference(g[n : n + 1, None, :, y, x], past[n : n + 1, :, :, y, x], past[n : n + 1, :, :, y, x])
            want = f[n, :, y, x] + block.output.weight[:, :, 0, 0] @ h[0, 0] + block.output.bias
            torch.testing.assert_close(fused[n, :, y, x], want, rtol=1e-4, atol=1e-5)


def test_projected_form_equals_raw_form():
    block = make_block(64)
    f, past = torch.randn(2, 64, 4, 4), torch.randn(2, 3, 64, 4, 4)
    projected = torch.stack([block.project(past[:, age]) for age in range(3)], 1)
    torch.testing.assert_close(block(f, projected, "projected"), block(f, past, "raw"))


def test_reads_the_same_pixel_only():
    block = make_block(32)
    f, past = torch.randn(1, 32, 4, 5), torch.randn(1, 3, 32, 4, 5)
    changed = past.clone()
    changed[:, :, :, 2, 3] += 1
    difference = (block(f, changed, "raw") - block(f, past, "raw")).abs().sum(1)[0]
    assert difference[2, 3] > 0
    difference[2, 3] = 0
    assert float(difference.detach().max()) == 0


def test_zero_memory_attends_to_zero_values():
    # No bias in the projections: zero features are zero keys and values, so the attended value is exactly zero.
    block = make_block(32)
    f = torch.randn(1, 32, 2, 2)
    want = f + block.output(block.merge(torch.zeros_like(f)))
    torch.testing.assert_close(block(f, torch.zeros(1, 3, 32, 2, 2), "raw"), want)


def test_zeroed_output_changes_nothing():
    block = HTFT(32, HTFTConfig(zero_init=True)).eval()
    f = torch.randn(2, 32, 3, 3)
    assert torch.equal(block(f, torch.randn(2, 3, 32, 3, 3), "raw"), f)


def test_dropout_is_on_the_feature_itself():
    block = HTFT(32, HTFTConfig(zero_init=True, dropout=0.25)).train()
    f = torch.ones(1, 32, 40, 40)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        out = block(f, torch.zeros(1, 3, 32, 40, 40), "raw")
    torch.testing.assert_close(out.unique(), torch.tensor([0.0, 1 / 0.75]))
    assert abs(float((out == 0).float().mean()) - 0.25) < 0.01


def test_refuses_heads_that_do_not_divide():
    with pytest.raises(ValueError, match="divisor of 36"):
        HTFT(36, HTFTConfig(heads=8))

"""I3D: 'same' padding, preparation, and the features' interface."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional as F

from everroad.evaluation.networks.batches import check_clips
from everroad.evaluation.networks.i3d import BATCH_NORM_EPSILON, I3d, load_i3d, pad_same, prepare_clips
from everroad.evaluation.networks.weights import filled

MANIFEST = "i3d-kinetics-400"


def convolved_by_hand(x: torch.Tensor, kernel: torch.Tensor, step: int) -> torch.Tensor:
    """Of one channel: every output is centred as TensorFlow's 'SAME' says, and reads zeros outside."""
    side = kernel.shape[0]
    outputs = [math.ceil(size / step) for size in x.shape]
    before = [max((count - 1) * step + side - size, 0) // 2 for count, size in zip(outputs, x.shape, strict=True)]
    result = torch.zeros(outputs)
    for place in torch.cartesian_prod(*(torch.arange(count) for count in outputs)):
        for tap in torch.cartesian_prod(*[torch.arange(side)] * 3):
            at = [int(p * step + t - b) for p, t, b in zip(place, tap, before, strict=True)]
            if all(0 <= i < size for i, size in zip(at, x.shape, strict=True)):
                result[tuple(place)] += x[tuple(at)] * kernel[tuple(tap)]
    return result


@pytest.mark.parametrize(("side", "step"), [(3, 1), (3, 2), (2, 2), (4, 3)])
def test_same_padding_is_a_convolution_written_out(side: int, step: int) -> None:
    generator = torch.Generator().manual_seed(side)
    for shape in ((4, 5, 6), (3, 7, 2)):
        x, kernel = torch.rand(shape, generator=generator), torch.rand((side,) * 3, generator=generator)
        padded = pad_same(x[None, None], (side,) * 3, (step,) * 3)
        torch.testing.assert_close(F.conv3d(padded, kernel[None, None], stride=step)[0, 0], convolved_by_hand(x, kernel, step))


def test_an_odd_zero_is_put_behind() -> None:
    # Sides 7 and step 2 over 224 make 112 outputs: 5 zeros, 2 before and 3 behind.
    padded = pad_same(torch.ones(1, 1, 224, 224, 224)[..., :1, :1], (7, 1, 1), (2, 1, 1))[0, 0, :, 0, 0]
    assert (int(padded[:2].sum()), int(padded[2:226].sum()), int(padded[226:].sum()), len(padded)) == (0, 224, 0, 229)


@torch.no_grad()
def test_a_unit_normalises_with_the_fvd_codes_epsilon(drawn_weights) -> None:
    unit = filled(I3d, drawn_weights(MANIFEST)).Conv3d_2b_1x1
    x = torch.rand(1, 64, 2, 3, 3, generator=torch.Generator().manual_seed(1))
    by_hand = torch.einsum("oi,bifhw->bofhw", unit.conv3d.weight[:, :, 0, 0, 0], x)
    scale = unit.bn.weight / (unit.bn.running_var + 1e-5).sqrt()
    by_hand = (by_hand - unit.bn.running_mean.view(-1, 1, 1, 1)) * scale.view(-1, 1, 1, 1) + unit.bn.bias.view(-1, 1, 1, 1)
    torch.testing.assert_close(unit(x), by_hand.relu())
    assert BATCH_NORM_EPSILON == 1e-5


def test_clips_are_prepared_frame_by_frame_to_minus_one_and_one(drawn_pictures) -> None:
    clips = drawn_pictures(2, 3, 3, 224, 224)
    for preparation in ("resize", "short-side-crop"):
        prepared = prepare_clips(clips, preparation)
        assert prepared.shape == (2, 3, 3, 224, 224)
        torch.testing.assert_close(prepared[1, :, 2], clips[1, 2].float() / 127.5 - 1)  # as given: it has the size
    wide = drawn_pictures(1, 2, 3, 30, 50)
    assert not torch.equal(prepare_clips(wide, "resize"), prepare_clips(wide, "short-side-crop"))


def test_logits_of_clips(drawn_file, drawn_pictures) -> None:
    network = load_i3d("resize", drawn_file(MANIFEST))
    clips = drawn_pictures(2, 9, 3, 32, 48)
    clips[1] = clips[0].flip(0)
    logits = network.features(clips)
    assert logits.shape == (2, 400)
    assert logits.dtype == torch.float32
    assert float((logits[0] - logits[1]).abs().max()) > 1e-3  # the order of frames counts
    with pytest.raises(ValueError, match="expected clips of 9 frames at least, got 8; give longer ones"):
        network.features(clips[:, :8])
    with pytest.raises(ValueError, match=r"^it: expected clips of b f 3 h w in uint8, got float32 of 2x9x3x32x48; give RGB"):
        check_clips(clips.float(), "it")
    description = network.described()
    assert description["measures"] == {"frechet": "FVD", "kernel": "KVD"}
    assert description["verified_against"][0]["package"] == "cd-fvd"
    assert description["preparation"].startswith("bilinear to 224x224")
    with pytest.raises(ValueError, match="preparation: expected one of resize, short-side-crop, wcoda, got 'crop'"):
        load_i3d("crop")

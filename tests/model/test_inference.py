"""The layout for inference changes where weights lie, not what they say."""

from __future__ import annotations

import torch

from everroad.model.checkpoint import model_hash
from everroad.model.inference import for_inference
from everroad.model.memory import read_memory, zero_memory
from tests.model.conftest import TINY, make_conditions, make_model


def test_fp32_layout_gives_the_same_frame():
    model = make_model()
    laid_out = for_inference(model, torch.device("cpu"), torch.float32)
    assert laid_out is not model
    assert model_hash(laid_out) == model_hash(model)
    noisy = torch.randn(2, 1, 8, 4, 6)
    outs = []
    for one in (model, laid_out):
        context = one.prepare(make_conditions(), noisy)
        with torch.no_grad():
            outs.append(one.denoise(noisy, torch.ones(2), one.align(noisy, torch.zeros(2), context), context, None)[0])
    torch.testing.assert_close(outs[0], outs[1], rtol=1e-4, atol=1e-5)


def test_bf16_layout_keeps_weights_that_are_bf16_already():
    model = make_model()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(parameter.bfloat16().float())
    laid_out = for_inference(model.train(), torch.device("cpu"), torch.bfloat16)
    assert model_hash(laid_out) == model_hash(model)
    assert not laid_out.training
    assert next(laid_out.unet.parameters()).dtype == torch.bfloat16
    assert next(laid_out.sketch.detail.parameters()).dtype == torch.bfloat16
    assert laid_out.autoencoder.code.mean.dtype == torch.float32
    assert next(model.unet.parameters()).dtype == torch.float32


def test_bf16_layout_denoises_like_autocast_does():
    model = make_model()
    laid_out = for_inference(model, torch.device("cpu"), torch.bfloat16)
    noisy = torch.randn(2, 1, 8, 4, 6)
    row = read_memory(zero_memory(TINY, 2, 1, 1, "projected", torch.bfloat16), 0, TINY.htft.ages)
    outs = []
    for one in (model, laid_out):
        context = one.prepare(make_conditions(), noisy)
        aligned = one.align(noisy, torch.zeros(2), context)
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            outs.append(one.denoise(noisy, torch.ones(2), aligned, context, row)[0])
    assert outs[1].dtype == torch.float32
    torch.testing.assert_close(outs[0], outs[1], rtol=0.05, atol=0.05)


def test_bf16_layout_sketches_as_before():
    model, conditions = make_model(), make_conditions()
    sketches = [
        one.sketch(conditions, one.autoencoder.code)
        for one in (model, for_inference(model, torch.device("cpu"), torch.bfloat16))
    ]
    assert sketches[1].dtype == torch.float32
    torch.testing.assert_close(sketches[0], sketches[1], rtol=0.05, atol=0.05)

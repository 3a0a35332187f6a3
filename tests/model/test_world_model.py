"""The world model's contract: what it reads, what it ignores, and its preconditioning."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from everroad.conditions.types import Conditions, cat_conditions
from everroad.model.alignment import FlowGrids, flow_grids
from everroad.model.memory import read_memory, zero_memory
from everroad.model.presets import PRESETS, get_preset
from everroad.model.world_model import WorldModel
from tests.model.conftest import TINY, make_conditions, make_model

Z = (8, 4, 6)


def denoise(model: WorldModel, conditions: Conditions, noisy, anchor, previous, sigma: float = 1.0, **present):
    context = model.prepare(conditions, anchor, present.get("anchor_present"))
    aligned = model.align(previous, torch.full((len(noisy),), 0.05), context, present.get("previous_present"))
    with torch.no_grad():
        return model.denoise(noisy, torch.full((len(noisy),), sigma), aligned, context, None)[0]


def latents(seed: int, batch: int = 2, views: int = 1) -> torch.Tensor:
    return torch.randn(batch, views, *Z, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("part", ["map_image", "box_image"])
def test_pictures_matter_where_present_and_not_where_absent(tiny_model, part):
    conditions = make_conditions()
    changed = replace(conditions, **{part: 255 - getattr(conditions, part)})
    args = (latents(0), latents(1), latents(2))
    assert (denoise(tiny_model, conditions, *args) - denoise(tiny_model, changed, *args)).abs().max() > 1e-4
    flag = {"map_image": "map", "box_image": "boxes"}[part]
    absent = replace(conditions.present, **{flag: torch.zeros(2, dtype=torch.bool)})
    a, b = (denoise(tiny_model, replace(c, present=absent), *args) for c in (conditions, changed))
    assert torch.equal(a, b)


@pytest.mark.parametrize("part", ["weather", "time_of_day"])
def test_scalars_matter_where_present_and_not_where_absent(tiny_model, part):
    conditions = make_conditions()
    changed = replace(conditions, **{part: torch.ones(2, dtype=torch.int64)})
    args = (latents(0), latents(1), latents(2))
    assert (denoise(tiny_model, conditions, *args) - denoise(tiny_model, changed, *args)).abs().max() > 1e-5
    absent = replace(conditions.present, **{part: torch.zeros(2, dtype=torch.bool)})
    a, b = (denoise(tiny_model, replace(c, present=absent), *args) for c in (conditions, changed))
    assert torch.equal(a, b)


def test_boxes_beyond_the_mask_are_not_read(tiny_model):
    conditions = make_conditions()
    mask = torch.tensor([True, True, False]).expand(2, 1, 3)
    masked = replace(conditions, boxes=replace(conditions.boxes, mask=mask))
    corners = masked.boxes.corners_m.clone()
    corners[:, :, 2] += 5
    moved = replace(masked, boxes=replace(masked.boxes, corners_m=corners))
    args = (latents(0), latents(1), latents(2))
    assert torch.equal(denoise(tiny_model, masked, *args), denoise(tiny_model, moved, *args))
    seen = replace(moved, boxes=replace(moved.boxes, mask=torch.ones_like(mask)))
    assert not torch.equal(denoise(tiny_model, seen, *args), denoise(tiny_model, moved, *args))


def test_absent_anchor_and_previous_are_not_read(tiny_model):
    conditions, no = make_conditions(), torch.zeros(2, dtype=torch.bool)
    a = denoise(tiny_model, conditions, latents(0), latents(1), latents(2), anchor_present=no, previous_present=no)
    b = denoise(tiny_model, conditions, latents(0), latents(3), latents(4), anchor_present=no, previous_present=no)
    c = denoise(tiny_model, conditions, latents(0), latents(1), latents(2))
    assert torch.equal(a, b)
    assert not torch.equal(a, c)


def test_none_is_absent(tiny_model):
    conditions, no = make_conditions(), torch.zeros(2, dtype=torch.bool)
    context = tiny_model.prepare(conditions, None)
    aligned = tiny_model.align(None, torch.zeros(2), context)
    assert not aligned.present.any()
    other = tiny_model.prepare(conditions, latents(1), no)
    assert torch.equal(context.tokens, other.tokens)


def silence(model) -> None:
    """Nothing is drawn but what the noisy latent says."""
    for layer in (model.output, model.sketch_gain):
        layer.weight.zero_()
        layer.bias.zero_()


def test_what_is_drawn_has_the_sketch_at_the_gain_of_the_place():
    """drawn = c_skip noisy + c_out (output + gain * sketch), c_out = -sigma / sqrt(sigma² + 1); here the gain is constant,
    the output zero and sigma 1."""
    model = make_model()
    with torch.no_grad():
        silence(model)
        model.sketch_gain.bias.copy_(torch.arange(8) - 2.0)
        model.trust.weight.zero_()
        model.trust.bias.fill_(-40.0)
    noisy = latents(0)
    context = model.prepare(make_conditions(), None)
    assert context.sketch.abs().max() > 0.1
    aligned = model.align(None, torch.zeros(2), context)
    denoised = model.denoise(noisy, torch.ones(2), aligned, context, None)[0]
    gain = (torch.arange(8) - 2.0).view(8, 1, 1)
    expected = noisy / 2 - 0.5**0.5 * (gain * context.sketch).unflatten(0, (2, 1))
    torch.testing.assert_close(denoised, expected, rtol=1e-4, atol=1e-5)


def test_vanishing_noise_gives_the_latent_back(tiny_model):
    noisy = latents(0)
    denoised = denoise(tiny_model, make_conditions(), noisy, latents(1), latents(2), sigma=1e-4)
    torch.testing.assert_close(denoised, noisy, rtol=1e-3, atol=2e-3)


@pytest.mark.parametrize("sigma", [0.05, 0.8, 10.0])
def test_sources_are_weighted_by_the_inverse_of_their_squared_errors(sigma):
    model, error = make_model(), 0.3
    with torch.no_grad():
        silence(model)
        model.trust.weight.zero_()
        model.trust.bias.fill_(-40.0)
        model.trust.bias[8:16] = -2 * torch.tensor(error).log()  # the near view's
    noisy, previous = latents(0), latents(2)
    context = model.prepare(make_conditions(), latents(1))
    aligned = model.align(previous, torch.zeros(2), context)
    denoised = model.denoise(noisy, torch.full((2,), sigma), aligned, context, None)[0]
    drawn, own = noisy / (1 + sigma**2), sigma**2 / (1 + sigma**2)
    expected = (error**2 * drawn + own * aligned.near) / (error**2 + own)
    torch.testing.assert_close(denoised, expected, rtol=1e-4, atol=1e-5)


def test_the_near_view_counts_by_the_share_of_the_cell_that_it_found():
    """All four sources of equal score otherwise: weights 1, 1, share, 1."""
    model = make_model()
    with torch.no_grad():
        silence(model)
        model.trust.weight.zero_()
        model.trust.bias.fill_(0.0)
    noisy, share = latents(0), 0.25
    context = model.prepare(make_conditions(), latents(1))
    context = replace(context, visible=torch.full_like(context.visible, share))
    aligned = model.align(latents(2), torch.zeros(2), context)
    sigma = 1e4  # at which drawing has an error of 1
    denoised = model.denoise(noisy, torch.full((2,), sigma), aligned, context, None)[0]
    sketch = context.sketch.unflatten(0, (2, 1))
    expected = (aligned.far + share * aligned.near + sketch) / (3 + share)
    torch.testing.assert_close(denoised, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("there", [True, False])
def test_what_is_believed_lies_between_its_sources(there):
    model = make_model()
    with torch.no_grad():
        silence(model)
    noisy = latents(0)
    context = model.prepare(make_conditions(), latents(1))
    aligned = model.align(latents(2), torch.zeros(2), context, torch.tensor([there, there]))
    denoised = model.denoise(noisy, torch.full((2,), 2.0), aligned, context, None)[0]
    sources = [noisy / 5, context.sketch.unflatten(0, (2, 1)), *([aligned.far, aligned.near] if there else [])]
    between = torch.stack(sources)
    assert (denoised >= between.amin(0) - 1e-5).all()
    assert (denoised <= between.amax(0) + 1e-5).all()


def test_samples_do_not_mix(tiny_model):
    a, b = make_conditions(1, seed=1), make_conditions(1, seed=2)
    args = (latents(0), latents(1), latents(2))
    both = denoise(tiny_model, cat_conditions([a, b]), *args)
    for i, one in enumerate((a, b)):
        alone = denoise(tiny_model, one, *(x[i : i + 1] for x in args))
        torch.testing.assert_close(both[i : i + 1], alone, rtol=1e-4, atol=1e-5)


def test_views_are_folded_in_order(tiny_model):
    two = make_conditions(1, views=2)
    args = tuple(latents(i, 1, 2) for i in range(3))
    out = denoise(tiny_model, two, *args)
    second = replace(
        two,
        map_image=two.map_image[:, 1:], box_image=two.box_image[:, 1:], depth_image=two.depth_image[:, 1:],
        intrinsics=two.intrinsics[:, 1:], ego_from_camera=two.ego_from_camera[:, 1:],
        boxes=type(two.boxes)(*(getattr(two.boxes, n)[:, 1:] for n in ("corners_m", "velocity_mps", "class_index", "mask"))),
    )  # fmt: skip
    torch.testing.assert_close(out[:, 1:], denoise(tiny_model, second, *(x[:, 1:] for x in args)), rtol=1e-4, atol=1e-5)


def test_zero_initialised_htft_leaves_the_network_alone():
    config = replace(TINY, htft=replace(TINY.htft, zero_init=True))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = WorldModel(config).eval()
        torch.nn.init.normal_(model.output.weight)
    conditions = make_conditions()
    context = model.prepare(conditions, latents(1))
    aligned = model.align(latents(2), torch.zeros(2), context)
    row = read_memory(zero_memory(config, 2, 1, 1, "raw", torch.float32), 0, config.htft.ages)
    with_memory, _ = model.denoise(latents(0), torch.ones(2), aligned, context, row)
    without, _ = model.denoise(latents(0), torch.ones(2), aligned, context, None)
    assert torch.equal(with_memory, without)


def test_every_trained_weight_gets_a_gradient():
    model = make_model().train()
    context = model.prepare(make_conditions(), latents(1), torch.tensor([True, False]))
    aligned = model.align(latents(2), torch.full((2,), 0.1), context, torch.tensor([True, False]))
    row = read_memory(zero_memory(TINY, 2, 1, 1, "raw", torch.float32), 0, TINY.htft.ages)
    row = replace(row, sites=tuple(torch.randn_like(site) for site in row.sites))
    denoised, _ = model.denoise(latents(0), torch.ones(2), aligned, context, row)
    (denoised - latents(3)).square().mean().backward()
    named = [(n, p) for n, p in model.named_parameters() if not n.startswith(("autoencoder.", "finish."))]
    none = [n for n, p in named if p.grad is None or not p.grad.any()]
    # All parts were present in both samples but these:
    assert set(none) == {"layout.absent", "boxes.absent", "motion.absent"}


def test_refuses_conditions_of_another_size(tiny_model):
    with pytest.raises(ValueError, match="expected 32x48 pixels"):
        tiny_model.prepare(make_conditions(height=64, width=48), None)


def test_presets_keep_their_promises():
    for name, unet_limit in (("town", 10e6), ("town-nano", 2e6), ("town-hd", 16e6)):
        model = WorldModel(get_preset(name))
        assert sum(p.numel() for p in model.unet.parameters()) <= unet_limit
        for decoder in (model.autoencoder.detail, model.finish):  # the one or the other decodes a frame
            assert decoder is None or sum(p.numel() for p in decoder.parameters()) < 1e6
        config = PRESETS[name]
        assert (config.height_px // 8, config.width_px // 8) == (config.latent_rows, config.latent_columns)
    assert sum(p.numel() for p in WorldModel(get_preset("town-nano")).parameters()) <= 2e6
    with pytest.raises(ValueError, match="did you mean 'town-nano'"):
        get_preset("town-nan")


def test_legal_latents_are_those_of_pictures(tiny_model):
    pictures = torch.rand(2, 1, 3, 32, 48, generator=torch.Generator().manual_seed(0))
    within = tiny_model.encode(pictures) * 0.1  # near the mean picture: nothing is out of range
    torch.testing.assert_close(tiny_model.legal(within), within, rtol=1e-4, atol=1e-5)
    wild = latents(0) * 30
    decode = tiny_model.autoencoder.code.decode
    assert decode(wild.flatten(0, 1)).abs().max() > 2 * decode(tiny_model.legal(wild).flatten(0, 1)).abs().max()


@pytest.mark.parametrize("feedback", [0.0, 0.25, 1.0])
def test_detail_goes_back_in_its_share_and_colours_do_not(feedback):
    config = replace(TINY, finish=replace(TINY.finish, feedback=feedback))
    model = make_model(config)
    drawn = latents(0)
    pictures = model.autoencoder.code.decode(drawn[:, 0])[:, None]
    detail = torch.randn(pictures.shape, generator=torch.Generator().manual_seed(5))
    cells = detail.unflatten(-1, (-1, 8)).unflatten(-3, (-1, 8))
    detail = (cells - cells.mean((-1, -3), keepdim=True)).flatten(-4, -3).flatten(-2)
    colour = (
        torch.randn(2, 1, 3, 4, 6, generator=torch.Generator().manual_seed(6)).repeat_interleave(8, -1).repeat_interleave(8, -2)
    )
    back = model.fed_back(drawn, pictures + detail + colour, flow_grids(make_conditions()))
    seen = model.encode(pictures + detail) - model.encode(pictures)
    torch.testing.assert_close(back, drawn + feedback * seen, rtol=1e-4, atol=1e-4)
    assert torch.allclose(back, drawn, atol=1e-4) == (feedback == 0)


def test_what_stands_still_is_not_fed_back_and_what_moves_is_by_how_far():
    height, width = 32, 48
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    here = torch.stack([(columns + 0.5) / width * 2 - 1, (rows + 0.5) / height * 2 - 1], -1)[None]
    moved = here.clone()
    moved[:, :, width // 3 :, 0] += 2 * 1.0 / width  # a pixel to the side
    moved[:, :, 2 * width // 3 :, 1] += 2 * 5.0 / height  # and five down
    nowhere = torch.zeros(1, 1, height, width, dtype=torch.bool)
    grids = FlowGrids(here, moved, ~nowhere, nowhere)
    drawn = latents(0, batch=1)
    finish = replace(TINY.finish, feedback=0.5, moving_px=2.0)
    model, uniform = (make_model(replace(TINY, finish=f)) for f in (finish, replace(finish, moving_px=0.0)))
    pictures = model.autoencoder.code.decode(drawn[:, 0])[:, None]
    detail = torch.rand(pictures.shape, generator=torch.Generator().manual_seed(5))
    added = model.fed_back(drawn, pictures + detail, grids) - drawn
    full = uniform.fed_back(drawn, pictures + detail, grids) - drawn
    for third, share in ((0, 0.0), (1, 0.5), (2, 1.0)):  # cells of 8 pixels, six in a row
        columns_of = slice(2 * third, 2 * third + 2)
        torch.testing.assert_close(added[..., columns_of], share * full[..., columns_of], rtol=1e-4, atol=1e-5)
    unseen = replace(grids, near=here, near_visible=nowhere)
    torch.testing.assert_close(model.fed_back(drawn, pictures + detail, unseen) - drawn, full)
    assert full.abs().amax((2, 3)).min() > 1e-2

"""FID's Inception: what sets it apart, its preparation, and the features' interface."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from everroad.evaluation.networks.batches import check_pictures
from everroad.evaluation.networks.inception import FidInception, load_inception, prepare_pictures
from everroad.evaluation.networks.weights import filled

MANIFEST = "inception-2015-12-05"


@torch.no_grad()
def test_average_pools_leave_the_padding_out_and_the_last_pool_is_the_maximum(drawn_weights) -> None:
    network = filled(FidInception, drawn_weights(MANIFEST))
    generator = torch.Generator().manual_seed(0)
    for name, channels in (("Mixed_5b", 192), ("Mixed_6c", 768), ("Mixed_7b", 1280), ("Mixed_7c", 2048)):
        block, x = network.get_submodule(name), torch.rand(1, channels, 4, 5, generator=generator)
        padded = F.pad(x, (1, 1, 1, 1), value=float("nan"))
        around = padded.unfold(2, 3, 1).unfold(3, 3, 1).flatten(4)  # b c h w 9
        pooled = around.nan_to_num(nan=-1.0).amax(-1) if name == "Mixed_7c" else around.nanmean(-1)
        expected = block.get_submodule("branch_pool")(pooled)
        torch.testing.assert_close(block(x)[:, -expected.shape[1] :], expected)


@torch.no_grad()
def test_a_flat_map_passes_an_average_pool_unchanged_up_to_its_border(drawn_weights) -> None:
    block = filled(FidInception, drawn_weights(MANIFEST)).Mixed_5b
    pooled = block(torch.full((1, 192, 6, 6), 2.0))[:, -32:]
    assert float((pooled - pooled[..., 3:4, 3:4]).abs().max()) < 1e-5


@torch.no_grad()
def test_maps_have_the_papers_sizes(drawn_weights) -> None:
    network = filled(FidInception, drawn_weights(MANIFEST))
    sizes: dict[str, tuple[int, ...]] = {}
    for name in ("Conv2d_1a_3x3", "Conv2d_2b_3x3", "Conv2d_4a_3x3", "Mixed_5d", "Mixed_6a", "Mixed_6e", "Mixed_7a", "Mixed_7c"):
        network.get_submodule(name).register_forward_hook(
            lambda _, __, out, name=name: sizes.update({name: tuple(out.shape[1:])})
        )
    assert network(torch.zeros(1, 3, 299, 299)).shape == (1, 2048)
    assert list(sizes.values()) == [
        (32, 149, 149), (64, 147, 147), (192, 71, 71), (288, 35, 35), (768, 17, 17), (768, 17, 17), (1280, 8, 8), (2048, 8, 8)
    ]  # fmt: skip


def test_preparations_reach_minus_one_and_one_as_named() -> None:
    for value, torch_way, tensorflow_way in ((0, -1.0, -1.0), (255, 1.0, 127 / 128), (128, 1 / 255, 0.0)):
        picture = torch.full((1, 3, 20, 30), value, dtype=torch.uint8)
        for preparation, expected in (("pytorch-fid", torch_way), ("torch-fidelity", tensorflow_way)):
            prepared = prepare_pictures(picture, preparation)
            assert prepared.shape == (1, 3, 299, 299)
            assert float((prepared - expected).abs().max()) < 1e-6


def test_features_do_not_depend_on_how_pictures_are_batched(drawn_file, drawn_pictures, monkeypatch) -> None:
    network = load_inception("pytorch-fid", drawn_file(MANIFEST))
    pictures = drawn_pictures(3, 3, 40, 60)
    whole = network.features(pictures)
    assert whole.shape == (3, network.width)
    assert whole.dtype == torch.float32
    assert not whole.requires_grad
    assert torch.equal(network.features(pictures), whole)
    monkeypatch.setattr("everroad.evaluation.networks.inception.CHUNK_PICTURES", 2)
    torch.testing.assert_close(network.features(pictures), whole, rtol=1e-5, atol=1e-4)
    torch.testing.assert_close(network.features(pictures.flip(0)), whole.flip(0), rtol=1e-5, atol=1e-4)


def test_what_is_no_picture_is_refused_and_the_description_is_whole(drawn_file, drawn_pictures) -> None:
    network = load_inception("torch-fidelity", drawn_file(MANIFEST))
    for samples in (
        torch.zeros(2, 3, 8, 8),
        torch.zeros(2, 4, 8, 8, dtype=torch.uint8),
        torch.zeros(0, 3, 8, 8, dtype=torch.uint8),
    ):
        with pytest.raises(ValueError, match=r"^it: expected pictures of b 3 h w in uint8, got "):
            check_pictures(samples, "it")
    description = network.described()
    assert description["measures"] == {"frechet": "FID", "kernel": "KID"}
    assert description["weights"][0]["published"] is False
    assert len(description["weights"][0]["sha256"]) == 64
    assert {each["package"] for each in description["verified_against"]} == {"pytorch-fid", "torch-fidelity"}
    assert "TensorFlow" in description["preparation"]

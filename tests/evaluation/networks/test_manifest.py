"""Manifests against the networks, and what a state dict that differs is told."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from everroad.evaluation.networks.i3d import I3d
from everroad.evaluation.networks.inception import FidInception
from everroad.evaluation.networks.lpips import Lpips
from everroad.evaluation.networks.manifest import load_manifest

NAMES = ("inception-2015-12-05", "i3d-kinetics-400", "alexnet", "vgg16", "lpips-alex", "lpips-vgg")


def shapes(network: nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}


@pytest.mark.parametrize(("name", "build"), [("inception-2015-12-05", FidInception), ("i3d-kinetics-400", I3d)])
def test_a_networks_state_dict_has_the_files_names_and_shapes(name: str, build: type[nn.Module]) -> None:
    with torch.device("meta"):
        assert shapes(build()) == load_manifest(name).parameters


@pytest.mark.parametrize(("trunk", "name"), [("alex", "alexnet"), ("vgg", "vgg16")])
def test_lpips_has_the_trunks_and_the_heads_names_and_shapes(trunk: str, name: str) -> None:
    with torch.device("meta"):
        own = shapes(Lpips(trunk))
    assert own == load_manifest(name).needed | load_manifest(f"lpips-{trunk}").needed


@pytest.mark.parametrize("name", NAMES)
def test_every_manifest_says_where_it_is_from(name: str) -> None:
    manifest = load_manifest(name)
    assert manifest.name == name
    assert manifest.source
    assert len(manifest.sha256) in (8, 64)
    assert int(manifest.sha256, 16)
    assert "/" not in "".join(manifest.files)
    assert "http" not in manifest.published_by
    for digits in (part for file in manifest.files for part in file.split(".")[0].split("-")[-1:] if len(part) == 8):
        assert manifest.sha256.startswith(digits)  # the public names carry the start of the digest


def test_counters_and_unused_parameters_may_be_absent_but_nothing_else(drawn_weights) -> None:
    manifest, tensors = load_manifest("alexnet"), drawn_weights("alexnet")
    assert set(manifest.checked(tensors, "it")) == set(tensors)
    del tensors["features.3.bias"]
    with pytest.raises(
        ValueError, match=r"^it: expected the weights of alexnet, got none named 'features.3.bias'; give alexnet-"
    ):
        manifest.checked(tensors, "it")


def test_the_first_difference_is_named(drawn_weights) -> None:
    manifest, tensors = load_manifest("lpips-alex"), drawn_weights("lpips-alex")
    with pytest.raises(ValueError, match=r"'lin1.model.1.weight' of \(1, 3\) where \(1, 192, 1, 1\) belongs"):
        manifest.checked({**tensors, "lin1.model.1.weight": torch.zeros(1, 3), "lin2.model.1.weight": torch.zeros(2)}, "it")
    with pytest.raises(ValueError, match="got 'more', which it does not have"):
        manifest.checked({**tensors, "more": torch.zeros(1)}, "it")
    for value in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match=r"'lin4\.model.1.weight' with numbers that are not finite"):
            manifest.checked({**tensors, "lin4.model.1.weight": torch.full((1, 256, 1, 1), value)}, "it")
    with pytest.raises(ValueError, match="not finite floats"):
        manifest.checked({name: tensor.long() for name, tensor in tensors.items()}, "it")


def test_half_precision_is_taken_as_float32(drawn_weights) -> None:
    tensors = drawn_weights("lpips-vgg")
    checked = load_manifest("lpips-vgg").checked({name: tensor.half() for name, tensor in tensors.items()}, "it")
    assert {tensor.dtype for tensor in checked.values()} == {torch.float32}

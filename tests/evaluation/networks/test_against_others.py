"""Equal outputs on drawn weights, where another implementation of a network can be imported; ``-s`` shows the differences.

None of them is a dependency: they need torchvision. The outcome of a run by hand stands in the manifests' ``verified_against``.
"""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

import pytest
import torch
from torch import Tensor, nn

from everroad.evaluation.networks.i3d import I3d, prepare_clips
from everroad.evaluation.networks.inception import load_inception
from everroad.evaluation.networks.lpips import Lpips, load_lpips
from everroad.evaluation.networks.manifest import load_manifest
from everroad.evaluation.networks.weights import filled

SHAPES = ((2, 3, 97, 160), (2, 3, 299, 299), (1, 3, 448, 610))


def other(name: str) -> Any:
    """The package's module, or a skip that says why."""
    try:
        return importlib.import_module(name)
    except (ImportError, RuntimeError) as error:  # torchvision beside another torch raises RuntimeError
        pytest.skip(f"{name} cannot be imported ({error}); it is another implementation to compare with, not a dependency")


def file_of(package: str, path: str) -> ModuleType:
    """One file of a package, without importing the rest of it."""
    found = importlib.util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        pytest.skip(f"{package} is not installed; it is another implementation to compare with, not a dependency")
    spec = importlib.util.spec_from_file_location("other_file", Path(found.submodule_search_locations[0]) / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def load_counted(network: nn.Module, tensors: dict[str, Tensor]) -> nn.Module:
    """The drawn weights in another's network; only counters of training steps may be missing."""
    missing, unknown = network.load_state_dict(tensors, strict=False)
    assert not unknown
    assert all(name.endswith("num_batches_tracked") for name in missing)
    return network.eval()


def check_equal(ours: Tensor, theirs: Tensor, what: str) -> None:
    """To 1e-5 of the greatest value."""
    difference, greatest = float((ours - theirs).abs().max()), float(theirs.abs().max())
    print(f"{what}: greatest difference {difference:.2e}, greatest value {greatest:.3g}")
    assert ours.shape == theirs.shape
    assert greatest > 1e-2
    assert difference <= 1e-5 * greatest


@pytest.mark.slow
@torch.no_grad()
def test_inception_equals_pytorch_fid(drawn_weights, drawn_file, drawn_pictures) -> None:
    package = other("pytorch_fid.inception")
    weights = drawn_weights("inception-2015-12-05")
    counters = {
        n: torch.tensor(0) for n in load_manifest("inception-2015-12-05").parameters if n.endswith("num_batches_tracked")
    }
    with mock.patch.object(package, "load_state_dict_from_url", return_value=weights | counters):
        theirs = package.InceptionV3().eval()
    ours = load_inception("pytorch-fid", drawn_file("inception-2015-12-05"))
    for shape in SHAPES:
        pictures = drawn_pictures(*shape)
        check_equal(ours.features(pictures), theirs(pictures.float() / 255)[0][:, :, 0, 0], f"inception, pytorch-fid, {shape}")


@pytest.mark.slow
@torch.no_grad()
def test_inception_equals_torch_fidelity(drawn_weights, drawn_file, drawn_pictures, tmp_path) -> None:
    package = other("torch_fidelity.feature_extractor_inceptionv3")
    folder = drawn_file("inception-2015-12-05")
    manifest = load_manifest("inception-2015-12-05")
    counters = {name: torch.tensor(0) for name in manifest.parameters if name.endswith("num_batches_tracked")}
    torch.save(drawn_weights("inception-2015-12-05") | counters, tmp_path / "whole.pth")
    theirs = package.FeatureExtractorInceptionV3("one", ["2048"], feature_extractor_weights_path=str(tmp_path / "whole.pth"))
    ours = load_inception("torch-fidelity", folder)
    for shape in SHAPES:
        pictures = drawn_pictures(*shape)
        check_equal(ours.features(pictures), theirs(pictures)[0], f"inception, torch-fidelity, {shape}")


@pytest.mark.slow
@torch.no_grad()
def test_i3d_equals_cd_fvd(drawn_weights, drawn_pictures) -> None:
    package = file_of("cdfvd", "third_party/i3d/pytorch_i3d.py")
    weights = drawn_weights("i3d-kinetics-400")
    theirs, ours = load_counted(package.InceptionI3d(400, in_channels=3), weights), filled(I3d, weights)
    for shape in ((1, 9, 3, 60, 100), (2, 10, 3, 96, 96), (1, 16, 3, 128, 224), (1, 25, 3, 64, 112)):
        clips = prepare_clips(drawn_pictures(*shape), "resize")
        check_equal(ours(clips), theirs(clips), f"i3d, cd-fvd, {shape}")


@pytest.mark.slow
@torch.no_grad()
@pytest.mark.parametrize(("trunk", "least"), [("alex", 31), ("vgg", 16)])
@pytest.mark.parametrize("heads", ["drawn", "published"])
def test_lpips_equals_lpips(trunk: str, least: int, heads: str, drawn_weights, drawn_pictures, tmp_path) -> None:
    package = other("lpips")
    trunk_name = {"alex": "alexnet", "vgg": "vgg16"}[trunk]
    weights = drawn_weights(trunk_name)
    published = Path(package.__file__).parent / "weights" / "v0.1" / f"{trunk}.pth"
    head_weights = (
        drawn_weights(f"lpips-{trunk}") if heads == "drawn" else torch.load(published, map_location="cpu", weights_only=True)
    )
    theirs = package.LPIPS(net=trunk, pretrained=False, pnet_rand=True, verbose=False).eval()
    theirs.load_state_dict(head_weights, strict=False)
    convolutions = [layer for layer in theirs.net.modules() if isinstance(layer, nn.Conv2d)]
    for layer, (weight, bias) in zip(convolutions, zip(*[iter(weights.values())] * 2, strict=True), strict=True):
        layer.load_state_dict({"weight": weight, "bias": bias})

    torch.save(weights, tmp_path / load_manifest(trunk_name).files[0])
    if heads == "published":
        shutil.copy(published, tmp_path)
    else:
        torch.save(head_weights, tmp_path / published.name)
    ours = load_lpips(trunk, tmp_path)
    assert [each.published for each in ours.weights] == [False, heads == "published"]
    for height, width in ((least, least), (64, 112), (135, 200)):
        first, second = drawn_pictures(3, 3, height, width, seed=1), drawn_pictures(3, 3, height, width, seed=2)
        second[1:] = (first[1:].float() * 0.9 + second[1:].float() * 0.1).to(torch.uint8)
        expected = theirs(2 * first.float() / 255 - 1, 2 * second.float() / 255 - 1).flatten()
        check_equal(ours.between(first, second), expected, f"lpips {trunk}, {heads} heads, {height}x{width}")


@torch.no_grad()
@pytest.mark.parametrize(("trunk", "build"), [("alex", "alexnet"), ("vgg", "vgg16")])
def test_trunks_equal_torchvisions_layer_by_layer(trunk: str, build: str, drawn_weights, drawn_pictures) -> None:
    models = other("torchvision.models")
    weights = drawn_weights(build)
    with torch.device("meta"):
        theirs = getattr(models, build)(weights=None, **({"init_weights": False} if trunk == "vgg" else {})).features
    theirs = theirs.to_empty(device="cpu")
    theirs.load_state_dict({name.removeprefix("features."): tensor for name, tensor in weights.items()})
    ours = Lpips(trunk).features
    ours.load_state_dict(theirs.state_dict())
    x = y = drawn_pictures(2, 3, 64, 80).float() / 255
    for mine, other_layer in zip(ours, theirs, strict=False):
        x, y = mine(x), other_layer(y)
        assert torch.equal(x, y)
    assert len(ours) == len(theirs) - 1

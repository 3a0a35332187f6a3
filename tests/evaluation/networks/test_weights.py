"""Finding and reading public weights, and one clear line for everything else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from everroad.evaluation.networks.inception import load_inception
from everroad.evaluation.networks.lpips import load_lpips
from everroad.evaluation.networks.manifest import load_manifest
from everroad.evaluation.networks.weights import (
    WEIGHTS_VARIABLE,
    filled,
    find_weights,
    load_weights_file,
    read_state_dict,
    weights_folder,
)
from everroad.model.checkpoint import file_sha256

HEADS = load_manifest("lpips-alex")


class Thing:
    """A pickle of it is no state dict."""


def refused(path: Path) -> str:
    with pytest.raises(ValueError) as caught:
        read_state_dict(path)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(f"{path}: expected ")
    return message


def test_the_folder_is_the_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(WEIGHTS_VARIABLE, str(tmp_path))
    assert weights_folder() == tmp_path
    monkeypatch.setenv(WEIGHTS_VARIABLE, str(tmp_path / "none"))
    with pytest.raises(ValueError, match=f"{WEIGHTS_VARIABLE}: expected the folder of the public weights, got .*none; make it"):
        weights_folder()
    monkeypatch.delenv(WEIGHTS_VARIABLE)
    with pytest.raises(ValueError, match=f"{WEIGHTS_VARIABLE}: .* got nothing; set it"):
        weights_folder()
    with pytest.raises(ValueError, match=WEIGHTS_VARIABLE):
        load_inception()


def test_a_missing_file_is_named_with_its_folder_variable_and_publisher(tmp_path: Path) -> None:
    with pytest.raises(ValueError) as caught:
        load_inception(folder=tmp_path)
    for part in (str(tmp_path), "pt_inception-2015-12-05-6726825d.pth", "weights-inception", "pytorch-fid", WEIGHTS_VARIABLE):
        assert part in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "http" not in str(caught.value)


@pytest.mark.parametrize("legacy", [False, True])
def test_a_state_dict_is_read_as_it_was_written(tmp_path: Path, drawn_weights, legacy: bool) -> None:
    tensors, path = drawn_weights("lpips-alex"), tmp_path / "alex.pth"
    torch.save(tensors, path, _use_new_zipfile_serialization=not legacy)
    read, weights = load_weights_file(HEADS, tmp_path)
    assert all(torch.equal(read[name], tensor) for name, tensor in tensors.items())
    assert (weights.file, weights.sha256, weights.published) == ("alex.pth", file_sha256(path), False)


def test_a_second_public_name_and_safetensors_are_found(tmp_path: Path, drawn_weights) -> None:
    manifest = load_manifest("inception-2015-12-05")
    save_file(drawn_weights("lpips-alex"), tmp_path / "alex.safetensors")
    assert load_weights_file(HEADS, tmp_path)[1].file == "alex.safetensors"
    for name in reversed(manifest.files):
        (tmp_path / name).touch()
        assert find_weights(manifest, tmp_path).name == name


def test_the_published_file_is_known_by_its_sha256(tmp_path: Path, drawn_file: Callable[[str], Path]) -> None:
    sha256 = file_sha256(drawn_file("lpips-alex") / "alex.pth")
    assert load_weights_file(replace(HEADS, sha256=sha256), tmp_path)[1].published
    assert load_weights_file(replace(HEADS, sha256=sha256[:8]), tmp_path)[1].published
    with pytest.raises(ValueError, match=r"alex.pth: expected the weights of lpips-alex, got old heads; give alex.pth as"):
        load_weights_file(replace(HEADS, others={sha256: "old heads"}), tmp_path)


def test_another_networks_file_is_refused(tmp_path: Path, drawn_weights) -> None:
    torch.save(drawn_weights("lpips-vgg"), tmp_path / "alex.pth")
    with pytest.raises(ValueError, match=r"alex.pth: expected the weights of lpips-alex, got 'lin1.model.1.weight' of"):
        load_weights_file(HEADS, tmp_path)
    torch.save(drawn_weights("alexnet"), tmp_path / "alex.pth")
    with pytest.raises(ValueError, match=r"got none named 'lin0\.model\.1\.weight'"):
        load_weights_file(HEADS, tmp_path)


def test_a_torchscript_archive_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "script.pt"
    torch.jit.save(torch.jit.script(nn.Linear(2, 2)), path)
    assert "TorchScript" in refused(path)


@pytest.mark.parametrize("legacy", [False, True])
def test_a_pickle_of_objects_is_refused_and_not_run(tmp_path: Path, legacy: bool) -> None:
    path = tmp_path / "whole.pth"
    for thing in (nn.Linear(2, 2), {"a": Thing()}):
        torch.save(thing, path, _use_new_zipfile_serialization=not legacy)
        assert "other objects" in refused(path)


@pytest.mark.parametrize("thing", [{"state_dict": {"a": torch.zeros(1)}}, [torch.zeros(1)], torch.zeros(1), {"epoch": 3}])
def test_tensors_in_another_wrapping_are_refused(tmp_path: Path, thing: object) -> None:
    path = tmp_path / "wrapped.pth"
    torch.save(thing, path)
    assert "of other things" in refused(path)


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("share", [0.0, 0.02, 0.3, 0.95])
def test_a_truncated_file_is_refused(tmp_path: Path, drawn_weights, legacy: bool, share: float) -> None:
    path = tmp_path / "alex.pth"
    torch.save(drawn_weights("lpips-alex"), path, _use_new_zipfile_serialization=not legacy)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    assert "damaged or truncated" in refused(path)


@pytest.mark.parametrize("content", [b"<html>not found</html>", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n"])
def test_a_file_of_something_else_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "alex.pth"
    path.write_bytes(content)
    assert "damaged or truncated" in refused(path)
    path = tmp_path / "alex.safetensors"
    path.write_bytes(content)
    assert "safetensors" in refused(path)


def test_a_network_is_filled_for_evaluation_alone_and_draws_nothing() -> None:
    state = torch.random.get_rng_state()
    weights = {name: torch.full((2,), 3.0) for name in ("weight", "bias", "running_mean", "running_var")}
    network = filled(lambda: nn.BatchNorm2d(2), weights)
    assert all(torch.equal(network.state_dict()[name], value) for name, value in weights.items())
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())
    with pytest.raises(RuntimeError):
        filled(lambda: nn.Linear(2, 2), {"weight": torch.ones(2, 2)})
    assert torch.equal(torch.random.get_rng_state(), state)


def test_names_of_what_there_is_not_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="preparation: expected one of pytorch-fid, torch-fidelity, got 'clean-fid'"):
        load_inception("clean-fid", tmp_path)
    with pytest.raises(ValueError, match="trunk: expected one of alex, vgg, got 'squeeze'"):
        load_lpips("squeeze", tmp_path)

"""Model files: round trip, and refusal of everything else in one line."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file

from everroad.model.checkpoint import (
    file_sha256,
    load_packaged,
    load_world_model,
    model_hash,
    read_safetensors,
    save_world_model,
)
from everroad.model.world_model import WorldModel
from tests.model.conftest import TINY, make_model


def test_round_trip(tmp_path):
    model = make_model()
    save_world_model(model, tmp_path / "m.safetensors", {"recipe": "test"}, dtype=torch.float32)
    loaded, card = load_world_model(tmp_path / "m.safetensors")
    assert loaded.config == TINY
    assert model_hash(loaded) == model_hash(model)
    assert not loaded.training
    assert card["recipe"] == "test"
    assert card["sha256"] == file_sha256(tmp_path / "m.safetensors")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["m.json", "m.safetensors"]


def test_bf16_files_keep_the_patch_code_exact(tmp_path):
    model = make_model()
    model.autoencoder.code.mean.add_(1e-4)
    save_world_model(model, tmp_path / "m.safetensors", {})
    loaded, _ = load_world_model(tmp_path / "m.safetensors")
    assert torch.equal(loaded.autoencoder.code.mean, model.autoencoder.code.mean)
    assert torch.equal(loaded.input.weight, model.input.weight.bfloat16().float())


def test_hash_sees_every_change_and_no_layout():
    model = make_model()
    before = model_hash(model)
    assert model_hash(make_model().to(memory_format=torch.channels_last)) == before
    with torch.no_grad():
        model.output.bias[0] += 1e-3
    assert model_hash(model) != before


def test_refuses_a_pickle(tmp_path):
    path = tmp_path / "m.safetensors"
    torch.save({"a": torch.ones(2)}, path)
    with pytest.raises(ValueError, match="got a pickle"):
        load_world_model(path)
    path.write_bytes(pickle.dumps({"a": 1}, protocol=4))
    with pytest.raises(ValueError, match="got a pickle"):
        load_world_model(path)


@pytest.mark.parametrize("keep", [0, 5, 100, -1])
def test_refuses_a_truncated_file(tmp_path, keep):
    path = tmp_path / "m.safetensors"
    save_world_model(make_model(), path, {})
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ValueError, match="damaged or truncated"):
        load_world_model(path)


def test_refuses_another_architecture(tmp_path):
    path = tmp_path / "m.safetensors"
    model = make_model()
    other = WorldModel(replace(TINY, unet=replace(TINY.unet, widths=(32, 96))))
    other.load_state_dict(other.state_dict())
    save_world_model(model, path, {})
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    save_file(other.state_dict(), path, metadata)
    with pytest.raises(ValueError, match="expected weights of this architecture"):
        load_world_model(path)


def test_refuses_unknown_versions_and_foreign_files(tmp_path):
    path = tmp_path / "m.safetensors"
    save_file({"a": torch.ones(1)}, path)
    with pytest.raises(ValueError, match="format_version 1, got none"):
        load_world_model(path)
    save_file({"a": torch.ones(1)}, path, {"format_version": "2", "config": json.dumps({})})
    with pytest.raises(ValueError, match="format_version 1, got 2"):
        load_world_model(path)
    save_file({"a": torch.ones(1)}, path, {"format_version": "1", "config": json.dumps({"nme": "x"})})
    with pytest.raises(ValueError, match="unknown 'nme'"):
        load_world_model(path)
    with pytest.raises(ValueError, match="got no file"):
        load_world_model(tmp_path / "none.safetensors")
    with pytest.raises(ValueError, match="expected one that ships weights"):
        load_packaged("no-such-preset")


def with_config(path, config: str):
    """A model file whose header has another config."""
    save_world_model(make_model(), path, {})
    tensors, metadata = read_safetensors(path)
    save_file(tensors, path, {**metadata, "config": config})


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("{", "Expecting property name"),
        ("[1]", r"ModelConfig: expected a group of fields, got \[1\]"),
        pytest.param("[" * 200_000, "recursion", id="deep"),
        ('{"name": "x", "height_px": "128", "width_px": 32}', "height_px: expected a whole number"),
        ('{"name": "x", "height_px": 32, "width_px": 32, "unet": null}', "unet: expected a group"),
        ('{"name": "x", "height_px": 32, "width_px": 32, "unet": {"heads": 0}}', r"unet\.heads: expected"),
        ('{"name": "x", "height_px": 32, "width_px": 32, "htft": {"heads": 7}}', r"htft\.heads: expected a divisor"),
        ('{"name": "x", "height_px": 32, "width_px": 32, "frame_rate_hz": 0}', "frame_rate_hz: expected"),
    ],
)
def test_refuses_a_config_that_is_none_and_names_file_and_field(tmp_path, config: str, message: str):
    path = tmp_path / "m.safetensors"
    with_config(path, config)
    with pytest.raises(ValueError, match=rf"^{path}: expected a model's config in the header, but .*{message}") as caught:
        load_world_model(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("card", ["[1]", "{", "null", pytest.param("[" * 200_000, id="deep")])
def test_refuses_a_card_that_is_none(tmp_path, card: str):
    path = tmp_path / "m.safetensors"
    save_world_model(make_model(), path, {})
    path.with_suffix(".json").write_text(card)
    with pytest.raises(ValueError, match=rf"^{path.with_suffix('.json')}: expected the weights' card"):
        load_world_model(path)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), "whole numbers"])
def test_refuses_weights_that_are_no_numbers_and_names_the_tensor(tmp_path, bad):
    path = tmp_path / "m.safetensors"
    save_world_model(make_model(), path, {})
    tensors, metadata = read_safetensors(path)
    if bad == "whole numbers":
        tensors["input.bias"] = tensors["input.bias"].to(torch.int64)
    else:
        tensors["input.bias"][0] = bad
    save_file(tensors, path, metadata)
    with pytest.raises(ValueError, match=rf"^{path}: expected .*'input.bias'.*, got (torch\.int64|nan or infinity)"):
        load_world_model(path)


@pytest.mark.parametrize("preset", ["town-code", "segmenter", "../weights/town", "town.safetensors", ""])
def test_only_presets_that_ship_weights_are_offered(preset: str):
    with pytest.raises(ValueError, match=r"expected one that ships weights \(town\), got '"):
        load_packaged(preset)

from __future__ import annotations

import json

import pytest
import torch

from everroad.training.checkpoint import (
    Checkpoint,
    checkpoint_folders,
    copy_tensors,
    load_checkpoint,
    load_newest,
    load_run_weights,
    save_checkpoint,
)

CONV = torch.arange(2 * 3 * 4 * 5, dtype=torch.float32).reshape(2, 3, 4, 5)


def checkpoint(train_step):
    tensors = {
        "conv": CONV.to(memory_format=torch.channels_last) + train_step,
        "step": torch.tensor(float(train_step)),
    }
    return Checkpoint(train_step, {"weights": tensors, "ema": {"conv": CONV}, "optimiser": {}}, {"note": [1, "a"]})


def test_a_checkpoint_comes_back_as_it_was(tmp_path):
    saved = checkpoint(3)
    loaded = load_checkpoint(save_checkpoint(tmp_path, saved))
    assert (loaded.train_step, loaded.about) == (3, {"note": [1, "a"]})
    assert loaded.groups.keys() == saved.groups.keys()
    for group, tensors in saved.groups.items():
        assert loaded.groups[group].keys() == tensors.keys()
        assert all(torch.equal(loaded.groups[group][name], tensor) for name, tensor in tensors.items())


def test_the_last_two_are_kept(tmp_path):
    assert load_newest(tmp_path) is None
    for train_step in (1, 20, 300, 4000):
        save_checkpoint(tmp_path, checkpoint(train_step))
    assert [int(folder.name) for folder in checkpoint_folders(tmp_path)] == [300, 4000]
    assert load_newest(tmp_path).train_step == 4000
    assert load_run_weights(tmp_path, "weights")["step"] == 4000


def test_unfinished_folders_are_no_checkpoints_and_go(tmp_path):
    save_checkpoint(tmp_path, checkpoint(1))
    partial = tmp_path / "checkpoints" / ".partial-000000002"
    partial.mkdir()
    (partial / "weights.safetensors").write_bytes(b"half")
    assert load_newest(tmp_path).train_step == 1
    save_checkpoint(tmp_path, checkpoint(2))
    assert load_newest(tmp_path).train_step == 2
    assert not partial.exists()


@pytest.mark.parametrize("name", ["weights.safetensors", "ema.safetensors", "optimiser.safetensors", "state.json"])
@pytest.mark.parametrize("keep", [0.0, 0.5, 0.99])
def test_truncated_files_are_refused(tmp_path, name, keep):
    path = save_checkpoint(tmp_path, checkpoint(1)) / name
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * keep)])
    with pytest.raises(ValueError, match=r"expected (\d+ bytes, got \d+ bytes|a readable state\.json).*delete this folder"):
        load_newest(tmp_path)


@pytest.mark.parametrize("name", ["weights.safetensors", "state.json"])
def test_missing_files_are_refused(tmp_path, name):
    (save_checkpoint(tmp_path, checkpoint(1)) / name).unlink()
    with pytest.raises(ValueError, match=r"got no file|No such file"):
        load_newest(tmp_path)


def test_a_changed_byte_is_refused(tmp_path):
    path = save_checkpoint(tmp_path, checkpoint(1)) / "ema.safetensors"
    whole = bytearray(path.read_bytes())
    whole[-1] ^= 1
    path.write_bytes(whole)
    with pytest.raises(ValueError, match=r"ema\.safetensors: expected SHA-256 .* damaged"):
        load_newest(tmp_path)


@pytest.mark.parametrize(
    "damage",
    [
        {"files": [1]},
        {"files": {}},
        {"files": {f"{group}.safetensors": 1 for group in ("weights", "ema", "optimiser")}},
        {"files": None},
        {"about": None},
        {"about": []},
        {"train_step": -3},
        {"train_step": 2},
        {"train_step": "1"},
        {"train_step": True},
    ],
)
def test_a_damaged_state_is_refused_by_the_name_of_its_file(tmp_path, damage):
    path = save_checkpoint(tmp_path, checkpoint(1)) / "state.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | damage))
    with pytest.raises(ValueError, match=rf"^{path}: expected .* whose {next(iter(damage))} is .*; delete this folder"):
        load_newest(tmp_path)


@pytest.mark.parametrize("text", ["[1]", "{}", "null", pytest.param("[" * 200_000, id="deep")])
def test_a_state_of_something_else_is_refused(tmp_path, text):
    path = save_checkpoint(tmp_path, checkpoint(1)) / "state.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=rf"^{path}: expected a readable state\.json"):
        load_newest(tmp_path)


def test_other_versions_and_empty_runs_are_refused(tmp_path):
    with pytest.raises(ValueError, match="expected a training run with a checkpoint"):
        load_run_weights(tmp_path)
    path = save_checkpoint(tmp_path, checkpoint(1)) / "state.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format_version": 99}))
    with pytest.raises(ValueError, match="expected format_version 1, got 99"):
        load_newest(tmp_path)


def test_copies_keep_the_strides_of_their_target():
    target = {"conv": torch.zeros(2, 3, 4, 5).to(memory_format=torch.channels_last)}
    strides = target["conv"].stride()
    copy_tensors(target, {"conv": CONV}, "weights")
    assert target["conv"].stride() == strides != CONV.stride()
    assert torch.equal(target["conv"], CONV)
    with pytest.raises(ValueError, match=r"weights: expected conv of shape \(2, 3, 4, 5\), got \(2, 3, 4, 6\)"):
        copy_tensors(target, {"conv": torch.zeros(2, 3, 4, 6)}, "weights")
    with pytest.raises(ValueError, match=r"got none of \['conv'\] but \['other'\]"):
        copy_tensors(target, {"other": CONV}, "weights")

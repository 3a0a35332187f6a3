from __future__ import annotations

import json
import struct
from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file

from everroad.stream.generate import next_frame
from everroad.stream.start import start
from everroad.stream.state import make_with, tensors_of
from everroad.stream.storage import load_state, save_state


@pytest.fixture
def state(kit, fake):
    state = start(
        fake, kit.image(kit.config, batch=2), kit.conditions(kit.config, 0, batch=2), [7, -3], ["CAM_FRONT"], dtype="bfloat16"
    )
    return next_frame(fake, state, kit.conditions(kit.config, 1, batch=2))[1]


@pytest.fixture
def path(state, tmp_path):
    save_state(state, tmp_path / "stream.safetensors")
    return tmp_path / "stream.safetensors"


def test_round_trip_is_bit_exact(state, path):
    loaded = load_state(path, state.made_with)
    assert loaded.camera_names == state.camera_names
    assert loaded.made_with == state.made_with
    assert loaded.memory.form == state.memory.form
    pairs = list(zip(tensors_of(state), tensors_of(loaded), strict=True))
    assert {tensor.dtype for tensor, _ in pairs} >= {torch.bfloat16, torch.float32, torch.int64, torch.bool}
    for stored, got in pairs:
        assert stored.dtype == got.dtype
        assert torch.equal(stored, got)


def test_a_cold_start_round_trips(kit, fake, tmp_path):
    """Its ten entries are one tensor of zeros, which the file format would refuse."""
    state = start(fake, kit.image(kit.config), kit.conditions(kit.config, 0), 0, ["CAM_FRONT"])
    save_state(state, tmp_path / "cold.safetensors")
    loaded = load_state(tmp_path / "cold.safetensors", state.made_with)
    assert len(loaded.memory.entries) == kit.config.htft.length


def test_sigmas_survive_json_exactly(state, path):
    assert load_state(path, state.made_with).made_with.sigmas == state.made_with.sigmas


def test_refuses_what_it_was_not_made_with(kit, fake, state, path):
    other_model = make_with(kit.build(seed=1), dtype="bfloat16")
    assert other_model.model_hash != state.made_with.model_hash
    for wrong, message in [
        (other_model, "load the model that made it"),
        (make_with(fake, steps=2, dtype="bfloat16"), "expected the sigma schedule .* go on with its 4 denoise steps"),
        (make_with(fake), "expected dtype float32, got bfloat16"),
        (make_with(fake, dtype="bfloat16", form="raw"), "expected memory in raw form, got projected"),
    ]:
        with pytest.raises(ValueError, match=message) as error:
            load_state(path, wrong)
        assert "\n" not in str(error.value)


def rewrite_header(path, change):
    """Edits the JSON in a safetensors file's header by hand."""
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    header["__metadata__"] = change(header["__metadata__"])
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data[8 + length :])


def edit(name: str, value):
    def change(metadata):
        inner = json.loads(metadata["everroad.stream"])
        return {"everroad.stream": json.dumps({**inner, name: value})}

    return change


def test_refuses_another_format_version(state, path):
    rewrite_header(path, edit("format_version", 99))
    with pytest.raises(ValueError, match="expected stream state format_version 1, got 99"):
        load_state(path, state.made_with)


def test_refuses_a_missing_entry(state, path):
    rewrite_header(path, edit("memory_entries", 11))
    with pytest.raises(ValueError, match="entry missing or unknown"):
        load_state(path, state.made_with)


@pytest.mark.parametrize("length", [0, 5, 100, -100])
def test_refuses_a_truncated_file(state, path, length: int):
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(ValueError, match="expected a stream state"):
        load_state(path, state.made_with)


def test_refuses_other_files(state, tmp_path):
    other = tmp_path / "weights.safetensors"
    save_file({"weight": torch.zeros(2)}, other)
    with pytest.raises(ValueError, match="safetensors file of something else"):
        load_state(other, state.made_with)
    torch.save({"frame_index": 1}, tmp_path / "state.pt")
    with pytest.raises(ValueError, match="cannot be read"):
        load_state(tmp_path / "state.pt", state.made_with)
    with pytest.raises(ValueError, match="no such file"):
        load_state(tmp_path / "nothing", state.made_with)


def test_a_write_that_fails_leaves_the_old_file(state, path, monkeypatch):
    before = path.read_bytes()

    def fail(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="No space"):
        save_state(replace(state, frame_index=state.frame_index + 1), path)
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == [path.name]

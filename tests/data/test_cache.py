from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from data_fakes import fake_town

from everroad.data.blocks import BlockConfig
from everroad.data.cache import cache_digest, cache_path, cached_blocks, load_town, save_town, tensors_by_name

CONFIG = BlockConfig(seed=3, towns=2, segments=2, frames=3, height_px=8, width_px=16)


@pytest.fixture
def clips():
    return fake_town(CONFIG.specs(0, 1), 8, 16)


@pytest.fixture
def path(tmp_path, clips):
    path = cache_path(tmp_path, CONFIG, 0, 1)
    save_town(path, clips, cache_digest(CONFIG))
    return path


def test_a_town_comes_back_as_it_was(path, clips):
    loaded = load_town(path, cache_digest(CONFIG))
    assert len(loaded) == len(clips)
    for one, other in zip(loaded, clips, strict=True):
        ours, theirs = tensors_by_name(one), tensors_by_name(other)
        assert ours.keys() == theirs.keys()
        assert "conditions.boxes.corners_m" in ours
        assert all(ours[k].dtype == theirs[k].dtype and torch.equal(ours[k], theirs[k]) for k in ours)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_file_names_tell_block_and_config(tmp_path, path):
    assert cached_blocks(tmp_path) == {path: (0, cache_digest(CONFIG))}
    others = [cache_path(tmp_path, CONFIG, 1, 1), cache_path(tmp_path, CONFIG, 0, 0)]
    others.append(cache_path(tmp_path, replace(CONFIG, frames=4), 0, 1))
    assert len({path, *others}) == 4


@pytest.mark.parametrize("keep", [0.0, 0.001, 0.5, 0.999])
def test_truncated_files_are_refused(path, keep):
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * keep)])
    with pytest.raises(ValueError, match="expected a whole cache file"):
        load_town(path, cache_digest(CONFIG))


def test_a_changed_byte_is_refused(path):
    whole = bytearray(path.read_bytes())
    whole[-100] ^= 1
    path.write_bytes(whole)
    with pytest.raises(ValueError, match="checksum"):
        load_town(path, cache_digest(CONFIG))


def test_missing_and_foreign_files_are_refused(path):
    with pytest.raises(ValueError, match="expected cache digest"):
        load_town(path, cache_digest(replace(CONFIG, seed=4)))
    with pytest.raises(ValueError, match="whole cache file"):
        load_town(path.with_name("nothing.safetensors"), cache_digest(CONFIG))

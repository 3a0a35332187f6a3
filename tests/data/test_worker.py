from __future__ import annotations

import pytest
from data_fakes import broken_town, fake_town

from everroad.data import worker
from everroad.data.blocks import BlockConfig
from everroad.data.cache import cache_digest, cache_path, load_town

CONFIG = BlockConfig(seed=3, towns=2, segments=2, frames=3, height_px=8, width_px=16)


def test_a_whole_file_is_left_and_a_damaged_one_made_again(tmp_path):
    path = cache_path(tmp_path, CONFIG, 0, 1)
    assert worker._make_town(CONFIG, tmp_path, 0, 1, fake_town) == ""
    written = path.stat().st_mtime_ns
    assert worker._make_town(CONFIG, tmp_path, 0, 1, broken_town) == ""
    assert path.stat().st_mtime_ns == written
    path.write_bytes(path.read_bytes()[:-1])
    assert "no paint left" in worker._make_town(CONFIG, tmp_path, 0, 1, broken_town)
    assert worker._make_town(CONFIG, tmp_path, 0, 1, fake_town) == ""
    assert len(load_town(path, cache_digest(CONFIG))) == 2


@pytest.mark.parametrize(
    ("error", "told"), [(FileNotFoundError("deleted meanwhile"), False), (OSError(28, "No space left"), True)]
)
def test_a_deleted_cache_is_no_failure_and_a_full_disk_is(tmp_path, monkeypatch, error, told):
    def save(*_):
        raise error

    monkeypatch.setattr(worker, "save_town", save)
    assert ("No space left" in worker._make_town(CONFIG, tmp_path, 0, 0, fake_town)) == told

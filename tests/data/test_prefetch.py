from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from itertools import islice

import pytest
import torch
from data_fakes import broken_town, dying_town, fake_town, slow_town

from everroad.data.blocks import BlockConfig
from everroad.data.cache import cache_digest, cache_path, cached_blocks, load_town, tensors_by_name
from everroad.data.prefetch import BlockPrefetcher

CONFIG = BlockConfig(seed=3, towns=3, segments=2, frames=3, height_px=8, width_px=16)


def blocks(tmp_path, workers, first=2, count=3, render=fake_town):
    with BlockPrefetcher(CONFIG, first, workers, tmp_path / "cache", render=render) as prefetcher:
        return list(islice(prefetcher, count))


def assert_same(ours, theirs):
    assert [block.index for block in ours] == [block.index for block in theirs]
    for one, other in zip(ours, theirs, strict=True):
        a, b = tensors_by_name(one), tensors_by_name(other)
        assert a.keys() == b.keys()
        assert all(torch.equal(a[name], b[name]) for name in a)


@pytest.fixture(scope="module")
def inline(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inline")
    made = blocks(folder, 0)
    assert list(folder.iterdir()) == []
    return made


def test_blocks_are_the_same_with_any_number_of_workers(tmp_path, inline):
    assert [block.index for block in inline] == [2, 3, 4]
    assert_same(blocks(tmp_path, 2), inline)


def test_the_cache_is_bounded_and_mended(tmp_path, inline):
    cache = tmp_path / "cache"
    cache.mkdir()
    stale = cache_path(cache, CONFIG, 0, 0)
    stale.write_bytes(b"of an earlier block")
    # Found damaged by the worker, which makes it again.
    cache_path(cache, CONFIG, 2, 0).write_bytes(b"damaged")
    with BlockPrefetcher(CONFIG, 2, 1, cache, render=fake_town) as prefetcher:
        first = next(prefetcher)
        assert not stale.exists()
        deadline = time.monotonic() + 20
        last = cache_path(cache, CONFIG, 3, 2)
        while not last.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        # Found damaged by the trainer, and missing.
        last.write_bytes(last.read_bytes()[:-1])
        cache_path(cache, CONFIG, 3, 0).unlink()
        second = next(prefetcher)
        assert {index for index, _ in cached_blocks(cache).values()} <= {3, 4}
    assert_same([first, second], inline[:2])


def test_files_of_an_earlier_run_are_used(tmp_path, inline):
    made = blocks(tmp_path, 1, count=1)
    path = cache_path(tmp_path / "cache", CONFIG, 2, 0)
    assert load_town(path, cache_digest(CONFIG))
    assert_same(made + blocks(tmp_path, 1, count=1, render=broken_town), inline[:1] * 2)


def test_errors_in_a_worker_surface_with_their_message(tmp_path):
    with pytest.raises(RuntimeError, match=r"town \d of block 2 failed in a worker:\n(.|\n)*no paint left for town \d+"):
        blocks(tmp_path, 1, render=broken_town)
    with pytest.raises(RuntimeError, match="ended without a word"):
        blocks(tmp_path, 1, render=dying_town)


def test_closing_ends_the_workers(tmp_path):
    prefetcher = BlockPrefetcher(CONFIG, 0, 1, tmp_path, render=slow_town)
    (process, _) = prefetcher._workers[0]
    assert process.is_alive()
    prefetcher.close()
    assert not process.is_alive()


PARENT = """
import sys, time
from pathlib import Path
sys.path[:0] = {path!r}
from everroad.data.blocks import BlockConfig
from everroad.data.prefetch import BlockPrefetcher
from {module} import slow_town
if __name__ == "__main__":
    prefetcher = BlockPrefetcher(BlockConfig(0, 1, 1, 2, 8, 8), 0, 1, Path({cache!r}), render=slow_town)
    print(prefetcher._workers[0][0].pid, flush=True)
    time.sleep(60)
"""


def test_workers_die_with_a_killed_parent(tmp_path):
    script = tmp_path / "parent.py"
    script.write_text(PARENT.format(path=sys.path, module=slow_town.__module__, cache=str(tmp_path / "cache")))
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        time.sleep(2.5)  # until the worker renders
        os.kill(worker, 0)
        parent.send_signal(signal.SIGKILL)
        # The worker holds the other end of our pipe too: this returns when both are gone.
        parent.stdout.read()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and _runs(worker):
        time.sleep(0.05)
    assert not _runs(worker)


def _runs(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:  # noqa: PTH123
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("bad", [{"first_block": -1}, {"workers": -1}, {"ahead": 0}])
def test_bad_arguments_are_refused(tmp_path, bad):
    with pytest.raises(ValueError, match="prefetch"):
        BlockPrefetcher(CONFIG, **{"first_block": 0, "workers": 0, "cache_dir": tmp_path, "render": fake_town} | bad)

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from safetensors import SafetensorError

from everroad.scenario.nuscenes import cache
from everroad.scenario.nuscenes.cache import cache_places, load_index, read_cache, write_cache
from everroad.scenario.nuscenes.checksums import CHECKSUMS, with_checksums
from everroad.scenario.nuscenes.index import build_index

from . import fake

NAME = ".everroad-index.safetensors"


@pytest.fixture
def folder(root):
    return root / "v1.0-mini"


@pytest.fixture
def builds(monkeypatch):
    """Counts how often an index is made."""
    calls = []
    monkeypatch.setattr(cache, "build_index", lambda *args: calls.append(args) or build_index(*args))
    return calls


def same(a, b):
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name], equal_nan=a[name].dtype == float) for name in a)


def test_made_once_and_the_same_from_the_cache(folder, builds):
    first, second = load_index(folder), load_index(folder)
    assert len(builds) == 1
    assert same(first, second)
    assert same({name: array for name, array in first.items() if name != CHECKSUMS}, build_index(folder))
    assert not second["box.translation_m"].flags.writeable
    assert [path.name for path in folder.iterdir() if path.name.startswith(".")] == [NAME]


def test_a_changed_table_makes_it_again(folder, builds):
    load_index(folder)
    made = fake.tables()
    made["scene"][0]["description"] = "Rain, much changed"
    fake.write(folder.parent, made)
    assert bytes(load_index(folder)["scene.description.data"]).decode() == "Rain, much changed"
    assert len(builds) == 2
    os.utime(folder / "log.json", ns=(1, 1))
    load_index(folder)
    assert len(builds) == 3


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-1],
        lambda data: data[:4],
        lambda data: b"",
        lambda data: data + b"x",
        lambda data: b"\xff" * 16 + data[16:],
        lambda data: data.replace(b'"format_version":"2"', b'"format_version":"0"'),
        lambda data: data.replace(b'"I64"', b'"I32"', 1),
        lambda data: data[:9] + b"\x00" + data[10:],
    ],
)
def test_a_damaged_cache_is_made_again(folder, builds, damage):
    whole = load_index(folder)
    path = folder / NAME
    data = path.read_bytes()
    assert damage(data) != data
    path.unlink()
    path.write_bytes(damage(data))
    assert same(load_index(folder), whole)
    assert len(builds) == 2
    load_index(folder)
    assert len(builds) == 2


def test_a_folder_that_cannot_be_written_leaves_it_to_the_users_cache(folder, builds, monkeypatch):
    beside, user = cache_places(folder / "index")
    write = cache.write_cache

    def refused(path, *args):
        if path == beside:
            raise PermissionError(13, "no")
        write(path, *args)

    monkeypatch.setattr(cache, "write_cache", refused)
    load_index(folder)
    load_index(folder)
    assert len(builds) == 1
    assert user.is_file()
    assert not beside.exists()


def test_where_nothing_can_be_kept_it_is_still_read(folder, builds, monkeypatch):
    def refused(*args, **options):
        raise SafetensorError("No space left on device")

    monkeypatch.setattr(cache, "save_file", refused)
    assert len(load_index(folder)["box.instance"]) == 9
    load_index(folder)
    assert len(builds) == 2
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]


def test_it_is_no_others_key(tmp_path):
    write_cache(tmp_path / "a", with_checksums({"x": np.arange(3)}), "mine")
    assert read_cache(tmp_path / "a", "mine")["x"].tolist() == [0, 1, 2]
    assert read_cache(tmp_path / "a", "yours") is None
    assert read_cache(tmp_path / "b", "mine") is None
    header = (tmp_path / "a").read_bytes()
    length = int.from_bytes(header[:8], "little")
    metadata = json.loads(header[8 : 8 + length])["__metadata__"]
    assert (metadata["format_version"], metadata["key"]) == ("2", "mine")


def test_processes_at_once_all_get_it(folder):
    code = "import sys; from everroad.scenario.nuscenes import cache; from pathlib import Path; "
    code += "print(cache.load_index(Path(sys.argv[1]))['sample.stamp_us'].sum())"
    running = [subprocess.Popen([sys.executable, "-c", code, folder], stdout=subprocess.PIPE) for _ in range(3)]
    said = {process.communicate(timeout=120)[0] for process in running}
    assert said == {f"{load_index(folder)['sample.stamp_us'].sum()}\n".encode()}
    assert [path.name for path in folder.iterdir() if path.name.startswith(".")] == [NAME]


def test_progress_reaches_its_end(folder):
    calls = []
    load_index(folder, lambda done, total: calls.append((done, total)))
    assert calls[-1][0] <= calls[-1][1]
    assert [done for done, _ in calls] == sorted(done for done, _ in calls)
    calls.clear()
    load_index(folder, lambda done, total: calls.append((done, total)))
    assert not calls

"""Damage inside a kept index: whatever bit is turned, the same scene comes."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from everroad.scenario.nuscenes import cache, checksums, index_spans
from everroad.scenario.nuscenes.checksums import BLOCK_BYTES, CHECKSUMS, all_spans, unharmed, with_checksums
from everroad.scenario.nuscenes.dataset import mended, open_data_set, scene_row
from everroad.scenario.nuscenes.index import build_index
from everroad.scenario.nuscenes.reader import read_nuscenes

from ..strategies import difference
from . import fake, fake_map

INDEX = "v1.0-mini/.everroad-index.safetensors"
MAP_INDEX = "maps/expansion/.everroad-boston-seaport.safetensors"
FLIPS = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), min_size=1, max_size=4)


@pytest.fixture
def small_blocks(monkeypatch):
    """So that the rows of one scene are some of several blocks even in a small index."""
    monkeypatch.setattr(checksums, "BLOCK_BYTES", 64)


@pytest.fixture
def builds(monkeypatch):
    """Counts how often an index of tables is made."""
    calls = []
    monkeypatch.setattr(cache, "build_index", lambda *args: calls.append(args) or build_index(*args))
    return calls


def flip(path, flips):
    data = bytearray(path.read_bytes())
    for place, bits in flips:
        data[int(place * len(data))] ^= bits
    path.unlink()  # what is still mapped of it stays as it was
    path.write_bytes(data)


def flip_array(path, name, at_byte):
    """Turns a bit of one array of a kept index."""
    data = path.read_bytes()
    begin = 8 + int.from_bytes(data[:8], "little")
    at = begin + json.loads(data[8:begin])[name]["data_offsets"][0] + at_byte
    flip(path, [((at + 0.5) / len(data), 1)])


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(flips=FLIPS, header=st.booleans())
@pytest.mark.parametrize("name", [INDEX, MAP_INDEX])
def test_any_turned_bits_give_the_same_scene(root, small_blocks, name, flips, header):
    whole = read_nuscenes(root)
    path = root / name
    data = path.read_bytes()
    share = (8 + int.from_bytes(data[:8], "little")) / len(data)
    flip(path, [(place * share if header else share + place * (1 - share), bits) for place, bits in flips])
    assert difference(read_nuscenes(root), whole) is None


@pytest.mark.parametrize("name", ["scene.name.data", "scene.description.ends", "box.first", "instance.token.data", CHECKSUMS])
def test_damage_in_what_all_scenes_share_is_seen_at_once(root, builds, name):
    open_data_set(root)
    flip_array(root / INDEX, name, 0)
    assert open_data_set(root).scene_names == ("scene-0061",)
    assert len(builds) == 2


@pytest.mark.parametrize("name", ["image.filename.data", "image.filename.ends", "image.stamp_us", "box.translation_m"])
def test_damage_in_one_scene_is_seen_by_whoever_reads_it(tmp_path, small_blocks, builds, name):
    root = fake.write(tmp_path / "data", fake.tables(("a", "b", "c")), expansion=fake_map.expansion())
    whole = [read_nuscenes(root, scene) for scene in "abc"]
    data_set = open_data_set(root)
    flip_array(root / INDEX, name, data_set.index[name].nbytes - 1)
    for count, scene in ((1, 0), (1, 1), (2, 2), (2, 2)):
        assert difference(read_nuscenes(root, "abc"[scene]), whole[scene]) is None
        assert len(builds) == count
    opened = open_data_set(root)
    assert mended(opened, scene_row(opened, "c")) is opened


def test_a_place_that_stays_damaged_gives_way_to_the_next(root, builds, monkeypatch):
    whole = read_nuscenes(root)
    flip_array(root / INDEX, "box.translation_m", 3)
    write = cache.write_cache

    def refused(path, *args):
        if path == root / INDEX:
            raise PermissionError(13, "no")
        write(path, *args)

    monkeypatch.setattr(cache, "write_cache", refused)
    for _ in range(3):
        assert difference(read_nuscenes(root), whole) is None
    assert len(builds) == 2


@given(size=st.integers(0, 3 * BLOCK_BYTES // 8), data=st.data())
def test_spans(size, data):
    arrays = with_checksums({"a": np.arange(size), "b": np.zeros((3, 2)), "c": np.zeros(0)})
    assert unharmed(arrays, all_spans(arrays))
    if not size:
        return
    row = data.draw(st.integers(0, size - 1))
    harmed = arrays | {"a": np.where(np.arange(size) == row, -1, arrays["a"])}
    begin, stop = sorted((data.draw(st.integers(0, 8 * size)), data.draw(st.integers(0, 8 * size))))
    if begin <= 8 * row < stop:
        assert not unharmed(harmed, [("a", begin, stop)])
    if stop <= 8 * row // BLOCK_BYTES * BLOCK_BYTES:
        assert unharmed(harmed, [("b", 0, 48), ("a", begin, stop)])


def test_every_array_of_the_index_is_looked_through(root):
    index = with_checksums(build_index(root / "v1.0-mini"))
    assert {name for name, _, _ in index_spans.scene_spans(index, 0)} == index.keys() - {CHECKSUMS}

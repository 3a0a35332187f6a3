from __future__ import annotations

import cProfile
import errno
import gzip
import json
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings

from everroad.scenario import files
from everroad.scenario.storage import load_scenario, save_scenario
from everroad.scenario.town import author_town
from everroad.scenario.types import Actor, GroundHeight, Poses, Scenario

from .strategies import difference, scenarios

# The run-time type checker looks at random items of containers while strategies run; no outcome depends on it.
pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module")

STILL = [1.0, 0.0, 0.0, 0.0]


def still(frames: int) -> Poses:
    return Poses(np.zeros((frames, 3)), np.tile(STILL, (frames, 1)))


def small(frames: int = 3) -> Scenario:
    valid = np.ones(frames, dtype=bool)
    car = Actor("car", "vehicle.car", np.array([4.0, 2.0, 1.5]), still(frames), valid, np.zeros((frames, 3)))
    return Scenario("small", np.arange(frames) / 10, still(frames), actors=(car,))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def stored(tmp_path):
    """The content of a stored scenario, to be spoilt, and a function that stores and loads the spoilt one."""
    path = tmp_path / "spoilt.json"
    save_scenario(small(), path)
    content = json.loads(path.read_text())

    def load() -> Scenario:
        path.write_text(json.dumps(content))
        return load_scenario(path)

    assert difference(load(), small()) is None
    return content, load


@pytest.mark.parametrize("ending", [".json", ".json.gz"])
@settings(max_examples=60)
@given(scenario=scenarios())
def test_the_round_trip_is_exact(scenario, ending, tmp_path_factory):
    path = tmp_path_factory.mktemp("round") / f"scenario{ending}"
    save_scenario(scenario, path)
    loaded = load_scenario(path)
    assert difference(scenario, loaded) is None
    # What lies outside the sights is finite and never counts.
    for actor in loaded.actors:
        assert np.isfinite(actor.poses.translation_m).all()


@pytest.mark.parametrize("value", [-0.0, 5e-324, 2.2250738585072014e-308, 0.1 + 0.2, 1 / 3, 1e7, -9999999.999999998])
def test_awkward_floats_keep_every_bit(value, tmp_path):
    translation = np.full((1, 3), value)
    save_scenario(Scenario("x", np.zeros(1), Poses(translation, np.array([STILL]))), tmp_path / "x.json")
    assert load_scenario(tmp_path / "x.json").world_from_ego.translation_m.tobytes() == translation.tobytes()


def test_narrow_floats_come_back_as_the_same_value(tmp_path):
    height_m = np.array([[0.1, np.nan]], dtype=np.float32)
    scenario = replace(small(), ground=GroundHeight(np.zeros(2), 0.3, height_m))
    save_scenario(scenario, tmp_path / "x.json")
    loaded = load_scenario(tmp_path / "x.json").ground
    assert loaded is not None
    np.testing.assert_array_equal(loaded.height_m, height_m.astype(np.float64))


def test_only_the_sights_of_an_actor_are_stored(tmp_path):
    scenario = small(100)
    valid = np.zeros(100, dtype=bool)
    valid[[40, 42]] = True
    position = np.arange(300.0).reshape(100, 3)
    actor = replace(scenario.actors[0], poses=Poses(position, still(100).rotation_wxyz), valid=valid, attributes=("x",) * 100)
    save_scenario(replace(scenario, actors=(actor,)), tmp_path / "x.json")
    stored = json.loads((tmp_path / "x.json").read_text())["actors"][0]
    assert stored["first_frame"] == 40
    assert stored["valid"] == [True, False, True]
    assert stored["poses"]["translation_m"] == position[40:43].tolist()
    loaded = load_scenario(tmp_path / "x.json").actors[0]
    np.testing.assert_array_equal(loaded.poses.translation_m[[0, 39, 43, 99]], position[[40, 40, 42, 42]])
    assert loaded.attributes == ("",) * 40 + ("x",) * 3 + ("",) * 57


def test_gzip_is_chosen_by_the_ending_and_gives_the_same_bytes_again(tmp_path):
    for name in ("a.json", "b.json.gz", "c.json.gz"):
        save_scenario(small(), tmp_path / name)
    plain, packed, again = ((tmp_path / name).read_bytes() for name in ("a.json", "b.json.gz", "c.json.gz"))
    assert gzip.decompress(packed) == plain
    assert packed == again


@pytest.mark.parametrize("existed", [False, True])
def test_a_full_disk_leaves_no_half_file_and_the_old_one_whole(existed, tmp_path, monkeypatch):
    path = tmp_path / "x.json"
    if existed:
        save_scenario(small(), path)
    before = path.read_bytes() if existed else None

    def full(_descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        save_scenario(small(4), path)
    assert (path.read_bytes() if path.exists() else None) == before
    assert names(tmp_path) == (["x.json"] if existed else [])


def test_a_reader_at_work_keeps_the_old_file_while_a_new_one_replaces_it(tmp_path):
    path = tmp_path / "x.json"
    save_scenario(small(3), path)
    before = path.read_bytes()
    with path.open("rb") as reader:
        save_scenario(small(4), path)
        assert reader.read() == before
    assert len(load_scenario(path)) == 4
    assert names(tmp_path) == ["x.json"]


@pytest.mark.parametrize("where", ["absent/x.json", "file/x.json", "."])
def test_a_path_that_cannot_be_written_is_refused_and_nothing_is_made(where, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="expected a path that can be written"):
        save_scenario(small(), tmp_path / where)
    assert names(tmp_path) == ["file"]


def test_a_scenario_that_json_cannot_hold_is_refused(tmp_path):
    scenario = small()
    scenario.actors[0].size_lwh_m[0] = np.nan
    with pytest.raises(ValueError, match="finite"):
        save_scenario(scenario, tmp_path / "x.json")
    assert names(tmp_path) == []


def refused(load, *parts: str) -> None:
    """Loading fails with one line that names the file and holds ``parts``."""
    with pytest.raises(ValueError) as caught:
        load()
    message = str(caught.value)
    assert "\n" not in message
    assert "spoilt.json" in message
    for part in parts:
        assert part in message


BAD: dict[str, tuple] = {
    "unknown version": (lambda c: c.update(format_version=2, time_s="new meaning"), "format_version", "1", "got 2"),
    "no version": (lambda c: c.pop("format_version"), "format_version", "add it"),
    "NaN pose": (
        lambda c: c["world_from_ego"]["translation_m"][1].__setitem__(2, float("nan")),
        "world_from_ego.translation_m[1][2]",
        "finite number",
        "nan",
    ),
    "infinite velocity": (
        lambda c: c["actors"][0]["velocity_mps"][0].__setitem__(0, float("inf")),
        "actors[0].velocity_mps[0][0]",
    ),
    "null pose": (
        lambda c: c["world_from_ego"]["translation_m"][1].__setitem__(2, None),
        "world_from_ego.translation_m[1][2]",
        "got None",
    ),
    "times not increasing": (lambda c: c.update(time_s=[0, 0.2, 0.1]), "time_s", "increasing", "0.2 then 0.1"),
    "times not from 0": (lambda c: c.update(time_s=[1, 2, 3]), "time_s", "start at 0"),
    "no frames": (lambda c: c.update(time_s=[]), "time_s", "at least 1 item"),
    "negative size": (lambda c: c["actors"][0]["size_lwh_m"].__setitem__(1, -2.0), "actors[0].size_lwh_m[1]", "-2.0"),
    "zero size": (lambda c: c["actors"][0]["size_lwh_m"].__setitem__(1, 0), "actors[0].size_lwh_m[1]", "greater than 0"),
    "number as text": (lambda c: c["time_s"].__setitem__(1, "0.1"), "time_s[1]", "'0.1'"),
    "unknown field": (lambda c: c["actors"][0].update(colour="red"), "actors[0].colour", "remove it"),
    "missing field": (lambda c: c.pop("world_from_ego"), "world_from_ego", "add it"),
    "unknown category": (lambda c: c["actors"][0].update(category="car"), "actor car", "nuScenes category", "'car'"),
    "unknown weather": (lambda c: c.update(weather="hail"), "weather", "'hail'"),
    "no unit quaternion": (
        lambda c: c["world_from_ego"]["rotation_wxyz"].__setitem__(1, [1, 1, 0, 0]),
        "world_from_ego.rotation_wxyz",
        "unit",
    ),
    "two numbers a point": (lambda c: c["world_from_ego"]["translation_m"][1].pop(), "world_from_ego.translation_m[1]"),
    "fewer poses than frames": (
        lambda c: [c["world_from_ego"][key].pop() for key in ("translation_m", "rotation_wxyz")],
        "world_from_ego",
        "expected 3",
    ),
    "actor past the end": (lambda c: c["actors"][0].update(first_frame=2), "actor car", "at most 3 frames"),
    "valid too short": (lambda c: c["actors"][0].update(valid=[True]), "actor car valid", "expected 3"),
    "attributes too long": (lambda c: c["actors"][0].update(attributes=["a"] * 4), "actor car attributes", "got 4"),
    "two actors of one name": (lambda c: c["actors"].append(c["actors"][0]), "actor", "'car'", "more than once"),
    "ragged ground": (
        lambda c: c.update(ground={"origin_xy_m": [0, 0], "resolution_m": 1, "height_m": [[0, 1], [2]]}),
        "ground.height_m",
        "one length",
    ),
    "point as line": (
        lambda c: c.update(map={"lane_dividers": [{"points_m": [[0, 0, 0]]}]}),
        "map.lane_dividers[0]",
        "at least 2 points",
    ),
    "version true": (lambda c: c.update(format_version=True), "format_version", "the integer 1", "got True"),
    "version with a point": (lambda c: c.update(format_version=1.0), "format_version", "the integer 1", "got 1.0"),
    "unknown mark": (
        lambda c: c.update(map={"lane_dividers": [{"points_m": [[0, 0, 0], [1, 0, 0]], "mark": "dotted"}]}),
        "map.lane_dividers[0].mark",
        "'dotted'",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_content_is_refused_with_file_and_field(case, stored):
    content, load = stored
    spoil, *parts = BAD[case]
    spoil(content)
    refused(load, *parts)


def test_a_file_written_by_hand_needs_little(tmp_path):
    path = tmp_path / "hand.json"
    path.write_text(
        json.dumps(
            {
                "format_version": 1,
                "name": "hand",
                "time_s": [0, 0.1],
                "world_from_ego": {"translation_m": [[0, 0, 0], [1, 0, 0]], "rotation_wxyz": [[1, 0, 0, 0], [1, 0, 0, 0]]},
                "actors": [
                    {
                        "track_id": "parked",
                        "category": "vehicle.car",
                        "size_lwh_m": [4, 2, 1.5],
                        "first_frame": 1,
                        "poses": {"translation_m": [[9, 3, 0.75]], "rotation_wxyz": [[1, 0, 0, 0]]},
                    }
                ],
            }
        )
    )
    scenario = load_scenario(path)
    assert [len(scenario.frame(i).actors) for i in range(2)] == [0, 1]
    assert scenario.map is None


@pytest.mark.parametrize("content", [b"", b"{", b'{"format_version": 1,}', b"\xff\xfe", b"[]", b'"text"'])
def test_broken_json_is_refused(content, tmp_path):
    path = tmp_path / "spoilt.json"
    path.write_bytes(content)
    refused(lambda: load_scenario(path))


@pytest.mark.parametrize(("once", "twice"), [
    ('"name":"small"', '"name":"small","name" : "other"'),
    ('"track_id":"car"', '"track_id":"a","track_id":"car"'),
    ('"images":{}', '"images":{"CAM":["a","b","c"],"CAM":["d","e","f"]}'),
])  # fmt: skip
def test_a_field_that_comes_twice_is_refused(once, twice, tmp_path):
    path = tmp_path / "spoilt.json"
    save_scenario(small(), path)
    text = path.read_text()
    assert once in text
    path.write_text(text.replace(once, twice))
    refused(lambda: load_scenario(path), "expected this field once, got it more than once in one object; drop one")


def test_colons_in_names_and_blanks_before_them_are_no_field(tmp_path):
    path = tmp_path / "a.json"
    save_scenario(replace(small(), name='{"a":1,"a":2}'), path)
    path.write_text(path.read_text().replace('"source":', '"source" :'))
    assert load_scenario(path).name == '{"a":1,"a":2}'


def test_files_that_we_write_are_not_parsed_again(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    save_scenario(author_town(3, 1.0), path)
    monkeypatch.setattr(files.json, "loads", None)
    load_scenario(path)


def test_a_truncated_gzip_file_is_refused(tmp_path):
    path = tmp_path / "spoilt.json.gz"
    save_scenario(small(), path)
    whole = path.read_bytes()
    for length in (0, 5, 12, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        refused(lambda: load_scenario(path))


def test_plain_json_under_a_gzip_name_is_refused(tmp_path):
    path = tmp_path / "spoilt.json.gz"
    path.write_text("{}")
    refused(lambda: load_scenario(path), "gzip")


def test_a_packed_file_that_swells_is_refused_before_it_does(tmp_path, monkeypatch):
    path = tmp_path / "spoilt.json.gz"
    path.write_bytes(gzip.compress(b" " * 2**23))
    monkeypatch.setattr(files, "_FREE_BYTES", 2**20)
    monkeypatch.setattr(files, "_PIECE_BYTES", 2**16)
    tracemalloc.start()
    refused(lambda: load_scenario(path), "expected at most 1,048,576 bytes, or 100 times its own size")
    assert tracemalloc.get_traced_memory()[1] < 2**22
    tracemalloc.stop()
    save_scenario(small(), path)
    monkeypatch.setattr(files, "_FREE_BYTES", 0)
    load_scenario(path)  # packs to more than a hundredth


def test_an_absent_file_and_a_folder_are_refused(tmp_path):
    for path in (tmp_path / "none.json", tmp_path, Path("nul\0.json")):
        with pytest.raises(ValueError, match="expected a readable file"):
            load_scenario(path)


def test_loading_calls_python_once_for_an_actor_and_not_once_for_a_frame(tmp_path):
    rng = np.random.default_rng(0)

    def calls_to_load(frames: int) -> int:
        def poses() -> Poses:
            rotation = rng.normal(size=(frames, 4))
            return Poses(rng.normal(size=(frames, 3)), rotation / np.linalg.norm(rotation, axis=1, keepdims=True))

        size, valid = np.array([4.0, 2.0, 1.5]), np.ones(frames, dtype=bool)
        actors = tuple(Actor(f"{i}", None, size, poses(), valid, rng.normal(size=(frames, 3))) for i in range(10))
        save_scenario(Scenario("busy", np.arange(frames) / 12, poses(), actors=actors), tmp_path / f"{frames}.json")
        profile = cProfile.Profile()
        profile.runcall(load_scenario, tmp_path / f"{frames}.json")
        return sum(entry.callcount for entry in profile.getstats())

    calls_to_load(2)  # what is imported and compiled at first use is not counted
    few, many = calls_to_load(60), calls_to_load(600)
    assert many < few + 10 * 540  # less than one call more for each pose of an actor


def test_what_is_known_takes_no_room_in_the_file(tmp_path):
    """So older versions, which refuse fields that they do not know, read all files but those that say something new."""
    save_scenario(small(), tmp_path / "x.json")
    assert not {"ego_motion_known", "actors_known"} & set(json.loads((tmp_path / "x.json").read_text()))
    save_scenario(replace(small(), ego_motion_known=False), tmp_path / "x.json")
    assert json.loads((tmp_path / "x.json").read_text())["ego_motion_known"] is False

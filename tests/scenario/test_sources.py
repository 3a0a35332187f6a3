from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from everroad.scenario.rigs import RIGS
from everroad.scenario.sources import convert_scenario, read_scenario
from everroad.scenario.storage import load_scenario, save_scenario
from everroad.scenario.types import GroundHeight, VectorMap

from .av2_log import write_log
from .strategies import difference
from .test_storage import names, small


@pytest.fixture
def source():
    ground = GroundHeight(np.zeros(2), 1.0, np.zeros((1, 1)))
    return replace(small(5), map=VectorMap(), ground=ground, cameras=RIGS["nuscenes-front"])


@pytest.mark.parametrize("name", ["a.json", "a.json.gz"])
def test_a_file_comes_as_it_is(name, source, tmp_path):
    save_scenario(source, tmp_path / name)
    assert difference(read_scenario(tmp_path / name), source) is None
    assert difference(read_scenario(str(tmp_path / name)), source) is None


def test_options_apply_to_a_file(source, tmp_path):
    save_scenario(source, tmp_path / "a.json")
    changed = read_scenario(tmp_path / "a.json", rig="nuscenes-6", without_map=True, frame_rate_hz=20.0)
    assert len(changed) == 9
    assert changed.cameras == RIGS["nuscenes-6"]
    assert changed.map is None
    assert changed.ground is None


def test_a_log_is_recognised_and_comes_at_12_hz_unless_asked_otherwise(tmp_path):
    log = write_log(tmp_path / "log")
    assert len(read_scenario(log)) == 13
    assert len(read_scenario(log, frame_rate_hz=10.0)) == 11
    assert read_scenario(log, rig="nuscenes-6", without_map=True).cameras == RIGS["nuscenes-6"]


def test_what_is_not_recognised_is_refused_with_what_is(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "video.txt").write_bytes(b"")
    for name in ("folder", "video.txt", "absent"):
        with pytest.raises(
            ValueError,
            match=r"expected a scenario file \(\.json or \.json\.gz\), the folder of an Argoverse 2 log or a data set",
        ):
            read_scenario(tmp_path / name)


def test_convert_writes_what_it_returns(tmp_path):
    log = write_log(tmp_path / "log")
    converted = convert_scenario(log, tmp_path / "out.json.gz", rig="nuscenes-front")
    assert difference(load_scenario(tmp_path / "out.json.gz"), converted) is None
    assert len(converted) == 13


def test_convert_keeps_pointing_at_the_same_pictures(tmp_path):
    (tmp_path / "from").mkdir()
    (tmp_path / "to" / "deep").mkdir(parents=True)
    pictures = {"CAM_FRONT": ("pictures/0.png", "", "1.png")}
    save_scenario(replace(small(), cameras=RIGS["nuscenes-front"], images=pictures), tmp_path / "from" / "a.json")
    converted = convert_scenario(tmp_path / "from" / "a.json", tmp_path / "to" / "deep" / "a.json")
    assert converted.images == {"CAM_FRONT": ("../../from/pictures/0.png", "", "../../from/1.png")}
    same = convert_scenario(tmp_path / "from" / "a.json", tmp_path / "from" / "b.json")
    assert same.images == {"CAM_FRONT": ("pictures/0.png", "", "1.png")}


def test_convert_makes_nothing_of_refused_input(tmp_path):
    log = write_log(tmp_path / "log", mining=True)
    with pytest.raises(ValueError, match="--rig"):
        convert_scenario(log, tmp_path / "out.json")
    with pytest.raises(ValueError, match=r"ends in \.json or \.json\.gz"):
        convert_scenario(log, tmp_path / "out.mp4", rig="nuscenes-front")
    with pytest.raises(ValueError, match="expected a path that can be written"):
        convert_scenario(log, tmp_path / "absent" / "out.json", rig="nuscenes-front")
    assert names(tmp_path) == ["log"]

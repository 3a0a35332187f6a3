from __future__ import annotations

import copy
import shutil
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from everroad.cli import main
from everroad.scenario.nuscenes.choice import SceneChoice
from everroad.scenario.nuscenes.dataset import is_nuscenes, list_scenes, open_data_set
from everroad.scenario.nuscenes.reader import exact_path, global_from_world_m, read_nuscenes
from everroad.scenario.rigs import RIGS
from everroad.scenario.sources import convert_scenario, read_scenario
from everroad.scenario.storage import load_scenario, save_scenario
from everroad.scenario.types import Scenario

from ..strategies import difference
from . import fake, fake_map


def test_a_scene(root):
    read = read_nuscenes(root)
    assert (read.name, len(read), read.weather, read.time_of_day) == ("scene-0061", 16, "rain", "night")
    assert read.time_s == pytest.approx(np.arange(16) / 10)
    assert read.start_stamp_ns == fake.START_US * 1000
    assert read.source == "nuscenes v1.0-mini, boston-seaport, global = world + (600, 1201, 0) m"
    shift_m = global_from_world_m(read)
    assert shift_m.tolist() == [600, 1201, 0]
    place, rotation = fake.ego_pose(fake.START_US + 700_000)
    assert np.abs(read.world_from_ego.translation_m[7] + shift_m - place).max() < 1e-9
    assert np.abs(read.world_from_ego.rotation_wxyz[7] - rotation).max() < 1e-12
    assert len(read.map.lanes) == 2
    assert read.ground is None


def test_key_frames(root):
    read = read_nuscenes(root, sweeps=False)
    assert read.time_s == pytest.approx([0, 0.5, 1, 1.5])
    assert read.images["CAM_FRONT"][1] == "data/samples/CAM_FRONT/scene-0061_5.jpg"


def test_another_rate_rig_and_no_map(root):
    read = read_nuscenes(root, rig="nuscenes-6", without_map=True, frame_rate_hz=12.0)
    assert read.cameras == RIGS["nuscenes-6"]
    assert read.images == {}
    assert read.map is None
    assert read.frame_rate_hz == pytest.approx(12.0)


def test_a_scenario_from_elsewhere_has_no_shift(root):
    with pytest.raises(ValueError, match="expected 'global = world"):
        global_from_world_m(replace(read_nuscenes(root), source="town"))


def test_image_paths_start_at_the_folder_that_holds_the_path(root, monkeypatch):
    first = "samples/CAM_FRONT/scene-0061_0.jpg"
    assert read_nuscenes(root).images["CAM_FRONT"][0] == f"data/{first}"
    assert read_nuscenes(root / "v1.0-mini").images["CAM_FRONT"][0] == first
    monkeypatch.chdir(root)
    assert read_nuscenes(".").images["CAM_FRONT"][0] == first
    monkeypatch.chdir(root / "v1.0-mini")
    assert read_nuscenes(".").images["CAM_FRONT"][0] == f"../{first}"


def test_convert_keeps_pointing_at_the_same_pictures(root, tmp_path):
    (tmp_path / "to" / "deep").mkdir(parents=True)
    out = tmp_path / "to" / "deep" / "a.json.gz"
    made = convert_scenario(root, out, choice=SceneChoice(cameras=("CAM_BACK",), sweeps=False))
    assert difference(load_scenario(out), made) is None
    for image in made.images["CAM_BACK"]:
        assert (out.parent / image).resolve().is_relative_to(root / "samples" / "CAM_BACK")


def test_versions(root):
    assert is_nuscenes(root)
    assert is_nuscenes(root / "v1.0-mini")
    assert not is_nuscenes(root / "maps")
    fake.write(root, fake.tables(("scene-0103",)), version="my-own")
    with pytest.raises(ValueError, match=r"expected --data-version with one of my-own, v1\.0-mini, got none"):
        read_nuscenes(root)
    with pytest.raises(ValueError, match=r"one of my-own, v1\.0-mini, got 'v1\.0'"):
        read_nuscenes(root, version="v1.0")
    assert read_nuscenes(root, version="my-own").name == "scene-0103"
    assert read_nuscenes(root / "my-own").name == "scene-0103"
    with pytest.raises(ValueError, match=r"one of my-own, got 'v1\.0-mini'"):
        read_nuscenes(root / "my-own", version="v1.0-mini")
    with pytest.raises(ValueError, match="expected a folder with tables of nuScenes"):
        read_nuscenes(root / "maps")


def test_scenes(tmp_path):
    names = tuple(f"scene-{n:04d}" for n in range(8))
    root = fake.write(tmp_path / "data", fake.tables(names))
    with pytest.raises(
        ValueError, match=r"expected --scene with one of scene-0000, .*scene-0004 \.\.\. \(8 scenes\), got none"
    ):
        read_nuscenes(root)
    with pytest.raises(ValueError, match=r"got 'scene-7'; did you mean 'scene-0007'\?"):
        read_nuscenes(root, "scene-7")
    with pytest.raises(ValueError, match="name one of them"):
        read_nuscenes(root, "kitti")
    assert read_nuscenes(root, "scene-0003").images["CAM_FRONT"][0].endswith("scene-0003_0.jpg")
    assert [scene.name for scene in list_scenes(open_data_set(root))] == list(names)


def test_a_name_that_two_scenes_have(tmp_path):
    made = fake.tables(("scene-0001", "scene-0002"))
    made["scene"][1]["name"] = "scene-0001"
    with pytest.raises(ValueError, match="expected scene 'scene-0001' once, got it 2 times"):
        read_nuscenes(fake.write(tmp_path, made), "scene-0001")


def test_a_scene_without_samples_and_one_without_boxes(tmp_path):
    made, empty = fake.tables(("scene-0001",)), fake.tables(("scene-0002",), samples=0)
    for table in ("log", "scene", "calibrated_sensor"):
        made[table] += empty[table]
    made["map"][0]["log_tokens"] += empty["map"][0]["log_tokens"]
    made["sample_annotation"] = []
    root = fake.write(tmp_path, made)
    assert read_nuscenes(root, "scene-0001").actors == ()
    with pytest.raises(ValueError, match="scene 'scene-0002': expected at least one sample, got none"):
        read_nuscenes(root, "scene-0002")
    assert list_scenes(open_data_set(root))[1].key_frames == 0


@pytest.mark.parametrize("sweeps", [True, False])
def test_a_scene_with_one_key_frame(tmp_path, sweeps):
    read = read_nuscenes(fake.write(tmp_path, fake.tables(samples=1)), sweeps=sweeps)
    assert len(read) == 1
    assert len(read.actors) == 3
    assert all(actor.velocity_mps is None for actor in read.actors)


def test_sweeps_beyond_the_key_frames_have_no_boxes(tmp_path):
    made = fake.tables()
    for record in made["sample_data"]:
        record["timestamp"] += 300_000 if record["filename"].endswith("_15.jpg") and not record["is_key_frame"] else 0
    last = [record for record in made["sample_data"] if record["filename"].endswith("/scene-0061_15.jpg")]
    for record in last:
        record |= {"is_key_frame": False, "timestamp": record["timestamp"] + 200_000}
    read = read_nuscenes(fake.write(tmp_path, made))
    assert read.time_s[-1] == pytest.approx(1.7)
    assert not any(actor.valid[-1] for actor in read.actors)


def test_exact(root):
    with pytest.raises(ValueError, match=r"everroad/scene-0061/scene\.json: expected a scenario that Everroad exported"):
        read_nuscenes(root, exact=True)
    path = exact_path(root, "scene-0061")
    assert path == root / "everroad" / "scene-0061" / "scene.json"
    path.parent.mkdir(parents=True)
    kept = replace(read_nuscenes(root), weather="fog", appearance_seed=5)
    images = {name: tuple(f"../../../{image}" for image in paths) for name, paths in kept.images.items()}
    save_scenario(replace(kept, images=images), path)
    read = read_nuscenes(root, exact=True)
    assert difference(read, kept) is None
    front = read_nuscenes(root, exact=True, cameras=["CAM_BACK"], without_map=True)
    assert [camera.name for camera in front.cameras] == list(front.images) == ["CAM_BACK"]
    assert front.map is None
    with pytest.raises(ValueError, match="expected a camera out of CAM_FRONT"):
        read_nuscenes(root, exact=True, cameras=["CAM"])


def test_key_frames_of_a_whole_scenario_are_refused(root, tmp_path, capsys):
    with pytest.raises(ValueError, match=r"^--key-frames: expected all frames of a scenario that --exact reads, .*; leave one"):
        read_nuscenes(root, exact=True, sweeps=False)
    out = tmp_path / "a.json"
    assert main(["scenario", "convert", str(root), "--out", str(out), "--key-frames", "--exact"]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
    assert not out.exists()


def test_only_a_data_set_has_something_to_choose(root, tmp_path):
    convert_scenario(root, tmp_path / "a.json")
    with pytest.raises(
        ValueError, match=r"a\.json: expected a data set in nuScenes' format to choose from, got a choice of --scene"
    ):
        read_scenario(tmp_path / "a.json", choice=SceneChoice(scene="scene-0061"))
    assert len(read_scenario(tmp_path / "a.json", choice=SceneChoice())) == 16


def test_commands(root, tmp_path, capsys):
    assert main(["scenario", "list", str(root)]) == 0
    assert capsys.readouterr().out == "scene-0061: 4 key frames, 1.5 s, boston-seaport, Night, big street, heavy rain\n"
    out = tmp_path / "a.json"
    assert main(["scenario", "convert", str(root), "--out", str(out), "--scene", "scene-0061", "--key-frames"]) == 0
    assert "4 frames at 2 Hz, 4 actors, cameras CAM_FRONT, CAM_BACK, CAM_FRONT_LEFT" in capsys.readouterr().out
    assert main(["scenario", "list", str(out)]) == 0
    assert capsys.readouterr().out == "scene-0061: 4 frames, 1.5 s, 4 actors\n"
    refused = tmp_path / "b.json"
    assert main(["scenario", "convert", str(root), "--out", str(refused), "--scene", "scene-0016"]) == 2
    assert "did you mean 'scene-0061'?" in capsys.readouterr().err
    assert not refused.exists()


WRONG = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.lists(st.floats(-2, 2), max_size=5)
    | st.just({}) | st.lists(st.lists(st.floats(-2, 2), max_size=3), max_size=3)
)  # fmt: skip


def check_read_or_refused(root, sweeps):
    """Any other error than a ValueError fails the test."""
    try:
        assert isinstance(read_nuscenes(root, sweeps=sweeps), Scenario)
    except ValueError as error:
        said = str(error)
    else:
        return
    assert str(root) in said
    assert "expected" in said
    assert "\n" not in said


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_change_of_one_field_is_read_or_refused_in_one_line(tmp_path, data):
    made = copy.deepcopy(fake.tables(samples=3))
    table = data.draw(st.sampled_from(sorted(made)))
    row = data.draw(st.integers(0, len(made[table]) - 1))
    field = data.draw(st.sampled_from(sorted(made[table][row])))
    other = st.sampled_from(made[table]).map(lambda record: record[field])
    action = data.draw(st.sampled_from(["value", "missing", "double", "drop"]))
    if action == "value":
        made[table][row][field] = data.draw(WRONG | other)
    elif action == "missing":
        del made[table][row][field]
    elif action == "double":
        made[table].append(dict(made[table][row]))
    else:
        del made[table][row]
    shutil.rmtree(tmp_path / "changed", ignore_errors=True)
    root = fake.write(tmp_path / "changed", made)
    check_read_or_refused(root, data.draw(st.booleans()))


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_change_of_the_map_is_read_or_refused_in_one_line(tmp_path, data):
    content = fake_map.expansion()
    layer = data.draw(st.sampled_from(sorted(content)))
    records = content[layer]
    if isinstance(records, list) and records and isinstance(records[0], dict):
        record = data.draw(st.sampled_from(records))
    elif isinstance(records, dict) and records:
        record = records
    else:
        record = content
    field = data.draw(st.sampled_from(sorted(record)))
    if data.draw(st.booleans()):
        record[field] = data.draw(WRONG)
    else:
        del record[field]
    shutil.rmtree(tmp_path / "changed", ignore_errors=True)
    root = fake.write(tmp_path / "changed", fake.tables(samples=2), expansion=content)
    check_read_or_refused(root, True)

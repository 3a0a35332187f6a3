"""Whole exports of the hand-made drive: what is written, what is refused, what a kill leaves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from everroad.export.finalize import TABLES, finalize
from everroad.export.folder import OWN, SHARD
from everroad.export.options import ExportOptions
from everroad.export.run import export_scenario
from everroad.export.timing import date_of
from everroad.export.tokens import token
from everroad.media import read_image, write_png
from everroad.scenario.nuscenes.reader import read_nuscenes
from everroad.scenario.storage import load_scenario
from tests.export.scenes import FRAMES, actor, camera, drive, first_frames
from tests.scenario.strategies import difference

VERSION = "v1.0-everroad"


def table(root: Path, name: str):
    return json.loads((root / VERSION / f"{name}.json").read_text())


def files(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    root = tmp_path_factory.mktemp("export") / "deep" / "set"
    options = ExportOptions(also=("coco", "kitti", "depth", "instances"), split="everroad_train")
    seen = []
    assert export_scenario(drive(), root, options, progress=lambda *at: seen.append(at)) == "drive"
    assert seen[-1] == (FRAMES, FRAMES)
    return root


def test_all_tables_and_their_sizes(exported):
    sizes = {name: len(table(exported, name)) for name in TABLES}
    # Three key frames; the truck comes with the second; the thing without a category is in the scene file alone.
    assert sizes | {"category": 0} == {
        "attribute": 8, "calibrated_sensor": 3, "category": 0, "ego_pose": 13, "instance": 4, "log": 1, "map": 1, "sample": 3,
        "sample_annotation": 3 * 3 + 2, "sample_data": 2 * FRAMES + 3, "scene": 1, "sensor": 3, "visibility": 4,
    }  # fmt: skip
    assert table(exported, "scene")[0]["description"] == "painted; rain, dusk, hand-made scenario drive"
    assert table(exported, "log")[0]["date_captured"] == "2020-09-13"
    assert table(exported, "splits") == {"all": ["drive"], "everroad_train": ["drive"]}


def test_pictures_are_those_of_the_cameras(exported):
    for row in table(exported, "sample_data"):
        path = exported / row["filename"]
        assert path.is_file()
        assert row["filename"].startswith("samples/" if row["is_key_frame"] else "sweeps/")
        if row["fileformat"] == "jpg":
            assert read_image(path).shape == (row["height"], row["width"], 3)
    sizes = {(row["width"], row["height"]) for row in table(exported, "sample_data")}
    assert sizes == {(0, 0), (112, 64), (96, 48)}


def test_annotations_are_the_scenarios(exported):
    scene = drive()
    shift = np.array(table(exported, "everroad")["shift_m"]["drive"])
    rows = {tuple(np.round(np.array(r["translation"]) - shift, 6)): r for r in table(exported, "sample_annotation")}
    for i in (0, 6, 12):
        for there in scene.frame(i).actors:
            if there.category is None:
                continue
            row = rows[tuple(np.round(there.world_from_actor[:3, 3], 6))]
            np.testing.assert_allclose(row["size"], there.size_lwh_m[[1, 0, 2]])
    assert shift[2] == 0
    assert any(row["num_lidar_pts"] > 20 for row in rows.values())
    assert all(len(row["attribute_tokens"]) == 1 for row in rows.values())


def test_visibility_is_the_share_of_pixels_that_all_cameras_see(tmp_path):
    truck = actor("truck", "vehicle.truck", (8.0, 2.5, 3.0), (-8.0, -1.75))
    hidden = actor("hidden", "vehicle.car", (4.5, 1.9, 1.5), (5.0, -1.75))
    nowhere = actor("nowhere", "vehicle.car", (4.5, 1.9, 1.5), (-20.0, 40.0))
    scene = first_frames(drive(actors=(truck, hidden, nowhere), map=None, signals=()), 1)
    export_scenario(scene, tmp_path)
    levels = {row["instance_token"]: row["visibility_token"] for row in table(tmp_path, "sample_annotation")}
    assert levels == {
        token("instance", "drive", name): level for name, level in (("truck", "4"), ("hidden", "1"), ("nowhere", "1"))
    }


def test_the_scene_file_is_the_whole_scenario(exported):
    place = exported / "everroad" / "drive" / "scene.json"
    back = load_scenario(place)
    assert difference(replace(back, images={}), drive()) is None
    assert set(back.images) == {"CAM_FRONT", "CAM_BACK"}
    for paths in back.images.values():
        assert len(paths) == FRAMES
        assert all((place.parent / path).resolve().is_file() for path in paths)


def test_boxes_of_visible_pixels(exported):
    annotations = {row["token"]: row for row in table(exported, "sample_annotation")}
    data = {row["token"]: row for row in table(exported, "sample_data")}
    rows = table(exported, "image_annotations")
    assert len(rows) >= 6
    for row in rows:
        left, top, right, bottom = row["bbox_corners"]
        shot = data[row["sample_data_token"]]
        assert 0 <= left < right <= shot["width"]
        assert 0 <= top < bottom <= shot["height"]
        assert row["filename"] == shot["filename"]
        assert row["sample_annotation_token"] in annotations


def test_coco_has_the_same_boxes_and_masks(exported):
    made = json.loads((exported / "coco" / "all.json").read_text())
    assert len(made["images"]) == 6
    boxes = {(r["filename"], *r["bbox_corners"]) for r in table(exported, "image_annotations")}
    names = {image["id"]: image["file_name"] for image in made["images"]}
    for row in made["annotations"]:
        x, y, w, h = row["bbox"]
        assert (names[row["image_id"]], x, y, x + w, y + h) in boxes
        counts = row["segmentation"]["counts"]
        assert sum(counts[1::2]) == row["area"]
        mask = np.repeat(np.arange(len(counts)) % 2, counts).reshape(row["segmentation"]["size"], order="F")
        assert np.flatnonzero(mask.any(axis=0))[[0, -1]].tolist() == [x, x + w - 1]
    assert (exported / "coco" / "everroad_train.json").is_file()


def test_depth_and_instances(exported):
    names = [Path(r["filename"]).stem for r in table(exported, "sample_data") if r["filename"].endswith("jpg")]
    for kind in ("depth", "instances"):
        assert {path.stem for path in (exported / kind).rglob("*.png")} == set(names)
    stem = next(n for n in names if "CAM_FRONT" in n)
    depth = cv2.imread(str(exported / "depth" / "CAM_FRONT" / f"{stem}.png"), cv2.IMREAD_UNCHANGED)
    assert depth.dtype == np.uint16
    assert depth[-1, 0] == round(256 * 1.5 * 89.6 / 31.5)
    assert depth[0, 0] == 0
    instance = cv2.imread(str(exported / "instances" / "CAM_FRONT" / f"{stem}.png"), cv2.IMREAD_UNCHANGED)
    key = json.loads((exported / "instances" / "drive.json").read_text())
    assert key["actors"]["1"] == {"track_id": "ahead", "category": "vehicle.car"}
    assert (instance == 1).any()


def test_kitti_files(exported):
    kitti = exported / "kitti"
    assert (kitti / "ImageSets" / "everroad_train.txt").read_text().split() == ["000000", "000001", "000002"]
    for part, ending in (("image_2", "png"), ("label_2", "txt"), ("calib", "txt"), ("velodyne", "bin")):
        assert sorted(p.name for p in (kitti / "training" / part).iterdir()) == [f"{i:06d}.{ending}" for i in range(3)]
    assert read_image(kitti / "training" / "image_2" / "000000.png").shape == (64, 112, 3)
    assert "Car" in (kitti / "training" / "label_2" / "000000.txt").read_text()


def test_twice_gives_the_same_bytes(exported, tmp_path):
    options = ExportOptions(also=("coco", "kitti", "depth", "instances"), split="everroad_train")
    export_scenario(drive(), tmp_path / "again", options)
    assert files(tmp_path / "again") == files(exported)


def test_the_same_content_again_is_left_as_it_is(tmp_path):
    small = first_frames(drive(), 2)
    export_scenario(small, tmp_path)
    before, stamps = files(tmp_path), {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.jpg")}
    export_scenario(small, tmp_path)
    assert files(tmp_path) == before
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.jpg")} == stamps


def test_other_content_is_refused_or_replaces(tmp_path):
    small = first_frames(drive(), 2)
    export_scenario(small, tmp_path, ExportOptions(also=("coco",)))
    before = files(tmp_path)
    changed = replace(small, weather="fog")
    with pytest.raises(ValueError, match=r"expected no scene drive with other content, got one; .*--overwrite"):
        export_scenario(changed, tmp_path, ExportOptions(also=("coco",)))
    assert files(tmp_path) == before
    export_scenario(first_frames(changed, 1), tmp_path, ExportOptions(overwrite=True, also=("coco",)))
    assert len(table(tmp_path, "sample_data")) == 3
    assert len(list(tmp_path.rglob("*.jpg"))) == 2
    assert len(json.loads((tmp_path / "coco" / "all.json").read_text())["images"]) == 2
    assert load_scenario(tmp_path / "everroad" / "drive" / "scene.json").weather == "fog"


@pytest.mark.parametrize(
    ("options", "more", "message"),
    [
        ({"split": "b"}, {}, 'scene drive with split "b", got split "a"; name another scene, or use --overwrite'),
        ({"image_format": "png"}, {}, 'with image_format "png", split "everroad", got image_format "jpg", split "a";'),
        ({"split": "a"}, {"size_px": (32, 48)}, r"with size \[32, 48\], got size null;"),
    ],
)
def test_the_refusal_names_options_that_differ_before_anything_is_painted(tmp_path, monkeypatch, options, more, message):
    small = first_frames(drive(), 1)
    export_scenario(small, tmp_path, ExportOptions(split="a"))
    monkeypatch.setattr("everroad.export.run.Painter", lambda *_: pytest.fail("painted"))
    refused(small, tmp_path, message, options=ExportOptions(**options), **more)


def test_scenes_join_and_lie_apart(tmp_path):
    small = first_frames(drive(), 1)
    export_scenario(small, tmp_path, ExportOptions(split="a"), shard_only=True)
    export_scenario(
        replace(small, name="other town", map=None, signals=()), tmp_path, ExportOptions(split="b"), shard_only=True
    )
    export_scenario(replace(small, name="same town"), tmp_path, ExportOptions(split="b"), shard_only=True)
    assert not (tmp_path / VERSION).exists()
    assert finalize(tmp_path) == ["drive", "other-town", "same-town"]
    first = files(tmp_path)
    finalize(tmp_path)
    assert files(tmp_path) == first
    assert table(tmp_path, "splits") == {
        "all": ["drive", "other-town", "same-town"], "a": ["drive"], "b": ["other-town", "same-town"],
    }  # fmt: skip
    shift = table(tmp_path, "everroad")["shift_m"]
    assert shift["drive"] == shift["same-town"] != shift["other-town"]
    assert len(table(tmp_path, "sensor")) == 3
    assert len(table(tmp_path, "map")[0]["log_tokens"]) == 3
    expansion = json.loads((tmp_path / "maps" / "expansion" / "singapore-onenorth.json").read_text())
    assert len(expansion["lane"]) == 1


def test_scenes_that_nobody_recorded_have_stamps_of_their_own(tmp_path):
    small = first_frames(drive(start_stamp_ns=0), 2)
    for name in ("one", "two"):
        export_scenario(replace(small, name=name), tmp_path)
    first, second = (row["timestamp"] for row in table(tmp_path, "sample"))
    assert abs(first - second) > 1e6
    days = [row["date_captured"] for row in table(tmp_path, "log")]
    assert days == [date_of(first), date_of(second)]
    for scene in ("one", "two"):
        whole, read = load_scenario(tmp_path / "everroad" / scene / "scene.json"), read_nuscenes(tmp_path, scene)
        assert whole.start_stamp_ns == 0
        assert read.start_stamp_ns == {"one": first, "two": second}[scene] * 1000
        np.testing.assert_array_equal(whole.time_s, small.time_s)
        names = [path for paths in whole.images.values() for path in paths]
        assert {len(Path(name).stem.rpartition("__")[2]) for name in names} == {16}


def test_file_names_of_early_stamps_sort_by_time(tmp_path):
    export_scenario(first_frames(drive(start_stamp_ns=99_999 * 10**9 + 950_000_000), 3), tmp_path)
    names = sorted(path.name for path in tmp_path.rglob("*CAM_FRONT*.jpg"))
    assert [int(name[-20:-4]) for name in names] == [99_999_950_000, 100_000_033_333, 100_000_116_667]


def refused(scenario, root, message, **options):
    with pytest.raises(ValueError, match=message) as error:
        export_scenario(scenario, root, **options)
    assert "\n" not in str(error.value)


def test_folders_that_hold_something_else(tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").write_text("mine")
    refused(drive(), tmp_path / "other", "expected a new folder or an export, got one that holds something else")
    refused(drive(), tmp_path / "other" / "notes.txt", "expected a folder, got a file")
    refused(drive(), tmp_path / "other" / "notes.txt" / "x", "a file on the way|got a file")
    assert files(tmp_path) == {"other/notes.txt": b"mine"}
    (tmp_path / "empty").mkdir()
    for place, got in (
        ("other", "another folder"),
        ("other/notes.txt", "a file"),
        ("none", "nothing there"),
        ("empty", "an empty f"),
    ):
        with pytest.raises(ValueError, match=f"expected the folder of an export, got {got}"):
            finalize(tmp_path / place)


def test_a_broken_older_scene_is_met_before_anything_is_made(tmp_path):
    export_scenario(drive("one"), tmp_path / "set")
    shard = tmp_path / "set" / OWN / "one" / SHARD
    shard.write_bytes(b"junk")
    before = files(tmp_path)
    refused(drive("two"), tmp_path / "set", "shard.json.gz: expected a whole gzip file")
    assert files(tmp_path) == before


def test_a_world_as_wide_as_the_contract_allows_is_exported(tmp_path):
    scene = drive("far")
    far = scene.actors[0].poses.translation_m.copy()
    far[-1] = [1e7, 0.0, 0.0]
    actor = replace(scene.actors[0], poses=replace(scene.actors[0].poses, translation_m=far), velocity_mps=None)
    export_scenario(replace(scene, actors=(actor, *scene.actors[1:])), tmp_path / "set")
    assert max(read_image(next((tmp_path / "set" / "maps" / "basemap").glob("*.png"))).shape) < 2**16


def test_a_folder_that_a_killed_process_had_just_begun_is_new(tmp_path):
    (tmp_path / "everroad" / ".locks").mkdir(parents=True)
    (tmp_path / "everroad" / ".export.json.1234.tmp").write_text("{")
    export_scenario(first_frames(drive(), 1), tmp_path)
    assert len(table(tmp_path, "scene")) == 1


def test_folders_that_hold_another_version(tmp_path):
    small = first_frames(drive(), 1)
    export_scenario(small, tmp_path)
    refused(small, tmp_path, "with version v2, got one with v1.0-everroad", options=ExportOptions(version="v2"))
    refused(small, tmp_path, "location boston-seaport", options=ExportOptions(location="boston-seaport"))
    card = tmp_path / "everroad" / "export.json"
    card.write_text(card.read_text().replace('"format_version":1', '"format_version":99'))
    refused(small, tmp_path, "format_version: expected 1, got 99")


@pytest.mark.parametrize(
    ("there", "asked", "message"),
    [
        (("kitti", "coco"), (), "with no --also, got one with --also coco --also kitti, of all its scenes; add --also coco"),
        (("coco",), ("depth",), "with --also depth, got one with --also coco, of all its scenes; use --also coco, or"),
        ((), ("coco",), "with --also coco, got one with no --also, of all its scenes; leave --also out, or name another$"),
    ],
)
@pytest.mark.parametrize("overwrite", [False, True])
def test_all_scenes_of_a_folder_have_the_same_labels(tmp_path, there, asked, message, overwrite):
    small = first_frames(drive(), 1)
    export_scenario(small, tmp_path, ExportOptions(also=there))
    before = files(tmp_path)
    options = ExportOptions(also=asked, overwrite=overwrite, scene_name=None if overwrite else "other")
    refused(replace(small, weather="fog"), tmp_path, message, options=options)
    assert files(tmp_path) == before
    export_scenario(replace(small, name="other"), tmp_path, ExportOptions(also=there[::-1]))
    assert len(table(tmp_path, "scene")) == 2


def test_scenarios_without_cameras_or_with_clashing_ones(tmp_path):
    refused(drive(cameras=()), tmp_path / "x", "cameras of drive: expected at least one, got none; name a rig")
    refused(drive(cameras=(camera("LIDAR_TOP"),)), tmp_path / "x", "got LIDAR_TOP twice")
    refused(drive(cameras=(camera("a b"), camera("a-b"))), tmp_path / "x", "got a-b twice")
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("changes", [{"map": None}, {"actors": ()}, {"signals": ()}, {"weather": None, "time_of_day": None}])
def test_what_is_missing_is_legal(tmp_path, changes):
    small = first_frames(drive(**({"signals": ()} | changes)), 1)
    export_scenario(small, tmp_path)
    assert len(table(tmp_path, "sample")) == 1
    assert table(tmp_path, "sample")[0]["prev"] == table(tmp_path, "sample")[0]["next"] == ""
    assert difference(replace(load_scenario(tmp_path / "everroad/drive/scene.json"), images={}), small) is None


def recorded(folder: Path, frames: int = 2, holes: tuple[int, ...] = ()):
    """A drive with recorded images of one of its cameras."""
    folder.mkdir(parents=True)
    scene = first_frames(drive(cameras=(camera("CAM_BACK", 180.0, (96, 48)), camera())), frames)
    for i in range(frames):
        write_png(folder / f"{i}.png", np.full((64, 112, 3), 40 * i, dtype=np.uint8))
    names = tuple("" if i in holes else f"{folder.name}/{i}.png" for i in range(frames))
    return replace(scene, images={"CAM_FRONT": names})


def test_recorded_images_are_copied(tmp_path):
    scene = recorded(tmp_path / "pictures", 3, holes=(1,))
    out = tmp_path / "out"
    export_scenario(scene, out, pictures="recorded", image_folder=tmp_path)
    assert table(out, "scene")[0]["description"] == "recorded; rain, dusk, hand-made scenario drive"
    rows = {row["timestamp"]: row for row in table(out, "sample_data") if row["fileformat"] == "png"}
    assert len(rows) == 1  # frames after the last key frame have no rows
    assert len(list((out / "sweeps").rglob("*.png"))) == 1
    (row,) = rows.values()
    assert (out / row["filename"]).read_bytes() == (tmp_path / "pictures" / "0.png").read_bytes()
    back = load_scenario(out / "everroad" / "drive" / "scene.json")
    assert [bool(path) for path in back.images["CAM_FRONT"]] == [True, False, True]
    assert [camera.name for camera in back.cameras] == ["CAM_FRONT"]
    small = tmp_path / "small"
    export_scenario(scene, small, pictures="recorded", image_folder=tmp_path, size_px=(32, 32))
    assert {(r["height"], r["width"]) for r in table(small, "sample_data")} == {(0, 0), (32, 32)}


def test_recorded_images_that_are_missing_or_broken(tmp_path):
    whole = recorded(tmp_path / "a")
    options = {"pictures": "recorded", "image_folder": tmp_path}
    refused(drive(), tmp_path / "out", "images of drive: expected recorded images, got none", **options)
    refused(recorded(tmp_path / "b", holes=(0,)), tmp_path / "out", "expected one at key frame 0, got none", **options)
    (tmp_path / "a" / "1.png").unlink()
    refused(whole, tmp_path / "out", r"1\.png: expected the recorded image of frame 1, got no file", **options)
    (tmp_path / "a" / "1.png").write_bytes((tmp_path / "a" / "0.png").read_bytes()[:60])
    refused(whole, tmp_path / "out", r"1\.png: expected", **options)
    assert not (tmp_path / "out").exists()
    write_png(tmp_path / "a" / "0.png", np.zeros((10, 10, 3), dtype=np.uint8))
    write_png(tmp_path / "a" / "1.png", np.zeros((64, 112, 3), dtype=np.uint8))
    refused(whole, tmp_path / "out", r"0\.png: expected a picture of 112x64 like camera CAM_FRONT, got 10x10", **options)
    assert not (tmp_path / "out").exists()
    write_png(tmp_path / "a" / "0.png", np.zeros((64, 112, 3), dtype=np.uint8))
    write_png(tmp_path / "a" / "1.png", np.zeros((10, 10, 3), dtype=np.uint8))
    refused(whole, tmp_path / "out", r"1\.png: expected a picture of 112x64 like camera CAM_FRONT, got 10x10", **options)
    assert not (tmp_path / "out").exists()


def test_points_of_the_caller(tmp_path):
    # One point in the middle of the car ahead, one beside the road.
    points = np.array([[16.0, 0.0, 0.75, 30.0], [16.0, 30.0, 1.0, 31.0]])
    export_scenario(first_frames(drive(), 1), tmp_path, points_of=lambda _: points)
    (row,) = [row for row in table(tmp_path, "sample_data") if row["fileformat"] == "pcd"]
    stored = np.fromfile(tmp_path / row["filename"], dtype="<f4").reshape(-1, 5)
    np.testing.assert_allclose(stored[:, 3], [30, 31])
    assert sorted(row["num_lidar_pts"] for row in table(tmp_path, "sample_annotation")) == [0, 0, 1]


CHILD = """
import sys
from pathlib import Path
from everroad.export.run import export_scenario
from tests.export.scenes import drive
root, name = Path(sys.argv[1]), sys.argv[2]
def progress(done, total):
    print(done, flush=True)
    if done == int(sys.argv[3]):
        sys.stdin.read()
export_scenario(drive(name), root, progress=progress)
"""


def child(root: Path, name: str, stop: int) -> subprocess.Popen:
    here = Path(__file__).resolve().parents[2]
    path = os.pathsep.join([str(here), str(here / "src"), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-c", CHILD, str(root), name, str(stop)]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": path}, text=True
    )


@pytest.mark.slow
def test_a_killed_process_leaves_nothing_that_counts_and_others_go_on(tmp_path):
    killed, other = child(tmp_path / "set", "killed", 7), child(tmp_path / "set", "other", 0)
    assert killed.stdout is not None
    for line in killed.stdout:
        if line.strip() == "7":
            break
    refused(drive("killed"), tmp_path / "set", "while another process writes it")
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert other.communicate("")[0]
    assert other.returncode == 0
    assert list((tmp_path / "set").rglob("*killed*.jpg"))
    assert finalize(tmp_path / "set") == ["other"]
    assert [scene["name"] for scene in table(tmp_path / "set", "scene")] == ["other"]
    named = {row["filename"] for row in table(tmp_path / "set", "sample_data")}
    assert not [name for name in named if "killed" in name]
    export_scenario(drive("killed"), tmp_path / "set")
    assert [scene["name"] for scene in table(tmp_path / "set", "scene")] == ["killed", "other"]

from __future__ import annotations

import sys
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from everroad.conditions.show import show_scenario
from everroad.conditions.show_rerun import INSTALL
from everroad.media import write_png
from everroad.scenario.types import Actor, Poses, Scenario


@pytest.fixture
def drive(scene, tmp_path):
    """Three frames; a car at all of them and a walker at the last two. The camera has an image at frame 1."""
    index = np.arange(3.0)
    poses = Poses(np.stack([index, 0 * index, 0 * index], axis=1), np.tile([1.0, 0, 0, 0], (3, 1)))
    ahead = Poses(poses.translation_m + np.array([15, 0, 0.75]), poses.rotation_wxyz)
    car = Actor("car7", "vehicle.car", np.array([4.0, 2.0, 1.5]), ahead, np.ones(3, dtype=bool))
    walker = Actor("w1", "human.pedestrian.adult", np.array([0.6, 0.7, 1.8]), ahead, np.array([False, True, True]))
    street = scene.road(drivable_areas=[scene.rectangle(-20, 80, -5, 5)], lane_dividers=[scene.line((0, 0, 0), (40, 0, 0))])
    write_png(tmp_path / "1.png", np.full((128, 224, 3), (200, 10, 10), dtype=np.uint8))
    images = {"CAM_FRONT": ("", "1.png", "")}
    return Scenario("s", index / 4, poses, (scene.camera(),), street, actors=(car, walker), images=images)


def test_without_the_extra_one_line_says_how_to_get_it(drive, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "rerun", None)
    with pytest.raises(ValueError, match=r"^rerun: expected .*; pip install -c constraints\.txt -e \"\.\[rerun\]\"$"):
        show_scenario(drive, tmp_path / "show.rrd", image_folder=tmp_path)
    assert not (tmp_path / "show.rrd").exists()


def test_help_and_pyproject_name_the_same_extra(capsys):
    from everroad import cli

    assert cli.main(["scenario", "show", "--help"]) == 0
    said = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert INSTALL in said
    pyproject = tomllib.loads((Path(__file__).resolve().parents[2] / "pyproject.toml").read_text())
    assert "rerun" in pyproject["project"]["optional-dependencies"]


def rows_of(path, entity):
    """The entity's logged rows, as {column: [value of each row]}, by Rerun's own reader."""
    chunk = pytest.importorskip("rerun.chunk", reason="needs rerun-sdk with rerun.chunk to read a recording back")
    rows: dict[str, list] = {}
    for part in chunk.RrdReader(str(path)).stream():
        if part.entity_path == entity:
            batch = part.to_record_batch()
            for name in batch.schema.names:
                if name != "log_time":  # when it was written, in nanoseconds, which Python's clocks do not have
                    rows.setdefault(name, []).extend(batch[name].to_pylist())
    return rows


def test_the_recording_reads_back(drive, tmp_path):
    pytest.importorskip("rerun", reason="needs the extra rerun")
    heard = []
    out = tmp_path / "show.rrd"
    assert show_scenario(drive, out, image_folder=tmp_path, height_px=64, progress=lambda *a: heard.append(a)) == 3
    assert heard == [(1, 3), (2, 3), (3, 3)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1.png", "show.rrd"]
    boxes = rows_of(out, "/world/actors")
    assert boxes["frame"] == [0, 1, 2]
    assert [seconds.total_seconds() for seconds in boxes["time"]] == [0.0, 0.25, 0.5]
    assert boxes["Boxes3D:labels"] == [["car7"], ["car7", "w1"], ["car7", "w1"]]
    assert boxes["Boxes3D:class_ids"] == [[0], [0, 5], [0, 5]]  # rows of DETECTION_CLASSES
    np.testing.assert_allclose(boxes["Boxes3D:centers"][2], [[17, 0, 0.75]] * 2)
    np.testing.assert_allclose(boxes["Boxes3D:half_sizes"][0], [[2, 1, 0.75]])
    np.testing.assert_allclose(boxes["Boxes3D:quaternions"][0], [[0, 0, 0, 1]])
    np.testing.assert_allclose(rows_of(out, "/world/ego")["Transform3D:translation"][2], [[2, 0, 0]])
    strips = rows_of(out, "/world/map/drivable_areas")["LineStrips3D:strips"][0]
    np.testing.assert_allclose(strips, [[[-20, -5, 0], [80, -5, 0], [80, 5, 0], [-20, 5, 0], [-20, -5, 0]]])
    assert rows_of(out, "/world/map/lane_dividers")
    np.testing.assert_allclose(rows_of(out, "/world/ego_path")["LineStrips3D:strips"][0][0], drive.world_from_ego.translation_m)


def test_the_recordings_camera_is_a_pinhole_with_jpeg_pictures(drive, tmp_path):
    import cv2

    pytest.importorskip("rerun", reason="needs the extra rerun")
    out = tmp_path / "show.rrd"
    show_scenario(replace(drive, map=None), out, image_folder=tmp_path, height_px=64)
    camera = rows_of(out, "/world/ego/CAM_FRONT")
    (matrix,) = (value for value in camera["Pinhole:image_from_camera"] if value is not None)
    # 128 rows become 64: half the focal length, and columns of Rerun's column-major matrix.
    np.testing.assert_allclose(np.reshape(matrix, (3, 3)).T, [[100, 0, 55.5], [0, 100, 31.5], [0, 0, 1]])
    (mount,) = (value for value in camera["Transform3D:translation"] if value is not None)
    np.testing.assert_allclose(mount, [[0, 0, 1.5]])
    blobs = [value[0] for value in camera["EncodedImage:blob"] if value is not None]
    pictures = [cv2.imdecode(np.array(list(blob), dtype=np.uint8), cv2.IMREAD_COLOR) for blob in blobs]
    assert [picture.shape for picture in pictures] == [(64, 112, 3)] * 3
    np.testing.assert_allclose(pictures[1][30, 50], [10, 10, 200], atol=4)  # BGR
    assert not rows_of(out, "/world/map/drivable_areas")

"""``everroad scenario export`` and ``finalize`` as a user meets them."""

from __future__ import annotations

import json

import pytest

from everroad import cli
from everroad.scenario.storage import save_scenario
from tests.export.scenes import drive, first_frames


@pytest.fixture
def scene(tmp_path):
    save_scenario(first_frames(drive(), 2), tmp_path / "drive.json")
    return str(tmp_path / "drive.json")


def test_export_and_finalize(scene, tmp_path, capsys):
    out = tmp_path / "set"
    arguments = ["scenario", "export", scene, "--out", str(out), "--format", "nuscenes", "--shard-only", "--quiet"]
    arguments += ["--size", "32", "48", "--also", "coco", "--also", "kitti", "--split", "everroad_val"]
    assert cli.main([*arguments, "--location", "boston-seaport", "--export-version", "v1.0-mini"]) == 0
    assert capsys.readouterr().out == ""
    assert not (out / "v1.0-mini").exists()
    assert cli.main(["scenario", "finalize", str(out)]) == 0
    assert capsys.readouterr().out == f"{out}: 1 scene\n"
    assert json.loads((out / "v1.0-mini" / "splits.json").read_text())["everroad_val"] == ["drive"]
    assert (out / "maps" / "expansion" / "boston-seaport.json").is_file()
    assert (out / "coco" / "everroad_val.json").is_file()


def test_the_drawn_line_says_what_was_made(scene, tmp_path, capsys):
    assert cli.main(["scenario", "export", scene, "--out", str(tmp_path / "a" / "b"), "--size", "32", "48"]) == 0
    assert capsys.readouterr().out == (
        f"{tmp_path}/a/b: scene drive, 1 frame, 1 key frame; 1 frame after the last key frame is not in the tables\n"
    )


def test_scenes_that_wait_for_the_joining_are_said(scene, tmp_path, capsys):
    out = tmp_path / "set"
    export = ["scenario", "export", scene, "--out", str(out), "--size", "32", "48", "--shard-only", "--scene-name"]
    assert cli.main([*export, "a"]) == 0
    due = f"in no table yet: everroad scenario finalize {out}\n"
    assert capsys.readouterr().out.endswith(f"is not in the tables; {due}")
    assert cli.main(["scenario", "list", str(out)]) == 0
    assert capsys.readouterr().out == f"1 scene {due}"
    assert cli.main(["scenario", "finalize", str(out), "--quiet"]) == 0
    assert cli.main([*export, "b", "--quiet"]) == 0
    assert cli.main(["scenario", "list", str(out)]) == 0
    line = "a: 1 key frame, 0.0 s, singapore-onenorth, painted; rain, dusk, hand-made scenario drive\n"
    assert capsys.readouterr().out == f"{line}1 scene {due}"
    assert cli.main(["scenario", "finalize", str(out), "--quiet"]) == 0
    assert cli.main(["scenario", "list", str(out)]) == 0
    assert capsys.readouterr().out.count("\n") == 2


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--split", "val"], "split: expected none of the taken names"),
        (["--format", "waymo"], "--format: expected one of nuscenes"),
        (["--also", "voc"], "--also: expected"),
        (["--pictures", "recorded"], "images of drive: expected recorded images"),
        (["--rig", "none"], "rig: expected one of"),
        (["--scene-name", "a/b"], "scene_name: expected up to 100 letters"),
    ],
)
def test_refusals_are_one_line_and_make_nothing(scene, tmp_path, capsys, more, message):
    assert cli.main(["scenario", "export", scene, "--out", str(tmp_path / "set"), *more]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "set").exists()


def test_generate_refuses_export_options_alone(scene, tmp_path, capsys):
    assert cli.main(["generate", scene, "--out", str(tmp_path / "run"), "--also", "coco"]) == 2
    assert "add --export nuscenes DIR" in capsys.readouterr().err
    assert cli.main(["generate", scene, "--out", str(tmp_path / "run"), "--export", "waymo", "x"]) == 2
    assert "--export" in capsys.readouterr().err


def test_finalize_refuses_what_is_no_export(tmp_path, capsys):
    assert cli.main(["scenario", "finalize", str(tmp_path)]) == 2
    assert "expected the folder of an export, got an" in capsys.readouterr().err

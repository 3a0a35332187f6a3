from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from everroad.conditions.show import SHEET_FRAMES, show_scenario
from everroad.conditions.show_view import draw_view, make_view
from everroad.media import read_image, read_video_frames, write_png
from everroad.scenario.types import Actor, Poses, Scenario


@pytest.fixture
def drive(scene):
    """Six frames behind a car, with a camera ahead and one to the back."""
    index = np.arange(6.0)
    poses = Poses(np.stack([index, 0 * index, 0 * index], axis=1), np.tile([1.0, 0, 0, 0], (6, 1)))
    ahead = Poses(poses.translation_m + np.array([15, 0, 0.75]), poses.rotation_wxyz)
    car = Actor("a", "vehicle.car", np.array([4.0, 2.0, 1.5]), ahead, np.ones(6, dtype=bool))
    rig = (scene.camera(), scene.camera(yaw_deg=180, name="CAM_BACK"))
    street = scene.road(drivable_areas=[scene.rectangle(-20, 80, -5, 5)])
    return Scenario("s", index / 12, poses, rig, street, actors=(car,))


def test_a_video_has_every_frame(drive, tmp_path):
    heard = []
    out = tmp_path / "show.mp4"
    shown = show_scenario(drive, out, height_px=64, progress=lambda done, total: heard.append((done, total)))
    frames = list(read_video_frames(out))
    assert len(frames) == shown == 6
    assert heard == [(i, 6) for i in range(1, 7)]
    wanted = draw_view(make_view(drive, height_px=64), 3)
    assert frames[3].shape == wanted.shape
    assert np.abs(frames[3].astype(int) - wanted).mean() < 6


def test_a_png_is_a_still_or_a_sheet(drive, tmp_path):
    view = make_view(drive, ["CAM_FRONT"], height_px=64)
    pictures = [draw_view(view, i) for i in range(6)]
    for frames, wanted in (([4], [4]), ([5, 1, 5], [5, 1]), ([], [0, 2, 3, 5])):
        assert show_scenario(drive, tmp_path / "show.png", ["CAM_FRONT"], frames, height_px=64) == len(wanted)
        np.testing.assert_array_equal(read_image(tmp_path / "show.png"), np.concatenate([pictures[i] for i in wanted]))
    assert len([0, 2, 3, 5]) == SHEET_FRAMES


def test_a_single_frame_is_enough(drive, scene, tmp_path):
    poses = Poses(np.zeros((1, 3)), np.array([[1.0, 0, 0, 0]]))
    one = Scenario("one", np.zeros(1), poses, drive.cameras)
    assert show_scenario(one, tmp_path / "one.png", height_px=64) == 1
    assert show_scenario(one, tmp_path / "one.mp4", height_px=64) == 1


@pytest.mark.parametrize(
    ("out", "cameras", "frames", "words"),
    [
        ("show.mp4", ["CAM_LEFT"], [], "CAM_FRONT, CAM_BACK"),
        ("show.png", [], [6], "frame: expected 0 to 5, got 6"),
        ("show.png", [], [-1], "frame: expected 0 to 5, got -1"),
        ("show.mp4", [], [2], "frame: expected it with a .png alone, got show.mp4"),
        ("show.gif", [], [], "ends in .png, .mp4, .rrd, got 'show.gif'"),
    ],
)
def test_what_cannot_be_shown_is_refused_before_a_file_is_made(drive, tmp_path, out, cameras, frames, words):
    with pytest.raises(ValueError, match=words):
        show_scenario(drive, tmp_path / out, cameras, frames)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("ending", [".png", ".mp4"])
def test_bad_images_are_refused_before_a_file_is_made_if_they_are_shown(drive, tmp_path, ending):
    images = tmp_path / "images"
    images.mkdir()
    for i in range(6):
        write_png(images / f"{i}.png", np.full((128, 224, 3), 40 * i, dtype=np.uint8))
    recorded = replace(drive, images={"CAM_BACK": tuple(f"{i}.png" for i in range(6))})
    whole = (images / "5.png").read_bytes()
    (images / "5.png").write_bytes(whole[: len(whole) // 2])
    out = tmp_path / "out" / f"show{ending}"
    out.parent.mkdir()
    write_png(images / "4.png", np.zeros((64, 112, 3), dtype=np.uint8))
    wanted = r"4\.png: expected a picture of 224x128 like camera CAM_BACK, got 112x64; mend the camera's size"
    with pytest.raises(ValueError, match=wanted):
        show_scenario(recorded, out, **({"frames": [0, 4]} if ending == ".png" else {}), image_folder=images)
    assert list(out.parent.iterdir()) == []
    write_png(images / "4.png", np.zeros((128, 224, 3), dtype=np.uint8))
    with pytest.raises(ValueError, match=r"5\.png: expected a PNG or JPEG picture"):
        show_scenario(recorded, out, image_folder=images, height_px=64)
    (images / "5.png").unlink()
    with pytest.raises(ValueError, match=r"5\.png: expected frame 5's recorded image, got no file; add it, or take it out"):
        show_scenario(recorded, out, image_folder=images, height_px=64)
    assert not list(out.parent.iterdir())
    # Neither another camera's picture nor another frame's is looked at.
    show_scenario(recorded, out, ["CAM_FRONT"], image_folder=images, height_px=64)
    show_scenario(recorded, tmp_path / "one.png", [], [4], image_folder=images, height_px=64)

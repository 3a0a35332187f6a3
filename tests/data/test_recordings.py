from __future__ import annotations

import os
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from everroad.data.recordings import find_stretches, recording_files, unbroken
from everroad.media import write_png
from everroad.scenario.storage import save_scenario
from everroad.scenario.types import Camera, Poses, Scenario

FORWARD = np.array([[0.0, 0, 1, 0], [-1, 0, 0, 0], [0, -1, 0, 1.5], [0, 0, 0, 1]])
LEFT = np.array([[1.0, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 1.5], [0, 0, 0, 1]])


def camera(name="CAM", pose=FORWARD):
    return Camera(name, 16, 12, np.array([[10.0, 0, 7.5], [0, 10, 5.5], [0, 0, 1]]), pose)


def make_recording(folder, name="drive", frames=24, rate_hz=12.0, cameras=None, without=()):
    """A recording that stands still; ``without`` are frames that have no picture."""
    cameras = (camera(),) if cameras is None else cameras
    poses = Poses(np.zeros((frames, 3)), np.tile([1.0, 0, 0, 0], (frames, 1)))
    images = {}
    for each in cameras:
        names = [f"{name}/{each.name}-{i:03d}.png" if i not in without else "" for i in range(frames)]
        for i in (i for i, image in enumerate(names) if image):
            (folder / name).mkdir(parents=True, exist_ok=True)
            write_png(folder / names[i], np.full((12, 16, 3), i, dtype=np.uint8))
        images[each.name] = tuple(names)
    made = Scenario(name, np.arange(frames) / rate_hz, poses, cameras, images=images)
    save_scenario(made, folder / f"{name}.json")
    return made


def places(stretches):
    return [(stretch.camera, stretch.first_frame, stretch.frames) for stretch in stretches]


def test_frames_without_a_picture_break_stretches(tmp_path):
    make_recording(tmp_path, without=(0, 7, 8, 20))
    assert places(find_stretches(tmp_path, 2)) == [("CAM", 1, 6), ("CAM", 9, 11), ("CAM", 21, 3)]
    assert places(find_stretches(tmp_path, 6)) == [("CAM", 1, 6), ("CAM", 9, 11)]


def test_nothing_from_until_s_on_is_used(tmp_path):
    make_recording(tmp_path)
    assert places(find_stretches(tmp_path, 2, until_s=1.0)) == [("CAM", 0, 12)]
    assert places(find_stretches(tmp_path, 2, until_s=1.01)) == [("CAM", 0, 13)]
    assert places(find_stretches(tmp_path, 2, from_s=1.0)) == [("CAM", 12, 12)]
    assert places(find_stretches(tmp_path, 2, until_s=1.5, from_s=1.01)) == [("CAM", 13, 5)]
    with pytest.raises(ValueError, match="expected 13 frames on end at 12 Hz, each with a picture of its own, got at most 12"):
        find_stretches(tmp_path, 13, until_s=1.0)


def test_a_source_of_fewer_pictures_a_second_has_stretches_between_its_repeats(tmp_path):
    make_recording(tmp_path, rate_hz=10.0)
    # 12 instants show 10 pictures in order, the sixth one twice at some place.
    lengths = [frames for _, _, frames in places(find_stretches(tmp_path, 2))]
    assert max(lengths) == 6
    with pytest.raises(ValueError, match=r"got at most 6; record more pictures a second, or ask for less"):
        find_stretches(tmp_path, 8)


def test_a_source_of_more_pictures_a_second_is_resampled(tmp_path):
    make_recording(tmp_path, frames=51, rate_hz=25.0)
    assert places(find_stretches(tmp_path, 2)) == [("CAM", 0, 25)]


def test_the_front_camera_with_pictures_or_all_cameras(tmp_path):
    made = make_recording(tmp_path, cameras=(camera("L", LEFT), camera("F")))
    assert {stretch.camera for stretch in find_stretches(tmp_path, 2)} == {"F"}
    assert {stretch.camera for stretch in find_stretches(tmp_path, 2, cameras="all")} == {"F", "L"}
    save_scenario(replace(made, images={"L": made.images["L"]}), tmp_path / "drive.json")
    assert {stretch.camera for stretch in find_stretches(tmp_path, 2)} == {"L"}


def test_a_folder_or_one_file(tmp_path):
    for name in ("b", "a"):
        make_recording(tmp_path, name)
    (tmp_path / "notes.txt").write_text("not a recording")
    assert [file.name for file in recording_files(tmp_path)] == ["a.json", "b.json"]
    assert len(find_stretches(tmp_path, 2)) == 2
    assert len(find_stretches(tmp_path / "b.json", 2)) == 1


@pytest.mark.parametrize("change", ["file", "picture"])
def test_the_digest_follows_file_and_pictures(tmp_path, change):
    made = make_recording(tmp_path)
    (before,) = find_stretches(tmp_path, 2)
    assert find_stretches(tmp_path, 2) == (before,)
    if change == "file":
        save_scenario(replace(made, weather="rain"), tmp_path / "drive.json")
    else:
        os.utime(tmp_path / "drive/CAM-005.png", (1, 1))
    assert find_stretches(tmp_path, 2)[0].digest != before.digest


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: (folder / "drive/CAM-003.png").unlink(), "expected the picture of frame 3 .*drive.json, got no file"),
        (lambda folder: (folder / "drive/CAM-003.png").write_bytes(b"\x89PNG\r\n\x1a\n"), "expected a PNG or JPEG picture"),
        (lambda folder: write_png(folder / "drive/CAM-000.png", np.zeros((9, 16, 3), np.uint8)), "expected 16x12 like camera"),
        (lambda folder: write_png(folder / "drive/CAM-003.png", np.zeros((9, 16, 3), np.uint8)), "03.png: expected 16x12"),
        (lambda folder: (folder / "other.json").write_text("{}"), "other.json: format_version: expected this field"),
        (lambda folder: make_recording(folder, "bare", cameras=()), "bare.json: expected a scenario with recorded images"),
        (lambda folder: [file.unlink() for file in folder.glob("*.json")], "expected a folder of scenario files"),
    ],
)
def test_what_cannot_be_used_is_refused(tmp_path, spoil, message):
    make_recording(tmp_path)
    spoil(tmp_path)
    with pytest.raises(ValueError, match=message):
        find_stretches(tmp_path, 2)


def test_a_missing_folder_is_refused(tmp_path):
    with pytest.raises(ValueError, match="got nothing there; convert recordings into it"):
        find_stretches(tmp_path / "none", 2)


@given(st.lists(st.sampled_from(["", "a", "b", "c"]), max_size=30))
def test_stretches_are_the_longest_without_gap_or_repeat(images):
    found = unbroken(images)
    inside = [i for first, frames in found for i in range(first, first + frames)]
    assert inside == sorted(inside)
    assert {i for i, image in enumerate(images) if image} == set(inside)
    for first, frames in found:
        shown = images[first : first + frames]
        assert all(one != other for one, other in pairwise(shown))
        end = first + frames
        assert end == len(images) or not images[end] or images[end] == images[end - 1]

from __future__ import annotations

import errno
import weakref
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from everroad.media import read_image
from everroad.scenario import video
from everroad.scenario.resample import resample
from everroad.scenario.sources import convert_scenario, read_scenario
from everroad.scenario.storage import load_scenario, save_scenario
from everroad.scenario.video import VideoOptions, convert_video
from everroad.scenario.video_camera import VideoCamera
from everroad.scenario.video_decode import read_timed_frames

from .clips import HEIGHT, WIDTH, cut, index_of, turn_clockwise, write_clip
from .strategies import difference
from .test_storage import names


@pytest.fixture
def clip(tmp_path):
    return write_clip(tmp_path / "clip.mp4")


@pytest.fixture
def out(tmp_path):
    (tmp_path / "out").mkdir()
    return tmp_path / "out" / "a.json"


def shown(scenario, out) -> list[int | None]:
    """Which frame of the clip each picture shows."""
    paths = scenario.images["CAM_FRONT"]
    return [index_of(read_image(out.parent / path)) if path else None for path in paths]


def refused(path: Path, out: Path, said: str, options: VideoOptions | None = None, **more) -> None:
    """Converting fails with one line that holds ``said``, and everything is as it was."""
    before = sorted((p, p.lstat().st_mtime_ns) for p in out.parent.rglob("*"))
    with pytest.raises(ValueError) as caught:
        convert_video(path, out, options or VideoOptions(), **more)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert sorted((p, p.lstat().st_mtime_ns) for p in out.parent.rglob("*")) == before


def test_a_clip_becomes_a_scenario_of_its_pictures_and_of_nothing_else(clip, out):
    made = convert_video(clip, out, VideoOptions())
    assert difference(load_scenario(out), made) is None
    # 40 frames at 25 Hz last to 1.56 s: instants 0 to 18 of 12 Hz.
    assert len(made) == 19
    np.testing.assert_allclose(made.time_s, np.arange(19) / 12)
    # The last one lies halfway between two frames and takes the earlier.
    assert shown(made, out) == [*(round(25 * k / 12) for k in range(18)), 37]
    assert names(out.parent) == ["a.json", "a_images"]
    assert len(names(out.parent / "a_images")) == 19
    assert (made.map, made.ground, made.actors, made.weather, made.time_of_day) == (None, None, (), None, None)
    assert not made.ego_motion_known
    assert not made.actors_known
    assert not made.world_from_ego.translation_m.any()
    (camera,) = made.cameras
    assert (camera.name, camera.width_px, camera.height_px) == ("CAM_FRONT", WIDTH, HEIGHT)
    assert made.source == "video clip.mp4; lens assumed, 65 degrees wide; camera level at 1.5 m; poses unknown"


def test_rate_crop_size_and_seconds(clip, out):
    options = VideoOptions(VideoCamera(size="24x16", crop="48,16,48,32", fov_deg=90.0), seconds=0.5)
    made = convert_video(clip, out, options, frame_rate_hz=5.0)
    assert shown(made, out) == [0, 5, 10]
    assert read_image(out.parent / made.images["CAM_FRONT"][0]).shape == (16, 24, 3)
    assert (made.cameras[0].width_px, made.cameras[0].height_px) == (24, 16)
    assert len(convert_video(clip, out, VideoOptions(seconds=99.0))) == 19
    assert len(convert_video(clip, out, VideoOptions(seconds=0.01))) == 1


def test_poses_go_to_the_frames_and_the_motion_is_known(clip, out, tmp_path):
    (tmp_path / "poses.csv").write_text("time_s,x_m,y_m,yaw_rad\n-1,-10,0,0\n2,20,0,0\n")
    made = convert_video(clip, out, VideoOptions(poses=tmp_path / "poses.csv"))
    np.testing.assert_allclose(made.world_from_ego.translation_m[:, 0], 10 * made.time_s + 10, atol=1e-9)
    assert made.ego_motion_known
    assert not made.actors_known
    assert load_scenario(out).ego_motion_known


def test_a_variable_rate_leaves_frames_without_a_picture_where_there_is_none(tmp_path, out):
    stamps = [0, 100, 200, 300, 800, 900, 1000, 1100, 1150, 1200, 1250, 1300]
    made = convert_video(write_clip(tmp_path / "a.mp4", 12, stamps=stamps), out, VideoOptions(), frame_rate_hz=9.0)
    assert None in shown(made, out)
    for k, index in enumerate(shown(made, out)):
        assert index is None or abs(stamps[index] / 1000 - k / 9) <= 0.06
    assert len(names(out.parent / "a_images")) == sum(bool(path) for path in made.images["CAM_FRONT"])


def test_a_clip_with_one_long_gap_keeps_its_own_rate(tmp_path, out):
    # A mean of 1.2 Hz, and 12.5 Hz wherever there is anything.
    stamps = [*range(0, 800, 80), *range(20_000, 20_800, 80)]
    made = convert_video(write_clip(tmp_path / "a.mp4", 20, stamps=stamps), out, VideoOptions(), frame_rate_hz=12.5)
    assert shown(made, out) == [*range(10), *[None] * 240, *range(10, 20)]
    refused(tmp_path / "a.mp4", out, "the clip's own 12.5 Hz (frames are not made up), got 13 Hz", frame_rate_hz=13.0)


def test_a_clip_with_hardly_a_picture_is_refused_and_the_named_seconds_are_taken(tmp_path, out):
    path = write_clip(tmp_path / "a.mkv", 4, stamps=[0, 80, 160, 3_600_000])
    got = r"1% of the frames at least, got 4 for 43201 \(none from 0\.25 to 3599\.92 s\); pass --seconds 0\.17 for"
    with pytest.raises(ValueError, match=f"expected a picture for {got}"):
        convert_video(path, out, VideoOptions())
    assert names(out.parent) == []
    assert shown(convert_video(path, out, VideoOptions(seconds=0.17)), out) == [0, 1, 2]


def test_an_upright_phone(tmp_path, out):
    made = convert_video(turn_clockwise(write_clip(tmp_path / "a.mp4", 4)), out, VideoOptions())
    assert (made.cameras[0].width_px, made.cameras[0].height_px) == (HEIGHT, WIDTH)


def test_the_scenario_can_be_resampled_saved_and_converted_again(clip, out, tmp_path):
    made = convert_video(clip, out, VideoOptions())
    slower = resample(made, 6.0)
    assert slower.images["CAM_FRONT"] == made.images["CAM_FRONT"][::2]
    assert not slower.ego_motion_known
    again = convert_scenario(out, tmp_path / "b.json")
    assert shown(again, tmp_path / "b.json") == shown(made, out)
    assert not again.actors_known


def test_sources_recognise_a_video_by_its_ending(clip, out):
    assert len(convert_scenario(clip, out, frame_rate_hz=5.0)) == 8
    with pytest.raises(ValueError, match="run 'everroad scenario convert' on it first"):
        read_scenario(clip)
    with pytest.raises(ValueError, match="--rig: expected none for a video"):
        convert_scenario(clip, out, rig="nuscenes-front")
    with pytest.raises(ValueError, match=r"expected a video, to which alone --size, .* apply"):
        convert_scenario(out, out.with_name("b.json"), video=VideoOptions(seconds=1.0))


def test_the_same_output_again_replaces_its_own_pictures(clip, out, tmp_path):
    convert_video(clip, out, VideoOptions())
    made = convert_video(clip, out, VideoOptions(), frame_rate_hz=5.0)
    assert len(names(out.parent / "a_images")) == len(made) == 8
    assert names(out.parent) == ["a.json", "a_images"]
    # A later conversion that is refused leaves the earlier one whole.
    refused(cut(write_clip(tmp_path / "b.mp4", noise=4, options={"movflags": "faststart"}), 0.5), out, "whole video")
    assert shown(load_scenario(out), out) == [5 * k for k in range(8)]


def test_a_packed_scenario_file(clip, tmp_path):
    made = convert_video(clip, tmp_path / "a.json.gz", VideoOptions())
    assert made.images["CAM_FRONT"][0] == "a_images/000000.jpg"


@pytest.mark.parametrize("foreign", ["notes.txt", "000099.jpg"])
def test_a_folder_with_other_content_is_left_alone(foreign, clip, out):
    convert_video(clip, out, VideoOptions())
    (out.parent / "a_images" / foreign).write_text("mine")
    refused(clip, out, "a_images: expected no such folder, or the pictures of the video that a.json was made of")


def test_pictures_of_a_scenario_that_is_no_video_are_left_alone(clip, out):
    made = convert_video(clip, out, VideoOptions())
    save_scenario(replace(made, source="my own"), out)
    refused(clip, out, "expected no such folder")
    out.unlink()
    refused(clip, out, "expected no such folder")


def test_a_file_or_a_link_in_the_folders_place(clip, out, tmp_path):
    (out.parent / "a_images").write_text("mine")
    refused(clip, out, "expected no such folder")
    (out.parent / "a_images").unlink()
    (out.parent / "a_images").symlink_to(tmp_path / "nowhere")
    refused(clip, out, "expected no such folder")


def test_a_broken_tail_is_refused_and_the_named_seconds_are_taken(tmp_path, out):
    path = cut(write_clip(tmp_path / "a.mp4", 60, noise=4, options={"movflags": "faststart"}), 0.6)
    with pytest.raises(
        ValueError, match=r"expected a whole video, got '.+' after [\d.]+ s; pass --seconds [\d.]+ for"
    ) as caught:
        convert_video(path, out, VideoOptions())
    assert names(out.parent) == []
    seconds = float(str(caught.value).split("--seconds ")[1].split()[0])
    made = convert_video(path, out, VideoOptions(seconds=seconds))
    assert len(made) == int(seconds * 12 + 1e-6) + 1
    assert shown(made, out) == [round(25 * k / 12) for k in range(len(made))]


def test_what_cannot_be_converted(clip, out, tmp_path):
    (tmp_path / "text.mp4").write_text("no video")
    refused(tmp_path / "text.mp4", out, "text.mp4: expected a readable video")
    refused(tmp_path / "absent.mp4", out, "absent.mp4: expected a readable video, got 'No such file")
    refused(
        clip, out, "at most the clip's own 25 Hz (frames are not made up), got 30 Hz; pass --frame-rate 25", frame_rate_hz=30.0
    )
    for rate_hz in (0.0, -1.0, float("nan"), float("inf")):
        refused(clip, out, "--frame-rate: expected finite numbers", frame_rate_hz=rate_hz)
    refused(clip, out, "--crop", VideoOptions(VideoCamera(crop="90,0,10,10")))
    refused(clip, out, "--size", VideoOptions(VideoCamera(size="9000x9000")))
    (tmp_path / "poses.csv").write_text("time_s,x_m,y_m,yaw_rad\n0,0,0,0\n1,10,0,0\n")
    refused(clip, out, "0 to 1.5 s, got 0 to 1 s", VideoOptions(poses=tmp_path / "poses.csv"))
    for seconds in (-1.0, 0.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match=rf"^--seconds: expected more than 0 and at most 1e\+12 s, got {seconds:g}; name"):
            VideoOptions(seconds=seconds)


def test_a_video_without_frames(tmp_path, out, monkeypatch):
    monkeypatch.setattr(video, "read_timed_frames", lambda path: iter(()))
    refused(write_clip(tmp_path / "a.mp4", 2), out, "expected at least one frame, got none")


def test_a_place_that_cannot_be_written(clip, tmp_path):
    for out in (tmp_path / "absent" / "a.json", clip / "a.json"):
        with pytest.raises(ValueError, match="expected a path that can be written"):
            convert_video(clip, out, VideoOptions())
    assert names(tmp_path) == ["clip.mp4"]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(errno.ENOSPC, "No space left on device")])
@pytest.mark.parametrize("earlier", [False, True])
def test_an_interrupt_or_a_full_disk_leaves_all_as_it_was(error, earlier, clip, out, monkeypatch):
    if earlier:
        convert_video(clip, out, VideoOptions(), frame_rate_hz=5.0)
    before = {p: p.read_bytes() for p in out.parent.rglob("*") if p.is_file()}

    def fail(done, total):
        if done == 7:
            raise error

    with pytest.raises(type(error)):
        convert_video(clip, out, VideoOptions(), progress=fail)

    def fail_to_save(scenario, path):
        raise error

    monkeypatch.setattr("everroad.scenario.video_folder.save_scenario", fail_to_save)
    with pytest.raises(type(error)):
        convert_video(clip, out, VideoOptions())
    assert {p: p.read_bytes() for p in out.parent.rglob("*") if p.is_file()} == before
    assert names(out.parent) == (["a.json", "a_images"] if earlier else [])


def test_progress_counts_to_the_end(clip, out):
    heard = []
    convert_video(clip, out, VideoOptions(), progress=lambda done, total: heard.append((done, total)))
    assert [done for done, _ in heard] == list(range(1, 20))
    assert {total for _, total in heard} == {19}


def test_few_pictures_are_held_at_a_time(tmp_path, out, monkeypatch):
    """No more decoded frames are alive at once than the picking needs, however long the clip."""
    alive, most = weakref.WeakSet(), 0

    def watched(path):
        nonlocal most
        for frame in read_timed_frames(path):
            alive.add(frame)
            most = max(most, len(alive))
            yield frame

    monkeypatch.setattr(video, "read_timed_frames", watched)
    convert_video(write_clip(tmp_path / "a.mp4", 60), out, VideoOptions())
    assert 2 <= most <= 4


def test_the_dash_cam_clip(shared_data, out):
    made = convert_video(shared_data("dashcam/highway.mp4"), out, VideoOptions(VideoCamera("448x256", "7,0,945,540"), 2.0))
    assert len(made) == 25
    assert read_image(out.parent / made.images["CAM_FRONT"][24]).shape == (256, 448, 3)
    assert made.frame_rate_hz == pytest.approx(12)

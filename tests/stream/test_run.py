from __future__ import annotations

import errno
import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from everroad.conditions.rig import fit_image
from everroad.media import VideoWriter, read_image, read_video_frames, write_png
from everroad.scenario.types import Actor, Area, Camera, Poses, Scenario, VectorMap
from everroad.stream.generate import next_frame
from everroad.stream.run import generate_run, sheet_indices
from everroad.stream.source import make_source, to_images
from everroad.stream.start import start

CAMERA = Camera(
    "CAM_FRONT",
    96,
    64,
    np.array([[60.0, 0, 47.5], [0, 60.0, 31.5], [0, 0, 1]]),
    np.array([[0.0, 0, 1, 1.5], [-1, 0, 0, 0], [0, -1, 0, 1.6], [0, 0, 0, 1]]),
)
LEFT = Camera(
    "CAM_LEFT", 96, 64, CAMERA.intrinsics, np.array([[1.0, 0, 0, 1.0], [0, 0, 1, 0.5], [0, -1, 0, 1.6], [0, 0, 0, 1]])
)


def straight(frames: int, step_m: float, start_m: float = 0.0, side_m: float = 0.0) -> Poses:
    translation = np.zeros((frames, 3))
    translation[:, 0] = start_m + step_m * np.arange(frames)
    translation[:, 1] = side_m
    return Poses(translation, np.tile([1.0, 0, 0, 0], (frames, 1)))


def drive(frames: int = 7, rate_hz: float = 12.0, images: dict[str, tuple[str, ...]] | None = None) -> Scenario:
    """A straight road with one car ahead."""
    road = Area(np.array([[-50.0, -6, 0], [200, -6, 0], [200, 6, 0], [-50, 6, 0]]))
    car = Actor(
        "lead", "vehicle.car", np.array([4.5, 1.9, 1.6]), straight(frames, 0.9, start_m=14.0, side_m=1.0), np.ones(frames, bool)
    )
    return Scenario(
        name="drive",
        time_s=np.arange(frames) / rate_hz,
        world_from_ego=straight(frames, 0.8),
        cameras=(LEFT, CAMERA),
        map=VectorMap(drivable_areas=(road,)),
        actors=(car,),
        weather="clear",
        time_of_day="day",
        images=images or {},
        source="by hand",
    )


@pytest.fixture
def recorded(tmp_path) -> tuple[Scenario, Path]:
    """A drive with recorded images, and the folder they lie in."""
    folder = tmp_path / "images"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for i in range(7):
        write_png(folder / f"{i}.png", rng.integers(0, 256, (64, 96, 3), dtype=np.uint8))
    return drive(images={"CAM_FRONT": tuple(f"{i}.png" for i in range(7))}), folder


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def run(fake, scenario, out, **options):
    return generate_run(fake, {"sha256": "of the card"}, scenario, out, **options)


def test_the_folder_holds_what_it_promises(fake, recorded, tmp_path):
    scenario, images = recorded
    heard = []
    report = run(fake, scenario, tmp_path / "out", seed=3, image_folder=images, png=True, progress=lambda *a: heard.append(a))
    out = tmp_path / "out"
    assert names(out) == ["frames", "panels.mp4", "report.json", "sheet.png", "video.mp4"]
    assert names(out / "frames") == [f"{i:06d}.png" for i in range(1, 7)]
    assert heard == [(i, 6) for i in range(1, 7)]
    frames = list(read_video_frames(out / "video.mp4"))
    assert len(frames) == 6
    assert frames[0].shape == (32, 48, 3)
    panels = list(read_video_frames(out / "panels.mp4"))
    assert len(panels) == 6
    assert panels[0].shape[1] > 3 * 48
    stored = json.loads((out / "report.json").read_text())
    assert stored["format"] == "everroad.run"
    assert stored["scenario"]["name"] == "drive"
    assert stored["scenario"]["camera"] == "CAM_FRONT"  # nearest to straight ahead, though not the first
    assert stored["scenario"]["resampled_from_hz"] is None
    assert (stored["seed"], stored["frames"], stored["reference"]) == (3, 6, "recorded")
    assert stored["model"]["model_sha256"] == "of the card"
    assert set(stored["ms"]) >= {"conditions", "denoise", "decode", "video"}
    assert stored["versions"]["torch"]
    assert report["frames_per_second"] == stored["frames_per_second"]


def test_recorded_images_are_undistorted_and_a_picture_of_ones_own_is_not(fake, recorded):
    scenario, images = recorded
    lens = replace(scenario.cameras[0], name="CAM_LENS", distortion=(-0.3, 0.1, 0.0))
    scenario = replace(
        scenario, cameras=(*scenario.cameras, lens), images=scenario.images | {"CAM_LENS": scenario.images["CAM_FRONT"]}
    )
    of_lens, of_pinhole = (make_source(scenario, fake.config, name, images) for name in ("CAM_LENS", "CAM_FRONT"))
    path = of_lens.recorded_path(2)
    assert path == images / "2.png"
    bent, straight = of_lens.recorded(path), of_pinhole.recorded(path)
    assert (bent != straight).any()
    np.testing.assert_array_equal(of_lens.fitted(path), straight)


def test_frames_are_those_of_next_frame(fake, recorded, tmp_path):
    """The PNGs hold, bit for bit, what the stream gives; frame 0, the start image, is not among them."""
    scenario, images = recorded
    run(fake, scenario, tmp_path / "out", seed=3, image_folder=images, png=True, frames=3)
    source = make_source(scenario, fake.config, None, images)
    image = to_images(fit_image(read_image(images / "0.png"), 32, 48), torch.device("cpu"))
    state = start(fake, image, source.conditions(0), 3, ["CAM_FRONT"])
    for i in range(1, 4):
        frame, state = next_frame(fake, state, source.conditions(i))
        expected = frame.decode_uint8(fake)[0, 0].permute(1, 2, 0).numpy()
        assert np.array_equal(read_image(tmp_path / "out" / "frames" / f"{i:06d}.png"), expected)


def test_resamples_to_the_models_rate_and_says_so(fake, tmp_path):
    report = run(fake, drive(frames=11, rate_hz=10.0), tmp_path / "out", start="none", reference=False)
    assert report["scenario"]["resampled_from_hz"] == pytest.approx(10.0)
    assert report["scenario"]["frame_rate_hz"] == 12.0
    assert report["frames"] == 12  # one second: 13 instants at 12 Hz
    assert report["reference"] is None


def test_the_painter_gives_start_and_reference(fake, tmp_path):
    report = run(fake, drive(), tmp_path / "out", frames=2)
    assert (report["start"], report["reference"]) == ("painter", "painter")
    assert "reference" in report["seconds"]


def test_a_start_picture_of_ones_own(fake, tmp_path):
    picture = tmp_path / "mine.png"
    write_png(picture, np.full((100, 300, 3), (200, 30, 10), dtype=np.uint8))
    report = run(fake, drive(), tmp_path / "out", frames=1, start=str(picture), reference=False)
    assert report["start"] == str(picture)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"frames": 7}, "frames: expected 1 to 6"),
        ({"frames": 0}, "frames: expected 1 to 6"),
        ({"steps": 0}, "at least 1 denoise step"),
        ({"camera": "CAM_UP"}, "camera: expected one of CAM_LEFT, CAM_FRONT, got 'CAM_UP'"),
        ({"start": "recorded"}, "expected a recorded image of CAM_FRONT"),
        ({"start": "nowhere.png"}, "nowhere.png: expected a picture file"),
        ({"dtype": "float16"}, "dtype: expected float32 or bfloat16"),
        ({"device": "tpu"}, "device: expected"),
        ({"device": "cuda:77"}, "device: expected one that is here"),
        ({"seed": 2**64}, "seed: expected a 64-bit integer"),
        ({"vertical_anchor": 2.0}, "vertical_anchor"),
        ({"steps": 1001}, "steps: expected at least 1 denoise step and at most 1000, got 1001"),
        ({"steps": 10**30}, r"at most 1000, got 1000000000… \(31 digits\)"),
    ],
)
def test_refused_input_makes_no_folder(fake, tmp_path, options: dict, message: str):
    with pytest.raises(ValueError, match=message) as error:
        run(fake, drive(), tmp_path / "deep" / "out", **options)
    assert "\n" not in str(error.value)
    assert names(tmp_path) == []


def test_a_scenario_of_one_frame_or_without_cameras_is_refused(fake, tmp_path):
    with pytest.raises(ValueError, match=r"expected at least two frames at 12 Hz, .* got one frame; use a longer"):
        run(fake, drive(frames=1), tmp_path / "out")
    from dataclasses import replace

    with pytest.raises(ValueError, match="cameras: expected at least one"):
        run(fake, replace(drive(), cameras=()), tmp_path / "out")
    assert names(tmp_path) == []


def test_a_recorded_image_that_is_missing_is_refused_before_the_run(fake, recorded, tmp_path):
    scenario, images = recorded
    (images / "4.png").unlink()
    with pytest.raises(ValueError, match=r"4\.png: expected frame 4's recorded image, got no file"):
        run(fake, scenario, tmp_path / "out", image_folder=images)
    assert names(tmp_path) == ["images"]
    run(fake, scenario, tmp_path / "out", image_folder=images, frames=3)  # those that are read are all there
    run(fake, scenario, tmp_path / "out", image_folder=images, reference=False, overwrite=True)


@pytest.mark.parametrize("frame", [0, 4])
def test_a_recorded_image_of_another_size_is_refused_before_the_run(fake, recorded, tmp_path, frame):
    scenario, images = recorded
    write_png(images / f"{frame}.png", np.zeros((32, 48, 3), dtype=np.uint8))
    wanted = rf"{frame}\.png: expected a picture of 96x64 like camera CAM_FRONT, got 48x32; mend .*, or "
    with pytest.raises(ValueError, match=wanted):
        run(fake, scenario, tmp_path / "run", image_folder=images)
    assert not (tmp_path / "run").exists()


def test_a_recorded_image_that_is_broken_costs_no_earlier_run(fake, recorded, tmp_path):
    scenario, images = recorded
    run(fake, scenario, tmp_path / "out", image_folder=images, frames=2)
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    (images / "4.png").write_bytes((images / "4.png").read_bytes()[:30])
    for out, overwrite in (("out", True), ("new", False)):
        with pytest.raises(ValueError, match=r"4\.png: expected a PNG or JPEG picture, got 30 bytes that are none"):
            run(fake, scenario, tmp_path / out, image_folder=images, overwrite=overwrite)
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before
    assert names(tmp_path) == ["images", "out"]


def test_a_recorded_image_whose_middle_is_broken_leaves_no_folder_before_a_frame_is_made(fake, recorded, tmp_path):
    scenario, images = recorded
    whole = (images / "1.png").read_bytes()
    (images / "1.png").write_bytes(whole[:60] + bytes(len(whole) - 90) + whole[-30:])
    with pytest.raises(ValueError, match=r"1\.png: expected a PNG or JPEG picture"):
        run(fake, scenario, tmp_path / "new" / "out", image_folder=images)
    assert names(tmp_path) == ["images"]


def test_an_unreadable_start_picture_is_refused(fake, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG and no more")
    with pytest.raises(ValueError, match=r"broken\.png"):
        run(fake, drive(), tmp_path / "out", start=str(broken))
    assert names(tmp_path) == ["broken.png"]


def test_an_existing_run_is_kept_without_overwrite(fake, tmp_path):
    out = tmp_path / "out"
    run(fake, drive(), out, frames=2, start="none", reference=False, png=True)
    before = (out / "video.mp4").read_bytes()
    with pytest.raises(ValueError, match="--overwrite"):
        run(fake, drive(), out, frames=1, start="none", reference=False)
    assert (out / "video.mp4").read_bytes() == before
    (out / "notes.txt").write_text("mine")
    run(fake, drive(), out, frames=1, start="none", reference=False, overwrite=True)
    assert len(list(read_video_frames(out / "video.mp4"))) == 1
    assert names(out) == [
        "notes.txt",
        "panels.mp4",
        "report.json",
        "sheet.png",
        "video.mp4",
    ]  # the PNGs of the old run are gone


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_of_something_else_is_never_touched(fake, tmp_path, overwrite: bool):
    out = tmp_path / "out"
    out.mkdir()
    (out / "report.json").write_text('{"format": "other"}')
    (out / "video.mp4").write_bytes(b"holiday")
    with pytest.raises(ValueError, match="holds something else"):
        run(fake, drive(), out, start="none", overwrite=overwrite)
    assert (out / "video.mp4").read_bytes() == b"holiday"
    assert names(out) == ["report.json", "video.mp4"]


def test_a_file_in_the_way_is_refused(fake, tmp_path):
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", tmp_path / "file" / "out"):
        with pytest.raises(ValueError, match="expected a place that can be written"):
            run(fake, drive(), out, start="none")


def test_an_empty_folder_is_used(fake, tmp_path):
    (tmp_path / "out").mkdir()
    run(fake, drive(), tmp_path / "out", frames=1, start="none", reference=False)
    assert (tmp_path / "out" / "report.json").is_file()


def interrupt_after(frames: int):
    def progress(done: int, _in_all: int) -> None:
        if done == frames:
            raise KeyboardInterrupt

    return progress


def test_an_interrupt_keeps_the_partial_video(fake, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        run(fake, drive(), out, start="none", reference=False, progress=interrupt_after(3))
    assert names(out) == ["panels.partial.mp4", "video.partial.mp4"]
    assert len(list(read_video_frames(out / "video.partial.mp4"))) == 3
    with pytest.raises(ValueError, match="--overwrite"):
        run(fake, drive(), out, start="none", reference=False)
    run(fake, drive(), out, frames=1, start="none", reference=False, overwrite=True)
    assert names(out) == ["panels.mp4", "report.json", "sheet.png", "video.mp4"]


def test_the_video_plays_while_it_is_made(fake, tmp_path):
    seen = []

    def progress(done: int, _in_all: int) -> None:
        if done == 20:
            seen.extend(read_video_frames(tmp_path / "out" / "video.partial.mp4"))

    run(fake, drive(frames=26), tmp_path / "out", start="none", reference=False, progress=progress)
    assert len(seen) >= 12  # a fragment a second


@pytest.mark.parametrize("failing", ["frame", "sheet", "report"])
def test_a_full_disk_keeps_the_partial_video(fake, tmp_path, monkeypatch, failing: str):
    out = tmp_path / "out"
    write, png, text = VideoWriter.write, cv2.imencode, Path.write_text

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    if failing == "frame":
        monkeypatch.setattr(VideoWriter, "write", lambda self, f: full() if self.frames_written == 3 else write(self, f))
    if failing == "sheet":
        monkeypatch.setattr(cv2, "imencode", lambda *a: full() if a[1].shape[1] > 48 else png(*a))
    if failing == "report":
        monkeypatch.setattr(Path, "write_text", lambda self, *a, **k: full() if "report" in self.name else text(self, *a, **k))
    with pytest.raises(OSError, match="No space") as error:
        run(fake, drive(), out, start="none", reference=False)
    assert error.value.errno == errno.ENOSPC
    assert {"panels.partial.mp4", "video.partial.mp4"} <= set(names(out))
    assert "video.mp4" not in names(out)
    assert "report.json" not in names(out)
    assert len(list(read_video_frames(out / "video.partial.mp4"))) >= 3


def test_nothing_is_left_when_the_first_frame_fails(fake, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(VideoWriter, "write", full)
    with pytest.raises(OSError, match="No space"):
        run(fake, drive(), tmp_path / "out", start="none", reference=False)
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        (120, [1, 30, 60, 90, 120]),
        (600, [1, 120, 240, 360, 480, 600]),
        (240, [1, 60, 120, 180, 240]),
        (3, [1, 2, 3]),
        (1, [1]),
    ],
)
def test_sheet_indices(frames: int, expected: list[int]):
    assert sheet_indices(frames) == expected

from __future__ import annotations

import shutil

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from everroad.media import read_image
from everroad.scenario.argoverse2 import read_argoverse2
from everroad.scenario.argoverse2_images import find_images, nearest_pictures
from everroad.scenario.sources import convert_scenario
from everroad.scenario.storage import load_scenario

from .av2_log import FIRST_NS, write_log
from .strategies import difference

MS = 1_000_000
REAL = "av2/7fab2350-7eaf-3b7e-a39d-6937a4c1bede"


def write_pictures(log, camera: str, stamps_ns) -> None:
    """Tiny pictures whose grey level counts them."""
    folder = log / "sensors" / "cameras" / camera
    folder.mkdir(parents=True)
    for i, stamp in enumerate(stamps_ns):
        cv2.imwrite(str(folder / f"{stamp}.jpg"), np.full((8, 8, 3), i % 250, dtype=np.uint8))


def stamps_of(paths) -> np.ndarray:
    return np.array([int(path.split("/")[-1].removesuffix(".jpg")) if path else -1 for path in paths])


@given(
    gaps_ms=st.lists(st.integers(1, 300), max_size=60),
    first_ms=st.integers(-300, 300),
    rate_hz=st.floats(1.0, 40.0),
)
def test_the_nearest_picture_or_none(gaps_ms, first_ms, rate_hz):
    taken = (first_ms + np.concatenate([[0], np.cumsum(gaps_ms)]).astype(np.int64)) * MS + FIRST_NS
    wanted = FIRST_NS + np.rint(np.arange(20) / rate_hz * 1e9).astype(np.int64)
    reach = min(np.median(np.diff(taken)) if len(taken) > 1 else 50 * MS, 1e9 / rate_hz) / 2
    for instant, picked in zip(wanted, nearest_pictures(taken, wanted, rate_hz), strict=True):
        away = np.abs(taken - instant)
        if picked < 0:
            assert away.min() > reach
        else:
            assert away[picked] == away.min() <= reach


def test_cameras_of_two_rates_on_the_real_log(shared_data, tmp_path):
    """Ring cameras at 20 Hz out of step with the sweeps, the stereo pair at 5 Hz, one camera that starts late, one without."""
    log = tmp_path / "log"
    shutil.copytree(shared_data(REAL), log, copy_function=shutil.copyfile)
    log.chmod(0o755)
    first = read_argoverse2(log, without_map=True).start_stamp_ns
    ring = first - 170 * MS + np.arange(330) * 50 * MS
    late = first + 5_000 * MS + np.arange(250) * 50 * MS
    stereo = first + 7 * MS + np.arange(78) * 200 * MS
    for name, stamps in (("ring_front_center", ring), ("ring_side_left", late), ("stereo_front_left", stereo)):
        write_pictures(log, name, stamps)
    scenario = read_argoverse2(log, without_map=True)
    assert len(scenario.cameras) == 9
    assert set(scenario.images) == {"ring_front_center", "ring_side_left", "stereo_front_left"}
    at_ns = scenario.start_stamp_ns + np.rint(scenario.time_s * 1e9).astype(np.int64)
    front = stamps_of(scenario.images["ring_front_center"])
    # Every frame has a picture, and none is further away than half of 50 ms: resampled sweeps were off by up to 83 ms more.
    assert np.abs(front - at_ns).max() <= 25 * MS
    assert len(set(front)) == len(front)
    late_got = stamps_of(scenario.images["ring_side_left"])
    assert (late_got[scenario.time_s < 4.97] == -1).all()
    assert (late_got[scenario.time_s > 5.0] > 0).all()
    stereo_got = stamps_of(scenario.images["stereo_front_left"])
    there = stereo_got > 0
    assert 5 / 12 * 0.95 < there.mean() < 5 / 12 * 1.05
    assert np.abs(stereo_got - at_ns)[there].max() <= 1e9 / 24
    assert len(set(stereo_got[there])) == there.sum()
    sweeps = read_argoverse2(log, without_map=True, frame_rate_hz=None)
    assert np.abs(stamps_of(sweeps.images["ring_front_center"]) - first - np.rint(sweeps.time_s * 1e9)).max() <= 25 * MS


@pytest.fixture
def log(tmp_path):
    path = write_log(tmp_path / "logs" / "log")
    write_pictures(path, "ring_front_center", FIRST_NS + np.arange(21) * 50 * MS)
    return path


def test_paths_lead_to_the_pictures_from_the_folder_that_holds_the_log(log, tmp_path, monkeypatch):
    scenario = read_argoverse2(log)
    first = f"log/sensors/cameras/ring_front_center/{FIRST_NS}.jpg"
    assert scenario.images["ring_front_center"][0] == first
    converted = convert_scenario(log, tmp_path / "a.json")
    assert converted.images["ring_front_center"][0] == f"logs/{first}"
    assert difference(load_scenario(tmp_path / "a.json"), converted) is None
    # Grey levels count the pictures: 12 Hz frames among pictures at 20 Hz.
    levels = [read_image(tmp_path / path).mean() for path in converted.images["ring_front_center"]]
    assert levels == pytest.approx(np.rint(np.arange(13) / 12 * 20).tolist(), abs=1.01)
    for here in (log, log.parent):
        monkeypatch.chdir(here)
        named = "." if here == log else "log"
        path = tmp_path.__class__(named)
        for picture in read_argoverse2(path).images["ring_front_center"]:
            assert (path.parent / picture).is_file()


def test_a_picture_that_is_gone_leaves_its_frame_with_none(log):
    gone = FIRST_NS + 500 * MS
    (log / "sensors" / "cameras" / "ring_front_center" / f"{gone}.jpg").unlink()
    paths = read_argoverse2(log).images["ring_front_center"]
    assert [i for i, path in enumerate(paths) if not path] == [6]


def test_other_files_beside_the_pictures_are_not_read(log):
    folder = log / "sensors" / "cameras" / "ring_front_center"
    whole = read_argoverse2(log).images
    for name in ("notes.txt", ".DS_Store", "-5.jpg", "x.jpg", f"{FIRST_NS}.png", f"{'9' * 30}.jpg"):
        (folder / name).touch()
    (log / "sensors" / "cameras" / "unknown_camera").mkdir()
    assert read_argoverse2(log).images == whole


def test_no_pictures_and_another_rig(tmp_path, log):
    assert read_argoverse2(write_log(tmp_path / "bare")).images == {}
    assert read_argoverse2(log, rig="nuscenes-front").images == {}
    (tmp_path / "bare" / "sensors" / "cameras" / "ring_front_center").mkdir(parents=True)
    assert read_argoverse2(tmp_path / "bare").images == {}


def test_a_single_picture(tmp_path):
    log = write_log(tmp_path / "log")
    write_pictures(log, "ring_front_center", [FIRST_NS + 260 * MS])
    images = find_images(log, ["ring_front_center"], FIRST_NS + np.arange(6) * 100 * MS, 10.0)["ring_front_center"]
    assert [bool(path) for path in images] == [False] * 6
    images = find_images(log, ["ring_front_center"], np.array([FIRST_NS + 250 * MS]), 0.0)["ring_front_center"]
    assert images == (f"log/sensors/cameras/ring_front_center/{FIRST_NS + 260 * MS}.jpg",)

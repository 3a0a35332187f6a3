from __future__ import annotations

import cv2
import numpy as np
import pytest

from everroad.media import read_image, write_png
from everroad.scenario.images import picture_size, recorded_path, refuse_bad_recorded
from everroad.scenario.rigs import RIGS
from everroad.scenario.types import Poses, Scenario


@pytest.fixture
def drive():
    """Three frames: CAM_FRONT has images at frames 0 and 2, CAM_BACK none."""
    poses = Poses(np.zeros((3, 3)), np.tile([1.0, 0, 0, 0], (3, 1)))
    images = {"CAM_FRONT": ("a.png", "", "deep/c.png"), "CAM_BACK": ("", "", "")}
    return Scenario("s", np.arange(3.0), poses, RIGS["nuscenes-6"], images=images)


def test_paths_are_relative_to_the_folder_and_absent_where_nothing_was_recorded(drive, tmp_path):
    paths = [[recorded_path(drive, tmp_path, name, i) for i in range(3)] for name in ("CAM_FRONT", "CAM_BACK", "CAM_BACK_LEFT")]
    assert paths == [[tmp_path / "a.png", None, tmp_path / "deep/c.png"], [None] * 3, [None] * 3]


def test_only_what_is_asked_for_is_checked(drive, tmp_path):
    write_png(tmp_path / "a.png", np.zeros((900, 1600, 3), dtype=np.uint8))
    names = [camera.name for camera in drive.cameras]
    refuse_bad_recorded(drive, tmp_path, names, [0, 1], "show another frame")
    refuse_bad_recorded(drive, tmp_path, ["CAM_BACK"], range(3), "show another frame")
    with pytest.raises(ValueError, match=r"c\.png: expected frame 2's recorded image, got no file; add it, or show"):
        refuse_bad_recorded(drive, tmp_path, names, range(3), "show another frame")
    whole = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(whole[:-20])
    with pytest.raises(ValueError, match=r"a\.png: expected a PNG or JPEG picture"):
        refuse_bad_recorded(drive, tmp_path, names, [0], "show another frame")


def test_a_picture_of_another_size_than_its_camera_is_refused(drive, tmp_path):
    write_png(tmp_path / "a.png", np.zeros((450, 800, 3), dtype=np.uint8))
    with pytest.raises(ValueError, match=r"a\.png: expected a picture of 1600x900 like camera CAM_FRONT, got 800x450; mend"):
        refuse_bad_recorded(drive, tmp_path, ["CAM_FRONT"], [0], "x")


@pytest.mark.parametrize("ending", [".png", ".jpg", ".webp", ".bmp"])
def test_the_size_in_the_header_is_that_of_the_picture(ending, tmp_path):
    for height, width in ((40, 70), (300, 1), (1, 257)):
        for options in ([], [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]) if ending == ".jpg" else ([],):
            cv2.imwrite(str(tmp_path / f"a{ending}"), np.zeros((height, width, 3), dtype=np.uint8), options)
            assert picture_size(tmp_path / f"a{ending}") == (width, height)


def test_a_picture_that_exif_turns_has_the_size_that_is_read(tmp_path):
    cv2.imwrite(str(tmp_path / "a.jpg"), np.zeros((40, 70, 3), dtype=np.uint8))
    data = (tmp_path / "a.jpg").read_bytes()
    # One entry of a little-endian TIFF directory: tag 0x0112, orientation, is 6, a quarter turn.
    exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"
    (tmp_path / "a.jpg").write_bytes(data[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + data[2:])
    assert read_image(tmp_path / "a.jpg").shape == (70, 40, 3)
    assert picture_size(tmp_path / "a.jpg") == (40, 70)

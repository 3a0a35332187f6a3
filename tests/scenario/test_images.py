from __future__ import annotations

import numpy as np
import pytest

from everroad.media import write_png
from everroad.scenario.images import recorded_path, refuse_bad_recorded
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
    write_png(tmp_path / "a.png", np.zeros((4, 6, 3), dtype=np.uint8))
    names = [camera.name for camera in drive.cameras]
    refuse_bad_recorded(drive, tmp_path, names, [0, 1], "show another frame")
    refuse_bad_recorded(drive, tmp_path, ["CAM_BACK"], range(3), "show another frame")
    with pytest.raises(ValueError, match=r"c\.png: expected frame 2's recorded image, got no file; add it, or show"):
        refuse_bad_recorded(drive, tmp_path, names, range(3), "show another frame")
    whole = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(whole[:-20])
    with pytest.raises(ValueError, match=r"a\.png: expected a PNG or JPEG picture"):
        refuse_bad_recorded(drive, tmp_path, names, [0], "show another frame")

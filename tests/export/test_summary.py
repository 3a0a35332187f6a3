from __future__ import annotations

from dataclasses import replace

import pytest

from everroad.export.run import export_scenario
from everroad.export.summary import counted, in_the_tables
from tests.export.scenes import camera, drive, first_frames


@pytest.mark.parametrize(
    ("frames", "line"),
    [
        (1, "1 frame, 1 key frame"),
        (2, "1 frame, 1 key frame; 1 frame after the last key frame is not in the tables"),
        (6, "1 frame, 1 key frame; 5 frames after the last key frame are not in the tables"),
        (7, "7 frames at 12 Hz, 2 key frames"),
        (12, "7 frames at 12 Hz, 2 key frames; 5 frames after the last key frame are not in the tables"),
    ],
)
def test_what_is_in_the_tables_and_what_is_not(tmp_path, frames, line):
    scene = first_frames(drive("a__b", map=None, signals=(), cameras=(camera(size_px=(48, 32)),)), frames)
    assert in_the_tables(tmp_path, export_scenario(scene, tmp_path)) == line


def test_a_scene_that_is_not_there(tmp_path):
    export_scenario(first_frames(replace(drive(), cameras=(camera(),)), 1), tmp_path)
    with pytest.raises(ValueError, match="expected a finished scene other, got none"):
        in_the_tables(tmp_path, "other")


def test_counting():
    assert [counted(n, "scene") for n in (0, 1, 2)] == ["0 scenes", "1 scene", "2 scenes"]

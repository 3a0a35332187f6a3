from __future__ import annotations

import numpy as np
import pytest

from everroad.scenario.nuscenes.arclines import discretise_lane, discretise_path

from .fake_map import path


def test_a_straight_path():
    points = discretise_path(path((2.0, 3.0, np.pi / 2), "LSR", 5.0, (0.0, 4.0, 0.0)), 1.0)
    assert np.abs(points - [[2, 3], [2, 4], [2, 5], [2, 6], [2, 7]]).max() < 1e-12


@pytest.mark.parametrize(("shape", "side"), [("LSL", 1.0), ("RSR", -1.0)])
def test_points_of_a_turn_lie_on_its_circle(shape, side):
    points = discretise_path(path((0.0, 0.0, 0.0), shape, 10.0, (10 * np.pi / 2, 0.0, 0.0)), 0.7)
    assert np.abs(np.linalg.norm(points - [0, side * 10], axis=1) - 10).max() < 1e-9
    assert points[-1] == pytest.approx([10, side * 10])
    chords = np.linalg.norm(np.diff(points, axis=0), axis=1)
    assert np.ptp(chords) < 1e-9
    assert chords.max() <= 0.7


def test_left_straight_right_ends_parallel():
    points = discretise_path(path((0.0, 0.0, 0.0), "LSR", 10.0, (10 * np.pi / 4, 5.0, 10 * np.pi / 4)), 0.01)
    side = 2 * (10 - 10 / np.sqrt(2)) + 5 / np.sqrt(2)
    assert points[-1, 1] == pytest.approx(side)
    assert np.abs((points[-1] - points[-2])[1]) < 1e-4


def test_lanes_are_their_paths_in_a_row():
    straight = path((0.0, 0.0, 0.0), "LSL", 5.0, (0.0, 2.0, 0.0))
    assert discretise_lane([straight, straight], 1.0)[:, 0].tolist() == [0, 1, 2, 0, 1, 2]
    assert discretise_lane([], 1.0).shape == (0, 2)
    assert discretise_path(path((1.0, 1.0, 0.0), "LSL", 5.0, (0.0, 0.0, 0.0)), 1.0).tolist() == [[1, 1], [1, 1]]


@pytest.mark.parametrize(
    "change",
    [
        {"shape": "LXL"}, {"shape": "LS"}, {"radius": 0.0}, {"radius": None}, {"segment_length": [1.0, 2.0]},
        {"segment_length": [1.0, -2.0, 3.0]}, {"segment_length": [1e300, 0, 0]}, {"start_pose": [0, 0]},
        {"start_pose": [0, float("nan"), 0]},
    ],
)  # fmt: skip
def test_what_is_no_path_is_refused(change):
    with pytest.raises(ValueError, match="expected start_pose, shape, radius and segment_length"):
        discretise_path(path((0.0, 0.0, 0.0), "LSL", 5.0, (1.0, 1.0, 1.0)) | change, 1.0)

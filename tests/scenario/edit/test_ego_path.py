from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from everroad import geometry
from everroad.scenario.edit.ego_path import lane_path, pace_ego, read_points, route_ego, shift_ego
from everroad.scenario.types import GroundHeight, Poses

from ..towns import SEEDS, town
from .straight import road, standing


def test_a_shift_goes_to_the_left_of_the_heading_and_nothing_else_moves():
    scenario = replace(road(), images={"CAM_FRONT": ("a.png",) * 121}, actors=(standing("car", 60.0, -4.0),))
    out = shift_ego(scenario, 1.5)
    np.testing.assert_allclose(out.world_from_ego.translation_m - scenario.world_from_ego.translation_m, [[0, 1.5, 0]] * 121)
    assert out.world_from_ego.rotation_wxyz is scenario.world_from_ego.rotation_wxyz
    assert out.images == {}
    assert out.actors is scenario.actors
    # What the cameras see follows: the car lies 1.5 m further to the right.
    before, after = (
        geometry.apply(geometry.invert(s.world_from_ego.matrix(0)), np.array([60.0, -4, 0])) for s in (scenario, out)
    )
    np.testing.assert_allclose(after - before, [0, -1.5, 0], atol=1e-9)


def test_in_a_bend_a_shift_is_the_parallel_curve():
    a = np.linspace(0, 1, 61)
    points = np.stack([20 * np.sin(a), 20 * (1 - np.cos(a)), 0 * a], axis=-1)
    poses = Poses(points, geometry.quaternion_from_yaw(a))
    out = shift_ego(replace(road(frames=61), world_from_ego=poses), 2.0)
    np.testing.assert_allclose(np.linalg.norm(out.world_from_ego.translation_m[:, :2] - [0, 20], axis=1), 18.0)


def test_a_shift_keeps_to_the_ground():
    slope = GroundHeight(np.array([-10.0, -10.0]), 1.0, np.tile(0.1 * np.arange(-10.0, 11.0)[:, None], (1, 200)))
    out = shift_ego(replace(road(), ground=slope), 3.0)
    np.testing.assert_allclose(out.world_from_ego.translation_m[:, 2], 0.3)


def test_slower_and_faster_replay_the_same_path():
    scenario = road()
    slow = pace_ego(scenario, 0.5)
    assert len(slow) == 121
    np.testing.assert_allclose(slow.world_from_ego.translation_m[:, 0], 5.0 * scenario.time_s)
    fast = pace_ego(scenario, 2.0)
    assert len(fast) == 61
    np.testing.assert_allclose(fast.world_from_ego.translation_m[:, 0], 20.0 * fast.time_s)
    assert fast.time_s[-1] == 5.0


def test_identities():
    scenario = road()
    assert shift_ego(scenario, 0.0) is scenario
    assert pace_ego(scenario, 1.0) is scenario


def test_a_new_path_is_driven_from_its_start():
    out = route_ego(road(), np.array([[0.0, 20, 3], [0.0, 300, 3]]), 8.0)
    np.testing.assert_allclose(
        out.world_from_ego.translation_m, np.stack([0 * out.time_s, 20 + 8 * out.time_s, 3 + 0 * out.time_s], -1), atol=1e-6
    )
    np.testing.assert_allclose(
        geometry.yaw_from_rotation(geometry.rotation_from_quaternion(out.world_from_ego.rotation_wxyz)), np.pi / 2
    )


def test_a_path_of_lanes():
    scenario = town(SEEDS[0])
    lane = next(lane for lane in scenario.map.lanes if lane.successors)
    line = lane_path(scenario, (lane.lane_id, lane.successors[0]))
    assert len(line) > len(lane.centerline_m)
    with pytest.raises(ValueError, match=f"lanes: expected a successor of '{lane.lane_id}'"):
        lane_path(scenario, (lane.lane_id, lane.lane_id))
    with pytest.raises(ValueError, match="lane: expected one of the map's"):
        lane_path(scenario, ("lan0",))


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda s: shift_ego(s, float("nan")), "left_m: expected finite numbers, -100 to 100 m, got nan"),
        (lambda s: pace_ego(s, 0.0), "factor: expected finite numbers, 0.05 to 20, got 0"),
        (
            lambda s: route_ego(s, np.array([[0.0, 0, 0], [50.0, 0, 0]]), 8.0),
            "path: expected 80.0 m for 10 s, got 50.0 m; lengthen",
        ),
        (lambda s: route_ego(s, np.array([[0.0, 0, 0], [500.0, 0, 0]]), -8.0), "speed_mps: expected finite numbers"),
        (lambda s: route_ego(s, np.zeros((3, 3)), 8.0), "path: expected a line of 1 m at least"),
        (lambda s: shift_ego(replace(s, actors=(standing("car", 60.0, -4.0),)), -3.5), "'car' and 'ego' apart"),
    ],
)
def test_bad_paths_are_refused(edit, words):
    with pytest.raises(ValueError) as caught:
        edit(road())
    assert words in str(caught.value)


def test_points_are_read_from_a_file(tmp_path):
    path = tmp_path / "points.json"
    path.write_text(json.dumps([[0, 1], [2.5, 3, 4]]))
    np.testing.assert_array_equal(read_points(path, road()), [[0, 1, 0], [2.5, 3, 4]])
    for content in ("[[1, 2]]", '{"a": 1}', "[[1, 2], [3]]", "nonsense"):
        path.write_text(content)
        with pytest.raises(ValueError, match=r"points\.json: .*expected") as caught:
            read_points(path, road())
        assert "\n" not in str(caught.value)

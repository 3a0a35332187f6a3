from __future__ import annotations

import numpy as np
import pytest

from everroad import geometry
from everroad.scenario.nuscenes.boxes import instants
from everroad.scenario.nuscenes.index_boxes import velocities
from everroad.scenario.nuscenes.reader import global_from_world_m, read_nuscenes

from . import fake

KEYS = np.arange(0, 16, 5)


def actor(scenario, name, scene="scene-0061"):
    return {a.track_id: a for a in scenario.actors}[fake.token("instance", scene, name)]


def test_boxes_at_key_frames_are_the_annotations(root):
    read = read_nuscenes(root)
    leader, shift_m = actor(read, "leader"), global_from_world_m(read)
    for k, frame in enumerate(KEYS):
        wanted = [620.1 + 6.0 * k, 1203.0 + 0.7 * k**2, 0.9]
        assert np.abs(leader.poses.translation_m[frame] + shift_m - wanted).max() < 1e-9
        assert np.abs(leader.poses.rotation_wxyz[frame] - geometry.quaternion_from_yaw(np.array(0.4 + 0.5 * k))).max() < 1e-12
    assert leader.size_lwh_m.tolist() == [4.5, 1.9, 1.6]
    assert leader.valid.all()


def test_between_key_frames_centre_is_linear_in_time_and_yaw_turns_evenly(root):
    read = read_nuscenes(root)
    leader, shift_m = actor(read, "leader"), global_from_world_m(read)
    # Frame 7 is taken 0.68 s after sample 0, which was 0.02 s after frame 0: 0.18 s of the half second after sample 1.
    ratio = 0.18 / 0.5
    wanted = np.array([626.1 + 6.0 * ratio, 1203.7 + 2.1 * ratio, 0.9])
    assert np.abs(leader.poses.translation_m[7] + shift_m - wanted).max() < 1e-9
    yaw = geometry.yaw_from_rotation(geometry.rotation_from_quaternion(leader.poses.rotation_wxyz[7]))
    assert yaw == pytest.approx(0.9 + 0.5 * ratio, abs=1e-9)


def test_velocity_between_key_frames_is_the_slope_of_the_positions(root):
    read = read_nuscenes(root)
    leader = actor(read, "leader")
    between = [(f, f + 1) for f in range(15) if f % 5 and (f + 1) % 5]
    for a, b in between:
        slope = (leader.poses.translation_m[b] - leader.poses.translation_m[a]) / (read.time_s[b] - read.time_s[a])
        assert np.abs(leader.velocity_mps[a] - slope).max() < 1e-6
    # At a key frame the central difference: y is 0.7 k^2, so its slope at sample 1 is 2 * 0.7 * 1 / 0.5 s.
    assert leader.velocity_mps[5] == pytest.approx([12.0, 2.8, 0.0], abs=1e-5)
    assert leader.velocity_mps[0] == pytest.approx([12.0, 1.4, 0.0], abs=1e-5)


def test_what_one_of_two_key_frames_lacks_is_absent_between(root):
    read = read_nuscenes(root)
    assert actor(read, "walker").valid.tolist() == [5 <= f <= 10 for f in range(16)]
    assert actor(read, "once").valid.tolist() == [f == 0 for f in range(16)]
    assert actor(read, "once").velocity_mps is None
    assert actor(read, "gap").valid.tolist() == [f in (0, 15) for f in range(16)]


def test_categories_and_attributes(root):
    read = read_nuscenes(root, sweeps=False)
    assert actor(read, "leader").category == "vehicle.car"
    assert actor(read, "leader").source_category is None
    assert actor(read, "gap").category is None
    assert actor(read, "gap").source_category == "robot.delivery"
    assert actor(read, "gap").attributes is None
    assert actor(read, "walker").attributes == ("", "pedestrian.moving", "pedestrian.moving", "")


def test_instants():
    sample_us = np.array([1000, 2000, 4000])
    stamp_us = np.array([900, 990, 1000, 1500, 2000, 3500, 3990, 4000, 4001])
    key = np.array([-1, 0, -1, -1, -1, -1, 2, -1, -1])
    at = instants(stamp_us, key, sample_us)
    assert at.inside.tolist() == [False, True, True, True, True, True, True, True, False]
    assert at.before[at.inside].tolist() == [0, 0, 0, 1, 1, 2, 2]
    assert at.after[at.inside].tolist() == [0, 0, 1, 1, 2, 2, 2]
    assert at.ratio[at.inside] == pytest.approx([0, 0, 0.5, 0, 0.75, 0, 0])


def test_velocities_are_central_one_sided_or_unknown():
    stamp_us = np.array([0, 1_000_000, 2_500_000, 9_000_000])
    place_m = np.array([[0.0, 0, 0], [1, 0, 0], [7, 0, 0], [8, 0, 0]])
    prev, following = np.array([-1, 0, 1, 2]), np.array([1, 2, 3, -1])
    found = velocities(place_m, stamp_us, prev, following)
    assert found[:2, 0] == pytest.approx([1.0, 7 / 2.5])
    assert np.isnan(found[2:]).all()
    assert np.isnan(velocities(place_m[:1], stamp_us[:1], np.array([-1]), np.array([-1]))).all()


def test_a_velocity_that_is_too_far_to_tell_comes_from_the_nearer_neighbour(tmp_path):
    made = fake.tables(samples=9)
    chain = [
        box for box in made["sample_annotation"] if box["instance_token"] == fake.token("instance", "scene-0061", "leader")
    ]
    gone = chain[2:8]
    made["sample_annotation"] = [box for box in made["sample_annotation"] if box not in gone]
    chain[1]["next"], chain[8]["prev"] = chain[8]["token"], chain[1]["token"]
    read = read_nuscenes(fake.write(tmp_path, made), sweeps=False)
    leader = actor(read, "leader")
    assert leader.velocity_mps[1] == pytest.approx([12.0, 1.4, 0], abs=1e-5)
    assert leader.velocity_mps[8] == pytest.approx([12.0, 0.7 * 63 / 3.5, 0], abs=1e-5)

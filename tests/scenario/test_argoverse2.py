from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from everroad import geometry
from everroad.scenario.argoverse2 import NOMINAL_ORIGIN_HEIGHT_M, is_argoverse2, read_argoverse2
from everroad.scenario.rigs import RIGS

from .av2_log import (
    FIRST_NS,
    HEIGHT_M,
    pose_rows,
    refused,
    write_log,
    write_map,
    write_table,
)
from .strategies import difference


@pytest.fixture
def sweeps(log):
    """The synthetic log at its own rate."""
    return read_argoverse2(log, frame_rate_hz=None)


def actor_named(scenario, track_id):
    return next(actor for actor in scenario.actors if actor.track_id == track_id)


def test_frames_are_the_annotated_sweeps(sweeps):
    np.testing.assert_allclose(sweeps.time_s, np.arange(11) / 10, atol=1e-12)
    assert sweeps.start_stamp_ns == FIRST_NS
    assert sweeps.name == "log"
    assert sweeps.source == "argoverse2, city = world + (1000.00, 2000.00, 50.00) m"


def test_the_ego_origin_comes_down_to_the_ground(sweeps):
    expected = np.stack([np.full(11, 0.4), 0.2 + np.arange(11.0), np.zeros(11)], axis=-1)
    np.testing.assert_allclose(sweeps.world_from_ego.translation_m, expected, atol=1e-9)
    np.testing.assert_allclose(sweeps.world_from_ego.matrices()[:, :3, 0], np.tile([0, 1, 0], (11, 1)), atol=1e-12)


def test_boxes_go_from_ego_to_world(sweeps):
    leader = actor_named(sweeps, "leader")
    # 2 m to the left of a car that drives north is 2 m west; its bottom is on the ground.
    expected = np.stack([np.full(11, 0.4 - 2), 0.2 + 10 + np.arange(11.0), np.full(11, 0.75)], axis=-1)
    np.testing.assert_allclose(leader.poses.translation_m, expected, atol=1e-9)
    np.testing.assert_allclose(leader.poses.matrices()[:, :3, 0], np.tile([0, 1, 0], (11, 1)), atol=1e-12)
    np.testing.assert_allclose(leader.velocity_mps, np.tile([0, 10, 0], (11, 1)), atol=1e-6)
    np.testing.assert_allclose(leader.size_lwh_m, [4, 2, 1.5])
    assert leader.valid.all()
    assert (leader.category, leader.detection_class, leader.source_category) == ("vehicle.car", "car", "REGULAR_VEHICLE")


def test_a_box_turned_around_heads_south(sweeps):
    cab = actor_named(sweeps, "cab")
    np.testing.assert_allclose(cab.poses.matrices()[:, :3, 0], np.tile([0, -1, 0], (11, 1)), atol=1e-12)
    assert (cab.category, cab.detection_class, cab.source_category) == (None, None, "TRUCK_CAB")


def test_an_actor_exists_while_it_is_annotated(sweeps):
    walker = actor_named(sweeps, "walker")
    assert walker.valid.tolist() == [False] * 2 + [True] * 4 + [False] * 5
    np.testing.assert_allclose(walker.poses.translation_m[walker.valid], np.tile([6.4, 20.2, 0.9], (4, 1)), atol=1e-9)
    np.testing.assert_allclose(walker.velocity_mps[walker.valid], 0, atol=1e-6)
    once = actor_named(sweeps, "once")
    assert np.flatnonzero(once.valid).tolist() == [3]
    assert once.velocity_mps is None
    assert once.category == "human.pedestrian.stroller"
    assert once.detection_class is None


def test_the_scenario_mining_layout_gives_the_same_without_the_ego_box(log, tmp_path):
    mining = read_argoverse2(write_log(tmp_path / "mining", mining=True), rig="nuscenes-6")
    sensor = read_argoverse2(log)
    assert {actor.track_id for actor in mining.actors} == {"leader", "cab", "walker"}
    assert mining.cameras == RIGS["nuscenes-6"]
    assert difference(replace(mining, name="", cameras=()), replace(sensor, name="", cameras=())) is None


def test_twelve_frames_a_second_unless_asked_otherwise(log):
    assert len(read_argoverse2(log)) == 13
    assert len(read_argoverse2(log, frame_rate_hz=20.0)) == 21
    walker = actor_named(read_argoverse2(log), "walker")
    # Sights from 0.2 s to 0.5 s: frames 3 (0.25 s) to 6 (0.5 s).
    assert np.flatnonzero(walker.valid).tolist() == [3, 4, 5, 6]


def test_cameras_rise_by_what_the_origin_came_down(sweeps):
    (camera,) = sweeps.cameras
    assert (camera.name, camera.width_px, camera.height_px) == ("ring_front_center", 1550, 2048)
    np.testing.assert_allclose(camera.ego_from_camera[:3, 3], [1.6, 0.01, 1.4 + HEIGHT_M], atol=1e-9)
    np.testing.assert_allclose(camera.ego_from_camera[:3, :3], [[0, 0, 1], [-1, 0, 0], [0, -1, 0]], atol=1e-12)
    np.testing.assert_allclose(camera.intrinsics, [[1776, 0, 778], [0, 1777, 1013.5], [0, 0, 1]])
    assert camera.distortion is None  # the log's pictures are undistorted already


def test_a_rig_replaces_the_cameras_and_stands_on_the_ground(log):
    assert read_argoverse2(log, rig="nuscenes-front").cameras == RIGS["nuscenes-front"]


def test_a_projected_box_corner_by_hand(sweeps):
    """The leader's rear right bottom edge: 8 m ahead of the axle, 1 m left, on the ground."""
    (camera,) = sweeps.cameras
    leader = actor_named(sweeps, "leader")
    corner = geometry.box_corners(leader.size_lwh_m, leader.poses.matrix(4))[6]
    camera_from_world = geometry.invert(sweeps.world_from_ego.matrix(4) @ camera.ego_from_camera)
    pixel, depth = geometry.project(geometry.apply(camera_from_world, corner[None]), camera.intrinsics)
    np.testing.assert_allclose(depth, [8 - 1.6], atol=1e-9)
    np.testing.assert_allclose(pixel, [[778 - 1776 * 0.99 / 6.4, 1013.5 + 1777 * 1.9 / 6.4]], atol=1e-6)


def test_a_pose_between_two_logged_ones_is_interpolated(log):
    rows = [row for row in pose_rows() if row["timestamp_ns"] != FIRST_NS + 100_000_000]
    write_table(log / "city_SE3_egovehicle.feather", rows)
    scenario = read_argoverse2(log, frame_rate_hz=None)
    np.testing.assert_allclose(scenario.world_from_ego.translation_m[1], [0.4, 1.2, 0], atol=1e-6)


def test_without_map_reads_none_and_takes_the_nominal_height(log):
    shutil.rmtree(log / "map")
    scenario = read_argoverse2(log, without_map=True)
    assert scenario.map is None
    assert scenario.ground is None
    np.testing.assert_allclose(scenario.world_from_ego.translation_m[0], [0.4, 0.2, 0], atol=1e-9)
    assert scenario.source.endswith(f"{50 + HEIGHT_M - NOMINAL_ORIGIN_HEIGHT_M:.2f}) m")
    np.testing.assert_allclose(scenario.cameras[0].ego_from_camera[2, 3], 1.4 + NOMINAL_ORIGIN_HEIGHT_M)


def test_the_origin_comes_down_along_the_cars_own_axis(log):
    """On a slope of 10 degrees the point below the axle is not the one straight down."""
    slope = Rotation.from_euler("y", -10, degrees=True)
    rotation = dict(zip(("qx", "qy", "qz", "qw"), slope.as_quat(), strict=True))
    write_table(log / "city_SE3_egovehicle.feather", [{**row, **rotation} for row in pose_rows()])
    scenario = read_argoverse2(log, frame_rate_hz=None)
    moved = scenario.world_from_ego.translation_m[0] - [0.4, 0.2, HEIGHT_M]
    np.testing.assert_allclose(moved, -HEIGHT_M * slope.as_matrix()[:, 2], atol=1e-9)


def test_an_incomplete_folder_is_recognised_and_another_is_not(log, tmp_path):
    assert is_argoverse2(log)
    for name in ("city_SE3_egovehicle.feather", "annotations.feather"):
        (log / name).unlink()
        assert is_argoverse2(log)
    (tmp_path / "other").mkdir()
    assert not is_argoverse2(tmp_path / "other")
    assert not is_argoverse2(tmp_path / "absent")


@pytest.mark.parametrize(
    ("missing", "parts"),
    [
        ("city_SE3_egovehicle.feather", ("city_SE3_egovehicle.feather",)),
        ("annotations.feather", ("annotations.feather",)),
        ("calibration/intrinsics.feather", ("--rig nuscenes-front", "--rig nuscenes-6", "calibration")),
        ("calibration/egovehicle_SE3_sensor.feather", ("--rig",)),
        ("map/log_map_archive_x____PIT_city_1.json", ("--without-map",)),
        ("map/x_ground_height_surface____PIT.npy", ("--without-map",)),
        ("map/x___img_Sim2_city.json", ("--without-map",)),
    ],
)
def test_a_missing_file_is_named_with_the_option_that_helps(missing, parts, log):
    (log / missing).unlink()
    refused(log, *parts)


def test_a_log_without_a_map_folder_is_refused(log):
    shutil.rmtree(log / "map")
    refused(log, "--without-map")


def test_poses_that_do_not_cover_the_annotations_are_refused(log):
    for rows in (pose_rows()[5:], pose_rows()[:10]):
        write_table(log / "city_SE3_egovehicle.feather", rows)
        refused(log, "city_SE3_egovehicle.feather", "annotated time")


def test_a_map_far_from_the_path_is_refused(log):
    write_map(log / "map", height_m=np.full((20, 20), 50.0))
    refused(log, "below the ego path", "--without-map")


def test_an_unknown_rig_is_refused(log):
    with pytest.raises(ValueError, match="nuscenes-front, nuscenes-6"):
        read_argoverse2(log, rig="kitti")


def test_a_broken_map_archive_is_refused(log):
    path = log / "map" / "log_map_archive_x____PIT_city_1.json"
    archive = json.loads(path.read_text())
    path.write_text(path.read_text()[:-10])
    refused(log, path.name, "expected JSON")
    del archive["lane_segments"]["11"]["left_lane_boundary"]
    path.write_text(json.dumps(archive))
    refused(log, path.name, "lane_segments.11.left_lane_boundary")

from __future__ import annotations

import shutil
from functools import cache

import numpy as np
import pytest
import shapely

from everroad.scenario.argoverse2 import read_argoverse2
from everroad.scenario.argoverse2_tables import read_boxes, read_poses
from everroad.scenario.rigs import RIGS
from everroad.scenario.storage import load_scenario, save_scenario

from .av2_log import (
    refused,
)
from .strategies import difference

REAL = "av2/7fab2350-7eaf-3b7e-a39d-6937a4c1bede"
REAL_WITHOUT_CALIBRATION = "av2/3b3570b4-7b0b-3268-a571-b0889dbf40b6"

read_once = cache(read_argoverse2)


@pytest.fixture
def real(shared_data):
    return read_once(shared_data(REAL))


def test_the_real_log_by_its_numbers(real):
    assert len(real) == 186
    assert real.frame_rate_hz == pytest.approx(12)
    assert len(real.cameras) == 9
    front = next(camera for camera in real.cameras if camera.name == "ring_front_center")
    assert (front.width_px, front.height_px) == (1550, 2048)
    assert front.distortion is None  # the log's pictures are undistorted already
    assert real.map is not None
    assert real.map.lanes is not None
    assert len(real.map.lanes) == 163
    assert {actor.source_category for actor in real.actors if actor.detection_class is None} == {
        "BOLLARD",
        "STROLLER",
        "TRUCK_CAB",
    }


def test_the_real_ego_car_and_cars_stand_on_the_ground(real):
    path_m = real.world_from_ego.translation_m
    above_m = path_m[:, 2] - real.ground.at(path_m[:, :2])
    assert np.abs(above_m).max() < 0.1
    assert abs(np.median(above_m)) < 0.02
    bottoms = []
    for actor in real.actors:
        if actor.category == "vehicle.car":
            position_m = actor.poses.translation_m[actor.valid]
            bottoms.extend(position_m[:, 2] - actor.size_lwh_m[2] / 2 - real.ground.at(position_m[:, :2]))
    assert abs(np.nanmedian(bottoms)) < 0.05


@pytest.mark.parametrize(("name", "rig"), [(REAL, None), (REAL_WITHOUT_CALIBRATION, "nuscenes-front")])
def test_real_boxes_lanes_and_markings_lie_on_the_ground(name, rig, shared_data):
    scenario = read_once(shared_data(name), rig=rig)
    bottoms_m = np.concatenate(
        [
            position_m[:, 2] - actor.size_lwh_m[2] / 2 - scenario.ground.at(position_m[:, :2])
            for actor in scenario.actors
            for position_m in [actor.poses.translation_m[actor.valid]]
        ]
    )
    known = np.isfinite(bottoms_m)
    assert known.mean() > 0.75
    assert np.abs(bottoms_m[known]).max() < 0.25
    assert np.quantile(np.abs(bottoms_m[known]), 0.99) < 0.1
    map_ = scenario.map
    for layer_m in (
        [lane.centerline_m for lane in map_.lanes],
        [line.points_m for line in (*map_.lane_dividers, *map_.road_dividers)],
        [area.exterior_m for area in map_.ped_crossings],
    ):
        points_m = np.concatenate(layer_m)
        above_m = points_m[:, 2] - scenario.ground.at(points_m[:, :2])
        assert np.nanquantile(np.abs(above_m), 0.95) < 0.15
        assert abs(np.nanmedian(above_m)) < 0.03


@pytest.mark.parametrize(("name", "rig"), [(REAL, None), (REAL_WITHOUT_CALIBRATION, "nuscenes-front")])
def test_real_velocities_are_those_of_the_resampled_positions(name, rig, shared_data):
    scenario = read_once(shared_data(name), rig=rig)
    off_mps = []
    for actor in scenario.actors:
        if actor.velocity_mps is not None:
            middle = np.flatnonzero(actor.valid[:-2] & actor.valid[1:-1] & actor.valid[2:]) + 1
            moved_m = actor.poses.translation_m[middle + 1] - actor.poses.translation_m[middle - 1]
            velocity_mps = moved_m / (scenario.time_s[middle + 1] - scenario.time_s[middle - 1])[:, None]
            off_mps.extend(np.linalg.norm(velocity_mps - actor.velocity_mps[middle], axis=1))
    assert len(off_mps) > 10_000
    assert max(off_mps) < 0.1


def test_the_real_ego_box_says_how_large_the_car_is_and_not_where(shared_data):
    """It is centred at the logged origin in every sweep, 0.74 m into the ground: nothing to make an actor of."""
    path = shared_data(REAL_WITHOUT_CALIBRATION)
    boxes = read_boxes(path)
    ego = np.array(boxes.category) == "EGO_VEHICLE"
    assert ego.sum() == len(np.unique(boxes.stamp_ns)) == 157
    assert not boxes.poses.translation_m[ego].any()
    np.testing.assert_allclose(boxes.poses.rotation_wxyz[ego], np.tile([1, 0, 0, 0], (157, 1)))
    assert np.ptp(boxes.size_lwh_m[ego], axis=0).max() == 0
    tracks = set(np.array(boxes.track)[ego])
    assert not tracks & {actor.track_id for actor in read_once(path, rig="nuscenes-front").actors}


def test_the_real_cameras_have_their_own_sizes(real):
    sizes = {camera.name: (camera.width_px, camera.height_px) for camera in real.cameras}
    ring = {f"ring_{place}" for place in ("front_left", "front_right", "rear_left", "rear_right", "side_left", "side_right")}
    wide = dict.fromkeys(ring | {"stereo_front_left", "stereo_front_right"}, (2048, 1550))
    assert sizes == {**wide, "ring_front_center": (1550, 2048)}


def test_real_moving_cars_drive_along_lanes_on_drivable_area(real):
    """Positions, headings and velocities of boxes against the lanes of the map, two sources that know nothing of each other."""
    area = shapely.union_all([shapely.Polygon(a.exterior_m[:, :2]) for a in real.map.drivable_areas])
    on_road, along_lane, along_velocity = [], [], []
    starts = np.concatenate([lane.centerline_m[:-1, :2] for lane in real.map.lanes])
    steps = np.concatenate([np.diff(lane.centerline_m[:, :2], axis=0) for lane in real.map.lanes])
    for actor in real.actors:
        if actor.category != "vehicle.car" or actor.velocity_mps is None:
            continue
        for i in np.flatnonzero(actor.valid)[::12]:
            if np.linalg.norm(actor.velocity_mps[i]) < 4:
                continue
            pose = actor.poses.matrix(int(i))
            on_road.append(area.contains(shapely.Point(pose[:2, 3])))
            nearby = np.linalg.norm(starts + steps / 2 - pose[:2, 3], axis=1) < 4
            directions = steps[nearby] / np.linalg.norm(steps[nearby], axis=1, keepdims=True)
            along_lane.append((directions @ pose[:2, 0]).max(initial=-1))
            along_velocity.append(actor.velocity_mps[i] @ pose[:3, 0] / np.linalg.norm(actor.velocity_mps[i]))
    assert len(on_road) > 50
    assert np.mean(on_road) > 0.97
    assert np.mean(np.array(along_lane) > 0.95) > 0.9
    assert np.mean(np.array(along_velocity) > 0.98) > 0.95


def test_the_real_world_frame_is_the_city_shifted(real, shared_data):
    shift = np.array([float(x) for x in real.source.split("(")[1].split(")")[0].split(",")])
    assert np.abs(real.world_from_ego.translation_m[0]).max() < 0.51
    stamps_ns, poses = read_poses(shared_data(REAL) / "city_SE3_egovehicle.feather")
    at = int(np.searchsorted(stamps_ns, real.start_stamp_ns))
    below = poses.translation_m[at] - (real.world_from_ego.translation_m[0] + shift)
    # What parts them is the way down from the axle to the ground.
    assert 0.25 < np.linalg.norm(below) < 0.4
    np.testing.assert_allclose(below / np.linalg.norm(below), poses.matrix(at)[:3, 2], atol=1e-6)


def test_real_actors_are_seen_from_their_first_to_their_last_annotation(real, shared_data):
    boxes = read_boxes(shared_data(REAL))
    tracks = np.array(boxes.track)
    for actor in real.actors:
        sights_s = (boxes.stamp_ns[tracks == actor.track_id] - real.start_stamp_ns) / 1e9
        seen_s = real.time_s[actor.valid]
        assert sights_s.min() - 1e-6 <= seen_s.min() < sights_s.min() + 1 / 12
        assert sights_s.max() - 1 / 12 < seen_s.max() <= sights_s.max() + 1e-6


def test_the_real_log_survives_storage(real, tmp_path):
    save_scenario(real, tmp_path / "log.json.gz")
    assert difference(real, load_scenario(tmp_path / "log.json.gz")) is None


def test_the_real_log_without_calibration_asks_for_a_rig_and_works_with_it(shared_data):
    path = shared_data(REAL_WITHOUT_CALIBRATION)
    refused(path, "--rig nuscenes-front")
    scenario = read_argoverse2(path, rig="nuscenes-front")
    assert len(scenario) == 188
    assert scenario.cameras == RIGS["nuscenes-front"]
    assert "EGO_VEHICLE" not in {actor.source_category for actor in scenario.actors}
    assert scenario.map is not None


def test_truncating_the_real_files_never_crashes(shared_data, tmp_path):
    copy = tmp_path / "log"
    shutil.copytree(shared_data(REAL), copy, copy_function=shutil.copyfile)
    copy.chmod(0o755)
    path = copy / "annotations.feather"
    whole = path.read_bytes()
    for length in np.linspace(0, len(whole) - 1, 15).astype(int):
        path.write_bytes(whole[:length])
        refused(copy, "annotations.feather")

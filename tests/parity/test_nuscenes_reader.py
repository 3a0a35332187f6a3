"""The reader against nuscenes-devkit 1.2.0, on data sets made by hand: to 1e-6.

Where the devkit is not installed these tests are skipped; its own environment has it (docs/nuscenes.md says how).
"""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("nuscenes", reason="needs nuscenes-devkit, which wants numpy < 2: an environment of its own")

from nuscenes.map_expansion.arcline_path_utils import discretize_lane
from nuscenes.map_expansion.map_api import NuScenesMap
from nuscenes.nuscenes import NuScenes
from shapely import LineString, MultiLineString, Polygon
from shapely import box as rectangle
from shapely.ops import unary_union

from everroad import geometry
from everroad.scenario.nuscenes.arclines import discretise_lane
from everroad.scenario.nuscenes.map_records import MapRecords
from everroad.scenario.nuscenes.maps import MARGIN_M, patch_around
from everroad.scenario.nuscenes.reader import global_from_world_m, read_nuscenes

from ..scenario.nuscenes import fake, fake_map

PARITY = 1e-6
SCENES = ("scene-0061", "scene-0103", "scene-0655")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Three scenes: an ordinary one, one without annotations, one of a single key frame."""
    made = fake.tables(SCENES[:2], samples=6)
    single = fake.tables(SCENES[2:], samples=1)
    for name in ("log", "scene", "sample", "sample_data", "ego_pose", "calibrated_sensor", "instance", "sample_annotation"):
        made[name] += single[name]
    made["map"][0]["log_tokens"] += single["map"][0]["log_tokens"]
    without = {fake.token("sample", SCENES[1], k) for k in range(6)}
    made["sample_annotation"] = [box for box in made["sample_annotation"] if box["sample_token"] not in without]
    # A gap of 2.5 s, over which the devkit tells no velocity.
    return fake.write(tmp_path_factory.mktemp("nuscenes"), made, expansion=fake_map.expansion())


@pytest.fixture(scope="module")
def devkit(root):
    return NuScenes("v1.0-mini", str(root), verbose=False)


@pytest.fixture(scope="module")
def devkit_map(root):
    return NuScenesMap(str(root), "boston-seaport")


def records_of(devkit, scene, channel):
    found = [r for r in devkit.sample_data if r["channel"] == channel]
    mine = [r for r in found if devkit.get("scene", devkit.get("sample", r["sample_token"])["scene_token"])["name"] == scene]
    return sorted(mine, key=lambda record: record["timestamp"])


def turn_between(a_wxyz, b_wxyz) -> float:
    a, b = np.array(a_wxyz), np.array(b_wxyz)
    return float(min(np.abs(a - b).max(), np.abs(a + b).max()))


@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("sweeps", [True, False])
def test_ego_poses_and_times(root, devkit, scene, sweeps):
    read = read_nuscenes(root, scene, sweeps=sweeps)
    records = [r for r in records_of(devkit, scene, "CAM_FRONT") if sweeps or r["is_key_frame"]]
    assert len(records) == len(read)
    shift_m = global_from_world_m(read)
    for frame, record in enumerate(records):
        pose = devkit.get("ego_pose", record["ego_pose_token"])
        assert read.start_stamp_ns + round(read.time_s[frame] * 1e9) == pytest.approx(record["timestamp"] * 1000, abs=1)
        assert np.abs(read.world_from_ego.translation_m[frame] + shift_m - pose["translation"]).max() < PARITY
        assert turn_between(read.world_from_ego.rotation_wxyz[frame], pose["rotation"]) < PARITY


@pytest.mark.parametrize("scene", SCENES)
def test_cameras(root, devkit, scene):
    read = read_nuscenes(root, scene)
    assert {camera.name for camera in read.cameras} == set(fake.CAMERAS)
    for camera in read.cameras:
        record = records_of(devkit, scene, camera.name)[0]
        _, _, intrinsics = devkit.get_sample_data(record["token"])
        mount = devkit.get("calibrated_sensor", record["calibrated_sensor_token"])
        assert np.abs(camera.intrinsics - intrinsics).max() < PARITY
        from nuscenes.utils.geometry_utils import transform_matrix
        from pyquaternion import Quaternion

        wanted = transform_matrix(mount["translation"], Quaternion(mount["rotation"]))
        assert np.abs(camera.ego_from_camera - wanted).max() < PARITY
        assert (camera.width_px, camera.height_px) == (record["width"], record["height"])


@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("sweeps", [True, False])
def test_boxes(root, devkit, scene, sweeps):
    read = read_nuscenes(root, scene, sweeps=sweeps)
    shift_m = global_from_world_m(read)
    records = [r for r in records_of(devkit, scene, "CAM_FRONT") if sweeps or r["is_key_frame"]]
    compared = 0
    for frame, record in enumerate(records):
        ours = {a.track_id: a for a in read.actors if a.valid[frame]}
        sample = devkit.get("sample", record["sample_token"])
        wanted = {
            devkit.get("sample_annotation", box.token)["instance_token"]: box for box in devkit.get_boxes(record["token"])
        }
        if not record["is_key_frame"]:
            # The devkit holds a box that the sample before does not have; here it is absent.
            before = devkit.get("sample", sample["prev"])["anns"]
            known = {devkit.get("sample_annotation", token)["instance_token"] for token in before}
            wanted = {instance: box for instance, box in wanted.items() if instance in known}
        assert set(ours) == set(wanted)
        for instance, box in wanted.items():
            actor, compared = ours[instance], compared + 1
            assert np.abs(actor.poses.translation_m[frame] + shift_m - box.center).max() < PARITY
            assert turn_between(actor.poses.rotation_wxyz[frame], box.orientation.elements) < PARITY
            assert np.abs(actor.size_lwh_m[[1, 0, 2]] - box.wlh).max() < PARITY
            assert (actor.category or actor.source_category) == box.name
    assert compared > 0 or scene == SCENES[1]


@pytest.mark.parametrize("scene", SCENES)
def test_velocities(root, devkit, scene):
    read = read_nuscenes(root, scene, sweeps=False)
    records = [r for r in records_of(devkit, scene, "CAM_FRONT") if r["is_key_frame"]]
    unknown = 0
    for frame, record in enumerate(records):
        for token in devkit.get("sample", record["sample_token"])["anns"]:
            velocity_mps = devkit.box_velocity(token)
            actor = {a.track_id: a for a in read.actors}[devkit.get("sample_annotation", token)["instance_token"]]
            if np.isnan(velocity_mps).any():
                unknown += 1
            else:
                assert np.abs(actor.velocity_mps[frame] - velocity_mps).max() < PARITY
    assert unknown > 0 or scene == SCENES[1]


def patch_of(root):
    read = read_nuscenes(root, SCENES[0])
    shift_m = global_from_world_m(read)
    return read.map, shift_m, patch_around(read.world_from_ego.translation_m + shift_m)


def from_devkit(devkit_map, patch, layer):
    """The devkit's geometry of a layer inside the patch, which it moves to the patch's middle."""
    x0, y0, x1, y1 = patch.bounds
    x, y = (x0 + x1) / 2, (y0 + y1) / 2
    found = devkit_map.explorer._get_layer_geom((x, y, y1 - y0, x1 - x0), 0.0, layer)
    from shapely import affinity

    return unary_union([affinity.translate(part, x, y) for part in found])


@pytest.mark.parametrize(
    ("layer", "ours"), [("drivable_area", "drivable_areas"), ("walkway", "walkways"), ("ped_crossing", "ped_crossings")]
)
def test_polygons_of_the_map(root, devkit_map, layer, ours):
    read, shift_m, patch = patch_of(root)
    areas = [
        Polygon((a.exterior_m + shift_m)[:, :2], [(hole + shift_m)[:, :2] for hole in a.holes_m]) for a in getattr(read, ours)
    ]
    wanted = from_devkit(devkit_map, patch, layer)
    assert wanted.area > 10
    assert unary_union(areas).symmetric_difference(wanted).area < PARITY
    assert sum(area.area for area in areas) == pytest.approx(wanted.area, abs=PARITY)


@pytest.mark.parametrize(("layer", "ours"), [("lane_divider", "lane_dividers"), ("road_divider", "road_dividers")])
def test_lines_of_the_map(root, devkit_map, layer, ours):
    read, shift_m, patch = patch_of(root)
    lines = MultiLineString([LineString((d.points_m + shift_m)[:, :2]) for d in getattr(read, ours)])
    wanted = from_devkit(devkit_map, patch, layer)
    assert lines.length == pytest.approx(wanted.length, abs=PARITY)
    assert lines.hausdorff_distance(wanted) < PARITY


def test_which_lanes_lie_in_the_patch(root, devkit_map):
    read, shift_m, patch = patch_of(root)
    found = devkit_map.get_records_in_patch(patch.bounds, ["lane", "lane_connector"])
    with_centreline = [token for tokens in found.values() for token in tokens if devkit_map.arcline_path_3.get(token)]
    assert {lane.lane_id for lane in read.lanes} == set(with_centreline)
    for lane in read.lanes:
        wanted = np.array(discretize_lane(devkit_map.get_arcline_path(lane.lane_id), 1.0))[:, :2]
        assert LineString(wanted).hausdorff_distance(LineString((lane.centerline_m + shift_m)[:, :2])) < PARITY
        assert set(lane.successors) == set(devkit_map.get_outgoing_lane_ids(lane.lane_id)) & set(with_centreline)


def test_whole_polygons(root, devkit_map):
    records = MapRecords(root / "maps" / "expansion" / "boston-seaport.json")
    for stored in devkit_map.polygon:
        (ours,) = records.polygons("polygon", stored, stored["token"])
        assert ours.symmetric_difference(devkit_map.extract_polygon(stored["token"])).area < PARITY


@pytest.mark.parametrize("shape", ["LRL", "RLR", "LSL", "LSR", "RSL", "RSR"])
@pytest.mark.parametrize("lengths", [(3.3, 0.0, 8.1), (0.0, 7.0, 0.0), (12.0, 5.5, 0.01), (0.2, 0.3, 0.1), (0.0, 0.0, 4.4)])
@pytest.mark.parametrize("spacing_m", [0.5, 1.0, 3.7])
def test_arclines(shape, lengths, spacing_m):
    paths = [
        fake_map.path((700.3, 1200.9, 2.8), shape, 6.5, lengths),
        fake_map.path((-40.0, 3.0, -3.1), shape, 999.999, (lengths[1], lengths[2] + 1.0, lengths[0])),
    ]
    wanted = np.array(discretize_lane(paths, spacing_m))[:, :2]
    ours = discretise_lane(paths, spacing_m)
    assert ours.shape == wanted.shape
    assert np.abs(ours - wanted).max() < PARITY


def test_polygons_that_only_touch_the_edge_of_the_patch(root, tmp_path):
    read = read_nuscenes(root, SCENES[0])
    x0, y0, x1, _ = patch_around(read.world_from_ego.translation_m + global_from_world_m(read)).bounds
    odd = fake_map.FakeMap()
    for points in (fake_map.rectangle(x1, y0 + 5, x1 + 9, y0 + 20), [(x0, y0), (x0 - 5, y0 - 1), (x0 - 5, y0 - 9)]):
        odd.add("walkway", polygon_token=odd.polygon(points))
    # Touches along an edge and enters elsewhere: a collection of a line and a polygon.
    entering = [
        (x0, y0 + 30),
        (x0, y0 + 40),
        (x0 + 4, y0 + 40),
        (x0 + 4, y0 + 45),
        (x0, y0 + 50),
        (x0, y0 + 60),
        (x0 - 9, y0 + 45),
    ]
    odd.add("walkway", polygon_token=odd.polygon(entering))
    other = fake.write(tmp_path, fake.tables(SCENES[:1]), expansion=odd.content)
    patch = patch_around(
        np.array(read_nuscenes(other).world_from_ego.translation_m) + global_from_world_m(read_nuscenes(other))
    )
    devkit_map = NuScenesMap(str(other), "boston-seaport")
    read = read_nuscenes(other)
    shift_m = global_from_world_m(read)
    areas = [Polygon((a.exterior_m + shift_m)[:, :2]) for a in read.map.walkways]
    wanted = from_devkit(devkit_map, patch, "walkway")
    assert unary_union(areas).symmetric_difference(wanted).area < PARITY
    assert all(area.area > 0 for area in areas)
    touched = {"walkway-0", "walkway-1", "walkway-2"}
    assert set(devkit_map.get_records_in_patch(patch.bounds, ["walkway"])["walkway"]) <= touched


def test_the_patch_is_the_path_and_a_margin():
    path_m = np.array([[3.0, 4.0, 0.0], [5.0, -1.0, 0.0]])
    assert patch_around(path_m).equals(rectangle(3 - MARGIN_M, -1 - MARGIN_M, 5 + MARGIN_M, 4 + MARGIN_M))


def test_the_helper_that_compares_rotations_can_fail():
    yaw = geometry.quaternion_from_yaw(np.array([0.0, 0.01]))
    assert turn_between(yaw[0], yaw[1]) > PARITY

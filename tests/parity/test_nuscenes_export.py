"""What the official devkit makes of an export. Needs nuscenes-devkit 1.2.0 (extra ``nuscenes``), which pins NumPy 1.26."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from everroad import geometry
from everroad.conditions.rig import fit_camera
from everroad.export.options import ExportOptions
from everroad.export.run import export_scenario
from everroad.export.timing import key_frames, timestamps_us
from everroad.export.tokens import token as token_of
from everroad.scenario.rigs import get_rig
from everroad.scenario.storage import load_scenario
from everroad.scenario.town import author_town

pytest.importorskip("nuscenes", reason="needs the official devkit: pip install nuscenes-devkit==1.2.0")
import matplotlib

matplotlib.use("Agg")
from nuscenes import NuScenes
from nuscenes.eval.common.config import config_factory
from nuscenes.eval.detection.evaluate import DetectionEval
from nuscenes.eval.detection.utils import category_to_detection_name
from nuscenes.map_expansion.bitmap import BitMap
from nuscenes.map_expansion.map_api import NuScenesMap
from nuscenes.map_expansion.utils import get_egoposes_on_drivable_ratio
from nuscenes.utils.data_classes import LidarPointCloud
from nuscenes.utils.geometry_utils import BoxVisibility, transform_matrix
from pyquaternion import Quaternion

from tests.export.scenes import drive, first_frames

VERSION, LOCATION = "v1.0-everroad", "singapore-onenorth"
SEED, SECONDS = 1_000_003, 1.6


def _cameras():
    six = tuple(fit_camera(camera, 64, 112) for camera in get_rig("nuscenes-6"))
    return (*six[:5], replace(fit_camera(get_rig("nuscenes-6")[5], 72, 128)))  # the last of another size


@pytest.fixture(scope="session")
def towns():
    """A town, and a hand-made drive with every layer of the map."""
    return {scene.name: replace(scene, cameras=_cameras()) for scene in (author_town(SEED, SECONDS), drive())}


@pytest.fixture(scope="session")
def root(towns, tmp_path_factory):
    folder = tmp_path_factory.mktemp("nusc")
    first, second = towns.values()
    export_scenario(first, folder, ExportOptions(split="everroad_train"), shard_only=True)
    export_scenario(second, folder, ExportOptions(split="everroad_val", image_format="png"))
    return folder


@pytest.fixture(scope="session")
def nusc(root):
    return NuScenes(VERSION, str(root), verbose=False)


@pytest.fixture(scope="session")
def nusc_map(root):
    return NuScenesMap(str(root), LOCATION)


@pytest.fixture(scope="session")
def shifts(root):
    return json.loads((root / VERSION / "everroad.json").read_text())["shift_m"]


def _scene(nusc, towns, sample):
    return towns[nusc.get("scene", sample["scene_token"])["name"]]


def _frame(scene, timestamp):
    start = timestamps_us(scene, scene.name)[0]
    return int(np.argmin(np.abs(scene.time_s - (timestamp - start) * 1e-6)))


def test_every_file_is_there_and_every_token_leads_somewhere(nusc, root):
    for record in (*nusc.sample_data, *nusc.map):
        assert (root / record["filename"]).is_file()
    for record in nusc.image_annotations:
        annotation = nusc.get("sample_annotation", record["sample_annotation_token"])
        assert nusc.get("sample_data", record["sample_data_token"])["sample_token"] == annotation["sample_token"]
    assert nusc.image_annotations
    named = {
        "sample": {"scene_token": "scene", "prev": "sample", "next": "sample"},
        "sample_data": {
            "sample_token": "sample", "ego_pose_token": "ego_pose", "calibrated_sensor_token": "calibrated_sensor",
            "prev": "sample_data", "next": "sample_data",
        },
        "sample_annotation": {
            "sample_token": "sample", "instance_token": "instance", "visibility_token": "visibility",
            "prev": "sample_annotation", "next": "sample_annotation",
        },
        "instance": {
            "category_token": "category", "first_annotation_token": "sample_annotation",
            "last_annotation_token": "sample_annotation",
        },
        "scene": {"log_token": "log", "first_sample_token": "sample", "last_sample_token": "sample"},
        "calibrated_sensor": {"sensor_token": "sensor"},
    }  # fmt: skip
    for table, fields in named.items():
        rows = getattr(nusc, table)
        assert len({row["token"] for row in rows}) == len(rows) > 0
        assert all(table == "visibility" or len(row["token"]) == 32 for row in rows)
        for row in rows:
            for field, other in fields.items():
                assert (row[field] == "" and field in ("prev", "next")) or nusc.get(other, row[field])
    for row in nusc.sample_annotation:
        assert all(nusc.get("attribute", attribute) for attribute in row["attribute_tokens"])
    for table in ("sample", "sample_data", "sample_annotation"):
        for row in getattr(nusc, table):
            if row["next"]:
                assert nusc.get(table, row["next"])["prev"] == row["token"]


def test_samples_are_key_frames_at_two_hertz_with_all_sensors(nusc, towns):
    channels = {"LIDAR_TOP", *(camera.name for camera in _cameras())}
    for sample in nusc.sample:
        assert set(sample["data"]) == channels
        scene = _scene(nusc, towns, sample)
        assert _frame(scene, sample["timestamp"]) in key_frames(scene.time_s)
    for scene in nusc.scene:
        stamps = []
        token = scene["first_sample_token"]
        while token:
            stamps.append(nusc.get("sample", token)["timestamp"])
            token = nusc.get("sample", token)["next"]
        assert len(stamps) == scene["nbr_samples"] == (3 if scene["name"] == "drive" else 4)
        np.testing.assert_allclose(np.diff(stamps), 500_000)


def test_poses_cameras_and_boxes_at_key_frames_are_the_scenarios(nusc, towns, shifts):
    for sample in nusc.sample:
        scene = _scene(nusc, towns, sample)
        i = _frame(scene, sample["timestamp"])
        frame = scene.frame(i)
        shift = np.array(shifts[scene.name])
        by_instance = {a["instance_token"]: a for a in (nusc.get("sample_annotation", t) for t in sample["anns"])}
        assert len(by_instance) == len([a for a in frame.actors if a.category])
        for camera in scene.cameras:
            data = nusc.get("sample_data", sample["data"][camera.name])
            assert (data["width"], data["height"]) == (camera.width_px, camera.height_px)
            _, boxes, intrinsics = nusc.get_sample_data(data["token"], box_vis_level=BoxVisibility.NONE)
            np.testing.assert_allclose(intrinsics, camera.intrinsics, atol=1e-6)
            pose, mount = (
                nusc.get("ego_pose", data["ego_pose_token"]),
                nusc.get("calibrated_sensor", data["calibrated_sensor_token"]),
            )
            world_from_ego = transform_matrix(pose["translation"], Quaternion(pose["rotation"]))
            world_from_ego[:3, 3] -= shift
            np.testing.assert_allclose(world_from_ego, frame.world_from_ego, atol=1e-6)
            np.testing.assert_allclose(
                transform_matrix(mount["translation"], Quaternion(mount["rotation"])), camera.ego_from_camera, atol=1e-6
            )
            camera_from_world = geometry.invert(frame.world_from_ego @ camera.ego_from_camera)
            wanted = {tuple(np.round(geometry.apply(camera_from_world, a.world_from_actor[:3, 3]), 4)): a for a in frame.actors}
            for box in boxes:
                actor = wanted[tuple(np.round(box.center, 4))]
                corners = geometry.box_corners(actor.size_lwh_m, camera_from_world @ actor.world_from_actor)
                assert box.name == actor.category
                # The devkit lists corners in another order.
                ours, theirs = np.sort(corners.round(5), axis=0), np.sort(box.corners().T.round(5), axis=0)
                np.testing.assert_allclose(ours, theirs, atol=2e-5)
                np.testing.assert_allclose(box.center, corners.mean(axis=0), atol=1e-6)
                np.testing.assert_allclose(box.wlh, actor.size_lwh_m[[1, 0, 2]], atol=1e-6)


@pytest.fixture(scope="session")
def actor_of(towns):
    return {token_of("instance", name, actor.track_id): actor for name, scene in towns.items() for actor in scene.actors}


def test_velocities_are_differences_of_the_scenarios_places(nusc, towns, actor_of):
    for annotation in nusc.sample_annotation:
        sample = nusc.get("sample", annotation["sample_token"])
        scene = _scene(nusc, towns, sample)
        actor = actor_of[annotation["instance_token"]]
        ends = [
            _frame(scene, nusc.get("sample", nusc.get("sample_annotation", t)["sample_token"])["timestamp"])
            for t in (annotation["prev"] or annotation["token"], annotation["next"] or annotation["token"])
        ]
        velocity = nusc.box_velocity(annotation["token"])
        if ends[0] == ends[1]:
            assert np.isnan(velocity).all()
            continue
        moved = actor.poses.translation_m[ends[1]] - actor.poses.translation_m[ends[0]]
        wanted = moved / (scene.time_s[ends[1]] - scene.time_s[ends[0]])
        # The devkit takes differences of seconds since 1970, which have steps of 2.4e-7 s.
        np.testing.assert_allclose(velocity, wanted, atol=1e-6, rtol=1e-6)
        # The average over a second and the scenario's own velocity differ by what the actor speeds up or turns.
        own = actor.velocity_mps[_frame(scene, sample["timestamp"])]
        assert np.abs(velocity - own)[:2].max() < 4.0


def test_boxes_at_sweeps_are_the_scenarios_up_to_interpolation(nusc, towns, shifts, actor_of):
    worst, checked = 0.0, 0
    for data in nusc.sample_data:
        if data["is_key_frame"] or data["channel"] != "CAM_FRONT":
            continue
        sample = nusc.get("sample", data["sample_token"])
        scene = _scene(nusc, towns, sample)
        # A sweep points to the key frame that follows.
        assert 0 < sample["timestamp"] - data["timestamp"] < 500_000
        before = nusc.get("sample", sample["prev"])["timestamp"]
        i = _frame(scene, data["timestamp"])
        share = (data["timestamp"] - before) / (sample["timestamp"] - before)
        shift = np.array(shifts[scene.name])
        a, b = _frame(scene, before), _frame(scene, sample["timestamp"])
        for box in nusc.get_boxes(data["token"]):
            actor = actor_of[nusc.get("sample_annotation", box.token)["instance_token"]]
            if not actor.valid[a]:
                continue
            places = actor.poses.translation_m
            linear = places[a] + share * (places[b] - places[a])
            np.testing.assert_allclose(box.center - shift, linear, atol=1e-6)
            if actor.valid[i]:
                worst, checked = max(worst, np.abs(places[i] - linear).max()), checked + 1
    assert checked > 100
    assert worst < 0.5  # metres, of braking and turning between key frames half a second apart


def test_lidar_points_lie_in_the_boxes_that_count_them(nusc):
    for sample in nusc.sample[:2]:
        path, boxes, _ = nusc.get_sample_data(sample["data"]["LIDAR_TOP"])
        points = LidarPointCloud.from_file(path).points
        assert points.shape[0] == 4
        assert points.shape[1] > 5000
        for box in boxes:
            local = box.orientation.inverse.rotation_matrix @ (points[:3] - box.center[:, None])
            inside = (np.abs(local) <= box.wlh[[1, 0, 2], None] / 2 + 0.021).all(axis=0).sum()
            tight = (np.abs(local) <= box.wlh[[1, 0, 2], None] / 2 + 0.019).all(axis=0).sum()
            assert tight <= nusc.get("sample_annotation", box.token)["num_lidar_pts"] <= inside
    assert any(a["num_lidar_pts"] > 50 for a in nusc.sample_annotation)


def test_map_api(nusc, nusc_map, towns, shifts):
    for name, scene in towns.items():
        shift = np.array(shifts[name])
        for i in (0, 10):
            x, y = (scene.world_from_ego.translation_m[i] + shift)[:2]
            under = nusc_map.layers_on_point(x, y)
            assert under["drivable_area"]
            assert under["road_segment"]
            lane = nusc_map.get_closest_lane(x, y, radius=3)
            assert nusc_map.get_arcline_path(lane)
            assert nusc_map.get_outgoing_lane_ids(lane) or nusc_map.get_incoming_lane_ids(lane)
            assert nusc_map.get_next_roads(x, y)
            layers = [
                "drivable_area",
                "road_segment",
                "lane",
                "ped_crossing",
                "walkway",
                "stop_line",
                "road_divider",
                "lane_divider",
            ]
            patch = (x - 40, y - 40, x + 40, y + 40)
            assert nusc_map.get_records_in_patch(patch, layers, mode="intersect")["lane"]
            assert len(nusc_map.get_map_geom((x, y, 60, 60), 0, layers)) == len(layers)
            mask = nusc_map.get_map_mask((x, y, 60, 60), 0, ["drivable_area", "lane", "walkway"], (100, 100))
            assert mask[0, 50, 50] == 1
    for record in nusc_map.stop_line:
        assert isinstance(record["cue"], list)
    edge = np.array(nusc_map.canvas_edge)
    nodes = np.array([[node["x"], node["y"]] for node in nusc_map.node])
    assert (nodes >= 0).all()
    assert (nodes <= edge).all()
    for scene in nusc.scene:
        assert get_egoposes_on_drivable_ratio(nusc, nusc_map, scene["token"]) == 1.0


def test_discretised_centrelines_go_through_our_points(nusc_map, towns, shifts):
    ours = [lane.centerline_m[:, :2] + np.array(shifts[name])[:2] for name, scene in towns.items() for lane in scene.map.lanes]
    of_start = {tuple(np.round(line[[0, -1]].ravel(), 3)): line for line in ours}
    tokens = [record["token"] for record in (*nusc_map.lane, *nusc_map.lane_connector)]
    assert len(tokens) == len(ours)
    worst = 0.0
    for token, poses in nusc_map.discretize_lanes(tokens, 0.5).items():
        theirs = np.array(poses)[:, :2]
        line = of_start[tuple(np.round(theirs[[0, -1]].ravel(), 3))]
        worst = max(worst, max(np.linalg.norm(theirs - point, axis=1).min() for point in line))
        assert nusc_map.connectivity[token].keys() == {"incoming", "outgoing"}
    assert worst < 1e-6


def test_map_pictures(nusc, root, towns, shifts):
    mask = nusc.map[0]["mask"]
    for name, scene in towns.items():
        x, y = (scene.world_from_ego.translation_m + np.array(shifts[name]))[:, :2].T
        assert mask.is_on_mask(x, y).all()
        assert not mask.is_on_mask(np.array([x[0] + 2000]), y[:1]).any()
    for layer in ("basemap", "semantic_prior"):
        assert BitMap(str(root), LOCATION, layer).image.ndim in (2, 3)
    for other in ("singapore-hollandvillage", "singapore-queenstown", "boston-seaport"):
        assert NuScenesMap(str(root), other).lane == []


def test_ground_truth_as_predictions_scores_one(nusc, root, tmp_path, monkeypatch):
    config = config_factory("detection_cvpr_2019")
    for split in ("all", "everroad_train", "everroad_val"):
        results = {sample["token"]: _predictions(nusc, sample) for sample in nusc.sample}
        path = tmp_path / "results.json"
        meta = {f"use_{name}": name == "camera" for name in ("camera", "lidar", "radar", "map", "external")}
        path.write_text(json.dumps({"meta": meta, "results": results}))
        evaluation = DetectionEval(nusc, config, str(path), split, str(tmp_path / "eval"), verbose=False)
        metrics, _ = evaluation.evaluate()
        left = {box.detection_name for boxes in evaluation.gt_boxes.boxes.values() for box in boxes}
        assert {"car", "pedestrian"} <= left
        for name in config.class_names:
            assert metrics.mean_dist_aps[name] == pytest.approx(1.0 if name in left else 0.0), name
        for name in left:
            errors = {key: value for key, value in metrics._label_tp_errors[name].items() if not np.isnan(value)}
            assert max(errors.values()) < 1e-6, (name, errors)
        # The devkit's own mean counts classes without ground truth as 0, and their errors as 1.
        assert metrics.mean_ap == pytest.approx(len(left) / 10)
        # Cones have no heading; cones and barriers neither velocity nor attribute.
        without = [set(), set(), {"traffic_cone"}, {"traffic_cone", "barrier"}, {"traffic_cone", "barrier"}]
        true_positive = sum(len(left - none) / (10 - len(none)) for none in without)
        assert metrics.nd_score == pytest.approx((5 * metrics.mean_ap + true_positive) / 10, abs=1e-6)


def _predictions(nusc, sample):
    """Boxes as a detector would give them, made of the annotations; those without a lidar point are left out, as the
    evaluation leaves them out of the ground truth."""
    names = {a["token"]: a["name"] for a in nusc.attribute}
    out = []
    for token in sample["anns"]:
        annotation = nusc.get("sample_annotation", token)
        kind = category_to_detection_name(annotation["category_name"])
        if kind is None or not annotation["num_lidar_pts"]:
            continue
        attributes = annotation["attribute_tokens"]
        out.append(
            {
                "sample_token": sample["token"],
                "translation": annotation["translation"],
                "size": annotation["size"],
                "rotation": annotation["rotation"],
                "velocity": np.nan_to_num(nusc.box_velocity(token)[:2]).tolist(),
                "detection_name": kind,
                "detection_score": 1.0,
                "attribute_name": names[attributes[0]] if attributes else "",
            }
        )
    return out


def test_the_devkit_lists_scenes_that_nobody_recorded(tmp_path, capsys):
    scene = first_frames(drive(start_stamp_ns=0, cameras=_cameras()[:1]), 7)
    for name in ("one", "two"):
        export_scenario(replace(scene, name=name), tmp_path)
    NuScenes(VERSION, str(tmp_path), verbose=False).list_scenes()
    lines = capsys.readouterr().out.splitlines()
    assert sorted(line[:3] for line in lines) == ["one", "two"]


def test_the_devkit_draws(nusc, tmp_path):
    sample = nusc.sample[3]
    nusc.render_sample_data(sample["data"]["CAM_FRONT"], out_path=str(tmp_path / "camera.png"), verbose=False)
    nusc.render_pointcloud_in_image(sample["token"], out_path=str(tmp_path / "points.png"), verbose=False)
    nusc.render_annotation(sample["anns"][0], out_path=str(tmp_path / "box.png"))
    assert {path.name for path in tmp_path.iterdir()} == {"camera.png", "points.png", "box.png"}


def test_one_frame_without_map_and_actors(towns, tmp_path):
    scene = next(iter(towns.values()))
    one = replace(
        scene, name="one", time_s=scene.time_s[:1], map=None, actors=(), signals=(), cameras=scene.cameras[:1],
        world_from_ego=type(scene.world_from_ego)(
            scene.world_from_ego.translation_m[:1], scene.world_from_ego.rotation_wxyz[:1]
        ),
    )  # fmt: skip
    export_scenario(one, tmp_path / "one")
    nusc = NuScenes(VERSION, str(tmp_path / "one"), verbose=False)
    assert [len(t) for t in (nusc.sample, nusc.sample_data, nusc.sample_annotation)] == [1, 2, 0]
    assert NuScenesMap(str(tmp_path / "one"), LOCATION).get_closest_lane(1, 1) == ""
    assert load_scenario(Path(tmp_path / "one" / "everroad" / "one" / "scene.json")).map is None

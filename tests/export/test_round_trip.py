"""Town → export → read back: by the tables, key frames to 1e-6 and sweeps to the error of interpolation; by scene.json, all."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from everroad.conditions.rig import fit_camera
from everroad.export.options import DEFAULT_VERSION, ExportOptions
from everroad.export.run import export_scenario
from everroad.scenario.nuscenes.reader import global_from_world_m, read_nuscenes
from everroad.scenario.resample import resample
from everroad.scenario.rigs import get_rig
from everroad.scenario.storage import load_scenario
from everroad.scenario.town import author_town

SECONDS, KEY_FRAME_STEP = 2.1, 6

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A town of 26 frames at 12 Hz, seen by two small cameras, and the data set it became."""
    town = author_town(1_000_003, seconds=SECONDS, frame_rate_hz=12.0)
    cameras = tuple(fit_camera(camera, 64, 112) for camera in get_rig("nuscenes-6")[::3])
    town = replace(town, cameras=cameras)
    root = tmp_path_factory.mktemp("exported") / "set"
    name = export_scenario(town, root, ExportOptions(image_format="png"))
    return town, root, name


@pytest.fixture(scope="module")
def shift_m(exported):
    """From the town's world to the one of what the reader makes."""
    _, root, name = exported
    table_shift = np.array(json.loads((root / DEFAULT_VERSION / "everroad.json").read_text())["shift_m"][name])
    return table_shift[:2] - global_from_world_m(read_nuscenes(root))[:2]


def back_at_home(points_m, shift_m):
    return points_m - np.array([*shift_m, 0.0])


def test_key_frames_come_back(exported, shift_m):
    town, root, _ = exported
    read = read_nuscenes(root, sweeps=False)
    frames = range(0, len(town), KEY_FRAME_STEP)
    assert len(read) == len(frames) >= 5
    # The tables know microseconds.
    np.testing.assert_allclose(read.time_s, town.time_s[list(frames)], atol=1e-6)
    np.testing.assert_allclose(
        back_at_home(read.world_from_ego.translation_m, shift_m), town.world_from_ego.translation_m[list(frames)], atol=1e-6
    )
    np.testing.assert_allclose(
        read.world_from_ego.matrices()[:, :3, :3], town.world_from_ego.matrices()[list(frames), :3, :3], atol=1e-6
    )
    compare_cameras(read, town)
    ours = {(actor.category, *actor.size_lwh_m): actor for actor in town.actors}
    assert len(ours) > 20
    seen = 0
    theirs_at = {i: sorted_boxes(read, i, shift_m) for i in range(len(read))}
    for i, frame in enumerate(frames):
        wanted = sorted_boxes(town, frame, np.zeros(2))
        assert len(theirs_at[i]) == len(wanted)
        for got, want in zip(theirs_at[i], wanted, strict=True):
            assert got[0] == want[0]
            np.testing.assert_allclose(got[1], want[1], atol=1e-6)
            seen += 1
    assert seen > 100


def compare_cameras(read, town):
    assert {camera.name for camera in read.cameras} == {camera.name for camera in town.cameras}
    of_name = {camera.name: camera for camera in town.cameras}
    for camera in read.cameras:
        np.testing.assert_allclose(camera.intrinsics, of_name[camera.name].intrinsics, atol=1e-6)
        np.testing.assert_allclose(camera.ego_from_camera, of_name[camera.name].ego_from_camera, atol=1e-6)
        assert (camera.width_px, camera.height_px) == (112, 64)


def sorted_boxes(scenario, frame, shift_m):
    """(category, pose and size in the town's world) of everybody there, in an order that both sides share."""
    rows = []
    for actor in scenario.actors:
        if actor.valid[frame] and actor.category is not None:
            pose = actor.poses.matrix(frame)
            pose[:2, 3] -= shift_m
            rows.append((actor.category, np.concatenate([pose[:3].ravel(), actor.size_lwh_m])))
    return sorted(rows, key=lambda row: (row[0], *np.round(row[1], 3)))


def test_sweeps_come_back_to_the_error_of_interpolation(exported, shift_m):
    town, root, _ = exported
    read = read_nuscenes(root)
    last = (len(town) - 1) // KEY_FRAME_STEP * KEY_FRAME_STEP
    assert len(read) == last + 1
    np.testing.assert_allclose(
        back_at_home(read.world_from_ego.translation_m, shift_m), town.world_from_ego.translation_m[: last + 1], atol=1e-6
    )
    # What linear interpolation between key frames makes of the town itself is the reference.
    keys = resample(town, 2.0)
    linear = resample(keys, 12.0)
    for actor in read.actors:
        for frame in np.flatnonzero(actor.valid):
            at = actor.poses.translation_m[frame, :2] - shift_m
            candidates = [a for a in linear.actors if a.category == actor.category and frame < len(linear) and a.valid[frame]]
            apart = [np.linalg.norm(a.poses.translation_m[frame, :2] - at) for a in candidates]
            assert apart
            assert min(apart) < 2e-5  # the tables' clock ticks in microseconds, in half of which a car goes 5 um


def test_scene_json_is_everything(exported):
    town, root, name = exported
    whole = read_nuscenes(root, exact=True)
    stored = load_scenario(root / "everroad" / name / "scene.json")
    for one in (whole, stored):
        assert (one.name, one.source, one.weather, one.time_of_day) == (town.name, town.source, town.weather, town.time_of_day)
        assert one.appearance_seed == town.appearance_seed
        assert np.array_equal(one.time_s, town.time_s)
        assert np.array_equal(one.world_from_ego.translation_m, town.world_from_ego.translation_m)
        assert [a.track_id for a in one.actors] == [a.track_id for a in town.actors]
        assert one.map is not None
        assert town.map is not None
        assert [lane.lane_id for lane in one.map.lanes or ()] == [lane.lane_id for lane in town.map.lanes or ()]
    # Paths of pictures are relative to the folder that holds what was read.
    paths = whole.images["CAM_FRONT"]
    assert all((root.parent / path).is_file() for path in paths)
    beside = stored.images["CAM_FRONT"]
    assert all((root / "everroad" / name / path).is_file() for path in beside)

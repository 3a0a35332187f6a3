from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from everroad import geometry
from everroad.conditions.build import build_conditions
from everroad.conditions.types import NUM_BOX_CLASSES
from everroad.scenario.types import TIMES_OF_DAY, WEATHERS


def _flags(conditions):
    return {name: bool(value[0]) for name, value in vars(conditions.present).items()}


def test_everything_is_there_with_shapes_and_values_of_the_contract(scene):
    cameras = [scene.camera(), scene.camera(yaw_deg=55, name="CAM_FRONT_LEFT")]
    street = scene.road(drivable_areas=[scene.rectangle(-20, 90, -6, 6)])
    actors = [scene.actor(20, 0, velocity=(5, 0, 0)), scene.actor(12, 3, detection_class=None)]
    before = scene.frame(actors, street, scene.pose(-1.0), time_s=1.0)
    now = scene.frame(actors, street, scene.pose(0.0), time_s=1.0 + 1 / 12, weather="rain", time_of_day="night")
    conditions = build_conditions(now, before, cameras)
    assert conditions.map_image.shape == (1, 2, 7, 128, 224)
    assert conditions.box_image.shape == (1, 2, 6, 128, 224)
    assert conditions.depth_image.shape == (1, 2, 1, 128, 224)
    assert all(_flags(conditions).values())
    assert WEATHERS[int(conditions.weather)] == "rain"
    assert TIMES_OF_DAY[int(conditions.time_of_day)] == "night"
    assert float(conditions.seconds_since_previous) == pytest.approx(1 / 12)
    np.testing.assert_allclose(conditions.intrinsics[0, 1], cameras[1].intrinsics, rtol=1e-6)
    np.testing.assert_allclose(conditions.ego_from_camera[0, 1], cameras[1].ego_from_camera, atol=1e-6)
    boxes = conditions.boxes
    assert boxes.mask[0, 0].tolist() == [True] * 2 + [False] * 30
    assert boxes.class_index[0, 0, :2].tolist() == [NUM_BOX_CLASSES - 1, 0]
    np.testing.assert_allclose(boxes.velocity_mps[0, 0, 1], [0, 0, 5], atol=1e-6)
    assert not boxes.corners_m[0, 0, 2:].any()


def test_ego_motion_takes_points_of_now_to_the_frame_before(scene):
    """Two metres ahead and a quarter turn left: what lies a metre ahead now was two ahead and one to the left then."""
    before = scene.frame(world_from_ego=scene.pose(100, 50, 3, 30))
    step = scene.pose(2, 0, 0, 90)
    now = scene.frame(world_from_ego=before.world_from_ego @ step, time_s=0.1)
    moved = geometry.apply(
        build_conditions(now, before, [scene.camera()]).previous_from_current[0].double().numpy(), np.eye(3)[:1]
    )
    np.testing.assert_allclose(moved, [[2, 1, 0]], atol=1e-5)


def test_what_is_not_known_is_absent_and_zero(scene):
    nothing = build_conditions(scene.frame(weather=None, time_of_day=None), None, [scene.camera()])
    absent = {"map", "ego_motion", "weather", "time_of_day"}
    assert _flags(nothing) == {name: name not in absent for name in _flags(nothing)}
    assert not nothing.map_image.any()
    assert float(nothing.seconds_since_previous) == 0
    torch.testing.assert_close(nothing.previous_from_current[0], torch.eye(4))
    empty = build_conditions(scene.frame(vector_map=scene.road(drivable_areas=[])), None, [scene.camera()])
    assert _flags(empty)["map"]


def test_what_nobody_measured_is_absent_whatever_the_poses_say(scene):
    before = scene.frame(world_from_ego=scene.pose(0))
    now = replace(scene.frame(world_from_ego=scene.pose(5), time_s=0.5), ego_motion_known=False, actors_known=False)
    conditions = build_conditions(now, before, [scene.camera()])
    assert not _flags(conditions)["ego_motion"]
    assert not _flags(conditions)["boxes"]
    assert float(conditions.seconds_since_previous) == 0.5
    torch.testing.assert_close(conditions.previous_from_current[0], torch.eye(4))


def test_only_the_nearest_boxes_enter_the_list_but_all_the_pictures(scene):
    actors = [scene.actor(10 + 3 * i, -6 + 3 * (i % 5), detection_class="pedestrian", size=(0.6, 0.6, 1.8)) for i in range(20)]
    frame = scene.frame(actors)
    few, many = (build_conditions(frame, None, [scene.camera()], max_boxes=n) for n in (4, 32))
    assert few.boxes.mask.sum() == 4
    assert many.boxes.mask.sum() == 20
    torch.testing.assert_close(few.boxes.corners_m, many.boxes.corners_m[:, :, :4])
    torch.testing.assert_close(few.box_image, many.box_image)


def test_the_same_frame_gives_the_same_conditions(scene):
    street = scene.road(drivable_areas=[scene.rectangle(-20, 90, -6, 6)], lane_dividers=[scene.line([0, 0, 0], [60, 1, 0])])
    first, again = (build_conditions(scene.frame([scene.actor(9, 1)], street), None, [scene.camera()]) for _ in range(2))
    assert torch.equal(first.map_image, again.map_image)
    assert torch.equal(first.depth_image, again.depth_image)


def test_bad_calls_are_refused(scene):
    frame = scene.frame()
    with pytest.raises(ValueError, match="at least one"):
        build_conditions(frame, None, [])
    with pytest.raises(ValueError, match="one size"):
        build_conditions(frame, None, [scene.camera(), scene.camera(height_px=64)])
    with pytest.raises(ValueError, match="before"):
        build_conditions(frame, replace(frame, time_s=0.5), [scene.camera()])

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from everroad import geometry
from everroad.scenario.rigs import RIGS, get_rig, with_rig

from .test_storage import small

YAWS_DEG = {
    "CAM_FRONT": 0,
    "CAM_FRONT_RIGHT": -55,
    "CAM_BACK_RIGHT": -110,
    "CAM_BACK": 180,
    "CAM_BACK_LEFT": 110,
    "CAM_FRONT_LEFT": 55,
}


def test_the_six_cameras_look_where_their_names_say():
    assert [camera.name for camera in RIGS["nuscenes-6"]] == list(YAWS_DEG)
    for camera in RIGS["nuscenes-6"]:
        yaw = np.deg2rad(YAWS_DEG[camera.name])
        right, down, forward = camera.ego_from_camera[:3, :3].T
        np.testing.assert_allclose(forward, [np.cos(yaw), np.sin(yaw), 0], atol=1e-12)
        np.testing.assert_allclose(right, [np.sin(yaw), -np.cos(yaw), 0], atol=1e-12)
        np.testing.assert_allclose(down, [0, 0, -1], atol=1e-12)
        assert (camera.width_px, camera.height_px) == (1600, 900)
        # Mounted on the roof, inside the car's outline.
        assert 1.4 < camera.ego_from_camera[2, 3] < 1.7
        assert -1 < camera.ego_from_camera[0, 3] < 3


def test_the_front_camera_sees_a_point_on_the_road_at_the_pixel_worked_out_by_hand():
    (camera,) = RIGS["nuscenes-front"]
    ego_point = np.array([[1.70 + 20.0, 0.016 - 2.0, 0.0]])
    pixel, depth = geometry.project(geometry.apply(geometry.invert(camera.ego_from_camera), ego_point), camera.intrinsics)
    # 2 m to the right and 1.51 m below the camera, 20 m ahead.
    np.testing.assert_allclose(pixel, [[816.3 + 1266.4 * 2 / 20, 491.5 + 1266.4 * 1.51 / 20]])
    np.testing.assert_allclose(depth, [20])


def test_the_cameras_overlap_all_around():
    """Every direction but a few degrees is in some camera's horizontal view."""
    bearings = np.deg2rad(np.arange(0, 360, 0.5))
    far = 1e4 * np.stack([np.cos(bearings), np.sin(bearings), np.zeros_like(bearings)], axis=-1)
    seen = np.zeros(len(far), dtype=bool)
    for camera in RIGS["nuscenes-6"]:
        pixel, depth = geometry.project(geometry.apply(geometry.invert(camera.ego_from_camera), far), camera.intrinsics)
        seen |= (depth > 0) & (pixel[:, 0] > -0.5) & (pixel[:, 0] < camera.width_px - 0.5)
    assert seen.mean() > 0.98


def test_the_front_rig_is_the_front_camera_of_the_six():
    assert RIGS["nuscenes-front"] == RIGS["nuscenes-6"][:1]


def test_rigs_cannot_be_changed_by_accident():
    for camera in RIGS["nuscenes-6"]:
        with pytest.raises(ValueError, match="read-only"):
            camera.intrinsics[0, 0] = 1.0
        with pytest.raises(ValueError, match="read-only"):
            camera.ego_from_camera[0, 3] = 1.0


def test_with_rig_swaps_cameras_and_drops_the_pictures_of_others():
    scenario = replace(small(), cameras=RIGS["nuscenes-front"], images={"CAM_FRONT": ("a.png", "b.png", "c.png")})
    seen = with_rig(scenario, "nuscenes-6")
    assert seen.cameras == RIGS["nuscenes-6"]
    assert seen.images == {}
    assert seen.actors == scenario.actors
    assert scenario.images


def test_an_unknown_rig_is_refused_with_the_known_ones():
    for call in (get_rig, lambda name: with_rig(small(), name)):
        with pytest.raises(ValueError, match=r"nuscenes-front, nuscenes-6, got 'kitti'"):
            call("kitti")

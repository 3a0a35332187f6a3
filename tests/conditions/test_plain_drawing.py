"""Culling, windows and canvases that several cameras share change no pixel of any picture."""

from __future__ import annotations

import numpy as np
import pytest

from everroad.conditions.box_images import box_images
from everroad.conditions.boxes import seen_boxes
from everroad.conditions.layout import map_images
from everroad.conditions.rig import fit_camera, jitter_camera
from everroad.scenario.rigs import get_rig
from everroad.scenario.town import author_town

from .plain_drawing import plain_box_images, plain_map_image


@pytest.fixture(scope="module")
def town():
    return author_town(1_000_003, seconds=4.0)


@pytest.mark.parametrize(("height_px", "width_px", "index"), [(128, 224, 0), (65, 97, 20), (256, 448, 45)])
def test_every_pixel_is_that_of_the_plain_drawing(town, height_px, width_px, index):
    frame = town.frame(index)
    cameras = [fit_camera(camera, height_px, width_px) for camera in get_rig("nuscenes-6")]
    cameras += [jitter_camera(cameras[0], 3), fit_camera(get_rig("nuscenes-front")[0], height_px, width_px, 1.0)]
    maps = map_images(frame.map, frame.world_from_ego, cameras)
    images, depths = box_images([seen_boxes(frame, camera) for camera in cameras], cameras)
    assert (maps.any(axis=(2, 3)).sum(axis=0) >= 3).sum() >= 5  # most layers are in the pictures of several cameras
    assert (depths.any(axis=(1, 2, 3))).sum() >= 4
    for i, camera in enumerate(cameras):
        np.testing.assert_array_equal(maps[i], plain_map_image(frame.map, frame.world_from_ego, camera))
        image, depth = plain_box_images(frame, camera)
        np.testing.assert_array_equal(images[i], image)
        np.testing.assert_array_equal(depths[i], depth)


def test_a_camera_between_others_sees_what_it_sees_alone(scene):
    """Close, clipped boxes and lines at the picture's edges leave nothing behind for the next camera."""
    actors = [scene.actor(1, 2.3, size=(12, 2.6, 3.2)), scene.actor(0.5, 0), scene.actor(4, -3, yaw_deg=40)]
    street = scene.road(
        drivable_areas=[scene.rectangle(-200, 200, -30, 30)],
        lane_dividers=[scene.line([-90, y, 0], [90, y + 3, 0]) for y in (-9, -1, 0, 0.5, 8)],
        stop_lines=[scene.line([3, -50, 0], [3, 50, 0])],
    )
    frame = scene.frame(actors, street)
    cameras = [scene.camera(yaw_deg=yaw) for yaw in (0, 40, 90, 180, 290)] + [scene.camera(yaw_deg=0)]
    maps = map_images(street, frame.world_from_ego, cameras)
    images, depths = box_images([seen_boxes(frame, camera) for camera in cameras], cameras)
    for i, camera in enumerate(cameras):
        alone, alone_depth = box_images([seen_boxes(frame, camera)], [camera])
        np.testing.assert_array_equal(images[i], alone[0])
        np.testing.assert_array_equal(depths[i], alone_depth[0])
        np.testing.assert_array_equal(maps[i], map_images(street, frame.world_from_ego, [camera])[0])

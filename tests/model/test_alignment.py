"""The flow against hand-made geometry: ground, boxes and infinity."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from everroad import geometry
from everroad.model.alignment import flow_grid, warp
from tests.model.conftest import make_conditions

HEIGHT, WIDTH = 128, 224


def conditions_with(motion: np.ndarray, **changes: object):
    base = make_conditions(batch=1, height=HEIGHT, width=WIDTH)
    return replace(base, previous_from_current=torch.from_numpy(motion).float()[None], **changes)


def pixel_of(grid: torch.Tensor, row: int, column: int) -> np.ndarray:
    """Where the grid samples, in pixel coordinates."""
    xy = grid[0, row, column].numpy()
    return (xy + 1) / 2 * np.array([WIDTH, HEIGHT]) - 0.5


def motion(forward_m: float = 0.8, yaw_rad: float = 0.02) -> np.ndarray:
    rotation = geometry.rotation_from_quaternion(geometry.quaternion_from_yaw(np.array(yaw_rad)))
    return geometry.transform(rotation, np.array([forward_m, 0.1, 0.0]))


def expected_pixel(conditions, row: int, column: int, distance: float | None) -> np.ndarray:
    """The pixel of the previous frame that shows what (row, column) shows now: on the ground or at a distance."""
    intrinsics = conditions.intrinsics[0, 0].double().numpy()
    ego_from_camera = conditions.ego_from_camera[0, 0].double().numpy()
    ray = ego_from_camera[:3, :3] @ np.linalg.inv(intrinsics) @ np.array([column, row, 1.0])
    origin = ego_from_camera[:3, 3]
    length = -origin[2] / ray[2] if distance is None else distance / np.linalg.norm(ray)
    before = geometry.apply(conditions.previous_from_current[0].double().numpy(), (origin + length * ray)[None])
    camera = geometry.apply(geometry.invert(ego_from_camera), before)
    return geometry.project(camera, intrinsics)[0][0]


def test_ground_moves_as_the_plane_does():
    conditions = conditions_with(motion())
    grid, _ = flow_grid(conditions)
    for row, column in [(100, 60), (90, 112), (115, 160)]:
        want = expected_pixel(conditions, row, column, None)
        assert np.abs(pixel_of(grid, row, column) - want).max() < 0.35  # the flow is interpolated from blocks of four pixels


def test_the_sky_turns_but_does_not_move():
    conditions = conditions_with(motion())
    grid, _ = flow_grid(conditions)
    for row, column in [(10, 60), (30, 150)]:
        want = expected_pixel(conditions, row, column, 1e4)
        assert np.abs(pixel_of(grid, row, column) - want).max() < 0.05


def test_boxes_move_at_their_own_depth():
    depth_image = torch.zeros(1, 1, 1, HEIGHT, WIDTH, dtype=torch.uint8)
    depth_image[..., 50:80, 80:140] = 51  # 1/depth = 51/255: 5 m along the optical axis
    conditions = conditions_with(motion(), depth_image=depth_image)
    grid, _ = flow_grid(conditions)
    row, column = 66, 110
    ray = np.linalg.inv(conditions.intrinsics[0, 0].double().numpy()) @ np.array([column, row, 1.0])
    want = expected_pixel(conditions, row, column, 5.0 * np.linalg.norm(ray))
    assert np.abs(pixel_of(grid, row, column) - want).max() < 0.3


def test_standing_still_is_the_identity_and_all_is_seen():
    conditions = conditions_with(np.eye(4))
    grid, seen = flow_grid(conditions)
    image = torch.rand(1, 3, HEIGHT, WIDTH)
    torch.testing.assert_close(warp(image, grid), image, rtol=0, atol=2e-3)
    assert bool(seen.all())


def test_absent_motion_is_the_identity():
    conditions = conditions_with(motion(5.0, 0.3))
    no = torch.zeros(1, dtype=torch.bool)
    conditions = replace(conditions, present=replace(conditions.present, ego_motion=no))
    image = torch.rand(1, 3, HEIGHT, WIDTH)
    torch.testing.assert_close(warp(image, flow_grid(conditions)[0]), image, rtol=0, atol=1e-3)


def test_turning_brings_in_what_was_not_seen():
    _, seen = flow_grid(conditions_with(motion(0.0, 0.2)))  # the car has turned left: the left edge is new
    assert not bool(seen[0, 0, 30, 2])
    assert bool(seen[0, 0, 30, WIDTH - 3])

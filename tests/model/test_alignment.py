"""The flow against hand-made geometry: ground, boxes and infinity."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from everroad import geometry
from everroad.model.alignment import WALL_SETBACK_M, fill, flow_grids, hidden_before, moved_px, warp
from tests.model.conftest import make_conditions

HEIGHT, WIDTH = 128, 224


def conditions_with(motion: np.ndarray, **changes: object):
    base = make_conditions(batch=1, height=HEIGHT, width=WIDTH)
    base.map_image.zero_()
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
    grid = flow_grids(conditions).near
    for row, column in [(100, 60), (90, 112), (115, 160)]:
        want = expected_pixel(conditions, row, column, None)
        assert np.abs(pixel_of(grid, row, column) - want).max() < 0.35  # the flow is interpolated from blocks of four pixels


def test_the_sky_turns_but_does_not_move():
    conditions = conditions_with(motion())
    grids = flow_grids(conditions)
    for row, column in [(10, 60), (30, 150)]:
        want = expected_pixel(conditions, row, column, 1e4)
        for grid in (grids.near, grids.far):
            assert np.abs(pixel_of(grid, row, column) - want).max() < 0.05


def test_the_far_view_does_not_move_the_ground():
    conditions = conditions_with(motion(0.8, 0.0))
    assert np.abs(pixel_of(flow_grids(conditions).far, 110, 60) - [60, 110]).max() < 0.05


def test_a_wall_stands_behind_the_mapped_ground():
    conditions = conditions_with(motion())
    row_of_edge = 70  # the road is mapped from here down
    conditions.map_image[:, :, 0, row_of_edge:] = 255
    grid = flow_grids(conditions).near
    intrinsics = conditions.intrinsics[0, 0].double().numpy()
    edge_m = 1.5 * intrinsics[1, 1] / (row_of_edge - intrinsics[1, 2])
    row, column = 40, 60  # above the edge
    ray = np.linalg.inv(intrinsics) @ np.array([column, row, 1.0])
    want = expected_pixel(conditions, row, column, (edge_m + WALL_SETBACK_M) * np.linalg.norm(ray))
    assert np.abs(pixel_of(grid, row, column) - want).max() < 0.1
    no_map = replace(conditions, present=replace(conditions.present, map=torch.zeros(1, dtype=torch.bool)))
    assert np.abs(pixel_of(flow_grids(no_map).near, row, column) - expected_pixel(conditions, row, column, 1e4)).max() < 0.1


def test_a_car_ahead_at_our_own_speed_stays_where_it_is():
    conditions = conditions_with(motion(0.8, 0.0))
    conditions.previous_from_current[0, 1, 3] = 0.0
    conditions.depth_image[..., 60:80, 90:130] = 25  # about 10 m
    corners = conditions.boxes.corners_m.clone()
    corners[0, 0, 0] = corners[0, 0, 0] * 0.1 + torch.tensor([0.0, 0.0, 10.2])
    velocity = torch.zeros_like(conditions.boxes.velocity_mps)
    velocity[..., 2] = 0.8 * 12  # along the optical axis, as fast as the ego car
    boxes = replace(conditions.boxes, corners_m=corners, velocity_mps=velocity)
    grid = flow_grids(replace(conditions, boxes=boxes)).near
    assert np.abs(pixel_of(grid, 70, 110) - [110, 70]).max() < 0.1
    parked = replace(conditions, boxes=replace(boxes, velocity_mps=torch.zeros_like(velocity)))
    assert np.abs(pixel_of(flow_grids(parked).near, 75, 125) - [125, 75]).max() > 0.5


def test_boxes_move_at_their_own_depth():
    depth_image = torch.zeros(1, 1, 1, HEIGHT, WIDTH, dtype=torch.uint8)
    depth_image[..., 50:80, 80:140] = 51  # 1/depth = 51/255: 5 m along the optical axis
    conditions = conditions_with(motion(), depth_image=depth_image)
    conditions = replace(conditions, boxes=replace(conditions.boxes, velocity_mps=torch.zeros(1, 1, 3, 3)))
    grid = flow_grids(conditions).near
    row, column = 66, 110
    ray = np.linalg.inv(conditions.intrinsics[0, 0].double().numpy()) @ np.array([column, row, 1.0])
    want = expected_pixel(conditions, row, column, 5.0 * np.linalg.norm(ray))
    assert np.abs(pixel_of(grid, row, column) - want).max() < 0.3


def test_standing_still_is_the_identity_and_all_is_seen():
    conditions = conditions_with(np.eye(4))
    grids = flow_grids(conditions)
    image = torch.rand(1, 3, HEIGHT, WIDTH)
    for grid in (grids.near, grids.far):
        torch.testing.assert_close(warp(image, grid), image, rtol=0, atol=2e-3)
    assert bool(grids.near_visible.all())


def test_pixels_moved_are_those_of_the_geometry():
    assert float(moved_px(flow_grids(conditions_with(np.eye(4)))).max()) < 1e-2
    conditions = conditions_with(motion())
    moved = moved_px(flow_grids(conditions))
    for row, column in ((100, 40), (110, 180)):
        want = np.linalg.norm(expected_pixel(conditions, row, column, None) - [column, row])
        assert abs(float(moved[0, 0, row, column]) - want) < 0.3
    turned = moved_px(flow_grids(conditions_with(motion(0.0, 0.2))))
    assert torch.isinf(turned[0, 0, 30, 2])  # what has just come in


def test_absent_motion_is_the_identity():
    conditions = conditions_with(motion(5.0, 0.3))
    no = torch.zeros(1, dtype=torch.bool)
    conditions = replace(conditions, present=replace(conditions.present, ego_motion=no))
    image = torch.rand(1, 3, HEIGHT, WIDTH)
    torch.testing.assert_close(warp(image, flow_grids(conditions).near), image, rtol=0, atol=1e-3)


def test_turning_brings_in_what_was_not_seen():
    seen = flow_grids(conditions_with(motion(0.0, 0.2))).near_visible  # the car has turned left: the left edge is new
    assert not bool(seen[0, 0, 30, 2])
    assert bool(seen[0, 0, 30, WIDTH - 3])


def test_what_a_box_hid_by_hand():
    """One row of four blocks. Points: a box at 10 m that was in block 1; a wall behind it there; a post clearly before it; a
    second box half a metre and one two metres behind it; ground in block 2; and a box that was outside the frame."""
    pixels = torch.tensor([[1.1, 0.9, 1.0, 1.2, 1.0, 2.0, 9.0], [0.0] * 7]).view(1, 1, 2, 7)
    depth = torch.tensor([10.0, 30.0, 5.0, 10.5, 12.0, 30.0, 3.0]).view(1, 1, 7)
    on_box = torch.tensor([True, False, False, True, True, False, True]).view(1, 1, 7)
    hidden = hidden_before(pixels, depth, on_box, rows=1, columns=4)
    assert hidden.flatten().tolist() == [False, True, False, False, True, False, False]


def test_where_a_crossing_car_was_is_not_found_in_the_previous_frame():
    conditions = conditions_with(np.eye(4))
    conditions.depth_image.zero_()
    conditions.depth_image[..., 60:80, 100:132] = 25  # 10.2 m
    corners = conditions.boxes.corners_m.clone()
    corners[0, 0, 0] = corners[0, 0, 0] * 0.1 + torch.tensor([0.0, 0.0, 10.2])
    shift_px = 20.0
    speed = shift_px / conditions.intrinsics[0, 0, 0, 0] * 10.2 / conditions.seconds_since_previous[0]
    velocity = torch.zeros_like(conditions.boxes.velocity_mps)
    velocity[..., 0] = speed  # to the right
    grids = flow_grids(replace(conditions, boxes=replace(conditions.boxes, corners_m=corners, velocity_mps=velocity)))
    expected = torch.zeros(HEIGHT, WIDTH, dtype=torch.bool)
    expected[60:84, 80:100] = True  # a block further down, too: its shadow
    found = grids.hidden[0, 0]
    assert (found == expected).float().mean() > 0.995
    assert found[62:78, 84:96].all()
    assert not found[:, 100:].any()
    assert not grids.near_visible[0, 0, 70, 90]
    assert grids.near_visible[0, 0, 70, 110]
    assert np.abs(pixel_of(grids.near, 70, 116) - [96, 70]).max() < 0.5
    still = flow_grids(replace(conditions, boxes=replace(conditions.boxes, velocity_mps=torch.zeros_like(velocity))))
    assert not still.hidden.any()


@given(seed=st.integers(0, 99), share=st.floats(0, 0.99))
def test_holes_are_filled_within_the_range_of_what_is_known(seed, share):
    draw = torch.Generator().manual_seed(seed)
    picture = torch.rand(2, 3, 32, 56, generator=draw)
    holes = torch.rand(2, 1, 32, 56, generator=draw) < share
    filled = fill(picture, holes)
    known = ~holes.expand_as(picture)
    assert torch.equal(filled[known], picture[known])
    low = torch.where(known, picture, torch.inf).amin((2, 3), keepdim=True)
    high = torch.where(known, picture, -torch.inf).amax((2, 3), keepdim=True)
    assert ((filled >= low - 1e-5) & (filled <= high + 1e-5)).all()


def test_a_hole_takes_the_colour_around_it():
    picture = torch.full((1, 3, 64, 64), 0.2)
    picture[..., 32:] = 0.8
    holes = torch.zeros(1, 1, 64, 64, dtype=torch.bool)
    holes[..., 20:24, 4:10] = holes[..., 20:24, 50:57] = True
    torn = torch.where(holes, 0.0, picture)
    torch.testing.assert_close(fill(torn, holes), picture)

"""What each cell looks at, against boxes and planes by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from everroad.geometry import UNIT_BOX_CORNERS, rotation_from_quaternion
from everroad.model.surfaces import BOX_SIZE_M, PERIODS_M, SCALE_M, SURFACE_CHANNELS, entry, surfaces
from tests.model.conftest import make_conditions


def corners_of(centre: np.ndarray, size: np.ndarray, quaternion: np.ndarray) -> torch.Tensor:
    rotation = rotation_from_quaternion(quaternion / np.linalg.norm(quaternion))
    return torch.from_numpy((UNIT_BOX_CORNERS * size) @ rotation.T + centre).float()


coordinate, length = st.floats(-3, 3), st.floats(0.5, 4)


@given(
    centre=st.tuples(coordinate, coordinate, st.floats(6, 20)),
    size=st.tuples(length, length, length),
    quaternion=st.tuples(*[st.floats(0.1, 1)] * 4),
    aim=st.tuples(*[st.floats(-1.2, 1.2)] * 3),
)
def test_rays_enter_boxes_where_marching_along_them_does(centre, size, quaternion, aim):
    """The first of many small steps along the ray that is inside the box, in the box's own axes."""
    centre, size, quaternion = (np.array(value) for value in (centre, size, quaternion))
    rotation = rotation_from_quaternion(quaternion / np.linalg.norm(quaternion))
    ray = centre + rotation @ (np.array(aim) * size / 2)
    ray = ray / np.linalg.norm(ray)
    steps = np.linspace(0.1, 40, 8000)
    inside = np.abs((steps[:, None] * ray - centre) @ rotation / (size / 2))
    within, well_within = (inside <= 1.0).all(1), (inside <= 0.98).all(1)
    corners = corners_of(centre, size, quaternion)[None, None]
    place, distance, hit = entry(torch.from_numpy(ray).float()[None, None], corners)
    if well_within.any():
        assert hit.item()
    if hit.item() and within.any():
        first = steps[within.argmax()]
        assert abs(distance.item() - first) < 0.02
        expected = (distance.item() * ray - centre) @ rotation / (size / 2)
        np.testing.assert_allclose(place[0, 0, 0].numpy(), expected, atol=2e-3)
    elif not within.any():
        assert not hit.item() or (place[0, 0, 0].abs() > 0.97).sum() >= 2  # at most an edge between two steps


def looking_ahead(boxes: list[torch.Tensor]):
    """One level camera 1.5 m above the ground, 64x96 pixels, whose centre block looks straight ahead; boxes in camera axes."""
    conditions = make_conditions(batch=1, height=64, width=96, boxes=2)
    corners = torch.zeros_like(conditions.boxes.corners_m)
    mask = torch.zeros_like(conditions.boxes.mask)
    for i, box in enumerate(boxes):
        corners[0, 0, i], mask[0, 0, i] = box, True
    intrinsics = torch.tensor([[80.0, 0, 49.5], [0, 80.0, 33.5], [0, 0, 1]])  # the middle of block (8, 12) of 4 pixels
    return replace(
        conditions,
        map_image=torch.zeros_like(conditions.map_image),
        boxes=replace(conditions.boxes, corners_m=corners, mask=mask),
        intrinsics=intrinsics[None, None],
    )


def car_ahead(distance: float, across: float = 0.0) -> torch.Tensor:
    """A car of 4 x 2 x 1.6 m with its back to the camera: its forward is the camera's z, its left minus x, its up minus y."""
    rotation = np.array([[0.0, -1, 0], [0, 0, -1], [1, 0, 0]])
    return torch.from_numpy((UNIT_BOX_CORNERS * [4.0, 2.0, 1.6]) @ rotation.T + [across, 0.7, distance]).float()


def test_the_nearest_box_tells_where_on_it_and_how_large_it_is():
    found = surfaces(looking_ahead([car_ahead(30.0), car_ahead(10.0)]))
    assert found.shape == (1, SURFACE_CHANNELS, 16, 24)
    place, size, on = found[0, :3, 8, 12], found[0, 3:6, 8, 12], found[0, 6]
    torch.testing.assert_close(place, torch.tensor([-1.0, 0.0, 0.7 / 0.8]), atol=1e-4, rtol=0)
    torch.testing.assert_close(size, torch.tensor([4.0, 2.0, 1.6]) / BOX_SIZE_M, atol=1e-4, rtol=0)
    right = found[0, :3, 8, 13]  # four pixels to the right at 8 m: 0.4 m, and right is minus left
    torch.testing.assert_close(right, torch.tensor([-1.0, -0.4, 0.7 / 0.8]), atol=1e-3, rtol=0)
    assert on[8, 12] == 1
    assert on[:4].eq(0).all()
    assert found[0, :6, 0].eq(0).all()


def test_the_ground_is_told_by_its_place():
    conditions = looking_ahead([])
    found = surfaces(conditions)
    row, column = 14, 15  # 24 pixels below the middle, 12 to the right of it: 5 m ahead of the camera at 1.5 m
    point = torch.tensor([1.7 + 5.0, -5.0 * 12 / 80, 0.0])
    torch.testing.assert_close(found[0, 7:10, row, column], point / torch.tensor(SCALE_M), atol=1e-4, rtol=0)
    distance = float(np.linalg.norm([5.0, 0.75, 1.5]))
    torch.testing.assert_close(found[0, 10, row, column].item(), 1 / distance, atol=1e-4, rtol=0)
    waves = found[0, 11:, row, column].unflatten(0, (len(PERIODS_M), 2, 3))
    for period, (sine, cosine) in zip(PERIODS_M, waves, strict=True):
        torch.testing.assert_close(sine, (2 * np.pi * point / period).sin(), atol=1e-3, rtol=0)
        torch.testing.assert_close(cosine, (2 * np.pi * point / period).cos(), atol=1e-3, rtol=0)
    assert found[0, 7:, 0].eq(0).all()  # the sky


@pytest.mark.parametrize("part", ["boxes", "camera"])
def test_what_is_absent_is_zero(part: str):
    conditions = looking_ahead([car_ahead(10.0)])
    depth = torch.full_like(conditions.depth_image, 200)
    conditions = replace(conditions, depth_image=depth)
    absent = replace(conditions, present=replace(conditions.present, **{part: torch.tensor([False])}))
    found = surfaces(absent)
    assert found[:, :7].eq(0).all()
    if part == "camera":
        assert found.eq(0).all()
    else:
        other = replace(absent, depth_image=depth // 2)
        assert torch.equal(found, surfaces(other))

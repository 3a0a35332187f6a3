"""Codes of boxes: there and back, from the picture to the ego frame, and from one ego frame to the next."""

from __future__ import annotations

import math

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from everroad import geometry
from everroad.evaluation.detector.codes import Lens, decode, encode, lifted, moved, told
from everroad.scenario.rigs import level_camera


def lens(yaw_deg: float = 0.0) -> Lens:
    camera = level_camera(
        "CAM", position_m=(1.5, 0.0, 1.5), yaw_deg=yaw_deg, focal_px=190.0, centre_px=(112.0, 66.0), size_px=(224, 128)
    )
    return Lens(torch.tensor(camera.intrinsics).float()[None], torch.tensor(camera.ego_from_camera).float()[None])


def boxes(seed: int, count: int = 5) -> torch.Tensor:
    draw = np.random.default_rng(seed)
    ahead = np.stack([draw.uniform(6, 50, count), draw.uniform(-5, 5, count), draw.uniform(0, 2, count)], 1)
    rest = np.concatenate([draw.uniform(0.5, 6, (count, 3)), draw.uniform(-3, 3, (count, 1))], 1)
    speed = draw.uniform(-2, 15, count)
    velocity = np.stack([speed * np.cos(rest[:, 3]), speed * np.sin(rest[:, 3])], 1)
    return torch.from_numpy(np.concatenate([ahead, rest, velocity], 1)).float()


@given(st.integers(0, 10**6))
def test_codes_lead_back_to_their_boxes(seed: int) -> None:
    torch.testing.assert_close(decode(encode(boxes(seed))), boxes(seed), atol=1e-4, rtol=1e-4)


@given(st.integers(0, 10**6), st.floats(-20, 20))
def test_what_a_picture_tells_of_a_box_is_lifted_to_that_box(seed: int, yaw_deg: float) -> None:
    codes, camera = encode(boxes(seed))[None], lens(yaw_deg)
    pixel, dense, depth = told(codes, camera)
    assert (depth > 0).all()
    torch.testing.assert_close(lifted(pixel, dense, camera), codes, atol=2e-3, rtol=1e-3)


def test_the_pixel_is_that_of_the_geometry() -> None:
    codes, camera = encode(boxes(3))[None], lens(10.0)
    pixel, _, depth = told(codes, camera)
    camera_from_ego = geometry.invert(camera.ego_from_camera[0].double().numpy())
    points = geometry.apply(camera_from_ego, codes[0, :, :3].double().numpy())
    there = points @ camera.intrinsics[0].double().numpy().T
    np.testing.assert_allclose(pixel[0].numpy(), there[:, :2] / there[:, 2:], atol=1e-2)
    np.testing.assert_allclose(depth[0].numpy(), points[:, 2], atol=1e-4)


@given(st.integers(0, 10**6), st.floats(-3, 3), st.floats(0, 20))
def test_a_box_of_the_past_is_where_it_has_gone(seed: int, turn: float, ahead_m: float) -> None:
    past = boxes(seed)
    then_from_now = np.eye(4)
    then_from_now[:2, :2] = [[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]]
    then_from_now[0, 3] = ahead_m
    found = decode(moved(encode(past)[None], torch.from_numpy(np.linalg.inv(then_from_now)).float()[None], 0.5))[0].numpy()
    gone = past[:, :3].double().numpy() + 0.5 * np.concatenate([past[:, 7:9].numpy(), np.zeros((5, 1))], 1)
    np.testing.assert_allclose(geometry.apply(then_from_now, found[:, :3].astype(np.float64)), gone, atol=1e-3)
    apart = np.angle(np.exp(1j * (found[:, 6] + turn - past[:, 6].numpy())))
    np.testing.assert_allclose(apart, 0, atol=1e-3)
    np.testing.assert_allclose(np.hypot(*found[:, 7:9].T), np.hypot(*past[:, 7:9].numpy().T), atol=1e-3)
    np.testing.assert_allclose(found[:, 3:6], past[:, 3:6].numpy(), rtol=1e-4)

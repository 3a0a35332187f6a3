"""The ground-plane warp against a floor drawn from another place, and the margins' arithmetic."""

from __future__ import annotations

import numpy as np
import pytest

from everroad import geometry
from everroad.conditions.rig import fit_camera
from everroad.evaluation.first_frame_baselines import (
    FRAMES,
    baselines,
    ego_speeds,
    first_pixels,
    ground_warp,
    mean_squared_error,
)
from everroad.scenario.rigs import RIGS
from everroad.scenario.types import Camera, Poses, Scenario

HEIGHT, WIDTH = 96, 168


def camera() -> Camera:
    return fit_camera(RIGS["nuscenes-front"][0], HEIGHT, WIDTH)


def ego_pose(x_m: float, y_m: float, yaw_rad: float) -> np.ndarray:
    return geometry.transform(
        geometry.rotation_from_quaternion(geometry.quaternion_from_yaw(np.array(float(yaw_rad)))), np.array([x_m, y_m, 0.0])
    )


def floor(world_from_ego: np.ndarray, square_m: float = 4.0, samples: int = 4) -> np.ndarray:
    """A chequered floor under a sky that brightens to the left, by casting a ray through every pixel (anti-aliased)."""
    of = camera()
    offsets = (np.arange(samples) + 0.5) / samples - 0.5
    total = np.zeros((HEIGHT, WIDTH))
    for dv in offsets:
        for du in offsets:
            u, v = np.meshgrid(np.arange(WIDTH) + du, np.arange(HEIGHT) + dv)
            rays = np.stack([u, v, np.ones_like(u)], -1) @ np.linalg.inv(of.intrinsics).T
            rays = rays @ (world_from_ego @ of.ego_from_camera)[:3, :3].T
            origin = (world_from_ego @ of.ego_from_camera)[:3, 3]
            reach = np.where(rays[..., 2] < -1e-9, origin[2] / np.maximum(-rays[..., 2], 1e-9), 0)
            spot = origin[:2] + reach[..., None] * rays[..., :2]
            chequer = (np.floor(spot / square_m).sum(-1) % 2) * 160 + 40
            # Far squares are smaller than pixels: plain grey there.
            chequer = np.where(reach * np.linalg.norm(rays, axis=-1) < 25, chequer, 120)
            sky = 128 + 100 * np.arctan2(rays[..., 1], rays[..., 0])
            total += np.where(rays[..., 2] < -1e-9, chequer, sky)
    return np.repeat(np.clip(total / samples**2, 0, 255).astype(np.uint8)[..., None], 3, -1)


def test_standing_still_changes_nothing() -> None:
    picture = floor(ego_pose(0, 0, 0))
    assert first_pixels(camera(), np.eye(4))[50, 100] == pytest.approx([100, 50], abs=1e-6)
    assert np.abs(ground_warp(picture, camera(), np.eye(4)).astype(int) - picture).max() <= 1


@pytest.mark.parametrize("motion", [(3.0, 0.0, 0.0), (6.0, 0.4, 0.06), (0.0, 0.0, 0.12)])
def test_the_floor_looks_as_from_the_new_place(motion: tuple[float, float, float]) -> None:
    start, now = ego_pose(20, -7, 0.3), ego_pose(20, -7, 0.3) @ ego_pose(*motion)
    first, truth = floor(start), floor(now)
    pixels = first_pixels(camera(), geometry.invert(start) @ now)
    shown = ((pixels >= 0) & (pixels <= [WIDTH - 1, HEIGHT - 1])).all(-1)
    # Beyond 25 m the floor is grey, at other places than in the first frame.
    shown &= np.arange(HEIGHT)[:, None] > HEIGHT * 0.66
    warped = ground_warp(first, camera(), geometry.invert(start) @ now)
    after, before = (np.square(p[shown].astype(float) - truth[shown]).mean() for p in (warped, first))
    assert shown.mean() > 0.15
    assert after < 0.15 * before
    if motion[0] == 0:
        sky = np.zeros((HEIGHT, WIDTH), dtype=bool)
        sky[:40, 20:-20] = True
        assert (
            np.abs(warped[sky].astype(int) - truth[sky]).mean() < 0.03 * np.abs(first[sky].astype(int) - truth[sky]).mean() + 1
        )


def test_a_ground_point_is_found_where_geometry_projects_it() -> None:
    of, first_from_current = camera(), ego_pose(2.5, 0.2, 0.05)
    ground = np.array([[9.0, 1.0, 0.0], [14.0, -2.0, 0.0], [30.0, 3.0, 0.0]])
    now, _ = geometry.project(geometry.apply(geometry.invert(of.ego_from_camera), ground), of.intrinsics)
    before = geometry.apply(first_from_current, ground)
    then, _ = geometry.project(geometry.apply(geometry.invert(of.ego_from_camera), before), of.intrinsics)
    found = first_pixels(of, first_from_current)
    for (u, v), expected in zip(now, then, strict=True):
        column, row = int(np.floor(u)), int(np.floor(v))
        a, b = u - column, v - row
        cell = found[row : row + 2, column : column + 2]
        between = (1 - b) * ((1 - a) * cell[0, 0] + a * cell[0, 1]) + b * ((1 - a) * cell[1, 0] + a * cell[1, 1])
        assert between == pytest.approx(expected, abs=0.1)


def test_speeds_are_of_the_way_since_the_frame_before() -> None:
    x = np.array([0.0, 0.5, 1.5, 1.5])
    still = geometry.quaternion_from_yaw(np.zeros(4))
    scenario = Scenario("s", np.arange(4) * 0.25, Poses(np.stack([x, 0 * x, 0 * x], 1), still))
    assert ego_speeds(scenario).tolist() == [0.0, 2.0, 4.0, 0.0]


def test_mean_squared_error_is_of_values_up_to_one() -> None:
    black, white = np.zeros((2, 3, 3), dtype=np.uint8), np.full((2, 3, 3), 255, dtype=np.uint8)
    assert mean_squared_error(black, white) == 1.0
    assert mean_squared_error(white, white) == 0.0


def test_psnr_and_margins_of_known_errors() -> None:
    errors = np.zeros((2, 20, 3))
    errors[..., 0], errors[..., 1], errors[..., 2] = 0.001, 0.01, 0.002
    errors[:, 5] = 1.0  # outside of the window
    fast = np.ones((2, 20))
    errors[1, 10], fast[1, 10] = 1.0, 0.0  # too slow to count
    found = baselines(errors, fast)
    assert found["frames"].value == 17
    assert found["psnr model"].value == pytest.approx(30)
    assert found["psnr repeat"].value == pytest.approx(20)
    assert found["margin over repeat"].value == pytest.approx(10)
    assert found["margin over warp"].value == pytest.approx(10 * np.log10(2))


def test_errors_are_pooled_before_the_logarithm() -> None:
    errors = np.full((2, 20, 3), 0.1)
    errors[0, :, 0] = 0.0001
    found = baselines(errors, np.ones((2, 20)))
    assert found["psnr model"].value == pytest.approx(-10 * np.log10((0.1 + 0.0001) / 2))


def test_no_fast_frame_or_too_few_frames_is_invalid() -> None:
    slow = baselines(np.full((2, 20, 3), 0.1), np.zeros((2, 20)))
    assert slow["frames"].value == 0
    assert not slow["margin over warp"].valid
    short = baselines(np.full((2, FRAMES.last, 3), 0.1), np.ones((2, FRAMES.last)))
    assert not any(measure.valid for measure in short.values())

"""The ego's motion read off pictures of a plane whose motion is known, and off the painter's."""

from __future__ import annotations

import numpy as np
import pytest

from everroad.evaluation.consistency.ego_motion import ego_motion

SECONDS = 1 / 12


@pytest.mark.parametrize(("speed", "degrees"), [(1.5, 0), (6, 10), (13, -20), (20, 3), (30, -1)])
def test_speed_and_yaw_rate_of_an_arc_over_a_textured_plane(plane, speed: float, degrees: float) -> None:
    before = plane.paint(np.eye(4))
    now = plane.paint(plane.pose(speed * SECONDS, np.deg2rad(degrees) * SECONDS))
    found = ego_motion(now, before, None, plane.camera, SECONDS)
    assert found.sure
    assert found.speed_mps == pytest.approx(speed, rel=0.01, abs=0.1)
    assert np.rad2deg(found.yaw_rate_radps) == pytest.approx(degrees, abs=0.3)


def test_a_picture_that_stands_shows_no_motion(plane) -> None:
    picture = plane.paint(np.eye(4))
    found = ego_motion(picture, picture, None, plane.camera, SECONDS)
    assert found.sure
    assert found.speed_mps == pytest.approx(0, abs=1e-3)
    assert found.yaw_rate_radps == pytest.approx(0, abs=1e-4)


def test_brightness_that_changes_is_no_motion(plane) -> None:
    before = plane.paint(np.eye(4))
    now = np.clip(plane.paint(plane.pose(0.8, 0.01)) * 0.85 + 20, 0, 255).astype(np.uint8)
    found = ego_motion(now, before, None, plane.camera, SECONDS)
    assert found.speed_mps == pytest.approx(0.8 / SECONDS, rel=0.02)


def test_nothing_to_see_is_not_sure(plane) -> None:
    dark = np.full_like(plane.paint(np.eye(4)), 3)
    assert not ego_motion(dark, dark, None, plane.camera, SECONDS).sure
    noise = np.random.default_rng(0).integers(0, 60, (2, *dark.shape), dtype=np.uint8)
    assert not ego_motion(noise[0], noise[1], None, plane.camera, SECONDS).sure
    nowhere = np.zeros(dark.shape[:2], bool)
    assert not ego_motion(plane.paint(np.eye(4)), plane.paint(np.eye(4)), nowhere, plane.camera, SECONDS).sure


def test_the_painters_road_shows_the_motion_asked_for(drive) -> None:
    errors, turns = [], []
    for i in range(1, len(drive.pictures), 2):
        prepared = drive.prepared[i]
        found = ego_motion(drive.pictures[i], drive.pictures[i - 1], prepared.ground, prepared.camera, prepared.seconds)
        assert found.sure
        errors.append(abs(found.speed_mps / prepared.asked[0] - 1))
        turns.append(abs(np.rad2deg(found.yaw_rate_radps - prepared.asked[1])))
    assert np.median(errors) < 0.03
    assert np.median(turns) < 0.5

"""Correspondence by depth and by flow, on a plane where it has a formula, and on the painter's frames."""

from __future__ import annotations

import numpy as np
import pytest

from everroad import geometry
from everroad.evaluation.consistency.correspondence import Seen, estimated, ground_pixels, known, static_pixels
from everroad.evaluation.first_frame_baselines import first_pixels


def test_on_the_ground_plane_it_is_the_ground_warp(plane) -> None:
    seen, step = ground_pixels(plane.camera), plane.pose(0.9, 0.02)
    found = known(seen, seen, plane.camera, plane.camera, step)
    assert found.valid.sum() > 3000
    assert found.places[found.valid] == pytest.approx(first_pixels(plane.camera, step)[found.valid], abs=1e-3)


def test_what_was_hidden_is_not_compared(plane) -> None:
    seen, still = ground_pixels(plane.camera), plane.pose(0.0, 0.0)
    hidden = Seen(seen.depth_m.copy(), seen.usable)
    hidden.depth_m[90:100, 50:80] = 3.0
    found = known(seen, hidden, plane.camera, plane.camera, still)
    assert not found.valid[90:100, 50:80].any()
    assert found.valid[105:, 50:80].all()
    assert not known(hidden, seen, plane.camera, plane.camera, still).valid[90:100, 50:80].any()


def test_cars_people_and_sky_are_not_static(drive) -> None:
    semantic = np.array([[1, 2, 6], [0, 9, 10], [11, 7, 1]], np.uint8)
    depth_m = np.full((3, 3), 9.0)
    depth_m[2, 2] = np.inf
    usable = static_pixels(depth_m, semantic).usable
    assert usable.tolist() == [[True, True, True], [False, False, False], [False, True, False]]
    assert drive.prepared[5].shown.valid.mean() > 0.5


@pytest.mark.parametrize("way_m", [0.0, 0.15])
def test_flow_of_a_textured_plane_is_near_the_truth(plane, way_m: float) -> None:
    step = plane.pose(way_m, 0.004)
    now, before = plane.paint(step), plane.paint(np.eye(4))
    seen = ground_pixels(plane.camera, 12.0)
    truth, found = known(seen, seen, plane.camera, plane.camera, step), estimated(now, before)
    both = truth.valid & found.valid
    assert both.sum() > 0.8 * truth.valid.sum()
    assert np.median(np.linalg.norm(truth.places - found.places, axis=-1)[both]) < 0.3


def test_another_camera_at_the_same_time_is_a_rotation_here(plane) -> None:
    camera, other = plane.camera, plane.turned_camera(20)
    found = known(ground_pixels(camera), ground_pixels(other), camera, other, np.eye(4))
    assert found.valid.any()
    rays = np.stack([*np.nonzero(found.valid)[::-1], np.ones(found.valid.sum())], 1) @ np.linalg.inv(camera.intrinsics).T
    turn = geometry.invert(other.ego_from_camera)[:3, :3] @ camera.ego_from_camera[:3, :3]
    # The camera turns about the rear axle 1.7 m behind it; what is far away hardly sees that.
    uv, _ = geometry.project(rays @ turn.T, other.intrinsics)
    assert np.median(np.abs(uv - found.places[found.valid])) < 25

from __future__ import annotations

import numpy as np
import pytest

from everroad import geometry
from everroad.export import lidar
from everroad.export.sight import Witness
from tests.export.scenes import actor, drive


def test_points_lie_on_the_ground_and_on_the_actors():
    car = actor("car", "vehicle.car", (4.5, 1.9, 1.5), (-8.0, -1.75))
    far = actor("far", "vehicle.car", (4.5, 1.9, 1.5), (200.0, 50.0))
    scene = drive(actors=(car, far))
    frame = scene.frame(0)
    points = lidar.painted_points(frame, Witness(scene, None))
    assert points.dtype == np.float32
    assert points.shape[1] == 5
    assert len(points) > 10_000
    world = geometry.apply(frame.world_from_ego @ lidar.EGO_FROM_LIDAR, points[:, :3].astype(np.float64))
    ground = np.abs(world[:, 2]) < 1e-3
    box_from_world = geometry.invert(frame.actors[0].world_from_actor)
    on_car = (np.abs(geometry.apply(box_from_world, world)) <= np.array([4.5, 1.9, 1.5]) / 2 + 0.05).all(axis=1)
    assert ground.sum() > 5_000
    assert on_car.sum() > 30
    assert (ground | on_car).mean() > 0.999
    counts = lidar.points_in_boxes(points, frame.actors, frame.world_from_ego)
    assert counts["car"] == pytest.approx(on_car.sum(), abs=8)
    assert counts["far"] == 0
    distance_m = np.linalg.norm(points[:, :3], axis=1)
    assert lidar.NEAREST_M <= distance_m.min() < distance_m.max() <= lidar.FARTHEST_M + 1e-3
    assert set(np.unique(points[:, 4])) <= set(range(32))
    # A ring is a cone around the sensor, up to the pixels of the views.
    elevation = np.rad2deg(np.arcsin(points[:, 2] / distance_m))
    assert np.abs(elevation - lidar.BEAMS_DEG[points[:, 4].astype(int)]).max() < 0.25


def test_the_sensor_looks_ahead_along_y():
    ahead = lidar.given_points(np.array([[10.94, 0.0, 1.84], [0.94, 3.0, 1.84]]), 0)
    np.testing.assert_allclose(ahead[:, :3], [[0, 10, 0], [-3, 0, 0]], atol=1e-6)


def test_given_points_keep_intensity_and_ring():
    points = lidar.given_points(np.array([[1.0, 2, 3, 40, 5]]), 0)
    np.testing.assert_allclose(points[0, 3:], [40, 5])
    assert lidar.given_points(np.zeros((0, 3)), 0).shape == (0, 5)


@pytest.mark.parametrize(("points", "message"), [(np.zeros((3, 2)), "expected shape"), (np.full((1, 3), np.nan), "finite")])
def test_given_points_are_checked(points, message):
    with pytest.raises(ValueError, match=f"lidar points of frame 7: .*{message}"):
        lidar.given_points(points, 7)


def test_files_hold_five_floats_a_point(tmp_path):
    points = np.arange(10, dtype=np.float32).reshape(2, 5)
    lidar.write_points(tmp_path / "a" / "x.pcd.bin", points)
    np.testing.assert_array_equal(np.fromfile(tmp_path / "a" / "x.pcd.bin", dtype="<f4").reshape(-1, 5), points)

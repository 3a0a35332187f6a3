"""KITTI labels of boxes whose numbers can be worked out on paper."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from everroad import geometry
from everroad.export import kitti
from everroad.export.lidar import given_points
from everroad.export.sight import Sight
from tests.export.scenes import actor, camera, drive

SIZE = (4.0, 2.0, 1.5)


def labelled(x_m, y_m, yaw_rad, seen=(90, 100), size=SIZE, category="vehicle.car"):
    """The label of one actor, of an ego car at the world's origin; the camera is 1.7 m ahead and 1.5 m up."""
    scene = drive(actors=(actor("a", category, size, (x_m, y_m), (0.0, 0.0), yaw_rad),))
    frame = replace(scene.frame(0), world_from_ego=np.eye(4))
    lines = kitti.label_lines(frame, camera(), {"a": Sight(*seen, (0, 0, 1, 1))})
    return [line.split() for line in lines]


def test_a_car_straight_ahead():
    ((kind, truncated, occluded, alpha, *numbers),) = labelled(21.7, 0.0, 0.0)
    left, top, right, bottom, height, width, length, x, y, z, rotation_y = map(float, numbers)
    assert (kind, truncated, occluded) == ("Car", "0.00", "0")
    # Bottom centre: 20 m ahead, on the ground 1.5 m below the camera.
    np.testing.assert_allclose([x, y, z], [0, 1.5, 20], atol=1e-6)
    assert (height, width, length) == (1.5, 2.0, 4.0)
    # It drives away from us: its x axis is the camera's z axis.
    assert rotation_y == pytest.approx(-np.pi / 2, abs=1e-6)
    assert float(alpha) == pytest.approx(-np.pi / 2, abs=1e-6)
    # The near face is 18 m away: focal 89.6 px, half a width of 1 m.
    np.testing.assert_allclose([left, right], [55.5 - 89.6 / 18, 55.5 + 89.6 / 18], atol=1e-5)
    # The far face's lower edge is higher in the picture than the near one's; the roof is level with the camera.
    np.testing.assert_allclose([top, bottom], [31.5, 31.5 + 89.6 * 1.5 / 18], atol=1e-5)


@pytest.mark.parametrize(
    ("yaw_rad", "rotation_y"), [(0.0, -np.pi / 2), (-np.pi / 2, 0.0), (np.pi / 4, -3 * np.pi / 4), (np.pi, np.pi / 2)]
)
def test_rotation_y_turns_the_other_way(yaw_rad, rotation_y):
    (label,) = labelled(21.7, 0.0, yaw_rad)
    assert np.cos(float(label[-1]) - rotation_y) == pytest.approx(1)


def test_alpha_is_seen_along_the_ray():
    (label,) = labelled(11.7, -5.0, 0.0)
    # 10 m ahead, 5 m to the right.
    assert float(label[3]) == pytest.approx(-np.pi / 2 - np.arctan2(5, 10), abs=1e-6)


def test_truncation_is_the_share_outside():
    (label,) = labelled(21.7, 12.5, 0.0)
    left = 55.5 - 89.6 * 13.5 / 18
    right = 55.5 - 89.6 * 11.5 / 22
    assert left < 0 < right
    assert float(label[1]) == pytest.approx(-left / (right - left), abs=0.005)
    assert float(label[4]) == 0


@pytest.mark.parametrize(("seen", "occluded"), [((100, 100), "0"), ((80, 100), "0"), ((50, 100), "1"), ((10, 100), "2")])
def test_occlusion(seen, occluded):
    assert labelled(21.7, 0.0, 0.0, seen)[0][2] == occluded


def test_what_has_no_label():
    assert labelled(21.7, 0.0, 0.0, (0, 100)) == []
    assert labelled(-20.0, 0.0, 0.0) == []
    assert labelled(21.7, 0.0, 0.0, category="movable_object.trafficcone") == []
    assert labelled(21.7, 0.0, 0.0, category="human.pedestrian.adult")[0][0] == "Pedestrian"


def test_calibration_takes_points_to_pixels():
    rows = dict(line.split(": ") for line in kitti.calibration(camera()).splitlines())
    p2, tr = (np.array(rows[name].split(), dtype=float).reshape(3, 4) for name in ("P2", "Tr_velo_to_cam"))
    ego = np.array([[12.0, 1.0, 0.5], [20.0, -3.0, 0.0]])
    velo = kitti.velodyne(given_points(ego, 0))
    assert velo.shape == (2, 4)
    homogeneous = np.concatenate([velo[:, :3], np.ones((2, 1))], axis=1)
    pixels = np.concatenate([homogeneous @ tr.T, np.ones((2, 1))], axis=1) @ p2.T
    wanted, _ = geometry.project(geometry.apply(geometry.invert(camera().ego_from_camera), ego), camera().intrinsics)
    np.testing.assert_allclose(pixels[:, :2] / pixels[:, 2:], wanted, atol=1e-4)
    # KITTI's scanner looks ahead along x, with y to the left.
    np.testing.assert_allclose(velo[0, :3], [12 - 0.94, 1, 0.5 - 1.84], atol=1e-5)

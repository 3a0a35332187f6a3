from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from everroad import geometry
from everroad.conditions.rig import (
    FOCAL_JITTER,
    HEIGHT_JITTER_M,
    PITCH_JITTER_DEG,
    YAW_JITTER_DEG,
    fit_camera,
    fit_image,
    front_camera,
    jitter_camera,
    undistort_image,
)
from everroad.scenario.types import Camera


def _camera(width_px, height_px, focal_px=1000.0, centre=(800.0, 450.0)):
    intrinsics = np.array([[focal_px, 0, centre[0]], [0, focal_px, centre[1]], [0, 0, 1]])
    return Camera("c", width_px, height_px, intrinsics, np.eye(4))


def test_landscape_camera_by_hand():
    # 900 rows at 224:128 are 1575 columns; 12 go on the left. The scale is 128/900 both ways.
    fitted = fit_camera(_camera(1600, 900), 128, 224)
    scale = 128 / 900
    assert (fitted.width_px, fitted.height_px) == (224, 128)
    expected = [[1000 * scale, 0, (800 - 12 + 0.5) * scale - 0.5], [0, 1000 * scale, 450.5 * scale - 0.5], [0, 0, 1]]
    np.testing.assert_allclose(fitted.intrinsics, expected, atol=1e-9)


@pytest.mark.parametrize(("anchor", "top"), [(0.0, 0), (0.5, 581), (1.0, 1162)])
def test_portrait_camera_keeps_its_width_and_sits_at_the_anchor(anchor, top):
    # 1550 columns at 224:128 are 886 rows (885.7), so 1162 of 2048 are cut.
    fitted = fit_camera(_camera(1550, 2048, centre=(775.0, 1024.0)), 128, 224, anchor)
    assert fitted.intrinsics[0, 0] == pytest.approx(1000 * 224 / 1550)
    assert fitted.intrinsics[1, 2] == pytest.approx((1024 - top + 0.5) * 128 / 886 - 0.5)


@given(
    source=st.sampled_from([(1600, 900), (1550, 2048), (640, 480), (300, 200)]),
    wanted=st.sampled_from([(128, 224), (64, 112), (96, 96)]),
    anchor=st.floats(0, 1),
    along=st.floats(0.2, 0.8),
    down=st.floats(0.2, 0.8),
)
def test_pictures_and_intrinsics_are_cropped_alike(source, wanted, anchor, along, down):
    """A soft spot painted at a point's pixel is found, after the fit, where the fitted camera projects that point."""
    width, height = source
    camera = _camera(width, height, centre=(width / 2, height / 2))
    fitted = fit_camera(camera, *wanted, anchor)
    pixel = np.array([along * (wanted[1] - 1), down * (wanted[0] - 1)])
    point = np.linalg.inv(fitted.intrinsics) @ [*pixel, 1.0]
    centre, _ = geometry.project(point[None], camera.intrinsics)
    u, v = np.meshgrid(np.arange(width), np.arange(height))
    spot = np.exp(-((u - centre[0, 0]) ** 2 + (v - centre[0, 1]) ** 2) / (2 * (width / 60) ** 2))
    image = fit_image((255 * spot).astype(np.uint8)[..., None].repeat(3, axis=2), *wanted, anchor)[..., 0].astype(float)
    assert image.shape == wanted
    rows, columns = np.indices(wanted)
    found = np.array([(columns * image).sum(), (rows * image).sum()]) / image.sum()
    np.testing.assert_allclose(found, pixel, atol=0.25)


def test_a_camera_of_the_right_size_stays_as_it_is():
    camera = _camera(224, 128)
    np.testing.assert_array_equal(fit_camera(camera, 128, 224).intrinsics, camera.intrinsics)


@pytest.mark.parametrize("arguments", [(0, 224), (128, -1), (128, 224, 1.5), (128, 224, float("nan"))])
def test_bad_sizes_and_anchors_are_refused(arguments):
    with pytest.raises(ValueError, match="expected"):
        fit_camera(_camera(1600, 900), *arguments)


def test_front_camera_is_the_straightest_and_not_half_of_a_stereo_pair(scene):
    side = scene.camera(yaw_deg=55, name="side")
    centre = scene.camera(yaw_deg=0.6, name="centre", position_m=(1.6, 0.01, 1.4))
    stereo = scene.camera(yaw_deg=0.1, name="stereo", position_m=(1.6, 0.25, 1.4))
    back = scene.camera(yaw_deg=180, name="back")
    assert front_camera([back, side, stereo, centre]).name == "centre"
    assert front_camera([back, side]).name == "side"
    with pytest.raises(ValueError, match="--rig"):
        front_camera([])


@given(seed=st.integers(0, 2**63))
def test_jitter_stays_small_rigid_and_addressed(seed):
    camera = Camera("CAM_FRONT", 224, 128, np.array([[200.0, 0, 112], [0, 200, 64], [0, 0, 1]]), _ego_from_camera())
    moved, again = jitter_camera(camera, seed), jitter_camera(camera, seed)
    np.testing.assert_array_equal(moved.ego_from_camera, again.ego_from_camera)
    np.testing.assert_array_equal(moved.intrinsics, again.intrinsics)
    ratio = moved.intrinsics[0, 0] / 200
    assert abs(ratio - 1) <= FOCAL_JITTER
    assert moved.intrinsics[1, 1] == pytest.approx(200 * ratio)
    shift = moved.ego_from_camera[:3, 3] - camera.ego_from_camera[:3, 3]
    assert shift[0] == shift[1] == 0
    assert abs(shift[2]) <= HEIGHT_JITTER_M
    axis = camera.ego_from_camera[:3, :3].T @ moved.ego_from_camera[:3, 2]
    assert abs(np.rad2deg(np.arctan2(axis[0], axis[2]))) <= YAW_JITTER_DEG + 0.01
    assert abs(np.rad2deg(np.arcsin(axis[1]))) <= PITCH_JITTER_DEG + 0.01


def test_jitter_differs_by_seed_and_by_camera(scene):
    cameras = [jitter_camera(scene.camera(name=name), seed) for name in ("a", "b") for seed in range(20)]
    assert len({camera.intrinsics[0, 0] for camera in cameras}) == 40
    assert np.std([camera.intrinsics[0, 0] / 200 for camera in cameras]) == pytest.approx(0.15 / np.sqrt(3), rel=0.4)


def _ego_from_camera():
    out = np.eye(4)
    out[:3, :3] = [[0, 0, 1], [-1, 0, 0], [0, -1, 0]]
    out[:3, 3] = [1.7, 0, 1.5]
    return out


LENS = (-0.25, -0.13, 0.2)  # like an Argoverse 2 lens before its pictures were undistorted


def _distorted(camera, lens, light):
    """The picture that a lens makes of ``light(x, y)``, a function of the normalised ray, by inverting the distortion."""
    u, v = np.meshgrid(np.arange(camera.width_px), np.arange(camera.height_px))
    seen = np.stack([u, v, np.ones_like(u)], axis=-1) @ np.linalg.inv(camera.intrinsics).T
    seen_r = np.hypot(seen[..., 0], seen[..., 1])
    r = seen_r.copy()
    for _ in range(50):
        r = seen_r / (1 + lens[0] * r**2 + lens[1] * r**4 + lens[2] * r**6)
    grown = r / np.maximum(seen_r, 1e-12)
    shade = light(seen[..., 0] * grown, seen[..., 1] * grown)
    return np.rint(255 * shade).astype(np.uint8)[..., None].repeat(3, axis=2)


def _lines(x, y):
    """Soft bright lines every tenth of a unit."""
    return np.maximum(np.cos(20 * np.pi * x), np.cos(20 * np.pi * y)).clip(0, 1) ** 2


@pytest.mark.parametrize("skew", [0.0, 6.0])
def test_a_distorted_grid_comes_back_straight(skew):
    camera = replace(_camera(400, 300, 300.0, centre=(195.0, 155.5)), distortion=LENS)
    camera.intrinsics[0, 1] = skew
    bent, straight = _distorted(camera, LENS, _lines), _distorted(camera, (0.0, 0.0, 0.0), _lines)
    back = undistort_image(bent, camera)
    inside = np.s_[15:-15, 15:-15]
    assert np.abs(bent[inside].astype(int) - straight[inside]).max() > 200
    assert np.abs(back[inside].astype(int) - straight[inside]).max() < 30  # what interpolation rounds off


@pytest.mark.parametrize("point", [(-0.5, -0.4), (0.5, -0.4), (0.5, 0.4), (-0.5, 0.4), (0.0, 0.3)])
@pytest.mark.parametrize("halved", [False, True])
def test_a_spot_lands_where_the_pinhole_projects_it(point, halved):
    camera = replace(_camera(400, 300, 300.0, centre=(199.5, 149.5)), distortion=LENS)
    bent = _distorted(camera, LENS, lambda x, y: np.exp(-((x - point[0]) ** 2 + (y - point[1]) ** 2) / (2 * 0.015**2)))
    wanted, _ = geometry.project(np.array([[*point, 1.0]]), camera.intrinsics)
    if halved:  # a picture of half the camera's size
        bent, wanted = cv2.resize(bent, (200, 150), interpolation=cv2.INTER_AREA), (wanted + 0.5) / 2 - 0.5
    image = undistort_image(bent, camera)[..., 0].astype(float)
    rows, columns = np.indices(image.shape)
    found = np.array([(columns * image).sum(), (rows * image).sum()]) / image.sum()
    np.testing.assert_allclose(found, wanted[0], atol=0.15)


@pytest.mark.parametrize("lens", [LENS, (0.1,), (-0.3, 0.1)])
def test_undistortion_is_opencvs(lens):
    camera = replace(_camera(160, 120, 110.0, centre=(80.5, 57.0)), distortion=lens)
    image = np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8)
    image = cv2.GaussianBlur(image, (0, 0), 2)
    k1, k2, k3 = (*lens, 0.0, 0.0)[:3]
    reference = cv2.undistort(image, camera.intrinsics, np.array([k1, k2, 0, 0, k3]))
    assert np.abs(undistort_image(image, camera).astype(int) - reference).max() <= 5  # OpenCV rounds places to 1/32 px


def test_a_pinholes_picture_is_left_alone():
    image = np.zeros((12, 16, 3), dtype=np.uint8)
    for lens in (None, (), (0.0, 0.0, 0.0)):
        assert undistort_image(image, replace(_camera(16, 12), distortion=lens)) is image

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from everroad.scenario.video_camera import VideoCamera, fit_pictures


def test_what_is_assumed():
    camera = fit_pictures(VideoCamera(), 960, 540).camera
    assert (camera.name, camera.width_px, camera.height_px) == ("CAM_FRONT", 960, 540)
    # The picture's left edge, half a pixel left of the first pixel's centre, is seen 32.5 degrees to the left.
    left_edge = (-0.5 - camera.intrinsics[0, 2]) / camera.intrinsics[0, 0]
    assert np.degrees(np.arctan(left_edge)) == pytest.approx(-32.5)
    assert camera.intrinsics[1, 1] == camera.intrinsics[0, 0]
    np.testing.assert_allclose(camera.ego_from_camera[:3, 3], [1.7, 0, 1.5])
    np.testing.assert_allclose(camera.ego_from_camera[:3, :3], [[0, 0, 1], [-1, 0, 0], [0, -1, 0]])


def test_what_is_given():
    assert fit_pictures(VideoCamera(focal_px=700.0), 960, 540).camera.intrinsics[0, 0] == 700
    wide = fit_pictures(VideoCamera(fov_deg=90.0, camera_height_m=2.0), 960, 540).camera
    assert wide.intrinsics[0, 0] == pytest.approx(480)
    assert wide.ego_from_camera[2, 3] == 2
    given_lens = fit_pictures(VideoCamera(intrinsics="700,710,470,260.5"), 960, 540).camera
    np.testing.assert_allclose(given_lens.intrinsics, [[700, 0, 470], [0, 710, 260.5], [0, 0, 1]])


@given(data=st.data())
def test_points_stay_on_the_same_pixels(data):
    """The fitted picture of a colour ramp shows, at every pixel, the place in the clip's picture that the intrinsics name."""
    width, height = data.draw(st.integers(64, 200)), data.draw(st.integers(64, 200))
    scale = data.draw(st.sampled_from([1, 2, 4]))
    out_width, out_height = data.draw(st.integers(16, width // scale)), data.draw(st.integers(16, height // scale))
    left = data.draw(st.integers(0, width - out_width * scale))
    top = data.draw(st.integers(0, height - out_height * scale))
    known = VideoCamera(
        f"{out_width}x{out_height}", f"{left},{top},{out_width * scale},{out_height * scale}", intrinsics="50,60,30,20"
    )
    fit = fit_pictures(known, width, height)
    v, u = np.mgrid[:height, :width]
    ramp = np.stack([u, v, 0 * u], -1).astype(np.uint8)
    picture = fit.picture(ramp)
    assert picture.shape == (out_height, out_width, 3)
    v, u = np.mgrid[:out_height, :out_width]
    rays = np.linalg.inv(fit.camera.intrinsics) @ np.stack([u, v, np.ones_like(u)]).reshape(3, -1)
    back = np.array([[50, 0, 30], [0, 60, 20], [0, 0, 1]]) @ rays
    np.testing.assert_allclose(picture.reshape(-1, 3)[:, :2], back[:2].T, atol=0.51)


def test_a_clip_too_small_to_see_anything_is_refused():
    for size in ((15, 200), (200, 1)):
        with pytest.raises(ValueError, match=r"^video: expected pictures of at least 16 px a side, got \d+x\d+; take a larger"):
            fit_pictures(VideoCamera(), *size)
    assert fit_pictures(VideoCamera(), 16, 16).camera.width_px == 16


def test_odd_sizes_are_pictures_too():
    fit = fit_pictures(VideoCamera("33x21", "1,1,33,21"), 35, 23)
    assert fit.picture(np.zeros((23, 35, 3), np.uint8)).shape == (21, 33, 3)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"crop": "0,0,961,540"}, "--crop: expected a part of the picture of 960x540, 16 px a side at least, got 0,0,961,540"),
        ({"crop": "900,0,100,100"}, "900 + 100 = 1000 is beyond 960, its right side; name"),
        ({"crop": "0,40,910,520"}, "got 0,40,910,520, where 40 + 520 = 560 is beyond 540, its lower side; name another"),
        ({"crop": "0,0,0,10"}, "--crop: expected a part"),
        ({"size": "1920x1080"}, "--size: expected 16x16 to 960x540"),
        ({"size": "0x0"}, "--size: expected 16x16"),
        ({"size": "1x1"}, "--size: expected 16x16"),
        ({"size": "28x15"}, "--size: expected 16x16 to 960x540, what there is to see, got 28x15; name another"),
        ({"crop": "10,10,1,1"}, "--crop: expected a part of the picture of 960x540, 16 px a side at least, got 10,10,1,1"),
        ({"size": "448x256"}, "add --crop 7,0,945,540, or name another"),
        ({"crop": "10,20,400,400", "size": "100x50"}, "add --crop 10,120,400,200, or name another"),
    ],
)
def test_what_does_not_fit_the_picture(options, said):
    with pytest.raises(ValueError) as caught:
        fit_pictures(VideoCamera(**options), 960, 540)
    assert said in str(caught.value)


def test_the_crop_that_a_refused_size_names_is_accepted():
    fit = fit_pictures(VideoCamera(size="448x256", crop="7,0,945,540"), 960, 540)
    assert (fit.camera.width_px, fit.camera.height_px) == (448, 256)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"crop": "1,2,3"}, "--crop: expected left,top,width,height in whole pixels, got '1,2,3'"),
        ({"crop": "-1,0,5,5"}, "--crop"),
        ({"crop": "0,0,5.5,5"}, "--crop"),
        ({"size": "448"}, "--size: expected WIDTHxHEIGHT in whole pixels, got '448'"),
        ({"size": "99999999x5"}, "--size"),
        ({"intrinsics": "1,2,3"}, "--intrinsics: expected fx,fy,cx,cy, got '1,2,3'"),
        ({"intrinsics": "a,b,c,d"}, "--intrinsics"),
        ({"intrinsics": "0,700,1,1"}, "--intrinsics: fx and fy"),
        ({"intrinsics": "nan,700,1,1"}, "--intrinsics"),
        ({"focal_px": 0.0}, "--focal"),
        ({"fov_deg": 180.0}, "--fov"),
        ({"fov_deg": float("nan")}, "--fov"),
        ({"fov_deg": 60.0, "focal_px": 700.0}, "--focal and --fov: expected one of them at most"),
        ({"camera_height_m": -1.0}, "--camera-height"),
    ],
)
def test_options_that_make_no_sense(options, said):
    with pytest.raises(ValueError) as caught:
        VideoCamera(**options)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)

"""The ground as a grid: places in grids and pictures, and what is taken there."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from everroad.evaluation.detector.codes import Lens
from everroad.evaluation.mapping.ground_truth import Window
from everroad.evaluation.mapping.head.find import lens_of
from everroad.evaluation.mapping.head.ground import cell_middles, in_picture, in_sight, in_window, taken
from everroad.evaluation.mapping.head.seen import pixel_from_ground
from everroad.scenario.rigs import level_camera
from everroad.scenario.types import Camera


def camera(yaw_deg: float = 0.0) -> Camera:
    return level_camera(
        "CAM", position_m=(1.7, 0.1, 1.5), yaw_deg=yaw_deg, focal_px=180.0, centre_px=(112.0, 69.0), size_px=(224, 128)
    )


def lens(yaw_deg: float = 0.0) -> Lens:
    return lens_of([camera(yaw_deg)])


def test_a_grid_holds_its_own_values_at_the_middles_of_its_cells() -> None:
    window, cells = Window(2.0, 12.0, -4.0, 8.0), (5, 6)
    middles = cell_middles(window, cells)
    np.testing.assert_allclose(middles[0, 0], [3.0, -3.0])
    np.testing.assert_allclose(middles[-1, -1], [11.0, 7.0])
    planes = torch.arange(60.0).view(1, 2, 5, 6)
    got = taken(planes, in_window(middles, window)[None])
    torch.testing.assert_close(got, planes.permute(0, 2, 3, 1), atol=1e-4, rtol=0)
    assert not taken(planes, in_window(torch.tensor([[[40.0, 0.0]]]), window)).any()


@given(st.floats(3, 29), st.floats(-14, 14), st.floats(-100, 100))
def test_a_point_is_where_the_homography_says(x: float, y: float, yaw_deg: float) -> None:
    one = camera(yaw_deg)
    pixel = pixel_from_ground(one.intrinsics, one.ego_from_camera) @ [x, y, 1]
    at = in_picture(torch.tensor([[x, y]])[None].float(), lens(yaw_deg), 128, 224)[0, 0]
    if pixel[2] < 0.4:
        assert not in_sight(at)
    elif pixel[2] > 0.6:
        expected = (pixel[:2] / pixel[2] + 0.5) / [112, 64] - 1
        np.testing.assert_allclose(at, expected.clip(-9, 9), atol=1e-3)


def test_a_picture_of_the_ground_gives_the_ground_back() -> None:
    """A quarter-size picture each of whose pixels holds the place on the ground that it shows."""
    ground_from_pixel = np.linalg.inv(pixel_from_ground(camera().intrinsics, camera().ego_from_camera))
    rows, columns = np.mgrid[0:32, 0:56] * 4 + 1.5  # the middle of a quarter's pixel
    points = np.stack([columns, rows, np.ones_like(rows)], -1) @ ground_from_pixel.T
    shown = torch.from_numpy((points[..., :2] / points[..., 2:]).transpose(2, 0, 1).copy()).float()[None]
    wanted = torch.tensor([[[7.5, 0.5], [8.0, -2.0], [9.0, 3.0], [12.0, 0.0]]])
    got = taken(shown, in_picture(wanted, lens(), 128, 224))
    torch.testing.assert_close(got, wanted, atol=0.3, rtol=0.03)

from __future__ import annotations

import json

import numpy as np
import pytest

from everroad.scenario.argoverse2_ground import GROUND_CELLS, GROUND_MARGIN_M, crop_ground, read_ground
from everroad.scenario.types import GroundHeight


@pytest.fixture
def files(tmp_path):
    """A raster of 0.5 m cells whose lower left corner is the city's (100, 200), with one unknown cell."""
    height_m = np.arange(12.0).reshape(3, 4)
    height_m[2, 3] = np.nan
    np.save(tmp_path / "heights.npy", height_m.astype(np.float16))
    (tmp_path / "sim2.json").write_text(json.dumps({"R": [1, 0, 0, 1], "t": [-100, -200], "s": 2.0}))
    return tmp_path / "heights.npy", tmp_path / "sim2.json"


def test_every_place_in_a_cell_has_the_cells_height(files):
    ground = read_ground(*files)
    for row, col in np.ndindex(3, 4):
        inside = np.array([[100 + 0.5 * (col + u), 200 + 0.5 * (row + v)] for u in (0.1, 0.9) for v in (0.1, 0.9)])
        expected = np.nan if (row, col) == (2, 3) else 4.0 * row + col
        np.testing.assert_array_equal(ground.at(inside), np.full(4, expected))
    assert np.isnan(ground.at(np.array([[99.9, 200.1], [102.1, 200.1], [100.1, 199.9], [100.1, 201.6]]))).all()


def slope(x_m, y_m):
    return 60 + 0.05 * x_m - 0.02 * y_m


def test_a_cropped_slope_is_the_same_slope_in_the_world():
    rows, cols = np.mgrid[0:1000, 0:1200]
    ground = GroundHeight(np.array([500.15, 700.15]), 0.3, slope(500.15 + 0.3 * cols, 700.15 + 0.3 * rows))
    path = np.array([[640.0, 850.0], [660.0, 860.0]])
    shift = np.array([-640.0, -850.0, -50.0])
    cropped = crop_ground(ground, path, shift)
    assert cropped.resolution_m == pytest.approx(0.3 * GROUND_CELLS)
    # About 100 m around the path, and no more of the 300 m by 360 m.
    corners = path.min(axis=0) - GROUND_MARGIN_M, path.max(axis=0) + GROUND_MARGIN_M
    for corner, sign in zip(corners, (1, -1), strict=True):
        assert np.isfinite(cropped.at(corner[None] + shift[:2] + sign)).all()
        assert np.isnan(cropped.at(corner[None] + shift[:2] - 2 * sign)).all()
    rows, cols = np.mgrid[1 : cropped.height_m.shape[0] - 1, 1 : cropped.height_m.shape[1] - 1]
    x_m, y_m = (cropped.origin_xy_m[axis] + cropped.resolution_m * index for axis, index in ((0, cols), (1, rows)))
    expected = slope(x_m + 640, y_m + 850) - 50
    np.testing.assert_allclose(cropped.height_m[1:-1, 1:-1], expected, atol=6e-4)


def test_unknown_cells_do_not_spoil_their_neighbours(files):
    cropped = crop_ground(read_ground(*files), np.array([[101.0, 200.5]]), np.zeros(3))
    np.testing.assert_allclose(cropped.height_m, [[np.mean([0, 1, 2, 4, 5, 6, 8, 9, 10]), np.mean([3, 7])]])
    alone = GroundHeight(np.zeros(2), 1.0, np.full((3, 3), np.nan))
    assert np.isnan(crop_ground(alone, np.zeros((1, 2)), np.zeros(3)).height_m).all()


def test_a_raster_elsewhere_is_refused(files):
    with pytest.raises(ValueError, match="--without-map"):
        crop_ground(read_ground(*files), np.array([[5000.0, 0.0]]), np.zeros(3))


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"text"])
def test_a_broken_array_file_is_refused(content, files):
    files[0].write_bytes(content)
    with pytest.raises(ValueError, match=r"heights\.npy: expected an array file"):
        read_ground(*files)


def test_an_archive_of_arrays_is_refused(files):
    with files[0].open("wb") as file:
        np.savez(file, height_m=np.zeros((3, 4), np.float16))
    with pytest.raises(ValueError, match=r"heights\.npy: expected an array file"):
        read_ground(*files)


@pytest.mark.parametrize("shape", ["(99999999, 99999999)", "(10**18, 10**18)", "(4, 4)", "(4611686018427387904, 4)"])
@pytest.mark.filterwarnings("error")
def test_a_header_that_claims_more_than_the_file_holds_is_refused(shape, files):
    header = f"{{'descr': '<f2', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    content = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + bytes(24)
    files[0].write_bytes(content)
    with pytest.raises(ValueError, match=r"heights\.npy: expected an array file"):
        read_ground(*files)


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"t": [1e300, 0.0]}, "t"), ({"s": 1e300}, "s"), ({"s": 1e-300}, "s"), ({"s": 5e-324}, "s"), ({"s": 0.0}, "")],
)
@pytest.mark.filterwarnings("error")
def test_a_raster_out_of_this_world_is_refused(changes, words, files):
    files[1].write_text(json.dumps({"R": [1, 0, 0, 1], "t": [-100, -200], "s": 2.0} | changes))
    with pytest.raises(ValueError, match=rf"sim2\.json: {words}"):
        read_ground(*files)


def test_heights_without_end_are_refused(files):
    np.save(files[0], np.full((3, 4), np.inf, np.float16))
    with pytest.raises(ValueError, match=r"heights\.npy: ground\.height_m"):
        read_ground(*files)


def test_an_array_of_objects_or_of_another_shape_is_refused(files):
    np.save(files[0], np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match=r"heights\.npy"):
        read_ground(*files)
    np.save(files[0], np.zeros(3))
    with pytest.raises(ValueError, match=r"heights\.npy: expected heights \(rows, columns\)"):
        read_ground(*files)


def test_a_turned_raster_is_refused(files):
    files[1].write_text(json.dumps({"R": [0, -1, 1, 0], "t": [0, 0], "s": 1.0}))
    with pytest.raises(ValueError, match=r"sim2\.json"):
        read_ground(*files)

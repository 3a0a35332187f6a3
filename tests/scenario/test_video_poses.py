from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation, Slerp

from everroad.scenario.video_poses import FLAT_COLUMNS, FULL_COLUMNS, read_poses_csv

FLAT = ",".join(FLAT_COLUMNS)
FULL = ",".join(FULL_COLUMNS)


@pytest.fixture
def table(tmp_path):
    def write(text):
        (tmp_path / "poses.csv").write_text(text)
        return tmp_path / "poses.csv"

    return write


def test_full_poses_are_linear_and_spherical_between_rows(table):
    rng = np.random.default_rng(0)
    time_s = np.cumsum(rng.uniform(0.05, 0.2, 20))
    position_m = rng.normal(0, 5, (20, 3))
    rotations = Rotation.random(20, random_state=1)
    xyzw = rotations.as_quat()
    columns = np.concatenate([time_s[:, None], position_m, np.roll(xyzw, 1, axis=1)], axis=1)
    rows = [",".join(map(repr, row)) for row in columns.tolist()]
    known = read_poses_csv(table("\n".join([FULL, *rows])))
    wanted_s = np.linspace(time_s[0], time_s[-1], 57)
    got = known.at(wanted_s)
    shift = np.array([*np.round(position_m[0, :2]), np.round(position_m[0, 2], 2)])
    expected = np.stack([np.interp(wanted_s, time_s, position_m[:, i]) for i in range(3)], -1) - shift
    np.testing.assert_allclose(got.translation_m, expected, atol=1e-9)
    expected_matrices = Slerp(time_s, rotations)(wanted_s).as_matrix()
    np.testing.assert_allclose(got.matrices()[:, :3, :3], expected_matrices, atol=1e-9)


def test_flat_poses_turn_about_the_vertical(table):
    known = read_poses_csv(table(f"note, {FLAT}\nx,0,100.2,50,0\ny,1,110.2,50,1.5707963267948966\n\n"))
    got = known.at(np.array([0.0, 0.5, 1.0]))
    np.testing.assert_allclose(got.translation_m, [[0.2, 0, 0], [5.2, 0, 0], [10.2, 0, 0]], atol=1e-9)
    np.testing.assert_allclose(got.matrix(1)[:2, 0], [np.sqrt(0.5)] * 2, atol=1e-9)


def test_a_byte_order_mark_and_windows_lines_do_no_harm(tmp_path):
    (tmp_path / "poses.csv").write_bytes(b"\xef\xbb\xbf" + f"{FLAT}\r\n0,1,2,3\r\n".encode())
    assert len(read_poses_csv(tmp_path / "poses.csv").poses) == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "got nothing"),
        ("time_s,x_m,y_m\n0,1,2\n", "expected the columns time_s,x_m,y_m,z_m,qw,qx,qy,qz or time_s,x_m,y_m,yaw_rad"),
        (f"{FLAT}\n", "at least one row"),
        (f"{FLAT}\n0,1,2,3\n1,1,2\n", "expected a number in column 'yaw_rad', row 2 below the header, got ''"),
        (f"{FLAT}\n0,one,2,3\n", "column 'x_m', row 1 below the header, got 'one'"),
        (f"{FLAT}\n0,1,2,3\n1,1,2,3\n1,1,2,3\n", "expected increasing time_s, got 1 then 1 in row 3 below the header"),
        (f"{FLAT}\n0,nan,2,3\n", "finite numbers"),
        (f"{FLAT}\n0,1e300,2,3\n", "finite numbers, -1e+07 to 1e+07 m"),
        (f"{FLAT}\ninf,1,2,3\n", "time_s: expected finite numbers"),
        (f"{FLAT}\n0,1,2,1e30\n", "yaw_rad"),
        (f"{FULL}\n0,1,2,3,0.5,0,0,0\n", "unit wxyz quaternions"),
    ],
)
def test_bad_tables_are_refused_in_one_line(text, said, table):
    with pytest.raises(ValueError) as caught:
        read_poses_csv(table(text))
    assert said in str(caught.value)
    assert "poses.csv: " in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_table_and_no_text(tmp_path):
    with pytest.raises(ValueError, match="expected a readable file"):
        read_poses_csv(tmp_path / "absent.csv")
    (tmp_path / "poses.csv").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(ValueError, match="UTF-8"):
        read_poses_csv(tmp_path / "poses.csv")


@pytest.mark.parametrize("wanted_s", [[0.0, 2.1], [-0.1, 1.0]])
def test_nothing_is_extrapolated(wanted_s, table):
    known = read_poses_csv(table(f"{FLAT}\n0,0,0,0\n2,1,0,0\n"))
    with pytest.raises(ValueError, match=r"poses over the clip's frames, .* got 0 to 2 s; add rows, or take less .* --seconds"):
        known.at(np.array(wanted_s))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("time_s,x_m,y_m,yaw_rad,x_m\n0,1,2,3,4\n", "expected every column once, got x_m more than once; rename or drop one"),
        (f"{FULL},qw\n0,0,0,0,1,0,0,0,1\n", "expected every column once, got qw more than once"),
        (
            f"{FULL},yaw_rad\n0,0,0,0,1,0,0,0,1\n",
            f"expected the columns {FULL} alone of those that tell poses, got yaw_rad",
        ),
        ("time_s,x_m,y_m,z_m,yaw_rad\n0,1,2,3,4\n", f"expected the columns {FLAT} alone of those that tell poses, got z_m too"),
        (f"{FLAT}\n0,0,0,0\n0,5,1,5,0\n", "expected 4 cells in row 2 below the header, as many as it has, got 5; mend it"),
    ],
)
def test_a_table_that_can_be_read_in_two_ways_is_refused(table, text, said):
    with pytest.raises(ValueError, match=r"^\S+poses\.csv: expected ") as caught:
        read_poses_csv(table(text))
    assert said in str(caught.value)


def test_other_columns_and_blank_cells_at_the_end_are_not_read(table):
    assert len(read_poses_csv(table(f"note,{FLAT},note\na,0,1,2,0,b\nc,1,1,2,0,d,,\n")).time_s) == 2

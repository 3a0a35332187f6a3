from __future__ import annotations

import pyarrow as pa
import pyarrow.feather
import pytest

from .av2_log import (
    FIRST_NS,
    box_rows,
    pose_rows,
    refused,
    write_table,
)


@pytest.mark.parametrize(
    "name",
    [
        "city_SE3_egovehicle.feather",
        "annotations.feather",
        "calibration/intrinsics.feather",
        "calibration/egovehicle_SE3_sensor.feather",
    ],
)
def test_a_truncated_feather_file_is_refused(name, log):
    whole = (log / name).read_bytes()
    for length in (0, 1, 7, 100, len(whole) // 2, len(whole) - 100, len(whole) - 7, len(whole) - 1):
        (log / name).write_bytes(whole[:length])
        refused(log, name, "whole feather file")
    (log / name).write_bytes(b"not a table at all" * 100)
    refused(log, name, "whole feather file")


def spoilt_poses(row: int, **changes) -> list[dict]:
    rows = pose_rows()
    rows[row] = {**rows[row], **changes}
    return rows


@pytest.mark.parametrize(
    ("row", "changes", "parts"),
    [
        (5, {"tx_m": float("nan")}, ("nan", "'tx_m'", "row 5")),
        (5, {"qw": float("inf")}, ("inf", "'qw'", "row 5")),
        (5, {"tz_m": None}, ("'tz_m'", "row 5")),
        (5, {"timestamp_ns": FIRST_NS}, ("increasing timestamp_ns", "row 5")),
        (5, {"qw": 2.0}, ("rotation_wxyz", "unit")),
    ],
)
def test_senseless_poses_are_refused(row, changes, parts, log):
    write_table(log / "city_SE3_egovehicle.feather", spoilt_poses(row, **changes))
    refused(log, "city_SE3_egovehicle.feather", *parts)


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({"width_m": -2.0}, ("positive box sizes", "row 3")),
        ({"height_m": 0.0}, ("positive box sizes", "row 3")),
        ({"tx_m": float("nan")}, ("nan", "'tx_m'", "row 3")),
        ({"track_uuid": None}, ("'track_uuid'", "row 3")),
        ({"qw": 0.0, "qz": 0.0}, ("rotation_wxyz", "unit")),
    ],
)
def test_senseless_boxes_are_refused(changes, parts, log):
    rows = box_rows(False)
    rows[3] = {**rows[3], **changes}
    write_table(log / "annotations.feather", rows)
    refused(log, "annotations.feather", *parts)


def test_a_table_without_a_column_or_a_row_or_with_words_for_numbers_is_refused(log):
    path = log / "annotations.feather"
    table = pyarrow.feather.read_table(path)
    pyarrow.feather.write_feather(table.drop_columns(["length_m"]), path)
    refused(log, "annotations.feather", "'length_m'")
    pyarrow.feather.write_feather(table.slice(0, 0), path)
    refused(log, "annotations.feather", "at least one row")
    at = table.column_names.index("length_m")
    pyarrow.feather.write_feather(table.set_column(at, "length_m", table["length_m"].cast(pa.string())), path)
    refused(log, "annotations.feather", "numbers", "'length_m'")


def test_a_camera_without_a_mount_is_refused(log):
    path = log / "calibration" / "egovehicle_SE3_sensor.feather"
    pyarrow.feather.write_feather(pyarrow.feather.read_table(path).slice(0, 1), path)
    refused(log, "ring_front_center")

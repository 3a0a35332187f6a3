from __future__ import annotations

import pyarrow as pa
import pyarrow.feather
import pytest

from everroad.scenario.argoverse2_tables import read_boxes

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
    pyarrow.feather.write_feather(table.append_column("length_m", table["length_m"]), path)
    with pytest.raises(ValueError, match="expected one column 'length_m', got several"):
        read_boxes(log)
    pyarrow.feather.write_feather(table.set_column(at, "length_m", table["length_m"].cast(pa.string())), path)
    refused(log, "annotations.feather", "numbers", "'length_m'")


@pytest.mark.parametrize("name", ["city_SE3_egovehicle.feather", "annotations.feather"])
def test_time_stamps_are_whole_and_unsigned_ones_may_decrease_too(name, log):
    table = pyarrow.feather.read_table(log / name)
    at, stamps = table.column_names.index("timestamp_ns"), table["timestamp_ns"].to_pylist()
    write = pyarrow.feather.write_feather
    write(table.set_column(at, "timestamp_ns", pa.array([float(s) for s in stamps])), log / name)
    refused(log, name, "whole numbers", "'timestamp_ns'", "double")
    if name.startswith("city"):
        stamps[4], stamps[5] = stamps[5], stamps[4]
        write(table.set_column(at, "timestamp_ns", pa.array(stamps, pa.uint64())), log / name)
        refused(log, name, "increasing timestamp_ns", "row 5")


@pytest.mark.parametrize("kind", [pa.binary(), pa.list_(pa.string())])
def test_words_of_another_kind_are_refused(kind, log):
    path = log / "annotations.feather"
    table = pyarrow.feather.read_table(path)
    words = table["track_uuid"].to_pylist()
    column = pa.array([[word] for word in words] if pa.types.is_list(kind) else [word.encode() for word in words], kind)
    table = table.set_column(table.column_names.index("track_uuid"), "track_uuid", column)
    pyarrow.feather.write_feather(table, path)
    refused(log, "annotations.feather", "words", "'track_uuid'")


def test_words_kept_once_in_a_dictionary_are_read(log):
    path = log / "annotations.feather"
    table = pyarrow.feather.read_table(path)
    at = table.column_names.index("category")
    pyarrow.feather.write_feather(table.set_column(at, "category", table["category"].dictionary_encode()), path)
    assert read_boxes(log).category == tuple(table["category"].to_pylist())


def test_two_mounts_of_one_camera_are_refused(log):
    path = log / "calibration" / "egovehicle_SE3_sensor.feather"
    table = pyarrow.feather.read_table(path)
    pyarrow.feather.write_feather(pa.concat_tables([table, table]), path)
    refused(log, path.name, "sensor_name once, got 'up_lidar'")


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"width_px": 2048.5}, "whole px"), ({"width_px": 0}, "px"), ({"height_px": -4}, "px"), ({"fx_px": 0.0}, "focal lengths")],
)
def test_a_lens_that_is_none_is_refused(changes, words, log):
    path = log / "calibration" / "intrinsics.feather"
    rows = [{**row, **changes} for row in pyarrow.feather.read_table(path).to_pylist()]
    write_table(path, rows)
    refused(log, "intrinsics.feather", "camera ring_front_center", words)


def test_a_camera_without_a_mount_is_refused(log):
    path = log / "calibration" / "egovehicle_SE3_sensor.feather"
    pyarrow.feather.write_feather(pyarrow.feather.read_table(path).slice(0, 1), path)
    refused(log, "ring_front_center")

"""The feather tables of an Argoverse 2 log as checked arrays, in the log's own frames."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.feather
from jaxtyping import Float, Int
from numpy import ndarray

from everroad.scenario.checks import check_once
from everroad.scenario.rigs import RIGS
from everroad.scenario.types import Camera, Poses

POSES_FILE = "city_SE3_egovehicle.feather"
ANNOTATION_FILES = ("annotations.feather", "annotations_with_ego.feather")
INTRINSICS_FILE = Path("calibration") / "intrinsics.feather"
EXTRINSICS_FILE = Path("calibration") / "egovehicle_SE3_sensor.feather"

_STAMP = "timestamp_ns"
_ROTATION = ("qw", "qx", "qy", "qz")
_TRANSLATION = ("tx_m", "ty_m", "tz_m")
_SIZE = ("length_m", "width_m", "height_m")
_LENS = ("fx_px", "fy_px", "cx_px", "cy_px")


@dataclass(frozen=True, eq=False)
class Boxes:
    """The annotated boxes, one a row: ``poses`` is ego_from_box at the row's time stamp."""

    stamp_ns: Int[ndarray, "n"]
    track: tuple[str, ...]
    category: tuple[str, ...]
    size_lwh_m: Float[ndarray, "n 3"]
    poses: Poses


def read_poses(path: Path) -> tuple[Int[ndarray, "n"], Poses]:
    """Time stamps and city_from_ego. Raises ``ValueError`` for a bad file or stamps that do not increase."""
    table = _read_table(path, (_STAMP, *_ROTATION, *_TRANSLATION))
    stamp_ns = _stamps(table, path)
    if (np.diff(stamp_ns) <= 0).any():
        row = int(np.argmax(np.diff(stamp_ns) <= 0)) + 1
        raise ValueError(
            f"{path}: expected increasing {_STAMP}, got {stamp_ns[row - 1]} then {stamp_ns[row]} in row {row}; mend or drop it"
        )
    return stamp_ns, _poses(table, path)


def read_boxes(log_dir: Path) -> Boxes:
    """The log's annotations, whichever of its two names the file has. Raises ``ValueError`` for a bad file."""
    path = next((log_dir / name for name in ANNOTATION_FILES if (log_dir / name).is_file()), log_dir / ANNOTATION_FILES[0])
    table = _read_table(path, (_STAMP, *_SIZE, *_ROTATION, *_TRANSLATION), ("track_uuid", "category"))
    size_lwh_m = _stack(table, _SIZE)
    if (size_lwh_m <= 0).any():
        row = int(np.argmax((size_lwh_m <= 0).any(axis=1)))
        raise ValueError(f"{path}: expected positive box sizes, got {size_lwh_m[row].tolist()} in row {row}; mend or drop it")
    return Boxes(
        _stamps(table, path),
        tuple(table["track_uuid"].to_pylist()),
        tuple(table["category"].to_pylist()),
        size_lwh_m,
        _poses(table, path),
    )


def read_cameras(log_dir: Path) -> tuple[Camera, ...]:
    """The log's cameras in its own ego frame. Raises ``ValueError`` that names ``--rig`` when there is no calibration."""
    if not ((log_dir / INTRINSICS_FILE).is_file() and (log_dir / EXTRINSICS_FILE).is_file()):
        rigs = " or ".join(f"--rig {name}" for name in RIGS)
        raise ValueError(f"{log_dir}: expected {INTRINSICS_FILE} and {EXTRINSICS_FILE}, got no calibration; pass {rigs}")
    lenses = _read_table(log_dir / INTRINSICS_FILE, (*_LENS, "width_px", "height_px"), ("sensor_name",))
    mounts = _read_table(log_dir / EXTRINSICS_FILE, (*_ROTATION, *_TRANSLATION), ("sensor_name",))
    try:
        check_once("sensor_name", mounts["sensor_name"].to_pylist())
    except ValueError as error:
        raise ValueError(f"{log_dir / EXTRINSICS_FILE}: {error}") from None
    ego_from_sensor = dict(
        zip(mounts["sensor_name"].to_pylist(), _poses(mounts, log_dir / EXTRINSICS_FILE).matrices(), strict=True)
    )
    cameras = []
    for lens in lenses.to_pylist():
        name = lens["sensor_name"]
        if name not in ego_from_sensor:
            raise ValueError(f"{log_dir / EXTRINSICS_FILE}: expected a row for camera '{name}', got none; complete the log")
        try:
            cameras.append(_camera(lens, ego_from_sensor[name]))
        except ValueError as error:
            raise ValueError(f"{log_dir / INTRINSICS_FILE}: {error}") from None
    return tuple(cameras)


def _camera(lens: dict[str, Any], ego_from_camera: Float[ndarray, "4 4"]) -> Camera:
    name, width, height = lens["sensor_name"], lens["width_px"], lens["height_px"]
    if int(width) != width or int(height) != height:
        raise ValueError(f"camera {name}: expected a width and height in whole px, got {width}x{height}; mend it")
    fx, fy, cx, cy = (float(lens[key]) for key in _LENS)
    intrinsics = np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]], dtype=np.float64)
    # k1, k2, k3 are the lens's; the published pictures are undistorted (``argoverse2``).
    return Camera(name, int(width), int(height), intrinsics, ego_from_camera)


def _stamps(table: pa.Table, path: Path) -> Int[ndarray, "n"]:
    column = table[_STAMP]
    if not pa.types.is_integer(column.type):
        raise ValueError(f"{path}: expected whole numbers in column '{_STAMP}', got {column.type}; write the table again")
    return column.to_numpy().astype(np.int64)  # unsigned ones would never seem to decrease


def _read_table(path: Path, numbers: tuple[str, ...], words: tuple[str, ...] = ()) -> pa.Table:
    """A table that holds the named columns, with finite numbers and no empty cells in them."""
    if not path.is_file():
        raise ValueError(f"{path}: expected this file of an Argoverse 2 log, got nothing; complete the log")
    try:
        table = pyarrow.feather.read_table(path, memory_map=False)
        table.validate(full=True)
    except (pa.ArrowException, OSError, ValueError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise ValueError(f"{path}: expected a whole feather file, got '{reason}'; copy the log again") from None
    if table.num_rows == 0:
        raise ValueError(f"{path}: expected at least one row, got none; complete the log")
    for name in (*numbers, *words):
        if name not in table.column_names:
            raise ValueError(f"{path}: expected a column '{name}', got only {', '.join(table.column_names)}; complete the log")
        if table.column_names.count(name) > 1:
            raise ValueError(f"{path}: expected one column '{name}', got several; write the table again")
        column = table[name]
        numeric = name in numbers
        if not (_is_number(column.type) if numeric else _is_word(column.type)):
            wanted = "numbers" if numeric else "words"
            raise ValueError(f"{path}: expected {wanted} in column '{name}', got {column.type}; write the table again")
        bad = ~np.isfinite(column.to_numpy()) if numeric else np.array([value is None for value in column.to_pylist()])
        if bad.any():
            row = int(np.argmax(bad))
            raise ValueError(
                f"{path}: expected finite numbers and no empty cells, got {column[row]} in '{name}', row {row}; mend it"
            )
    return table


def _is_number(kind: pa.DataType) -> bool:
    return pa.types.is_floating(kind) or pa.types.is_integer(kind)


def _is_word(kind: pa.DataType) -> bool:
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def _stack(table: pa.Table, names: tuple[str, ...]) -> Float[ndarray, "n k"]:
    return np.stack([table[name].to_numpy().astype(np.float64) for name in names], axis=-1)


def _poses(table: pa.Table, path: Path) -> Poses:
    try:
        return Poses(_stack(table, _TRANSLATION), _stack(table, _ROTATION))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None

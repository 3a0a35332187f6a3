"""Ego poses beside a plain video: a CSV table, interpolated to the video's frames. The format is in docs/own_data.md."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from everroad import geometry
from everroad.scenario.checks import check_range
from everroad.scenario.files import read_bytes
from everroad.scenario.resample import SAME_TIME_S, bracket
from everroad.scenario.types import LONGEST_S, Poses

FULL_COLUMNS = ("time_s", "x_m", "y_m", "z_m", "qw", "qx", "qy", "qz")
FLAT_COLUMNS = ("time_s", "x_m", "y_m", "yaw_rad")


@dataclass(frozen=True, eq=False)
class PoseTable:
    """world_from_ego at increasing times in seconds, from a file."""

    path: Path
    time_s: Float[ndarray, "n"]
    poses: Poses

    def at(self, wanted_s: Float[ndarray, "f"]) -> Poses:
        """Poses at increasing instants: linear between the rows, rotations along the shortest arc, nothing extrapolated.

        Raises ``ValueError`` for a table that does not cover the instants.
        """
        known_s = self.time_s
        if known_s[0] > wanted_s[0] + SAME_TIME_S or known_s[-1] < wanted_s[-1] - SAME_TIME_S:
            raise ValueError(
                f"{self.path}: expected poses over the clip's frames, {wanted_s[0]:g} to {wanted_s[-1]:.6g} s, got "
                f"{known_s[0]:g} to {known_s[-1]:.6g} s; add rows, or take less of the clip with --seconds"
            )
        at = bracket(known_s, wanted_s)
        return Poses(at.linear(self.poses.translation_m), at.slerp(self.poses.rotation_wxyz))


def read_poses_csv(path: Path) -> PoseTable:
    """A table with ``FULL_COLUMNS`` or ``FLAT_COLUMNS``; columns with other names are not read. Positions are shifted by whole
    metres (z by centimetres), so that the first one is near the origin.

    Raises ``ValueError`` for a file that cannot be read, columns that are missing, doubled or of both kinds at once, rows of
    more cells than the header has, cells that are no finite numbers, quaternions that
    are not of unit length, and times that do not increase.
    """
    try:
        rows = [row for row in csv.reader(_text(path).splitlines()) if row]
    except csv.Error as error:
        raise ValueError(f"{path}: expected a table of comma-separated values, got '{error}'; mend it") from None
    header = [cell.strip() for cell in rows[0]] if rows else []
    columns = next((wanted for wanted in (FULL_COLUMNS, FLAT_COLUMNS) if set(wanted) <= set(header)), None)
    if columns is None:
        wanted = " or ".join(",".join(names) for names in (FULL_COLUMNS, FLAT_COLUMNS))
        got = ",".join(header)[:80] or "nothing"
        raise ValueError(f"{path}: expected the columns {wanted} in the first line, got {got}; name them so")
    _check_header(header, columns, path)
    if len(rows) == 1:
        raise ValueError(f"{path}: expected at least one row of numbers, got none; add one")
    table = _numbers(rows[1:], [header.index(name) for name in columns], columns, len(header), path)
    try:
        time_s, poses = _checked(table)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    x, y, z = poses.translation_m[0]
    return PoseTable(path, time_s, Poses(poses.translation_m - [np.round(x), np.round(y), np.round(z, 2)], poses.rotation_wxyz))


def _check_header(header: list[str], columns: tuple[str, ...], path: Path) -> None:
    """Raises ``ValueError`` where the header leaves open which column counts."""
    names = {*FULL_COLUMNS, *FLAT_COLUMNS}
    doubled = [name for i, name in enumerate(header) if name in names and name in header[:i]]
    if doubled:
        raise ValueError(f"{path}: expected every column once, got {doubled[0]} more than once; rename or drop one")
    unused = [name for name in header if name in names - set(columns)]
    if unused:
        wanted = f"the columns {','.join(columns)} alone of those that tell poses"
        raise ValueError(f"{path}: expected {wanted}, got {','.join(unused)} too; drop it, or name all of the other kind")


def _text(path: Path) -> str:
    try:
        return read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: expected a table in UTF-8, got '{error}'; save it as CSV") from None


def _numbers(rows: list[list[str]], at: list[int], columns: tuple[str, ...], cells: int, path: Path) -> Float[ndarray, "n c"]:
    table = np.empty((len(rows), len(at)))
    for i, row in enumerate(rows):
        if any(cell.strip() for cell in row[cells:]):
            wanted = f"{cells} cells in row {i + 1} below the header, as many as it has"
            raise ValueError(f"{path}: expected {wanted}, got {len(row)}; mend it (numbers take a point, not a comma)")
        for j, (column, name) in enumerate(zip(at, columns, strict=True)):
            cell = row[column] if column < len(row) else ""
            try:
                table[i, j] = float(cell)
            except ValueError:
                wanted = f"a number in column '{name}', row {i + 1} below the header"
                raise ValueError(f"{path}: expected {wanted}, got '{cell[:40]}'; mend it") from None
    return table


def _checked(table: Float[ndarray, "n c"]) -> tuple[Float[ndarray, "n"], Poses]:
    time_s = table[:, 0]
    check_range("time_s", time_s, -LONGEST_S, LONGEST_S, "s")
    early = np.diff(time_s) <= 0
    if early.any():
        row = int(np.argmax(early)) + 1
        got = f"{time_s[row - 1]:.6g} then {time_s[row]:.6g} in row {row + 1} below the header"
        raise ValueError(f"expected increasing time_s, got {got}; sort the rows")
    if table.shape[1] == len(FULL_COLUMNS):
        return time_s, Poses(table[:, 1:4], table[:, 4:])
    check_range("yaw_rad", table[:, 3], -1e6, 1e6, "rad")
    flat_m = np.pad(table[:, 1:3], ((0, 0), (0, 1)))
    return time_s, Poses(flat_m, geometry.quaternion_from_yaw(table[:, 3]))

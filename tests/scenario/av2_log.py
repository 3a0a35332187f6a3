"""A small log in the Argoverse 2 format, simple enough to work everything out by hand.

The ego car drives north (+y of the city) at 10 m/s along x = 1000.4, from y = 2000.2, over flat ground at z = 50; its logged
origin is 0.5 m above the ground. Eleven sweeps at 10 Hz. Lanes (x from .. to ..): 12 southward 996-1000, 11 and 13 northward
1000-1004 and 1004-1008, a bicycle lane 15 on 1008-1010; 14 is the intersection lane after 11.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pytest

from everroad.scenario.argoverse2 import read_argoverse2

FIRST_NS = 315966253660357000
SWEEPS_NS = FIRST_NS + np.arange(11) * 100_000_000
NORTH = {"qw": np.sqrt(0.5), "qx": 0.0, "qy": 0.0, "qz": np.sqrt(0.5)}
STRAIGHT = {"qw": 1.0, "qx": 0.0, "qy": 0.0, "qz": 0.0}
HEIGHT_M = 0.5
GROUND_M = 50.0
# What the reader makes of it: city minus this is the world.
CITY_OF_WORLD_M = np.array([1000.0, 2000.0, 50.0])


def ego_city_m(seconds: float) -> tuple[float, float, float]:
    return 1000.4, 2000.2 + 10 * seconds, GROUND_M + HEIGHT_M


def pose_rows() -> list[dict]:
    """Every 50 ms, from before the first sweep to after the last."""
    return [
        {
            "timestamp_ns": int(FIRST_NS + k * 50_000_000),
            **NORTH,
            **dict(zip(("tx_m", "ty_m", "tz_m"), ego_city_m(k / 20), strict=True)),
        }
        for k in range(-2, 24)
    ]


def box_row(sweep: int, track: str, category: str, size, position, rotation=STRAIGHT) -> dict:
    return {
        "timestamp_ns": int(SWEEPS_NS[sweep]),
        "track_uuid": track,
        "category": category,
        **dict(zip(("length_m", "width_m", "height_m"), size, strict=True)),
        **rotation,
        **dict(zip(("tx_m", "ty_m", "tz_m"), position, strict=True)),
        "num_interior_pts": 7,
    }


def box_rows(with_ego: bool) -> list[dict]:
    rows = []
    for sweep in range(11):
        # Always 10 m ahead and 2 m to the left of the ego car, on the ground.
        rows.append(box_row(sweep, "leader", "REGULAR_VEHICLE", (4.0, 2.0, 1.5), (10.0, 2.0, 0.75 - HEIGHT_M)))
        rows.append(box_row(sweep, "cab", "TRUCK_CAB", (3.0, 2.5, 3.0), (30.0, -4.0, 1.0), {**STRAIGHT, "qw": 0.0, "qz": 1.0}))
        if with_ego:
            rows.append(box_row(sweep, "me", "EGO_VEHICLE", (4.9, 2.0, 1.6), (1.4, 0.0, 0.3)))
        if 2 <= sweep <= 5:
            # Stands still in the city at (1006.4, 2020.2).
            rows.append(box_row(sweep, "walker", "PEDESTRIAN", (0.5, 0.6, 1.8), (20.0 - sweep, -6.0, 0.4)))
        if sweep == 3:
            rows.append(box_row(sweep, "once", "STROLLER", (1.0, 0.5, 1.0), (5.0, 3.0, 0.0)))
    return rows[::-1]


def points(*xyz) -> list[dict]:
    return [{"x": float(x), "y": float(y), "z": float(z)} for x, y, z in xyz]


def vertical(x, first_y, last_y) -> list[dict]:
    return points((x, first_y, 50), (x, last_y, 50))


def lane(lane_id, left, right, marks, **more) -> dict:
    return {
        "id": lane_id,
        "is_intersection": False,
        "lane_type": "VEHICLE",
        "left_lane_boundary": left,
        "left_lane_mark_type": marks[0],
        "right_lane_boundary": right,
        "right_lane_mark_type": marks[1],
        "successors": [],
        "predecessors": [],
        "left_neighbor_id": None,
        "right_neighbor_id": None,
        **more,
    }


def map_archive() -> dict:
    lanes = [
        lane(
            11, vertical(1000, 1990, 2030), vertical(1004, 1990, 2030), ("SOLID_YELLOW", "DASHED_WHITE"),
            successors=[14, 99], left_neighbor_id=12, right_neighbor_id=13,
        ),
        lane(12, vertical(1000, 2030, 1990), vertical(996, 2030, 1990), ("SOLID_YELLOW", "SOLID_WHITE"), left_neighbor_id=11),
        lane(
            13, vertical(1004, 1990, 2030), vertical(1008, 1990, 2030), ("DASHED_WHITE", "NONE"),
            left_neighbor_id=11, right_neighbor_id=15,
        ),
        lane(
            14, points((1000, 2030, 50), (1000, 2040, 50), (1000, 2050, 51)), vertical(1004, 2030, 2050), ("NONE", "NONE"),
            is_intersection=True,
        ),
        lane(
            15, vertical(1008, 1990, 2030), vertical(1010, 1990, 2030), ("DASH_SOLID_WHITE", "NONE"),
            lane_type="BIKE", left_neighbor_id=13,
        ),
    ]  # fmt: skip
    return {
        "lane_segments": {str(item["id"]): item for item in lanes},
        "drivable_areas": {
            "5": {"id": 5, "area_boundary": points((996, 1990, 50), (1010, 1990, 50), (1010, 2050, 50), (996, 2050, 50))}
        },
        "pedestrian_crossings": {
            "6": {
                "id": 6,
                "edge1": points((996, 2032, 50), (1010, 2032, 50)),
                "edge2": points((1010, 2035, 50), (996, 2035, 50)),
            },
            "7": {
                "id": 7,
                "edge1": points((996, 2045, 50), (1010, 2045, 50)),
                "edge2": points((996, 2048, 50), (1010, 2048, 50)),
            },
        },
    }


def write_table(path: Path, rows: list[dict]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pyarrow.feather.write_feather(pa.Table.from_pylist(rows), path, compression="zstd")


def write_map(folder: Path, archive: dict | None = None, height_m=None) -> None:
    """Map files; the raster covers x 900 to 1109.7 and y 1850 to 2209.7 at 0.3 m."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "log_map_archive_x____PIT_city_1.json").write_text(json.dumps(archive or map_archive()))
    (folder / "x___img_Sim2_city.json").write_text(
        json.dumps({"R": [1.0, 0.0, 0.0, 1.0], "t": [-900.0, -1850.0], "s": 1 / 0.3})
    )
    height_m = np.full((1199, 699), GROUND_M) if height_m is None else height_m
    np.save(folder / "x_ground_height_surface____PIT.npy", height_m.astype(np.float16))


def write_calibration(folder: Path) -> None:
    # Camera axes in the ego frame: right = -y, down = -z, forward = x.
    forward = {"qw": 0.5, "qx": -0.5, "qy": 0.5, "qz": -0.5}
    write_table(
        folder / "egovehicle_SE3_sensor.feather",
        [
            {"sensor_name": "up_lidar", **STRAIGHT, "tx_m": 1.35, "ty_m": 0.0, "tz_m": 1.64},
            {"sensor_name": "ring_front_center", **forward, "tx_m": 1.6, "ty_m": 0.01, "tz_m": 1.4},
        ],
    )
    lens = {"fx_px": 1776.0, "fy_px": 1777.0, "cx_px": 778.0, "cy_px": 1013.5, "k1": -0.24, "k2": -0.21, "k3": 0.32}
    rows = [{"sensor_name": "ring_front_center", **lens, "height_px": 2048, "width_px": 1550}]
    table = pa.Table.from_pylist(rows)
    for name in ("height_px", "width_px"):
        at = table.column_names.index(name)
        table = table.set_column(at, name, table[name].cast(pa.uint16()))
    pyarrow.feather.write_feather(table, folder / "intrinsics.feather", compression="zstd")


def write_log(folder: Path, *, mining: bool = False) -> Path:
    """A log in the sensor data set's layout, or in the one of the scenario-mining task.

    The latter has another name for the annotations, the ego box among them, and no calibration.
    """
    write_table(folder / "city_SE3_egovehicle.feather", pose_rows())
    write_table(folder / ("annotations_with_ego.feather" if mining else "annotations.feather"), box_rows(mining))
    write_map(folder / "map")
    if not mining:
        write_calibration(folder / "calibration")
    return folder


def refused(log: Path, *parts: str, **options) -> None:
    """Reading fails with one line that names the log and holds ``parts``."""
    with pytest.raises(ValueError) as caught:
        read_argoverse2(log, **options)
    message = str(caught.value)
    assert "\n" not in message
    for part in (str(log), *parts):
        assert part in message

"""A small data set in nuScenes' format, made by hand: tables as lists of records, for tests to change before they are written.

The ego car drives along a bend from (600.3, 1200.6); key frames every half second, a camera record every tenth of one, those of
the other cameras some milliseconds later. Instances: ``leader`` in every sample, ``walker`` in samples 1 and 2, ``once`` in
sample 0, ``gap`` in the first and the last.
"""

from __future__ import annotations

import json
from hashlib import md5
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from everroad import geometry

Tables = dict[str, list[dict[str, Any]]]

START_US = 1_532_402_927_612_460
CAMERAS = {"CAM_FRONT": (0.0, 0), "CAM_FRONT_LEFT": (55.0, 12_345), "CAM_BACK": (180.0, 37_500)}  # yaw in degrees, microseconds
SWEEPS = 5  # camera records a key frame
LENS = [[1266.4172, 0.0, 816.267], [0.0, 1266.4172, 491.507], [0.0, 0.0, 1.0]]
CATEGORY = {
    "leader": "vehicle.car",
    "walker": "human.pedestrian.adult",
    "once": "movable_object.barrier",
    "gap": "robot.delivery",
}


def token(*what: object) -> str:
    return md5(repr(what).encode(), usedforsecurity=False).hexdigest()


def ego_pose(stamp_us: int) -> tuple[list[float], list[float]]:
    seconds = (stamp_us - START_US) / 1e6
    yaw = 0.3 + 0.2 * seconds
    return [600.3 + 10 * seconds, 1200.6 + 2 * seconds**2, 0.0], geometry.quaternion_from_yaw(np.array(yaw)).tolist()


def seen(name: str, samples: int) -> list[int]:
    last = samples - 1
    every = {"leader": range(samples), "walker": range(1, min(3, samples)), "once": [0], "gap": sorted({0, last})}
    return list(every[name])


def tables(names: tuple[str, ...] = ("scene-0061",), samples: int = 4, location: str = "boston-seaport") -> Tables:
    made: Tables = {
        "category": [{"token": token(c), "name": c, "description": ""} for c in CATEGORY.values()],
        "attribute": [{"token": token(a), "name": a, "description": ""} for a in ("vehicle.moving", "pedestrian.moving")],
        "visibility": [{"token": str(i), "level": f"v{i}", "description": ""} for i in range(1, 5)],
        "sensor": [{"token": token("sensor", c), "channel": c, "modality": "camera"} for c in CAMERAS],
        "map": [
            {
                "token": token("map"),
                "log_tokens": [token("log", s) for s in names],
                "category": "semantic_prior",
                "filename": "maps/mask.png",
            }
        ],
    }
    made["sensor"].append({"token": token("sensor", "LIDAR_TOP"), "channel": "LIDAR_TOP", "modality": "lidar"})
    for name in ("log", "scene", "sample", "sample_data", "ego_pose", "calibrated_sensor", "instance", "sample_annotation"):
        made[name] = []
    for number, scene in enumerate(names):
        _add_scene(made, scene, samples, START_US + number * 100_000_000, location)
    return made


def _add_scene(made: Tables, scene: str, samples: int, start_us: int, location: str) -> None:
    made["log"].append(
        {"token": token("log", scene), "logfile": scene, "vehicle": "n1", "date_captured": "2018-07-24", "location": location}
    )
    chain = [token("sample", scene, k) for k in range(samples)]
    made["scene"].append(
        {
            "token": token("scene", scene),
            "log_token": token("log", scene),
            "nbr_samples": samples,
            "first_sample_token": chain[0] if chain else "",
            "last_sample_token": chain[-1] if chain else "",
            "name": scene,
            "description": "Night, big street, heavy rain",
        }
    )
    links = ["", *chain, ""]
    for k in range(samples):
        made["sample"].append(
            {
                "token": chain[k],
                "timestamp": start_us + 500_000 * k + 20_000,
                "prev": links[k],
                "next": links[k + 2],
                "scene_token": token("scene", scene),
            }
        )
    for channel in (*CAMERAS, "LIDAR_TOP"):
        _add_records(made, scene, channel, samples, start_us)
    for name in CATEGORY:
        _add_instance(made, scene, name, samples)


def _add_records(made: Tables, scene: str, channel: str, samples: int, start_us: int) -> None:
    is_camera = channel in CAMERAS
    yaw_deg, late_us = CAMERAS.get(channel, (0.0, 20_000))
    c, s = np.cos(np.radians(yaw_deg)), np.sin(np.radians(yaw_deg))
    turn = np.array([[s, 0, c], [-c, 0, s], [0, -1, 0]]) if is_camera else np.eye(3)
    made["calibrated_sensor"].append(
        {
            "token": token("calibrated", scene, channel),
            "sensor_token": token("sensor", channel),
            "translation": [1.7 * c, 0.5 * s, 1.5],
            "rotation": geometry.quaternion_from_rotation(turn).tolist(),
            "camera_intrinsic": LENS if is_camera else [],
        }
    )
    records = SWEEPS * (samples - 1) + 1 if samples else 0
    for i in range(records):
        stamp_us = start_us + 100_000 * i + late_us
        place, rotation = ego_pose(stamp_us)
        key = i % SWEEPS == 0
        mine = token("data", scene, channel, i)
        made["ego_pose"].append(
            {"token": token("pose", scene, channel, i), "timestamp": stamp_us, "translation": place, "rotation": rotation}
        )
        made["sample_data"].append(
            {
                "token": mine,
                "sample_token": token("sample", scene, (i + SWEEPS - 1) // SWEEPS),
                "ego_pose_token": token("pose", scene, channel, i),
                "calibrated_sensor_token": token("calibrated", scene, channel),
                "timestamp": stamp_us,
                "fileformat": "jpg" if is_camera else "pcd",
                "is_key_frame": key,
                "height": 900 if is_camera else 0,
                "width": 1600 if is_camera else 0,
                "filename": f"{'samples' if key else 'sweeps'}/{channel}/{scene}_{i}.jpg",
                "prev": token("data", scene, channel, i - 1) if i else "",
                "next": token("data", scene, channel, i + 1) if i + 1 < records else "",
            }
        )


def _add_instance(made: Tables, scene: str, name: str, samples: int) -> None:
    at = seen(name, samples) if samples else []
    if not at:
        return
    chain = ["", *(token("box", scene, name, k) for k in at), ""]
    made["instance"].append(
        {
            "token": token("instance", scene, name),
            "category_token": token(CATEGORY[name]),
            "nbr_annotations": len(at),
            "first_annotation_token": chain[1],
            "last_annotation_token": chain[-2],
        }
    )
    side = 3.0 * list(CATEGORY).index(name)
    for n, k in enumerate(at):
        attribute = {"leader": "vehicle.moving", "walker": "pedestrian.moving"}.get(name)
        made["sample_annotation"].append(
            {
                "token": chain[n + 1],
                "sample_token": token("sample", scene, k),
                "instance_token": token("instance", scene, name),
                "visibility_token": "4",
                "attribute_tokens": [token(attribute)] if attribute else [],
                "translation": [620.1 + 6.0 * k, 1203.0 + side + 0.7 * k**2, 0.9],
                "size": [1.9, 4.5, 1.6],
                "rotation": geometry.quaternion_from_yaw(np.array(0.4 + 0.5 * k)).tolist(),
                "prev": chain[n],
                "next": chain[n + 2],
                "num_lidar_pts": 0 if name == "once" else 7,
                "num_radar_pts": 0,
            }
        )


def lose_records(made: Tables, lost: list[dict[str, Any]]) -> None:
    """Takes records of sample_data away and closes the chains."""
    for record in lost:
        made["sample_data"].remove(record)
        for other in made["sample_data"]:
            for field in ("prev", "next"):
                other[field] = record[field] if other[field] == record["token"] else other[field]


def write(root: Path, made: Tables, version: str = "v1.0-mini", expansion: dict[str, Any] | None = None) -> Path:
    """Writes the tables (and a map expansion, whose name is the first log's location); the root."""
    folder = root / version
    folder.mkdir(parents=True, exist_ok=True)
    for name, records in made.items():
        (folder / f"{name}.json").write_text(json.dumps(records, indent=0))
    (root / "maps" / "expansion").mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(root / "maps" / "mask.png"), np.full((8, 8), 255, np.uint8))
    if expansion is not None:
        path = root / "maps" / "expansion" / f"{made['log'][0]['location']}.json"
        path.write_text(json.dumps(expansion))
    return root

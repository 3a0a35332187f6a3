"""Tables as large as v1.0-trainval, made up: 850 scenes, 34,149 samples, 2.6 M sample_data, 1.2 M annotations.

python tests/scenario/nuscenes/large_tables.py DIR     # writes DIR/v1.0-large, some 2.5 GB
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from hashlib import md5
from pathlib import Path

SCENES, SAMPLES, IMAGES_A_CAMERA = 850, 40, 241
ANNOTATIONS_A_SCENE, INSTANCES_A_SCENE = 1411, 76
CAMERAS = ("CAM_FRONT", "CAM_FRONT_RIGHT", "CAM_BACK_RIGHT", "CAM_BACK", "CAM_BACK_LEFT", "CAM_FRONT_LEFT")
OTHERS = ("LIDAR_TOP", "RADAR_FRONT", "RADAR_FRONT_LEFT", "RADAR_FRONT_RIGHT", "RADAR_BACK_LEFT", "RADAR_BACK_RIGHT")
START_US = 1_532_402_927_600_000


def token(*what: object) -> str:
    return md5(repr(what).encode(), usedforsecurity=False).hexdigest()


def write(path: Path, records: Iterable[str]) -> None:
    with path.open("w") as file:
        file.write("[\n")
        for i, record in enumerate(records):
            file.write(",\n" * (i > 0) + record)
        file.write("\n]")


def write_tables(root: Path, scenes: int = SCENES) -> Path:
    folder = root / "v1.0-large"
    folder.mkdir(parents=True, exist_ok=True)
    sensors = (*CAMERAS, *OTHERS)
    write(folder / "log.json", (f'{{"token": "{token("log", s)}",\n"location": "nowhere"}}' for s in range(scenes)))
    logs = ", ".join(f'"{token("log", s)}"' for s in range(scenes))
    write(folder / "map.json", (f'{{"token": "{token("map", 0)}",\n"log_tokens": [{logs}]}}' for _ in range(1)))
    write(folder / "visibility.json", (f'{{"token": "{level}",\n"level": "v{level}"}}' for level in range(1, 5)))
    write(folder / "category.json", (f'{{"token": "{token("category", 0)}",\n"name": "vehicle.car"}}' for _ in range(1)))
    write(folder / "attribute.json", (f'{{"token": "{token("attribute", 0)}",\n"name": "vehicle.moving"}}' for _ in range(1)))
    write(
        folder / "sensor.json",
        (
            f'{{"token": "{token("sensor", c)}",\n"channel": "{c}",\n"modality": "{"camera" if c in CAMERAS else "lidar"}"}}'
            for c in sensors
        ),
    )
    write(folder / "calibrated_sensor.json", (calibrated(s, c) for s in range(scenes) for c in sensors))
    write(
        folder / "scene.json",
        (
            f'{{"token": "{token("scene", s)}",\n"log_token": "{token("log", s)}",\n"nbr_samples": {SAMPLES},\n'
            f'"first_sample_token": "{token("sample", s, 0)}",\n"last_sample_token": "{token("sample", s, SAMPLES - 1)}",\n'
            f'"name": "scene-{s:04d}",\n"description": "Rain, many cars"}}'
            for s in range(scenes)
        ),
    )
    write(folder / "sample.json", (sample(s, k) for s in range(scenes) for k in range(SAMPLES)))
    every = [(s, c, i) for s in range(scenes) for c in sensors for i in range(IMAGES_A_CAMERA + 14 * (c in OTHERS))]
    write(folder / "ego_pose.json", (ego_pose(*which) for which in every))
    write(folder / "sample_data.json", (sample_data(*which) for which in every))
    write(
        folder / "instance.json",
        (
            f'{{"token": "{token("instance", s, i)}",\n"category_token": "{token("category", 0)}",\n"nbr_annotations": 18,\n'
            f'"first_annotation_token": "{token("box", s, i, 0)}",\n"last_annotation_token": "{token("box", s, i, 17)}"}}'
            for s in range(scenes)
            for i in range(INSTANCES_A_SCENE)
        ),
    )
    write(
        folder / "sample_annotation.json",
        (
            annotation(s, i, k)
            for s in range(scenes)
            for i in range(INSTANCES_A_SCENE)
            for k in range(min(19, ANNOTATIONS_A_SCENE - 19 * i))
        ),
    )
    return folder


def calibrated(s: int, channel: str) -> str:
    lens = "[[1266.4, 0.0, 816.3], [0.0, 1266.4, 491.5], [0.0, 0.0, 1.0]]" if channel in CAMERAS else "[]"
    return (
        f'{{"token": "{token("calibrated", s, channel)}",\n"sensor_token": "{token("sensor", channel)}",\n'
        f'"translation": [1.7, 0.0, 1.5],\n"rotation": [0.5, -0.5, 0.5, -0.5],\n"camera_intrinsic": {lens}}}'
    )


def sample(s: int, k: int) -> str:
    previous = token("sample", s, k - 1) if k else ""
    following = token("sample", s, k + 1) if k + 1 < SAMPLES else ""
    return (
        f'{{"token": "{token("sample", s, k)}",\n"timestamp": {START_US + s * 30_000_000 + k * 500_000},\n'
        f'"prev": "{previous}",\n"next": "{following}",\n"scene_token": "{token("scene", s)}"}}'
    )


def ego_pose(s: int, channel: str, i: int) -> str:
    return (
        f'{{"token": "{token("pose", s, channel, i)}",\n"timestamp": {START_US + s * 30_000_000 + i * 83_000},\n'
        f'"rotation": [0.5720320396729045, -0.0016977771610471074, 0.011798001930183783, -0.8201446642457809],\n'
        f'"translation": [{411.3039349319818 + i / 12}, 1180.8903791765097, 0.0]}}'
    )


def sample_data(s: int, channel: str, i: int) -> str:
    key = i % 6 == 0 and i // 6 < SAMPLES
    k = min((i + 5) // 6, SAMPLES - 1)
    following = token("data", s, channel, i + 1) if i + 1 < IMAGES_A_CAMERA + 14 * (channel in OTHERS) else ""
    stamp = START_US + s * 30_000_000 + i * 83_333
    kind = "samples" if key else "sweeps"
    return (
        f'{{"token": "{token("data", s, channel, i)}",\n"sample_token": "{token("sample", s, k)}",\n'
        f'"ego_pose_token": "{token("pose", s, channel, i)}",\n'
        f'"calibrated_sensor_token": "{token("calibrated", s, channel)}",\n"timestamp": {stamp},\n"fileformat": "jpg",\n'
        f'"is_key_frame": {"true" if key else "false"},\n"height": 900,\n"width": 1600,\n'
        f'"filename": "{kind}/{channel}/n015-2018-07-24-11-22-45+0800__{channel}__{stamp}.jpg",\n'
        f'"prev": "{token("data", s, channel, i - 1) if i else ""}",\n"next": "{following}"}}'
    )


def annotation(s: int, i: int, k: int) -> str:
    longest = min(19, ANNOTATIONS_A_SCENE - 19 * i)
    return (
        f'{{"token": "{token("box", s, i, k)}",\n"sample_token": "{token("sample", s, k + i % 20)}",\n'
        f'"instance_token": "{token("instance", s, i)}",\n"visibility_token": "4",\n'
        f'"attribute_tokens": [\n"{token("attribute", 0)}"\n],\n"translation": [\n{373.2 + k},\n{1130 + 3 * i},\n1.25\n],\n'
        f'"size": [\n1.9,\n4.6,\n1.6\n],\n"rotation": [\n0.9831098797903927,\n0.0,\n0.0,\n-0.18301629506281616\n],\n'
        f'"prev": "{token("box", s, i, k - 1) if k else ""}",\n'
        f'"next": "{token("box", s, i, k + 1) if k + 1 < longest else ""}",\n'
        f'"num_lidar_pts": 5,\n"num_radar_pts": 0}}'
    )


if __name__ == "__main__":
    began = time.perf_counter()
    written = write_tables(Path(sys.argv[1]))
    print(
        f"{written}: {sum(path.stat().st_size for path in written.iterdir()) / 1e9:.2f} GB, {time.perf_counter() - began:.0f} s"
    )

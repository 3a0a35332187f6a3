"""What the cameras of a data set recorded, and where the ego car was then."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from everroad.scenario.nuscenes.chains import check_mutual, check_order
from everroad.scenario.nuscenes.columns import encode_texts
from everroad.scenario.nuscenes.keys import Keys
from everroad.scenario.nuscenes.reading import TableReader
from everroad.scenario.nuscenes.tokens import pack

CAMERA = "camera"


def read_images(
    reader: TableReader, samples: Keys, scene_of_sample: Int[ndarray, "n"], position_of_sample: Int[ndarray, "n"]
) -> tuple[dict[str, ndarray], Int[ndarray, "m"]]:
    """The arrays ``image.*`` and ``camera.*`` of the index, and the scene of each image. Other sensors are left out.

    Args:
        reader: the tables.
        samples: the tokens of the samples.
        scene_of_sample: the scene of each.
        position_of_sample: which of the scene's samples each is.
    """
    cameras, sensors, is_camera, channel_order = _read_cameras(reader)
    ego_keys, ego_translation_m, ego_rotation_wxyz = _read_ego_poses(reader)
    path = reader.path("sample_data")
    found: dict[str, list[Any]] = defaultdict(list)
    filenames: list[str] = []
    tokens = [np.zeros((0, 16), dtype=np.uint8)]
    for part in reader.parts("sample_data"):
        tokens.append(pack(part.columns.texts("token")))
        sensor_row = sensors.rows(
            pack(part.columns.texts("calibrated_sensor_token")), path, "calibrated_sensor_token",
            records=part.first + np.arange(part.count),
        )  # fmt: skip
        mine = np.flatnonzero(is_camera[sensor_row])
        if not len(mine):
            continue
        columns = part.columns.of(mine.tolist())
        found["record"].append(part.first + mine)
        found["camera"].append(sensor_row[mine])
        found["sample_token"].append(pack(columns.texts("sample_token")))
        found["ego_token"].append(pack(columns.texts("ego_pose_token")))
        found["prev"].append(pack(columns.texts("prev")))
        found["next"].append(pack(columns.texts("next")))
        found["stamp_us"].append(columns.stamps_us("timestamp"))
        found["is_key"].append(columns.booleans("is_key_frame"))
        found["size_px"].append(np.stack([columns.integers("width"), columns.integers("height")], axis=1))
        filenames += columns.texts("filename")
    columns = {name: np.concatenate(parts) for name, parts in found.items()} if found else _nothing()
    sample = samples.rows(columns["sample_token"], path, "sample_token", records=columns["record"])
    ego = ego_keys.rows(columns["ego_token"], path, "ego_pose_token", records=columns["record"])
    scene = scene_of_sample[sample]
    _check_chains(Keys(path, np.concatenate(tokens)), path, columns, scene, channel_order)
    order = np.lexsort((columns["stamp_us"], channel_order[columns["camera"]], scene))
    data, ends = encode_texts([filenames[row] for row in order.tolist()])
    images = {
        "image.camera": columns["camera"],
        "image.stamp_us": columns["stamp_us"],
        "image.sample": np.where(columns["is_key"], position_of_sample[sample], -1),
        "image.size_px": columns["size_px"],
        "image.translation_m": ego_translation_m[ego],
        "image.rotation_wxyz": ego_rotation_wxyz[ego],
    }
    images = {name: column[order] for name, column in images.items()}
    return cameras | images | {"image.filename.data": data, "image.filename.ends": ends}, scene[order]


def _check_chains(keys: Keys, path: Path, columns: dict[str, ndarray], scene: Int[ndarray, "m"], channel: ndarray) -> None:
    """Raises ``ValueError`` where ``prev`` and ``next`` of a camera's records do not lead along its records and back."""
    records = columns["record"]
    prev, following, group, stamp_us = (np.full(len(keys), -1) for _ in range(4))
    prev[records] = keys.rows(columns["prev"], path, "prev", records=records, may_be_empty=True)
    following[records] = keys.rows(columns["next"], path, "next", records=records, may_be_empty=True)
    group[records] = scene * (1 + channel.max(initial=0)) + channel[columns["camera"]]
    stamp_us[records] = columns["stamp_us"]
    check_order(path, prev, following, group, stamp_us, "record of the same camera and scene")
    check_mutual(path, prev, following)


def _nothing() -> dict[str, ndarray]:
    tokens, numbers = np.zeros((0, 16), dtype=np.uint8), np.zeros(0, dtype=np.int64)
    return {
        "record": numbers, "camera": numbers, "sample_token": tokens, "ego_token": tokens, "stamp_us": numbers, "prev": tokens,
        "next": tokens, "is_key": numbers.astype(bool), "size_px": np.zeros((0, 2), dtype=np.int64),
    }  # fmt: skip


def _read_cameras(reader: TableReader) -> tuple[dict[str, ndarray], Keys, ndarray, Int[ndarray, "k"]]:
    """The arrays ``camera.*`` (all calibrated sensors), their tokens, which are cameras, and the rank of each one's channel."""
    sensors, calibrated = reader.whole("sensor"), reader.whole("calibrated_sensor")
    sensor_keys = Keys(sensors.path, pack(sensors.columns.texts("token")))
    row = sensor_keys.rows(pack(calibrated.columns.texts("sensor_token")), calibrated.path, "sensor_token")
    channels, modalities = sensors.columns.texts("channel"), sensors.columns.texts("modality")
    channel = [channels[i] for i in row.tolist()]
    data, ends = encode_texts(channel)
    arrays = {
        "camera.channel.data": data,
        "camera.channel.ends": ends,
        "camera.translation_m": calibrated.columns.vectors("translation", 3),
        "camera.rotation_wxyz": calibrated.columns.quaternions("rotation"),
        "camera.intrinsics": calibrated.columns.matrices("camera_intrinsic"),
    }
    is_camera = np.array([modalities[i] == CAMERA for i in row.tolist()], dtype=bool)
    rank = {name: i for i, name in enumerate(sorted(set(channels)))}
    keys = Keys(calibrated.path, pack(calibrated.columns.texts("token")))
    return arrays, keys, is_camera, np.array([rank[name] for name in channel], dtype=np.int64)


def _read_ego_poses(reader: TableReader) -> tuple[Keys, Float[ndarray, "n 3"], Float[ndarray, "n 4"]]:
    tokens, translations_m, rotations_wxyz = [np.zeros((0, 16), dtype=np.uint8)], [np.zeros((0, 3))], [np.zeros((0, 4))]
    for part in reader.parts("ego_pose"):
        tokens.append(pack(part.columns.texts("token")))
        translations_m.append(part.columns.vectors("translation", 3))
        rotations_wxyz.append(part.columns.quaternions("rotation"))
        part.columns.stamps_us("timestamp")  # the records' own are read, but what is none says that the table is broken
    keys = Keys(reader.path("ego_pose"), np.concatenate(tokens))
    return keys, np.concatenate(translations_m), np.concatenate(rotations_wxyz)

"""The truth of a data set in nuScenes' format: the boxes of a split's samples as the official tool loads them."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from everroad.evaluation.detection.boxes import NO_ATTRIBUTE, Boxes, Racks, Truth, attribute_label_of, label_of
from everroad.scenario.files import read_bytes
from everroad.scenario.nuscenes.index_boxes import velocities
from everroad.scenario.nuscenes.keys import Keys
from everroad.scenario.nuscenes.reading import TableReader
from everroad.scenario.nuscenes.tokens import pack
from everroad.scenario.types import DETECTION_CLASS_OF_CATEGORY

_TABLES = (
    "attribute", "calibrated_sensor", "category", "ego_pose", "instance", "sample", "sample_annotation", "sample_data", "scene",
    "sensor",
)  # fmt: skip
_RACK, _LIDAR = "static_object.bicycle_rack", "LIDAR_TOP"
_LWH_OF_WLH = [1, 0, 2]


def read_truth(dataroot: Path, version: str, split: str) -> dict[str, Truth]:
    """The truth of every sample of a split, by token, in the global frame, in the order of the table of samples.

    Args:
        dataroot: the folder that holds the version folder.
        version: such as ``v1.0-everroad``.
        split: a name in the version's ``splits.json``, which lists scenes.

    Raises ``ValueError`` for an unknown split, a table that is missing or broken, a sample without a lidar key frame (nuScenes
    takes the ego car's place from it), and a box with more than one attribute.
    """
    folder = Path(dataroot) / version
    names = _scenes_of(folder / "splits.json", split)
    reader = TableReader(folder, _TABLES, None)
    scene, sample = reader.whole("scene"), reader.whole("sample")
    wanted = {t for t, name in zip(scene.columns.texts("token"), scene.columns.texts("name"), strict=True) if name in names}
    tokens = [
        token
        for token, of in zip(sample.columns.texts("token"), sample.columns.texts("scene_token"), strict=True)
        if of in wanted
    ]
    ego = _ego_places(reader, set(tokens))
    found = _annotations(reader, set(tokens))
    lost = [token for token in tokens if token not in ego]
    if lost:
        raise ValueError(f"{folder}: expected a key frame of {_LIDAR} in every sample, got none in {lost[0]}; export it anew")
    return {token: _truth(found[token], ego[token]) for token in tokens}


def _scenes_of(path: Path, split: str) -> set[str]:
    try:
        splits = json.loads(read_bytes(path))
        names = {name: set(scenes) for name, scenes in splits.items()}
    except (json.JSONDecodeError, AttributeError, TypeError):
        raise ValueError(f"{path}: expected splits with their scenes, got something else; export the data set anew") from None
    if split not in names:
        raise ValueError(f"{path}: expected one of the splits {', '.join(names)}, got '{split}'; name one of them")
    return names[split]


def _ego_places(reader: TableReader, wanted: set[str]) -> dict[str, np.ndarray]:
    """By sample, the ego car's place in the plane at the lidar's key frame."""
    sensor, mounted = reader.whole("sensor"), reader.whole("calibrated_sensor")
    channels = dict(zip(sensor.columns.texts("token"), sensor.columns.texts("channel"), strict=True))
    lidars = {
        token
        for token, of in zip(mounted.columns.texts("token"), mounted.columns.texts("sensor_token"), strict=True)
        if channels.get(of) == _LIDAR
    }
    sample_of_pose = {}
    for part in reader.parts("sample_data"):
        columns = part.columns
        texts = (columns.texts(f"{name}_token") for name in ("sample", "ego_pose", "calibrated_sensor"))
        for sample, pose, mount, key in zip(*texts, columns.booleans("is_key_frame"), strict=True):
            if key and mount in lidars and sample in wanted:
                sample_of_pose[pose] = sample
    places = {}
    for part in reader.parts("ego_pose"):
        for pose, place in zip(part.columns.texts("token"), part.columns.vectors("translation", 3), strict=True):
            if pose in sample_of_pose:
                places[sample_of_pose[pose]] = place[:2]
    return places


def _annotations(reader: TableReader, wanted: set[str]) -> dict[str, list[dict[str, Any]]]:
    """Rows by sample: what the truth needs of each box that has a detection class or is a rack."""
    table, sample = reader.whole("sample_annotation"), reader.whole("sample")
    columns = table.columns
    keys = Keys(table.path, pack(columns.texts("token")))
    samples = Keys(sample.path, pack(sample.columns.texts("token")))
    stamp_us = sample.columns.stamps_us("timestamp")[
        samples.rows(pack(columns.texts("sample_token")), table.path, "sample_token")
    ]
    prev, following = (keys.rows(pack(columns.texts(name)), table.path, name, may_be_empty=True) for name in ("prev", "next"))
    centre = columns.vectors("translation", 3)
    velocity = velocities(centre, stamp_us, prev, following)[:, :2]
    size, turn = columns.vectors("size", 3)[:, _LWH_OF_WLH], columns.quaternions("rotation")
    points = columns.integers("num_lidar_pts") + columns.integers("num_radar_pts")
    category = _names_of(reader, columns.texts("instance_token"))
    attribute = reader.whole("attribute").columns
    attributes = dict(zip(attribute.texts("token"), attribute.texts("name"), strict=True))
    out: dict[str, list[dict[str, Any]]] = defaultdict(list)
    texts = zip(columns.texts("sample_token"), category, columns.text_lists("attribute_tokens"), strict=True)
    for row, (token, name, own) in enumerate(texts):
        label = DETECTION_CLASS_OF_CATEGORY.get(name)
        if token not in wanted or (label is None and name != _RACK):
            continue
        if label is not None and len(own) > 1:
            where = f"{table.path}: record {row}, field 'attribute_tokens'"
            raise ValueError(f"{where}: expected one attribute at most, got {len(own)}; keep one")
        box = {"centre_m": centre[row], "size_lwh_m": size[row], "rotation_wxyz": turn[row]}
        if label is not None:
            mine = attribute_label_of(attributes[own[0]]) if own else NO_ATTRIBUTE
            box |= {"velocity_mps": velocity[row], "label": label_of(label), "attribute": mine, "points": points[row]}
        out[token].append(box)
    return out


def _names_of(reader: TableReader, instances: Iterable[str]) -> list[str]:
    """The category of each instance."""
    instance, category = reader.whole("instance"), reader.whole("category")
    names = dict(zip(category.columns.texts("token"), category.columns.texts("name"), strict=True))
    of = dict(zip(instance.columns.texts("token"), instance.columns.texts("category_token"), strict=True))
    return [names[of[token]] for token in instances]


def _truth(rows: list[dict[str, Any]], ego_xy_m: np.ndarray) -> Truth:
    boxes, racks = ([row for row in rows if ("label" in row) is labelled] for labelled in (True, False))

    def column(of: list[dict[str, Any]], name: str, shape: tuple[int, ...] = (), dtype: type = np.float64) -> np.ndarray:
        return np.array([row[name] for row in of], dtype=dtype).reshape(len(of), *shape)

    return Truth(
        Boxes(
            column(boxes, "centre_m", (3,)),
            column(boxes, "size_lwh_m", (3,)),
            column(boxes, "rotation_wxyz", (4,)),
            column(boxes, "velocity_mps", (2,)),
            column(boxes, "label", dtype=np.int64),
            column(boxes, "attribute", dtype=np.int64),
        ),
        ego_xy_m,
        column(boxes, "points", dtype=np.int64),
        Racks(column(racks, "centre_m", (3,)), column(racks, "size_lwh_m", (3,)), column(racks, "rotation_wxyz", (4,))),
    )

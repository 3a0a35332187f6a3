"""The index of a data set: its tables as columns, references as row numbers, everything of one scene side by side.

Made once by ``build_index`` and kept by ``cache``. The arrays, by name; ``T`` after a name means a column of texts, stored as
``name.data`` and ``name.ends`` (``columns.encode_texts``); ``X.first`` has scenes + 1 numbers, where the rows of each begin:

- ``scene.name`` T, ``scene.description`` T, ``scene.location`` T; ``sample.first``, ``image.first``, ``box.first``.
- ``sample.stamp_us``: in the order of the scene.
- ``image.*``: the cameras' records, by scene, camera and time: ``camera`` (row), ``stamp_us``, ``sample`` (which sample of the
  scene it is the key frame of, -1 for a sweep), ``size_px`` (width, height), ``translation_m`` and ``rotation_wxyz`` of the
  ego pose, ``filename`` T.
- ``camera.*``: the calibrated sensors: ``channel`` T, ``translation_m``, ``rotation_wxyz``, ``intrinsics`` (NaN where the
  record has none).
- ``box.*``: the annotations, by scene, instance and time: ``instance`` (row), ``sample`` (of the scene), ``attribute`` (row, -1
  for none), ``translation_m``, ``rotation_wxyz``, ``size_wlh_m``, ``velocity_mps`` (NaN where unknown).
- ``instance.token`` T, ``instance.category`` (row), ``category.name`` T, ``attribute.name`` T.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
from jaxtyping import Int
from numpy import ndarray

from everroad.scenario.nuscenes.columns import encode_texts
from everroad.scenario.nuscenes.index_boxes import read_boxes
from everroad.scenario.nuscenes.index_images import read_images
from everroad.scenario.nuscenes.keys import Keys
from everroad.scenario.nuscenes.reading import Table, TableReader
from everroad.scenario.nuscenes.tables import Progress
from everroad.scenario.nuscenes.tokens import pack

TABLES = (
    "attribute", "calibrated_sensor", "category", "ego_pose", "instance", "log", "map", "sample", "sample_annotation",
    "sample_data", "scene", "sensor", "visibility",
)  # fmt: skip

Index = dict[str, ndarray]


@dataclass(frozen=True, eq=False)
class _Samples:
    """Samples by row of their table: the scene, which of the scene's samples it is, and its time stamp."""

    keys: Keys
    scene: Int[ndarray, "n"]
    position: Int[ndarray, "n"]
    stamp_us: Int[ndarray, "n"]


def build_index(folder: Path, progress: Progress | None = None) -> Index:
    """Reads the tables of a version folder. ``progress`` gets megabytes read and to read.

    Raises ``ValueError`` in one line for a table that is missing or broken, a field that is missing or holds something else, a
    token that comes twice or leads nowhere, and samples that are not in a row; each with the table and the record.
    """
    reader = TableReader(folder, TABLES, progress)
    scenes, log = reader.whole("scene"), reader.whole("log")
    scene_keys = Keys(scenes.path, pack(scenes.columns.texts("token")))
    log_keys = Keys(log.path, pack(log.columns.texts("token")))
    _check_maps(reader, log)
    log_row = log_keys.rows(pack(scenes.columns.texts("log_token")), scenes.path, "log_token")
    names, locations = scenes.columns.texts("name"), log.columns.texts("location")
    samples, sample_arrays = _read_samples(reader, scene_keys, scenes.columns.texts("first_sample_token"), names)
    index: Index = {"sample.first": _firsts(samples.scene, len(scene_keys)), **sample_arrays}
    images, scene_of_image = read_images(reader, samples.keys, samples.scene, samples.position)
    boxes, scene_of_box = read_boxes(reader, samples.keys, samples.scene, samples.position, samples.stamp_us)
    index |= images | {"image.first": _firsts(scene_of_image, len(scene_keys))}
    index |= boxes | {"box.first": _firsts(scene_of_box, len(scene_keys))}
    for name, texts in (
        ("scene.name", names),
        ("scene.description", scenes.columns.texts("description")),
        ("scene.location", [locations[row] for row in log_row.tolist()]),
    ):
        index[f"{name}.data"], index[f"{name}.ends"] = encode_texts(texts)
    return index


def _check_maps(reader: TableReader, log: Table) -> None:
    """Raises ``ValueError`` for a log that no map names. Maps may name logs that are not here: those of v1.0-mini do."""
    maps = reader.whole("map")
    Keys(maps.path, pack(maps.columns.texts("token")))
    named = set(chain.from_iterable(maps.columns.text_lists("log_tokens")))
    for record, token in enumerate(log.columns.texts("token")):
        if token not in named:
            got = f"none for '{token}', record {record} of {log.path.name}"
            raise ValueError(f"{maps.path}: expected every log among the 'log_tokens' of a map, got {got}; add it to one")


def _firsts(scene_of_row: Int[ndarray, "n"], scenes: int) -> Int[ndarray, "{scenes}+1"]:
    return np.concatenate([[0], np.cumsum(np.bincount(scene_of_row, minlength=scenes))])


def _read_samples(reader: TableReader, scene_keys: Keys, first_tokens: list[str], names: list[str]) -> tuple[_Samples, Index]:
    """The samples, and their time stamps in the order in which the scenes' chains have them."""
    table = reader.whole("sample")
    keys = Keys(table.path, pack(table.columns.texts("token")))
    scene = scene_keys.rows(pack(table.columns.texts("scene_token")), table.path, "scene_token")
    following = keys.rows(pack(table.columns.texts("next")), table.path, "next", may_be_empty=True).tolist()
    stamp_us = table.columns.integers("timestamp")
    scenes_path = table.path.with_name("scene.json")
    first = keys.rows(pack(first_tokens), scenes_path, "first_sample_token", may_be_empty=True).tolist()
    counts = np.bincount(scene, minlength=len(scene_keys)).tolist()
    position = np.full(len(keys), -1, dtype=np.int64)
    order: list[int] = []
    for number, (row, count) in enumerate(zip(first, counts, strict=True)):
        begin = len(order)
        while row >= 0 and len(order) - begin <= count and scene[row] == number:
            position[row] = len(order) - begin
            order.append(row)
            row = following[row]
        if row >= 0 or len(order) - begin != count:
            got = f"{min(len(order) - begin, count)} of them" if row < 0 else "a chain that comes back or leaves the scene"
            wanted = f"'next' to lead through all {count} samples of scene '{names[number]}'"
            raise ValueError(f"{table.path}: expected {wanted}, got {got}; mend it")
        stamps = stamp_us[order[begin:]]
        if (np.diff(stamps) <= 0).any():
            at = int(np.argmax(np.diff(stamps) <= 0))
            got = f"{stamps[at]} then {stamps[at + 1]} in samples {at} and {at + 1} of scene '{names[number]}'"
            raise ValueError(f"{table.path}: expected increasing timestamps, got {got}; mend it")
    return _Samples(keys, scene, position, stamp_us), {"sample.stamp_us": stamp_us[np.array(order, dtype=np.int64)]}

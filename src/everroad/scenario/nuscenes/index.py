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

from itertools import chain
from pathlib import Path

import numpy as np
from jaxtyping import Int
from numpy import ndarray

from everroad.scenario.nuscenes.columns import encode_texts
from everroad.scenario.nuscenes.index_boxes import read_boxes
from everroad.scenario.nuscenes.index_images import read_images
from everroad.scenario.nuscenes.index_samples import read_samples
from everroad.scenario.nuscenes.keys import Keys
from everroad.scenario.nuscenes.reading import Table, TableReader
from everroad.scenario.nuscenes.tables import Progress
from everroad.scenario.nuscenes.tokens import pack

TABLES = (
    "attribute", "calibrated_sensor", "category", "ego_pose", "instance", "log", "map", "sample", "sample_annotation",
    "sample_data", "scene", "sensor", "visibility",
)  # fmt: skip

Index = dict[str, ndarray]


def build_index(folder: Path, progress: Progress | None = None) -> Index:
    """Reads the tables of a version folder. ``progress`` gets megabytes read and to read.

    Raises ``ValueError`` in one line for a table that is missing or broken, a field that is missing or holds something else, a
    token that comes twice or leads nowhere, and chains that are none; each with the table and the record.
    """
    reader = TableReader(folder, TABLES, progress)
    scenes, log = reader.whole("scene"), reader.whole("log")
    scene_keys = Keys(scenes.path, pack(scenes.columns.texts("token")))
    log_keys = Keys(log.path, pack(log.columns.texts("token")))
    _check_maps(reader, log)
    log_row = log_keys.rows(pack(scenes.columns.texts("log_token")), scenes.path, "log_token")
    names, locations = scenes.columns.texts("name"), log.columns.texts("location")
    samples = read_samples(reader, scenes, scene_keys)
    index: Index = {
        "sample.first": _firsts(samples.scene, len(scene_keys)),
        "sample.stamp_us": samples.stamp_us[samples.order],
    }
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

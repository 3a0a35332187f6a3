"""The annotations of a data set, with their velocities."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from everroad.scenario.nuscenes.chains import check_order
from everroad.scenario.nuscenes.columns import encode_texts
from everroad.scenario.nuscenes.keys import Keys
from everroad.scenario.nuscenes.reading import TableReader
from everroad.scenario.nuscenes.tokens import pack

# nuScenes' own rule (nuscenes-devkit, ``box_velocity``): annotations further apart tell no velocity.
LONGEST_DIFFERENCE_S = 1.5


def read_boxes(
    reader: TableReader,
    samples: Keys,
    scene_of_sample: Int[ndarray, "n"],
    position_of_sample: Int[ndarray, "n"],
    stamp_us_of_sample: Int[ndarray, "n"],
) -> tuple[dict[str, ndarray], Int[ndarray, "m"]]:
    """The arrays ``box.*``, ``instance.*``, ``category.*`` and ``attribute.*`` of the index, and the scene of each box.

    Args:
        reader: the tables.
        samples: the tokens of the samples.
        scene_of_sample: the scene of each.
        position_of_sample: which of the scene's samples each is.
        stamp_us_of_sample: the time stamp of each.
    """
    arrays, instances, attributes = _read_names(reader)
    visibilities = _read_visibilities(reader)
    path = reader.path("sample_annotation")
    found: dict[str, list[Any]] = defaultdict(list)
    for part in reader.parts("sample_annotation"):
        columns = part.columns
        visibilities.check(path, columns.texts("visibility_token"), part.first)
        found["token"].append(pack(columns.texts("token")))
        found["sample"].append(pack(columns.texts("sample_token")))
        found["instance"].append(pack(columns.texts("instance_token")))
        found["attribute"].append(pack(columns.first_texts("attribute_tokens")))
        found["prev"].append(pack(columns.texts("prev")))
        found["next"].append(pack(columns.texts("next")))
        found["translation_m"].append(columns.vectors("translation", 3))
        found["rotation_wxyz"].append(columns.quaternions("rotation"))
        found["size_wlh_m"].append(columns.vectors("size", 3))
    tokens = {name: _joined(found[name]) for name in ("token", "sample", "instance", "attribute", "prev", "next")}
    keys = Keys(path, tokens["token"])
    sample = samples.rows(tokens["sample"], path, "sample_token")
    instance = instances.rows(tokens["instance"], path, "instance_token")
    attribute = attributes.rows(tokens["attribute"], path, "attribute_tokens", may_be_empty=True)
    linked = {name: keys.rows(tokens[name], path, name, may_be_empty=True) for name in ("prev", "next")}
    scene, stamp_us = scene_of_sample[sample], stamp_us_of_sample[sample]
    group = instance * (1 + scene.max(initial=0)) + scene
    check_order(path, linked["prev"], linked["next"], group, stamp_us, "annotation of the same instance and scene")
    translation_m = np.concatenate([np.zeros((0, 3)), *found["translation_m"]])
    order = np.lexsort((position_of_sample[sample], instance, scene))
    _check_once(path, instance[order], sample[order], order)
    boxes = {
        "box.instance": instance,
        "box.sample": position_of_sample[sample],
        "box.attribute": attribute,
        "box.translation_m": translation_m,
        "box.rotation_wxyz": np.concatenate([np.zeros((0, 4)), *found["rotation_wxyz"]]),
        "box.size_wlh_m": np.concatenate([np.zeros((0, 3)), *found["size_wlh_m"]]),
        "box.velocity_mps": velocities(translation_m, stamp_us, linked["prev"], linked["next"]),
    }
    return arrays | {name: column[order] for name, column in boxes.items()}, scene[order]


def velocities(
    translation_m: Float[ndarray, "n 3"], stamp_us: Int[ndarray, "n"], prev: Int[ndarray, "n"], following: Int[ndarray, "n"]
) -> Float[ndarray, "n 3"]:
    """Central differences over the rows ``prev`` and ``following`` (-1: none; then one-sided), as nuscenes-devkit takes them.

    NaN where there is neither, or where they lie further apart than ``LONGEST_DIFFERENCE_S`` a side.
    """
    row = np.arange(len(stamp_us))
    first, last = np.where(prev >= 0, prev, row), np.where(following >= 0, following, row)
    # In seconds before the difference, like the devkit: the same rounding, so that the figures are the same.
    seconds = 1e-6 * stamp_us[last] - 1e-6 * stamp_us[first]
    longest_s = np.where((prev >= 0) & (following >= 0), 2 * LONGEST_DIFFERENCE_S, LONGEST_DIFFERENCE_S)
    known = (first != last) & (seconds <= longest_s)
    difference_m = translation_m[last] - translation_m[first]
    return np.where(known[:, None], difference_m / np.where(known, seconds, 1.0)[:, None], np.nan)


def _joined(parts: list[Any]) -> ndarray:
    return np.concatenate([np.zeros((0, 16), dtype=np.uint8), *parts])


def _check_once(path: Path, instance: Int[ndarray, "n"], sample: Int[ndarray, "n"], order: Int[ndarray, "n"]) -> None:
    twice = (np.diff(instance) == 0) & (np.diff(sample) == 0)
    if twice.any():
        at = int(np.argmax(twice))
        wanted = "one annotation of an instance in a sample"
        raise ValueError(f"{path}: expected {wanted}, got two, records {order[at]} and {order[at + 1]}; drop one")


@dataclass(frozen=True)
class _Visibilities:
    """How much of a box was seen is not read, but whether it is told: hence texts, of which there are four, and not rows."""

    path: Path
    tokens: frozenset[str]

    def check(self, path: Path, tokens: list[str], first: int) -> None:
        """Raises ``ValueError`` for a token of records from ``first`` on that leads nowhere; an empty one may be."""
        lost = set(tokens) - self.tokens - {""}
        if lost:
            at = next(row for row, token in enumerate(tokens) if token in lost)
            where = f"{path}: record {first + at}, field 'visibility_token'"
            raise ValueError(f"{where}: expected a token of {self.path.name}, got '{tokens[at]}'; complete the data set")


def _read_visibilities(reader: TableReader) -> _Visibilities:
    table = reader.whole("visibility")
    tokens = table.columns.texts("token")
    Keys(table.path, pack(tokens))
    return _Visibilities(table.path, frozenset(tokens))


def _read_names(reader: TableReader) -> tuple[dict[str, ndarray], Keys, Keys]:
    """What instances and attributes are called, and their tokens."""
    categories, attributes, instances = (reader.whole(name) for name in ("category", "attribute", "instance"))
    category_keys = Keys(categories.path, pack(categories.columns.texts("token")))
    instance_tokens = instances.columns.texts("token")
    arrays: dict[str, ndarray] = {
        "instance.category": category_keys.rows(
            pack(instances.columns.texts("category_token")), instances.path, "category_token"
        )
    }
    for name, texts in (
        ("instance.token", instance_tokens),
        ("category.name", categories.columns.texts("name")),
        ("attribute.name", attributes.columns.texts("name")),
    ):
        arrays[f"{name}.data"], arrays[f"{name}.ends"] = encode_texts(texts)
    instance_keys = Keys(instances.path, pack(instance_tokens))
    return arrays, instance_keys, Keys(attributes.path, pack(attributes.columns.texts("token")))

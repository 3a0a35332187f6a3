"""The samples of a data set: which scene has them, in which order, and that all that tells of the order agrees."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int
from numpy import ndarray

from everroad.scenario.nuscenes.chains import check_mutual
from everroad.scenario.nuscenes.keys import Keys
from everroad.scenario.nuscenes.reading import Table, TableReader
from everroad.scenario.nuscenes.tokens import pack


@dataclass(frozen=True, eq=False)
class Samples:
    """Samples by row of their table: the scene, which of the scene's samples it is, and its time stamp.

    ``order`` has the rows in the order of the scenes and of time.
    """

    keys: Keys
    scene: Int[ndarray, "n"]
    position: Int[ndarray, "n"]
    stamp_us: Int[ndarray, "n"]
    order: Int[ndarray, "n"]


def read_samples(reader: TableReader, scenes: Table, scene_keys: Keys) -> Samples:
    """The samples, in the order in which the scenes' chains have them.

    Raises ``ValueError`` for chains that leave samples out, do not go forward in time, or of which ``prev``, ``nbr_samples`` or
    ``last_sample_token`` says something else.
    """
    table = reader.whole("sample")
    keys = Keys(table.path, pack(table.columns.texts("token")))
    scene = scene_keys.rows(pack(table.columns.texts("scene_token")), table.path, "scene_token")
    prev, following = (
        keys.rows(pack(table.columns.texts(field)), table.path, field, may_be_empty=True) for field in ("prev", "next")
    )
    first, last = (
        keys.rows(pack(scenes.columns.texts(field)), scenes.path, field, may_be_empty=True)
        for field in ("first_sample_token", "last_sample_token")
    )
    stamp_us = table.columns.stamps_us("timestamp")
    counts = np.bincount(scene, minlength=len(scene_keys))
    order = _in_order(table, scenes.columns.texts("name"), scene, first, following, counts)
    stops = np.cumsum(counts)
    position = np.empty(len(keys), dtype=np.int64)
    position[order] = np.arange(len(keys)) - (stops - counts)[scene[order]]
    _check_times(table, scenes, scene[order], position[order], stamp_us[order])
    check_mutual(table.path, prev, following)
    _check_count(scenes, counts)
    _check_last(table, scenes, last, np.where(counts > 0, np.append(order, -1)[stops - 1], -1))
    return Samples(keys, scene, position, stamp_us, order)


def _in_order(
    table: Table, names: list[str], scene: ndarray, first: ndarray, following: ndarray, counts: ndarray
) -> Int[ndarray, "n"]:
    """The rows as the chains of one scene after the other lead to them."""
    order: list[int] = []
    scene_of, next_of = scene.tolist(), following.tolist()
    for number, (start, count) in enumerate(zip(first.tolist(), counts.tolist(), strict=True)):
        row, begin = start, len(order)
        while row >= 0 and len(order) - begin <= count and scene_of[row] == number:
            order.append(row)
            row = next_of[row]
        if row >= 0 or len(order) - begin != count:
            got = f"{min(len(order) - begin, count)} of them" if row < 0 else "a chain that comes back or leaves the scene"
            wanted = f"'next' to lead through all {count} samples of scene '{names[number]}'"
            raise ValueError(f"{table.path}: expected {wanted}, got {got}; mend it")
    return np.array(order, dtype=np.int64)


def _check_times(table: Table, scenes: Table, scene: ndarray, position: ndarray, stamp_us: ndarray) -> None:
    """Raises ``ValueError`` where stamps, in order, do not increase within a scene."""
    wrong = (np.diff(stamp_us) <= 0) & (np.diff(scene) == 0)
    if wrong.any():
        at = int(np.argmax(wrong))
        name = scenes.columns.texts("name")[scene[at]]
        got = f"{stamp_us[at]} then {stamp_us[at + 1]} in samples {position[at]} and {position[at + 1]} of scene '{name}'"
        raise ValueError(f"{table.path}: expected increasing timestamps, got {got}; mend it")


def _check_count(scenes: Table, counts: Int[ndarray, "s"]) -> None:
    said = scenes.columns.integers("nbr_samples")
    if (said != counts).any():
        record = int(np.argmax(said != counts))
        where = f"{scenes.path}: record {record}, field 'nbr_samples'"
        raise ValueError(f"{where}: expected {counts[record]}, the samples that it has, got {said[record]}; mend the table")


def _check_last(table: Table, scenes: Table, said: Int[ndarray, "s"], last: Int[ndarray, "s"]) -> None:
    if (said != last).any():
        record = int(np.argmax(said != last))
        wanted, got = (f"record {row}" if row >= 0 else "none" for row in (last[record], said[record]))
        where = f"{scenes.path}: record {record}, field 'last_sample_token'"
        wanted = f"the last sample of its chain, {wanted} of {table.path.name}"
        raise ValueError(f"{where}: expected {wanted}, got {got}; mend the table")

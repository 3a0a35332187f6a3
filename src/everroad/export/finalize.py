"""``finalize``: the finished scenes of an export become the tables, maps, splits and label files that tools read.

It may be run again at any time, also beside processes that write scenes: it takes what is finished. All is written beside its
place first. The folder with the tables goes before anything else changes and comes back last, so whoever finds tables finds
the maps and labels that belong to them.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any
from uuid import uuid4

import cv2
from numpy import ndarray

from everroad.export.coco import coco_file
from everroad.export.folder import KITTI_STAGE, MAP, ExportFolder, read_json, write_json
from everroad.export.map_pictures import OFFICIAL_MASKS, draw_base_map, draw_mask
from everroad.export.map_tables import DICT_LAYERS, LIST_LAYERS, MAP_VERSION, empty_layers
from everroad.export.options import EVERY_SCENE, OFFICIAL_LOCATIONS
from everroad.export.placing import Placement, moved_layers, place, tiles_of
from everroad.export.stored import FORMAT_VERSION
from everroad.export.tokens import token
from everroad.export.vocabulary import fixed_tables
from everroad.export.writers import joining
from everroad.scenario.files import write_atomically

TABLES = (
    "attribute", "calibrated_sensor", "category", "ego_pose", "instance", "log", "map", "sample", "sample_annotation",
    "sample_data", "scene", "sensor", "visibility",
)  # fmt: skip
PLACES, SPLITS = "everroad.json", "splits.json"
# Made of all scenes anew, like the tables.
JOINED = ("maps", "coco", "kitti")
_EMPTY_CANVAS_M = [100.0, 100.0]

Rows = list[dict[str, Any]]


def finalize(root: Path) -> list[str]:
    """Joins the finished scenes and returns their names. Without any, tables that were there go.

    Raises ``ValueError`` for a folder that holds no export, or a broken shard; ``OSError`` for a full disk.
    """
    with joining(root) as folder:
        for left in root.glob(".*.partial"):
            shutil.rmtree(left, ignore_errors=True)
        shards = [shard for name in folder.scene_names() if (shard := folder.shard(name)) is not None]
        if not shards:
            for name in (folder.version, *JOINED):
                shutil.rmtree(root / name, ignore_errors=True)
            return []
        worlds = {shard["map_key"]: folder.scene(shard["name"]) / MAP for shard in shards}
        placement = place(tiles_of([(shard["map_key"], shard["bounds_m"]) for shard in shards]))
        beside = _Beside(root)
        try:
            _write_maps(beside.folder("maps"), folder.location, worlds, placement)
            _write_coco(beside, shards)
            _write_kitti(beside, folder, shards)
            _write_tables(beside.folder(folder.version), folder, shards, placement)
            beside.swap(last=folder.version)
        finally:
            beside.clear()
    return [shard["name"] for shard in shards]


class _Beside:
    """New folders beside the old ones, until all are whole."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._new = root / f".new.{uuid4().hex[:8]}.partial"
        self._old = root / f".old.{uuid4().hex[:8]}.partial"
        self._new.mkdir()

    def folder(self, name: str) -> Path:
        (self._new / name).mkdir(parents=True, exist_ok=True)
        return self._new / name

    def swap(self, last: str) -> None:
        """Old folders go, ``last`` first; new ones come, ``last`` last. Renames only, so it takes no time."""
        self._old.mkdir()
        for name in (last, *JOINED):
            if (self._root / name).exists():
                (self._root / name).rename(self._old / name)
        for name in (*JOINED, last):
            if (self._new / name).exists():
                (self._new / name).rename(self._root / name)

    def clear(self) -> None:
        shutil.rmtree(self._new, ignore_errors=True)
        shutil.rmtree(self._old, ignore_errors=True)


def _write_tables(out: Path, folder: ExportFolder, shards: Rows, placement: Placement) -> None:
    tables: dict[str, Rows] = {name: [] for name in (*TABLES, "image_annotations")} | fixed_tables()
    sensors: dict[str, dict[str, Any]] = {}
    for shard in shards:
        shift = placement.shift_m[shard["map_key"]]
        for name, rows in shard["tables"].items():
            if name == "sensor":
                sensors |= {row["token"]: row for row in rows}
            else:
                tables[name] += [_moved(row, shift) for row in rows] if name in ("ego_pose", "sample_annotation") else rows
    tables["sensor"] = list(sensors.values())
    tables["map"] = [
        {
            "token": token("map", folder.location),
            "log_tokens": [row["token"] for row in tables["log"]],
            "category": "semantic_prior",
            "filename": f"maps/{_mask_name(folder.location)}",
        }
    ]
    for name, rows in tables.items():
        write_json(out / f"{name}.json", rows)
    splits = {EVERY_SCENE: [shard["name"] for shard in shards]}
    for shard in shards:
        splits.setdefault(shard["split"], []).append(shard["name"])
    write_json(out / SPLITS, splits)
    shifts = {shard["name"]: [*placement.shift_m[shard["map_key"]], 0.0] for shard in shards}
    places = {"format": "everroad.places", "format_version": FORMAT_VERSION, "shift_m": shifts}
    write_json(out / PLACES, {**places, "canvas_m": list(placement.canvas_m)})


def _moved(row: dict[str, Any], shift_m: tuple[float, float]) -> dict[str, Any]:
    x, y, z = row["translation"]
    return {**row, "translation": [x + shift_m[0], y + shift_m[1], z]}


def _mask_name(location: str) -> str:
    return f"{OFFICIAL_MASKS.get(location, token('mask', location))}.png"


def _write_maps(out: Path, location: str, worlds: dict[str, Path], placement: Placement) -> None:
    layers = empty_layers()
    for key, path in worlds.items():
        moved = moved_layers(read_json(path), placement.shift_m[key])
        for name in LIST_LAYERS:
            layers[name] += moved[name]
        for name in DICT_LAYERS:
            layers[name] |= moved[name]
    _write_png(out / _mask_name(location), draw_mask(layers, placement.canvas_m))
    _write_png(out / "basemap" / f"{location}.png", cv2.cvtColor(draw_base_map(layers, placement.canvas_m), cv2.COLOR_RGB2BGR))
    expansion = out / "expansion"
    expansion.mkdir()
    write_json(expansion / f"{location}.json", {"version": MAP_VERSION, "canvas_edge": list(placement.canvas_m), **layers})
    # Tools that know nuScenes load all of its four maps.
    for other in OFFICIAL_LOCATIONS if location in OFFICIAL_LOCATIONS else ():
        if other != location:
            empty = {"version": MAP_VERSION, "canvas_edge": _EMPTY_CANVAS_M, **empty_layers()}
            write_json(expansion / f"{other}.json", empty)


def _write_png(path: Path, picture: ndarray) -> None:
    path.parent.mkdir(exist_ok=True)
    _, data = cv2.imencode(".png", picture)
    write_atomically(path, data.tobytes())


def _write_coco(beside: _Beside, shards: Rows) -> None:
    """One file for each split."""
    of_split: dict[str, Rows] = {}
    for shard in shards:
        for split in (EVERY_SCENE, shard["split"]):
            if shard["coco"]:
                of_split.setdefault(split, []).extend(shard["coco"])
    for split, pictures in of_split.items():
        write_json(beside.folder("coco") / f"{split}.json", coco_file(pictures))


def _write_kitti(beside: _Beside, folder: ExportFolder, shards: Rows) -> None:
    """The staged files of all scenes under the numbers that KITTI's tools expect, as further names of the same files."""
    sets: dict[str, list[str]] = {}
    number = 0
    for shard in shards:
        stage = folder.scene(shard["name"]) / KITTI_STAGE
        for stem in shard["kitti"]:
            for part, ending in (("image_2", "png"), ("label_2", "txt"), ("calib", "txt"), ("velodyne", "bin")):
                target = beside.folder(f"kitti/training/{part}") / f"{number:06d}.{ending}"
                os.link(stage / part / f"{stem}.{ending}", target)
            for split in (EVERY_SCENE, shard["split"]):
                sets.setdefault(split, []).append(f"{number:06d}\n")
            number += 1
    for split, numbers in sets.items():
        write_atomically(beside.folder("kitti/ImageSets") / f"{split}.txt", "".join(numbers).encode())

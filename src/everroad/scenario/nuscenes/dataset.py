"""A data set on disk: its root, its versions, its scenes."""

from __future__ import annotations

import difflib
import os
from dataclasses import dataclass, replace
from pathlib import Path

from everroad.scenario.nuscenes.cache import load_index
from everroad.scenario.nuscenes.checksums import unharmed
from everroad.scenario.nuscenes.columns import decode_texts
from everroad.scenario.nuscenes.index import TABLES, Index
from everroad.scenario.nuscenes.index_spans import scene_spans
from everroad.scenario.nuscenes.tables import Progress

# So many tables make a folder one of a data set, so that a data set with tables missing gets that said.
_FEW = 3
_SHOWN = 5


@dataclass(frozen=True, eq=False)
class DataSet:
    """One version of a data set, its tables in ``folder``. ``root`` is what file names in the tables start from."""

    root: Path
    version: str
    folder: Path
    index: Index

    @property
    def scene_names(self) -> tuple[str, ...]:
        """The scenes, in the order of their table."""
        return self.texts("scene.name")

    def texts(self, column: str, begin: int = 0, stop: int | None = None) -> tuple[str, ...]:
        """Some rows of a column of texts of the index."""
        return decode_texts(self.index[f"{column}.data"], self.index[f"{column}.ends"], begin, stop)

    def rows(self, table: str, scene: int) -> slice:
        """Where the rows of a scene lie in the tables ``sample``, ``image`` and ``box`` of the index."""
        first = self.index[f"{table}.first"]
        return slice(int(first[scene]), int(first[scene + 1]))


@dataclass(frozen=True)
class SceneSummary:
    """What a list of scenes says of one."""

    name: str
    location: str
    description: str
    key_frames: int
    seconds: float


def is_nuscenes(path: str | Path) -> bool:
    """Whether a folder is the root of a data set in nuScenes' format or one of its versions, complete or not."""
    return Path(path).is_dir() and (_is_version(Path(path)) or bool(_versions(Path(path))))


def open_data_set(path: str | Path, *, version: str | None = None, progress: Progress | None = None) -> DataSet:
    """A data set with its index, which is made on the first call.

    Args:
        path: the root (it holds the version folders, ``samples`` and ``maps``), or a version folder itself.
        version: which version; may be left out where there is one.
        progress: gets megabytes read and to read while the index is made.

    Raises ``ValueError`` for no data set, several versions or an unknown one, and as ``load_index`` does.
    """
    path = Path(path)
    # Of "." the parent is "." to pathlib, hence this way up.
    root = Path(os.path.normpath(path / "..")) if _is_version(path) else path
    versions = (path.resolve().name,) if _is_version(path) else _versions(path)
    if not versions:
        raise ValueError(f"{path}: expected a folder with tables of nuScenes (v1.0-*/scene.json ...), got none; check the path")
    chosen = versions[0] if version is None and len(versions) == 1 else version
    if chosen is None or chosen not in versions:
        got = "none" if chosen is None else f"'{chosen}'"
        raise ValueError(f"{path}: expected --data-version with one of {', '.join(versions)}, got {got}; name one of them")
    folder = path if _is_version(path) else root / chosen
    return DataSet(root, chosen, folder, load_index(folder, progress))


def mended(data_set: DataSet, scene: int, progress: Progress | None = None) -> DataSet:
    """The data set to read a scene (by row) of: the same, or with its index made anew if that scene's part of it is damaged."""
    if unharmed(data_set.index, scene_spans(data_set.index, scene)):
        return data_set
    return replace(data_set, index=load_index(data_set.folder, progress, scene))


def list_scenes(data_set: DataSet) -> tuple[SceneSummary, ...]:
    """All scenes, in the order of their table."""
    index = data_set.index
    names, places, words = (data_set.texts(f"scene.{column}") for column in ("name", "location", "description"))
    out = []
    for row, (name, place, description) in enumerate(zip(names, places, words, strict=True)):
        stamp_us = index["sample.stamp_us"][data_set.rows("sample", row)]
        seconds = float(stamp_us[-1] - stamp_us[0]) / 1e6 if len(stamp_us) else 0.0
        out.append(SceneSummary(name, place, description, len(stamp_us), seconds))
    return tuple(out)


def scene_row(data_set: DataSet, scene: str | None) -> int:
    """The row of the scene of that name; of the only one where none is named.

    Raises ``ValueError`` for an unknown name, with the nearest known one, or for none where there are several.
    """
    names = data_set.scene_names
    if scene is None and len(names) == 1:
        return 0
    found = [row for row, name in enumerate(names) if name == scene]
    if len(found) == 1:
        return found[0]
    shown = f"{', '.join(names[:_SHOWN])}{f' ... ({len(names)} scenes)' if len(names) > _SHOWN else ''}" or "no scene at all"
    where = f"{data_set.root / data_set.version}"
    if found:
        raise ValueError(f"{where}: expected scene '{scene}' once, got it {len(found)} times; rename one")
    if scene is None:
        raise ValueError(f"{where}: expected --scene with one of {shown}, got none; name one of them")
    near = difflib.get_close_matches(scene, names, n=1)
    hint = f"did you mean '{near[0]}'?" if near else "name one of them (everroad scenario list)"
    raise ValueError(f"{where}: expected --scene with one of {shown}, got '{scene}'; {hint}")


def _is_version(folder: Path) -> bool:
    return sum((folder / f"{name}.json").is_file() for name in TABLES) >= _FEW


def _versions(root: Path) -> tuple[str, ...]:
    if not root.is_dir():
        return ()
    return tuple(sorted(child.name for child in root.iterdir() if child.is_dir() and _is_version(child)))

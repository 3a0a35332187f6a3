"""The export folder: what may lie in it, and what counts as a finished scene.

A scene's pictures are written to their places first and its shard last. What no shard names does not count, so a process that
is killed leaves nothing that anybody reads.
"""

from __future__ import annotations

import json
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from everroad.export.options import ExportOptions
from everroad.export.stored import Card, Shard, checked
from everroad.scenario.files import read_bytes, write_atomically

OWN, CARD, SHARD, SCENE, MAP = "everroad", "export.json", "shard.json.gz", "scene.json", "map.json.gz"
LOCKS, KITTI_STAGE = ".locks", "kitti"


@dataclass(frozen=True)
class ExportFolder:
    """An export folder whose card fits: one version, one location, and the same label files for every scene."""

    root: Path
    version: str
    location: str
    also: tuple[str, ...]

    def scene(self, name: str) -> Path:
        """The folder of what the tables cannot hold of a scene."""
        return self.root / OWN / name

    def scene_names(self) -> list[str]:
        """The finished scenes, sorted."""
        return sorted(path.parent.name for path in (self.root / OWN).glob(f"*/{SHARD}"))

    def shard(self, name: str) -> dict[str, Any] | None:
        """A finished scene's rows; ``None`` where there is none. Raises ``ValueError`` for a broken file."""
        path = self.scene(name) / SHARD
        if not path.is_file():
            return None
        rows = read_json(path)
        if checked(Shard, rows, path).name != name:
            raise ValueError(f"{path}: expected the rows of scene {name}, got those of {rows['name']}; export it again")
        return rows


def check_folder(root: Path, options: ExportOptions) -> None:
    """Raises ``ValueError`` unless an export like this may be written there. Makes nothing."""
    if root.is_dir() and not holds_only(root):
        if not (root / OWN / CARD).is_file() and not holds_only(root):
            raise ValueError(f"{root}: expected a new folder or an export, got one that holds something else; name another")
        try:
            card = open_folder(root)
        except ValueError:
            if holds_only(root):  # the last writer went just now, and took the card
                return
            raise
        for what in ("version", "location"):
            there, asked = getattr(card, what), getattr(options, what)
            if there != asked:
                raise ValueError(f"{root}: expected an export with {what} {asked}, got one with {there}; name another folder")
        if set(card.also) != set(options.also):
            there, asked = (
                " ".join(f"--also {name}" for name in sorted(set(names))) or "no --also" for names in (card.also, options.also)
            )
            again = "leave --also out" if not card.also else f"add {there}" if not options.also else f"use {there}"
            raise ValueError(
                f"{root}: expected an export with {asked}, got one with {there}, of all its scenes; {again}, or name another"
            )
    elif root.exists() and not root.is_dir():
        raise ValueError(f"{root}: expected a folder, got a file; name another")


def open_folder(root: Path) -> ExportFolder:
    """The export that lies there. Raises ``ValueError`` where none does, or one of another format version."""
    path = root / OWN / CARD
    if not path.is_file():
        there = "a file" if root.is_file() else "an empty folder" if root.is_dir() and holds_only(root) else None
        there = there or ("another folder" if root.exists() else "nothing there")
        raise ValueError(f"{root}: expected the folder of an export, got {there}; name another")
    card = checked(Card, read_json(path), path)
    return ExportFolder(root, card.version, card.location, tuple(card.also))


def holds_only(root: Path, *own: str) -> bool:
    """Whether a folder holds nothing but these of an export's own files, and hidden ones beside them: no scene."""
    try:
        inside = {path.name for path in root.iterdir() if not path.name.startswith(f".{OWN}.")}
        return inside <= {OWN} and all(path.name.startswith(".") or path.name in own for path in (root / OWN).glob("*"))
    except FileNotFoundError:  # it goes just now
        return True


def remove_scene(folder: ExportFolder, name: str, files: list[str]) -> None:
    """Removes the files of a scene that does not count, and its own folder."""
    remove_files(folder, files)
    shutil.rmtree(folder.scene(name), ignore_errors=True)


def remove_files(folder: ExportFolder, files: list[str]) -> None:
    """Removes files of the export, and the folders that are empty then."""
    for relative in files:
        (folder.root / relative).unlink(missing_ok=True)
    for place in sorted({(folder.root / relative).parent for relative in files}, reverse=True):
        for parent in (place, *place.parents):
            if parent == folder.root.parent:
                break
            with suppress(OSError):  # not empty
                parent.rmdir()


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object. Raises ``ValueError`` for a file that cannot be read or is none."""
    content = read_bytes(path)
    try:
        value = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: expected JSON, got '{error}'; export it again") from None
    if not isinstance(value, dict):
        raise ValueError(f"{path}: expected a JSON object, got {type(value).__name__}; export it again")
    return value


def write_json(path: Path, value: Any) -> None:
    """Writes JSON, whole or not at all; packed where the name ends in ``.gz``."""
    write_atomically(path, json.dumps(value, allow_nan=False, separators=(",", ":")).encode() + b"\n")

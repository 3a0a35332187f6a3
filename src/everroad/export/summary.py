"""What the tables hold of an exported scene, in words."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path, PurePosixPath

import numpy as np

from everroad.export.finalize import SPLITS
from everroad.export.folder import CARD, OWN, open_folder, read_json
from everroad.export.options import EVERY_SCENE


def in_the_tables(root: Path, name: str) -> str:
    """Frames, rate and key frames that the tables have of a finished scene, and how many pictures' frames they lack.

    Raises ``ValueError`` where there is no such scene.
    """
    shard = open_folder(root).shard(name)
    if shard is None:
        raise ValueError(f"{root}: expected a finished scene {name}, got none; export it")
    stamps = sorted({row["timestamp"] for row in shard["tables"]["ego_pose"]})
    # Sweeps are named by scene, channel and time stamp.
    pictured = {int(PurePosixPath(file).stem.rpartition("__")[2]) for file in shard["files"] if file.startswith("sweeps/")}
    after = len([stamp for stamp in pictured if stamp > stamps[-1]])
    # One frame has no rate.
    rate = f" at {1e6 / float(np.median([b - a for a, b in pairwise(stamps)])):.3g} Hz" if len(stamps) > 1 else ""
    said = f"{counted(len(stamps), 'frame')}{rate}, {counted(len(shard['tables']['sample']), 'key frame')}"
    verb = "is" if after == 1 else "are"
    return said if not after else f"{said}; {counted(after, 'frame')} after the last key frame {verb} not in the tables"


def waiting(root: Path) -> int:
    """How many finished scenes no table has yet: those that wait for ``finalize``. 0 for a folder that is no export."""
    if not (root / OWN / CARD).is_file():
        return 0
    folder = open_folder(root)
    splits = root / folder.version / SPLITS
    joined = read_json(splits).get(EVERY_SCENE, []) if splits.is_file() else []
    return len(set(folder.scene_names()) - set(joined))


def counted(number: int, thing: str) -> str:
    """ "1 frame", "2 frames"."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"

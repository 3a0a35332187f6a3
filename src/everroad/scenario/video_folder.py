"""The folder of pictures beside a scenario file: both appear together at the end, or neither does."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from everroad.scenario.storage import load_scenario, save_scenario
from everroad.scenario.types import Scenario

# What a converted video calls its source begins so; nothing else is ever replaced.
SOURCE = "video "
_PICTURE = re.compile(r"[0-9]{6,}\.jpg")


def picture_folder(out: Path) -> Path:
    """``clip_images`` beside ``clip.json`` or ``clip.json.gz``."""
    return out.with_name(f"{out.name.removesuffix('.gz').removesuffix('.json')}_images")


def check_picture_folder(out: Path) -> None:
    """Raises ``ValueError`` for a picture folder that is there and holds anything but the pictures of a converted video whose
    scenario file stands at ``out``."""
    folder = picture_folder(out)
    if not folder.exists() and not folder.is_symlink():
        return
    if folder.is_symlink() or not folder.is_dir() or not _is_ours(folder, out):
        wanted = f"no such folder, or the pictures of the video that {out.name} was made of"
        raise ValueError(f"{folder}: expected {wanted}, got something else; move it, or name another --out")


def _is_ours(folder: Path, out: Path) -> bool:
    there = {path.name for path in folder.iterdir()}
    if not there:
        return True
    try:
        earlier = load_scenario(out)
    except ValueError:
        return False
    named = {path for paths in earlier.images.values() for path in paths}
    return earlier.source.startswith(SOURCE) and all(_PICTURE.fullmatch(n) and f"{folder.name}/{n}" in named for n in there)


@contextmanager
def pictures_beside(out: Path) -> Iterator[Path]:
    """A new folder to write pictures to, which ``publish`` gives its name; without it, it goes with all that it holds.

    Raises ``ValueError`` where no folder can be made.
    """
    folder = picture_folder(out)
    beside = folder.with_name(f".{folder.name}.{uuid4().hex[:8]}.tmp")
    try:
        beside.mkdir()
    except (FileNotFoundError, NotADirectoryError, PermissionError) as error:
        raise ValueError(f"{out}: expected a path that can be written, got '{error.strerror}'; name another") from None
    try:
        yield beside
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def publish(beside: Path, scenario: Scenario, out: Path) -> None:
    """Gives the pictures their name, in place of those of an earlier conversion, and writes the scenario file; where that
    fails, all is as it was."""
    folder = picture_folder(out)
    earlier = beside.with_suffix(".old")
    replaces = folder.exists()
    if replaces:
        folder.rename(earlier)
    try:
        beside.rename(folder)
        save_scenario(scenario, out)
    except BaseException:
        if not beside.exists():
            folder.rename(beside)
        if replaces:
            earlier.rename(folder)
        raise
    shutil.rmtree(earlier, ignore_errors=True)

"""The folder of one run: what it holds, when it may be made, and what ``overwrite`` may take away."""

from __future__ import annotations

import errno
import json
import os
import re
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

FORMAT = "everroad.run"
FORMAT_VERSION = 1
VIDEO, PANELS, SHEET, REPORT, FRAMES = "video.mp4", "panels.mp4", "sheet.png", "report.json", "frames"
PARTIAL_VIDEO, PARTIAL_PANELS, PARTIAL_REPORT = "video.partial.mp4", "panels.partial.mp4", "report.partial.json"
_OURS = (VIDEO, PANELS, SHEET, REPORT, PARTIAL_VIDEO, PARTIAL_PANELS, PARTIAL_REPORT)
_FRAME_NAME = re.compile(r"\d{6,}\.png")
# What another path mends; a full disk stays an OSError.
_BAD_PATH = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP, errno.ENOENT}
_BAD_PATH |= {errno.EEXIST, errno.EINVAL}


def holds_a_run(folder: Path) -> bool:
    """Whether a run of ours lies there: a report of ours, or the partial video of a run that did not end."""
    if (folder / PARTIAL_VIDEO).is_file():
        return True
    try:
        report = json.loads((folder / REPORT).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(report, dict) and report.get("format") == FORMAT


def check_can_be_made(folder: Path, what: str = "") -> None:
    """Raises ``ValueError`` unless the folder can be made, or written into where it stands. What is made to try goes again.

    Asking for permissions does not tell: for root they say yes where nothing can be made, as in ``/proc``.
    """
    named = f"{what} {folder}".strip()
    made: list[Path] = []
    try:
        if folder.exists() and not folder.is_dir():
            raise ValueError(f"{named}: expected a folder, or a path where one can be made, got a file; name another")
        made = [path for path in (folder, *folder.absolute().parents) if not path.exists()]
        standing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
        if standing.is_dir() and not os.access(standing, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        folder.mkdir(parents=True, exist_ok=True)
        Path(tempfile.mkdtemp(prefix=".everroad-", dir=folder)).rmdir()
    except OSError as error:
        if error.errno not in _BAD_PATH:
            raise
        astray = error.errno == errno.EEXIST
        got = "a link that leads nowhere" if astray else f"one that cannot: {error.strerror}"
        raise ValueError(f"{named}: expected a folder that can be made and written to, got {got}; name another") from None
    finally:
        for path in made:
            with suppress(OSError):
                path.rmdir()


def check_folder(folder: Path, overwrite: bool, *, png: bool = False) -> None:
    """Raises ``ValueError`` unless a run, with single frames if ``png``, may be written there. Leaves everything as it was."""
    check_can_be_made(folder)
    if folder.is_dir() and any(folder.iterdir()):
        if not holds_a_run(folder):
            raise ValueError(f"{folder}: expected a new folder, got one that holds something else; name another")
        if not overwrite:
            raise ValueError(f"{folder}: expected a new folder, got one that holds a run; name another, or use --overwrite")
        _check_in_the_way(folder, png)


def _check_in_the_way(folder: Path, png: bool) -> None:
    """Refuses what bears the name of a file of ours and cannot be replaced by one, before any earlier file is taken away."""
    frames = folder / FRAMES
    pictures = [path for path in frames.iterdir() if _FRAME_NAME.fullmatch(path.name)] if frames.is_dir() else []
    for path in (*(folder / name for name in _OURS), *pictures):
        if path.is_dir() and not path.is_symlink():
            raise ValueError(f"{path}: expected a file of an earlier run, got a folder; move it, or name another folder")
    if png and not frames.is_dir() and (frames.exists() or frames.is_symlink()):
        raise ValueError(f"{frames}: expected a folder for the frames, got a file; move it, or name another folder")


def make_folder(folder: Path, *, png: bool) -> None:
    """The folder, without the files of an earlier run; what else lies in it stays.

    Raises ``ValueError`` for a path that cannot be written, ``OSError`` for a full disk. Call ``check_folder`` first.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _clear(folder)
        if png:
            (folder / FRAMES).mkdir(exist_ok=True)
    except OSError as error:
        if error.errno in _BAD_PATH:
            raise ValueError(f"{folder}: expected a folder that can be written, got '{error.strerror}'; name another") from None
        raise


def write_report(folder: Path, report: dict[str, Any]) -> Path:
    """Writes the report under its partial name and returns it; renaming, which needs no space, is left to the very end."""
    partial = folder / PARTIAL_REPORT
    partial.write_text(
        json.dumps({"format": FORMAT, "format_version": FORMAT_VERSION, **report}, indent=2) + "\n", encoding="utf-8"
    )
    return partial


def _clear(folder: Path) -> None:
    for name in _OURS:
        (folder / name).unlink(missing_ok=True)
    frames = folder / FRAMES
    if frames.is_dir() and not frames.is_symlink():
        for path in frames.iterdir():
            if _FRAME_NAME.fullmatch(path.name):
                path.unlink()
        if not any(frames.iterdir()):
            frames.rmdir()

"""The folder of one run: what it holds, when it may be made, and what ``overwrite`` may take away."""

from __future__ import annotations

import errno
import json
import os
import re
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


def holds_a_run(folder: Path) -> bool:
    """Whether a run of ours lies there: a report of ours, or the partial video of a run that did not end."""
    if (folder / PARTIAL_VIDEO).is_file():
        return True
    try:
        report = json.loads((folder / REPORT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(report, dict) and report.get("format") == FORMAT


def check_folder(folder: Path, overwrite: bool) -> None:
    """Raises ``ValueError`` unless a run may be written there. Makes and removes nothing."""
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder}: expected a folder for the run, got a file; name another")
    if folder.is_dir() and any(folder.iterdir()):
        if not holds_a_run(folder):
            raise ValueError(f"{folder}: expected a new folder, got one that holds something else; name another")
        if not overwrite:
            raise ValueError(f"{folder}: expected a new folder, got one that holds a run; name another, or use --overwrite")
    standing = next((parent for parent in (folder, *folder.absolute().parents) if parent.exists()), Path("/"))
    if not standing.is_dir() or not os.access(standing, os.W_OK | os.X_OK):
        raise ValueError(f"{folder}: expected a folder that can be written, but {standing} cannot; name another")


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

"""The folder of one run: what it holds, when it may be made, and what ``overwrite`` may take away."""

from __future__ import annotations

import errno
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

FORMAT = "everroad.run"
FORMAT_VERSION = 1
VIDEO, PANELS, SHEET, REPORT, FRAMES = "video.mp4", "panels.mp4", "sheet.png", "report.json", "frames"
PARTIAL_VIDEO, PARTIAL_PANELS, PARTIAL_REPORT = "video.partial.mp4", "panels.partial.mp4", "report.partial.json"
_OURS = (VIDEO, PANELS, SHEET, REPORT, PARTIAL_VIDEO, PARTIAL_PANELS, PARTIAL_REPORT)
_FRAME_NAME = re.compile(r"\d{6,}\.png")
# What a full or failing disk says; any other OSError is about a path that the user can mend.
DISK_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}
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


def check_can_be_made(path: Path, what: str = "", *, folder: bool = True) -> None:
    """Raises ``ValueError`` unless a folder (or a file, which may replace one) can be made there, or the folder that stands
    there be written to; ``OSError`` for a full disk. What is made to try goes again. ``what`` precedes the path in messages."""
    try:
        _try_place(path, folder)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        if isinstance(error, OSError) and error.errno in DISK_ERRORS:
            raise OSError(error.errno, reason, str(path)) from None
        named = f"{what} {path}".strip()
        raise ValueError(f"{named}: expected a place that can be written, got '{reason}'; choose another") from None


def _try_place(path: Path, folder: bool) -> None:
    """Makes and removes a folder where the first missing one would be: permissions alone do not say what the system allows (for
    root they say yes where nothing can be made, as in ``/proc``)."""
    places = [path.absolute(), *path.absolute().parents]
    standing = next(i for i, place in enumerate(places) if os.path.lexists(place))
    if standing == 0 and not folder:
        standing = 1  # a file that will be replaced
    places[standing].stat()
    if not places[standing].is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    # With the longest of the names to be made, and room for what we put around it while it is written.
    name = max((os.fsencode(place.name) for place in places[:standing]), key=len, default=b"")
    tried = places[standing] / f".{os.fsdecode(name)}.{uuid4().hex[:8]}.tmp"
    tried.mkdir()
    tried.rmdir()


def check_folder(folder: Path, overwrite: bool, *, png: bool = False) -> None:
    """Raises ``ValueError`` unless a run, with single frames if ``png``, may be written there. Leaves everything as it was."""
    check_can_be_made(folder, "--out")
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


@contextmanager
def empty_folders_go(path: Path) -> Iterator[None]:
    """Where the work in it fails, removes the folders above ``path`` that were not there before and hold nothing."""
    missing = [folder for folder in path.absolute().parents if not folder.exists()]
    try:
        yield
    except BaseException:
        for folder in missing:
            with suppress(OSError):
                folder.rmdir()  # only an empty one goes
        raise


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

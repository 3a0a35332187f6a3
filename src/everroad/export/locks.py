"""Locks of an export folder: those of the operating system, which go with their process. Released, their files go too."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

# Another process may take the folder away between two of our calls; this often only where none can be made.
_MISSES = 1000


def make_folder(folder: Path) -> None:
    """A folder in one that is there."""
    folder.mkdir(exist_ok=True)


@contextmanager
def locked(path: Path, *, wait: bool, make: Callable[[Path], None] = make_folder) -> Iterator[None]:
    """Holds the lock ``path``, a file in a folder of locks, which is made for the first and goes with the last of them.

    Without ``wait`` raises ``BlockingIOError`` while another process holds it. ``make`` makes the folder where it is not there;
    what it raises is raised (``FileNotFoundError`` where the folder of locks has no place).
    """
    try:
        with _acquired(path, wait, make) as file:
            try:
                yield
            finally:
                # Whoever waits for this file finds that it is no longer at its path, and takes the next one.
                if _is_at(path, file):
                    path.unlink()
    finally:
        with suppress(OSError):  # other locks are in it
            path.parent.rmdir()


def is_held(path: Path) -> bool:
    """Whether a process holds that lock. The file of one that was killed stays, but nobody holds it."""
    try:
        with path.open() as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False


def _acquired(path: Path, wait: bool, make: Callable[[Path], None]) -> IO[str]:
    missed = 0
    while True:
        try:
            make(path.parent)
            file = path.open("a")
        except (FileNotFoundError, FileExistsError):
            missed += 1
            if missed == _MISSES:
                raise
            continue
        try:
            fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BaseException:
            file.close()
            raise
        if _is_at(path, file):
            return file
        file.close()


def _is_at(path: Path, file: IO[str]) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False

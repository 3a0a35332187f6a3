"""Who writes to an export: processes that come and go, many at once.

All come and go under one lock, the door, and hold the lock of their scene meanwhile, by which the others know of them. The last
to go from a new export in which no scene was finished takes away what was made for it: a run that fails leaves nothing, and
nobody loses the card that he relies on. A note beside the card says that the export is new, and how many folders were made.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from everroad.export.folder import CARD, LOCKS, OWN, ExportFolder, check_folder, holds_only, open_folder, read_json, write_json
from everroad.export.locks import is_held, locked
from everroad.export.options import ExportOptions
from everroad.export.stored import FORMAT, FORMAT_VERSION

_DOOR, _NEW = "card.lock", ".new.json"
# A process that was about to open the door's file may still make one where that lay.
_TRIES = 100


@contextmanager
def writing(root: Path, options: ExportOptions, name: str) -> Iterator[ExportFolder]:
    """The export there, or a new one, while this process alone writes the scene ``name`` of it.

    Raises ``ValueError`` for a folder that ``check_folder`` refuses, and while another process writes that scene.
    """
    check_folder(root, options)
    with ExitStack() as held:
        with _door(root.absolute()) as made:
            check_folder(root, options)
            _write_card(root, options, made)
            try:
                held.enter_context(locked(_lock(root, f"scene-{name}.lock"), wait=False))
            except BlockingIOError:
                raise ValueError(
                    f"{root}: expected scene-{name} free, got it while another process writes it; wait, or rename it"
                ) from None
        try:
            yield open_folder(root)
        finally:
            with _door(root.absolute()):
                held.close()


def scene_is_finished(folder: ExportFolder) -> None:
    """From now on the export stays, whoever fails."""
    (folder.root / OWN / _NEW).unlink(missing_ok=True)


@contextmanager
def joining(root: Path) -> Iterator[ExportFolder]:
    """The export there, while this process alone joins its scenes. Raises ``ValueError`` where there is none."""
    open_folder(root)
    with ExitStack() as held:
        with suppress(FileNotFoundError):  # an export that went just now: opening it says so
            held.enter_context(locked(_lock(root, "finalize.lock"), wait=True))
        yield open_folder(root)


@contextmanager
def _door(root: Path) -> Iterator[int]:
    """Holds the lock under which writers come and go. Gives how many folders, from ``root`` up, were made for the export."""
    above = [root, *root.parents]
    made: list[Path] = []

    def make(folder: Path) -> None:
        if not folder.is_dir():
            make(folder.parent)
            folder.mkdir()
            made.append(folder)

    try:
        with locked(_lock(root, _DOOR), wait=True, make=make):
            levels = max((above.index(folder) + 1 for folder in made if folder in above), default=0)
            try:
                yield max(levels, _noted(root))
            finally:
                if _is_void(root):
                    _take_away(root, max(levels, _noted(root)))
    except (FileExistsError, NotADirectoryError):
        raise ValueError(f"{root}: expected a place for a folder, got a file on the way; name another") from None
    finally:
        for folder in reversed(made):  # where the lock could not be made, or the card
            with suppress(OSError):
                folder.rmdir()


def _take_away(root: Path, levels: int) -> None:
    """Removes a void export and as many folders from ``root`` up, as far as they hold nothing else.

    They leave their place in one step: a process that comes now finds no half of them, and knows that it makes them anew.
    """
    top = root / OWN
    for place in [root, *root.parents][:levels]:
        if list(place.iterdir()) != [top]:
            break
        top = place
    going = top.with_name(f".{OWN}.{uuid4().hex[:8]}.tmp")
    top.rename(going)
    for _ in range(_TRIES):
        _clear(going / (root / OWN).relative_to(top), going)
        if not going.exists():
            return
    with suppress(OSError):
        going.rename(top)  # somebody put a file of his there just now


def _clear(own: Path, top: Path) -> None:
    for path in (*own.glob("*/*"), *own.glob("*")):
        if path.is_file():
            path.unlink()
    for folder in (own / LOCKS, own, *own.parents):
        with suppress(OSError):
            folder.rmdir()
        if folder == top:
            break


def _lock(root: Path, name: str) -> Path:
    return root / OWN / LOCKS / name


def _write_card(root: Path, options: ExportOptions, made: int) -> None:
    """The card where there is none, after the note. Of processes that begin at once, each knows what folders it made."""
    card, note = root / OWN / CARD, root / OWN / _NEW
    if not card.is_file() or (note.is_file() and _noted(root) < made):
        write_json(note, {"format": "everroad.new_export", "format_version": FORMAT_VERSION, "folders_made": made})
    if not card.is_file():
        facts = {"format": FORMAT, "format_version": FORMAT_VERSION}
        write_json(card, {**facts, "version": options.version, "location": options.location, "also": sorted(set(options.also))})


def _noted(root: Path) -> int:
    path = root / OWN / _NEW
    return int(read_json(path).get("folders_made", 0)) if path.is_file() else 0


def _is_void(root: Path) -> bool:
    """Whether the export is new, holds nothing of any scene, and nobody writes to it."""
    own = root / OWN
    if (own / CARD).is_file() and not (own / _NEW).is_file():
        return False
    others = [path for path in (own / LOCKS).iterdir() if path.name != _DOOR]
    return holds_only(root, CARD) and not any(is_held(path) for path in others)

"""Many towns at once: a folder of scenario files, a seed each, made by several processes; run again, it goes on.

Every file is whole or not there, so an interrupt loses at most the towns that were being made.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import re
import signal
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from everroad import __version__
from everroad.scenario.files import parse_json, read_bytes, write_atomically
from everroad.scenario.storage import save_scenario
from everroad.scenario.town import author_town, check_town

MANIFEST = "towns.json"
FORMAT, FORMAT_VERSION = "everroad.towns", 1
_LEFT_OVER = re.compile(r"\.(town-\d+\.json\.gz|towns\.json)\.[0-9a-f]{8}\.tmp")
# In one folder (ours): at a second each they take eleven days.
MOST_TOWNS = 1_000_000


@dataclass(frozen=True)
class TownOptions:
    """What all towns of a folder share; the arguments of ``author_town``."""

    seconds: float = 20.0
    frame_rate_hz: float = 12.0
    rig: str = "nuscenes-front"


class _Manifest(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    format: Literal["everroad.towns"]
    format_version: Literal[1]
    everroad: str
    seconds: float
    frame_rate_hz: float
    rig: str


def town_path(folder: Path, seed: int) -> Path:
    """The file of one town."""
    return folder / f"town-{seed}.json.gz"


def author_towns(
    folder: Path,
    seeds: Iterable[int],
    options: TownOptions | None = None,
    *,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> int:
    """Writes one scenario file a seed, and returns how many were made; those that are there are kept.

    Args:
        folder: a new folder, or one that this function made with the same options.
        seeds: which towns, at most ``MOST_TOWNS``.
        options: what they share.
        workers: processes.
        progress: called with (towns there, towns wanted).

    Raises ``ValueError`` for a folder of something else or of other options, and for arguments that ``author_town`` refuses;
    ``OSError`` for a full disk (what is finished stays).
    """
    options = TownOptions() if options is None else options
    wanted = list(dict.fromkeys(islice(seeds, MOST_TOWNS + 1)))  # no more of them, who knows how many were asked for
    for seed in (min(wanted), max(wanted)) if wanted else ():
        check_town(seed, options.seconds, options.frame_rate_hz, options.rig)
    if len(wanted) > MOST_TOWNS:
        raise ValueError(f"count: expected at most {MOST_TOWNS} towns in one folder, got more; ask for fewer")
    _open_folder(folder, options)
    missing = [seed for seed in wanted if not town_path(folder, seed).is_file()]
    there = len(wanted) - len(missing)
    if progress is not None:
        progress(there, len(wanted))
    if missing:
        for made in _make(folder, missing, options, workers):
            there += made
            if progress is not None:
                progress(there, len(wanted))
    return len(missing)


def _open_folder(folder: Path, options: TownOptions) -> None:
    """Makes the folder, or sees that it is one of ours; what a killed run left half-written goes."""
    manifest = folder / MANIFEST
    names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    if manifest.is_file():
        stored = parse_json(_Manifest, read_bytes(manifest), manifest)
        mine = {"everroad": __version__, **asdict(options)}
        for name, value in mine.items():
            if getattr(stored, name) != value:
                got = f"{getattr(stored, name)} there, {value} now"
                raise ValueError(f"{folder}: expected the same {name} as the towns in it, got {got}; name another folder")
    elif any(not _LEFT_OVER.fullmatch(name) for name in names):
        raise ValueError(f"{folder}: expected a new folder or one of towns, got one that holds something else; name another")
    for name in names:
        if _LEFT_OVER.fullmatch(name):
            with suppress(OSError):
                (folder / name).unlink()
    if not manifest.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        content = _Manifest(format=FORMAT, format_version=FORMAT_VERSION, everroad=__version__, **asdict(options))
        write_atomically(manifest, content.model_dump_json().encode() + b"\n")


def _make(folder: Path, seeds: list[int], options: TownOptions, workers: int) -> Iterable[int]:
    """Yields 1 for every town that is done."""
    if workers == 1 or len(seeds) == 1:
        for seed in seeds:
            _make_one((folder, seed, options))
            yield 1
        return
    # Spawned, since a forked copy of a process with threads may hang.
    context = multiprocessing.get_context("spawn")
    pool = context.Pool(min(workers, len(seeds)), _settle)
    try:
        for _ in pool.imap_unordered(_make_one, [(folder, seed, options) for seed in seeds]):
            yield 1
        pool.close()
    except BaseException:
        pool.terminate()
        raise
    finally:
        pool.join()


def _settle() -> None:
    # Ctrl-C reaches the whole process group; the parent decides when its workers end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ["OMP_NUM_THREADS"] = "1"
    # Authoring makes no reference cycles, and looking for them takes an eighth of its time.
    gc.disable()


def _make_one(job: tuple[Path, int, TownOptions]) -> None:
    folder, seed, options = job
    save_scenario(author_town(seed, options.seconds, options.frame_rate_hz, options.rig), town_path(folder, seed))

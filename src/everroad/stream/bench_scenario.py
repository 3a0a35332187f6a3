"""``bench_scenario``: milliseconds of authoring, saving, reading and exporting scenarios and of drawing their conditions, on
one core."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any

import torch

from everroad.conditions.build import build_conditions
from everroad.conditions.rig import fit_camera
from everroad.export.run import export_scenario
from everroad.scenario.edit.time import cut
from everroad.scenario.rigs import get_rig
from everroad.scenario.sources import read_scenario
from everroad.scenario.storage import load_scenario, save_scenario
from everroad.scenario.town import author_town
from everroad.scenario.types import Scenario
from everroad.stream.hardware import describe_hardware, one_core, versions
from everroad.stream.state import shortened

MOST_REPEATS = 1_000
TOWN_SEEDS = (1_000_000, 1_000_001, 1_000_002, 1_000_003)
TOWN_SECONDS = 20.0
CONDITIONS = (("nuscenes-6", 256, 448), ("nuscenes-front", 128, 224))
FRAMES_DRAWN = 12  # of each town, spread over it
EXPORTED_FRAMES = 13  # three key frames and the sweeps between them

# A job is timed turn by turn; its turns are different work of one kind, a frame each, say.
Turn = Callable[[], object]
Jobs = Mapping[str, Sequence[Turn]]


def bench_scenario(repeats: int = 5, log: Path | None = None, rig: str | None = None) -> dict[str, Any]:
    """Milliseconds of each job in plain JSON: the median over every turn of four towns of 20 s at 12 Hz, taken ``repeats``
    times after one that is not counted, and the shortest and the longest.

    Conditions are timed by the frame; scene frames are made before the clock starts. With ``log`` (what
    ``scenario.sources.read_scenario`` recognises, seen by the named rig if one is given) its reading is timed as well. Raises
    ``ValueError`` for input that is refused.
    """
    if not 1 <= repeats <= MOST_REPEATS:
        raise ValueError(f"bench: expected 1 to {MOST_REPEATS} repeats, got {shortened(repeats)}; ask for others")
    if rig is not None and log is None:
        raise ValueError("bench: expected a log to read with the rig, got none; name a log or leave the rig out")
    seconds: dict[str, list[float]] = {}
    with one_core(), tempfile.TemporaryDirectory() as scratch:
        for jobs in _all_jobs(Path(scratch), log, rig):
            for name, turns in jobs.items():
                seconds.setdefault(name, []).extend(_timed(turns, repeats))
    measured = {name: _summary(times) for name, times in seconds.items()}
    return {**measured, "hardware": describe_hardware(torch.device("cpu")), "threads": 1, "versions": versions()}


def _all_jobs(scratch: Path, log: Path | None, rig: str | None) -> Iterator[Jobs]:
    """The log comes first: one that is refused costs no time."""
    if log is not None:
        yield {"read log": [lambda: read_scenario(log, rig=rig)]}
    for seed in TOWN_SEEDS:
        yield _town_jobs(seed, author_town(seed, seconds=TOWN_SECONDS), scratch)
    yield _export_jobs(cut(author_town(TOWN_SEEDS[0], seconds=TOWN_SECONDS), 0, EXPORTED_FRAMES - 1), scratch)


def _town_jobs(seed: int, town: Scenario, scratch: Path) -> Jobs:
    """What is timed, one line each: a new part of the scenario side adds its line here."""
    plain, packed = scratch / "town.json", scratch / "town.json.gz"
    return {
        "author a town": [lambda: author_town(seed, seconds=TOWN_SECONDS)],
        "save .json": [lambda: save_scenario(town, plain)],
        "save .json.gz": [lambda: save_scenario(town, packed)],
        "read .json": [lambda: load_scenario(plain)],
        "read .json.gz": [lambda: load_scenario(packed)],
        **{f"conditions {rig} {height}x{width}": _drawing(town, rig, height, width) for rig, height, width in CONDITIONS},
    }


def _export_jobs(town: Scenario, scratch: Path) -> Jobs:
    """A short scene to nuScenes' format, painter and all, and what the reader makes of the tables."""
    rig, height, width = CONDITIONS[0]
    seen = replace(town, cameras=tuple(fit_camera(camera, height, width) for camera in get_rig(rig)))
    folders = (scratch / f"export-{i}" for i in count())
    first = next(folders)
    export_scenario(seen, first)
    return {
        f"export {rig} {height}x{width}, {len(seen)} frames": [lambda: export_scenario(seen, next(folders))],
        "read that scene": [lambda: read_scenario(first)],
    }


def _drawing(town: Scenario, rig: str, height_px: int, width_px: int) -> list[Turn]:
    """Conditions of frames spread over the town, one turn a frame."""
    cameras = [fit_camera(camera, height_px, width_px) for camera in get_rig(rig)]
    indices = range(1, len(town), max(1, len(town) // FRAMES_DRAWN))
    pairs = [(town.frame(index), town.frame(index - 1)) for index in indices]
    return [lambda frame=frame, previous=previous: build_conditions(frame, previous, cameras) for frame, previous in pairs]


def _timed(turns: Sequence[Turn], repeats: int) -> Iterator[float]:
    """Seconds of every turn, ``repeats`` times, after a first one that fills caches."""
    turns[0]()
    for _ in range(repeats):
        for turn in turns:
            began = time.perf_counter()
            turn()
            yield time.perf_counter() - began


def _summary(seconds: Sequence[float]) -> dict[str, float]:
    of_all = {"median_ms": median(seconds), "shortest_ms": min(seconds), "longest_ms": max(seconds)}
    return {name: round(1e3 * value, 2) for name, value in of_all.items()}

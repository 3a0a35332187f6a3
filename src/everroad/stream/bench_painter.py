"""``bench_painter``: frames a second of the painter on one core."""

from __future__ import annotations

import time
from statistics import median
from typing import Any

from everroad.conditions.rig import fit_camera, front_camera
from everroad.render.painter import OUTPUTS, Painter
from everroad.scenario.town import author_town
from everroad.stream.hardware import one_core
from everroad.stream.state import shortened

MOST_FRAMES = 10_000  # of each town, whose scene frames are all made beforehand
TOWN_SEEDS = (1_000_000, 1_000_001, 1_000_002, 1_000_003)
JOBS: tuple[tuple[str, int, int, frozenset[str]], ...] = (
    ("rgb 128x224", 128, 224, frozenset({"rgb"})),
    ("all outputs 256x448", 256, 448, OUTPUTS),
)


def bench_painter(frames: int = 60, warm_up: int = 10) -> dict[str, Any]:
    """Frames a second over ``frames`` frames of each of four towns at 12 Hz, in plain JSON: the mean rate of each job and the
    slowest town's, and the median and the longest milliseconds of a frame. Scene frames are made before the clock starts."""
    if frames > MOST_FRAMES:
        raise ValueError(f"bench: expected at most {MOST_FRAMES} frames, got {shortened(frames)}; ask for fewer")
    if frames < 1 or warm_up < 0:
        raise ValueError(f"bench: expected at least 1 frame and no negative warm-up, got {frames} and {warm_up}")
    with one_core():
        return {name: _job(height, width, want, frames, warm_up) for name, height, width, want in JOBS}


def _job(height_px: int, width_px: int, want: frozenset[str], frames: int, warm_up: int) -> dict[str, float]:
    by_town: list[list[float]] = []
    for seed in TOWN_SEEDS:
        scenario = author_town(seed, seconds=(frames + warm_up) / 12.0)
        painter, camera = Painter(scenario), fit_camera(front_camera(scenario.cameras), height_px, width_px)
        seconds = []
        for frame in [scenario.frame(index % len(scenario)) for index in range(frames + warm_up)]:
            began = time.perf_counter()
            painter.paint(frame, camera, want)
            seconds.append(time.perf_counter() - began)
        by_town.append(seconds[warm_up:])
    every = [value for seconds in by_town for value in seconds]
    return {
        "frames_per_second": round(len(every) / sum(every), 1),
        "frames_per_second_slowest_town": round(min(len(seconds) / sum(seconds) for seconds in by_town), 1),
        "median_ms": round(1e3 * median(every), 2),
        "longest_ms": round(1e3 * max(every), 2),
    }

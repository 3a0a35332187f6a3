"""All towns painted frame after frame, ahead of whoever looks: worker processes have the next frame ready, each of its towns.

Painting is Python and small arrays: threads would wait for one another. What comes out does not depend on the workers.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import cv2

from everroad.evaluation.consistency.records import KnownFrame
from everroad.evaluation.run.shown import Shown, View
from everroad.evaluation.sources.types import Picture


@dataclass
class _Towns:
    """The towns of one worker, and what was known of each in the frame before."""

    views: Sequence[View]
    before: list[KnownFrame | None] = field(init=False)

    def __post_init__(self) -> None:
        self.before = [None] * len(self.views)

    def show(self, frame_index: int) -> list[Shown]:
        found = [view.show(frame_index, before) for view, before in zip(self.views, self.before, strict=True)]
        self.before = [known for _, known in found]
        return [shown for shown, _ in found]

    def picture(self, frame_index: int) -> list[Picture]:
        return [view.town.picture(frame_index) for view in self.views]


def shown_frames(views: Sequence[View], last: int, processes: int) -> Generator[list[Shown], None, None]:
    """Frames 0 to ``last`` of all towns. Close the iterator, and the workers go."""
    return _frames(views, range(last + 1), "show", processes)


def own_pictures(views: Sequence[View], frames: Sequence[int], processes: int) -> Generator[list[Picture], None, None]:
    """The painter's pictures of some frames at the sources' size."""
    return _frames(views, frames, "picture", processes)


def _frames(views: Sequence[View], frames: Sequence[int], task: str, processes: int) -> Generator[list[Any], None, None]:
    if processes < 2 or len(views) < 2:
        towns = _Towns(views)
        for frame_index in frames:
            yield _TASKS[task](towns, frame_index)
        return
    # A process of its own for each share of the towns: it remembers their frame before.
    shares = [views[i::processes] for i in range(min(processes, len(views)))]
    context = multiprocessing.get_context("spawn")
    pools = [ProcessPoolExecutor(1, context, _begin, (share,)) for share in shares]
    try:
        asked = [_ask(pools, task, frame_index) for frame_index in frames[:1]]
        for following in [*frames[1:], None]:
            if following is not None:
                asked.append(_ask(pools, task, following))
            yield _dealt([future.result() for future in asked.pop(0)], len(views))
    finally:
        for pool in pools:
            pool.shutdown(wait=False, cancel_futures=True)


def _ask(pools: Sequence[ProcessPoolExecutor], task: str, frame_index: int) -> list[Future[list[Any]]]:
    return [pool.submit(_do, task, frame_index) for pool in pools]


def _dealt(parts: Sequence[list[Any]], count: int) -> list[Any]:
    """Shares of every n-th town in the order of the towns."""
    return [parts[i % len(parts)][i // len(parts)] for i in range(count)]


_worker: list[_Towns] = []
_TASKS: dict[str, Callable[[_Towns, int], list[Any]]] = {"show": _Towns.show, "picture": _Towns.picture}


def _begin(views: Sequence[View]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the asking process ends its workers
    cv2.setNumThreads(1)
    _worker[:] = [_Towns(views)]


def _do(task: str, frame_index: int) -> list[Any]:
    return _TASKS[task](_worker[0], frame_index)

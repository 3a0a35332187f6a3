"""The loop: frame after frame of all towns, painted once, made by every source, judged, and forgotten."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass

import cv2
import torch

from everroad.evaluation.protocols import Protocol
from everroad.evaluation.reference import EvaluationTown
from everroad.evaluation.run.judges import Judges
from everroad.evaluation.run.observer import Observer
from everroad.evaluation.run.painting import shown_frames
from everroad.evaluation.run.records import PainterTrace, Trace
from everroad.evaluation.run.shown import view_of
from everroad.evaluation.sources.types import Picture, PictureSource
from everroad.stream.hardware import Stopwatch

# Hears what has been seen of a frame: its index, pictures by source (the painter's first) and town, and the traces.
Look = Callable[[int, Sequence[Sequence[Picture]], Sequence[Trace]], None]


@dataclass(frozen=True)
class Seen:
    """What a run leaves: the painter's trace and that of each source."""

    painter: PainterTrace
    sources: list[Trace]


def judge_all(
    sources: Sequence[PictureSource],
    towns: Sequence[EvaluationTown],
    protocol: Protocol,
    judges: Judges,
    device: torch.device,
    watch: Stopwatch,
    *,
    threads: int = 1,
    look: Look | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Seen:
    """Frames 0 to the protocol's last of every town by every source.

    Raises ``ValueError`` for a source that ends too early, or whose pictures have another size than the towns' cameras.
    """
    views = [view_of(town) for town in towns]
    made = [source.pictures(towns) for source in sources]
    frames = shown_frames(views, protocol.frames, threads)
    with closing(frames), _workers(threads) as pool:
        trace = PainterTrace()
        painter = Observer(judges, views, protocol, device, pool, watch, trace)
        observers = [Observer(judges, views, protocol, device, pool, watch) for _ in sources]
        for frame_index in range(protocol.frames + 1):
            with watch.stage("paint"):
                shown = next(frames)
            trace.ids.append([one.reference.masks.ids for one in shown])
            painter.observe(frame_index, [one.own for one in shown], shown)
            pictures = [[one.own for one in shown]]
            for source, stream, observer in zip(sources, made, observers, strict=True):
                pictures.append(_next(source, stream, frame_index, towns))
                observer.observe(frame_index, pictures[-1], shown)
            if look is not None:
                look(frame_index, pictures, [trace, *(observer.trace for observer in observers)])
            if progress is not None:
                progress((frame_index + 1) * len(towns), (protocol.frames + 1) * len(towns))
    return Seen(trace, [observer.trace for observer in observers])


def _next(
    source: PictureSource, stream: Iterator[list[Picture]], frame_index: int, towns: Sequence[EvaluationTown]
) -> list[Picture]:
    pictures = next(stream, None)
    if pictures is None:
        raise ValueError(f"{source.name}: expected a picture of frame {frame_index}, got the end; ask for fewer frames")
    for picture, town in zip(pictures, towns, strict=True):
        camera = town.source.camera
        if picture.shape != (camera.height_px, camera.width_px, 3):
            got = "x".join(map(str, picture.shape[:2]))
            raise ValueError(
                f"{source.name}: expected pictures of {camera.height_px}x{camera.width_px}, got {got} at frame {frame_index}; "
                "make them of that size"
            )
    return pictures


@contextmanager
def _workers(threads: int) -> Iterator[ThreadPoolExecutor]:
    """Worker threads for what is no network's work; OpenCV then needs none of its own."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        with ThreadPoolExecutor(max(1, threads)) as pool:
            yield pool
    finally:
        cv2.setNumThreads(before)

"""The render worker: a spawned process with one thread that makes its share of the towns of each block it is asked for."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import traceback
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path

from everroad.data.blocks import BlockSource
from everroad.data.cache import cache_digest, cache_path, load_town, save_town
from everroad.data.clips import RenderTown

# Training has priority over rendering where both want one core.
NICENESS = 5


def start_worker(
    config: BlockSource, cache_dir: Path, worker: int, workers: int, render: RenderTown
) -> tuple[SpawnProcess, Connection]:
    """A running worker and its line: send it a block index; it answers (block index, town index, failure or "") for each town
    with ``town_index % workers == worker``. ``render`` must be importable by name."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(
        target=_work, args=(theirs, config, cache_dir, worker, workers, render), name=f"render-{worker}", daemon=True
    )
    process.start()
    theirs.close()
    return process, ours


def _work(connection: Connection, config: BlockSource, cache_dir: Path, worker: int, workers: int, render: RenderTown) -> None:
    _settle()
    try:
        while True:
            block_index = connection.recv()
            for town_index in range(worker, config.towns, workers):
                connection.send((block_index, town_index, _make_town(config, cache_dir, block_index, town_index, render)))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        pass  # the trainer closed the line


def _make_town(config: BlockSource, cache_dir: Path, block_index: int, town_index: int, render: RenderTown) -> str:
    """Makes one town's file unless a whole one is there. Returns what went wrong, or ""."""
    path, tag = cache_path(cache_dir, config, block_index, town_index), cache_digest(config)
    try:
        load_town(path, tag)
        return ""
    except ValueError:
        pass
    try:
        clips = render(config.specs(block_index, town_index), config.height_px, config.width_px)
    except Exception:
        return traceback.format_exc()
    try:
        save_town(path, clips, tag)
    except FileNotFoundError:
        pass  # the cache may be deleted at any time; the trainer then makes this town itself
    except Exception:
        return traceback.format_exc()
    return ""


def _settle() -> None:
    import cv2
    import torch

    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    os.nice(NICENESS)
    # Ctrl-C reaches the whole process group; the trainer decides when its workers end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    # A daemon process outlives a parent that is killed outright, so the worker watches for that itself.
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)

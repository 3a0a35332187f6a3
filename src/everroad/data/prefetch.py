"""Rendering beside training: worker processes make the next blocks while the current one is used.

A block's content depends on (config, block index) alone, never on timing, the number of workers or what the cache holds.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from pathlib import Path
from types import TracebackType

from everroad.data.blocks import Block, BlockSource, join_clips
from everroad.data.cache import cache_digest, cache_path, cached_blocks, load_town
from everroad.data.clips import Clip, RenderTown, render_town
from everroad.data.worker import start_worker


class BlockPrefetcher:
    """An endless iterator of the blocks from ``first_block`` on; a context manager that ends its workers.

    With ``workers`` = 0 blocks are rendered when asked for and nothing is written. Otherwise each worker is a spawned process
    with one thread that renders every ``workers``-th town into ``cache_dir``, up to ``ahead`` blocks beyond the one in use; a
    block's files are deleted when the next block is asked for, and a file that is missing or damaged by then is made again in
    this process. ``cache_dir`` belongs to one prefetcher: cache files of other blocks and configs in it are deleted.

    Raises ``RuntimeError`` with the worker's message where rendering fails in a worker.
    """

    def __init__(
        self,
        config: BlockSource,
        first_block: int,
        workers: int,
        cache_dir: Path,
        *,
        ahead: int = 1,
        render: RenderTown = render_town,
    ) -> None:
        if first_block < 0 or workers < 0 or ahead < 1:
            raise ValueError(
                f"prefetch: expected first_block and workers >= 0 and ahead >= 1, got {first_block}, {workers} and {ahead}"
            )
        self._config, self._cache_dir, self._ahead, self._render = config, Path(cache_dir), ahead, render
        self._next, self._asked = first_block, first_block
        self._done: dict[int, set[int]] = {}
        if workers:
            self._cache_dir.mkdir(parents=True, exist_ok=True)
            self._delete_others()
        self._workers = [start_worker(config, self._cache_dir, i, workers, render) for i in range(workers)]
        self._ask()

    def __iter__(self) -> Iterator[Block]:
        return self

    def __next__(self) -> Block:
        block_index = self._next
        if self._workers:
            self._delete_others()
            self._ask()
            self._wait_for(block_index)
        towns = [self._town(block_index, town_index) for town_index in range(self._config.towns)]
        self._next += 1
        return join_clips(block_index, [clip for clips in towns for clip in clips])

    def __enter__(self) -> BlockPrefetcher:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Ends the workers. The cache stays, for a run that goes on here."""
        for process, connection in self._workers:
            connection.close()
            process.terminate()
        for process, _ in self._workers:
            process.join()
        self._workers = []

    def _ask(self) -> None:
        while self._workers and self._asked <= self._next + self._ahead:
            for _, connection in self._workers:
                # A worker that is gone is noticed, and told of, where its answer is waited for.
                with suppress(BrokenPipeError):
                    connection.send(self._asked)
            self._asked += 1

    def _wait_for(self, block_index: int) -> None:
        wanted = set(range(self._config.towns))
        while self._done.get(block_index, set()) != wanted:
            ready = wait([connection for _, connection in self._workers])
            for process, connection in self._workers:
                if connection in ready:
                    self._receive(connection, process.pid)
        self._done.pop(block_index)

    def _receive(self, connection: Connection, pid: int | None) -> None:
        try:
            block_index, town_index, failure = connection.recv()
        except (EOFError, ConnectionResetError):
            raise RuntimeError(f"render worker {pid} ended without a word; was it killed for want of memory?") from None
        if failure:
            raise RuntimeError(f"rendering town {town_index} of block {block_index} failed in a worker:\n{failure}")
        self._done.setdefault(block_index, set()).add(town_index)

    def _town(self, block_index: int, town_index: int) -> list[Clip]:
        path = cache_path(self._cache_dir, self._config, block_index, town_index)
        if self._workers:
            try:
                return load_town(path, cache_digest(self._config))
            except ValueError:
                path.unlink(missing_ok=True)
        specs = self._config.specs(block_index, town_index)
        return self._render(specs, self._config.height_px, self._config.width_px)

    def _delete_others(self) -> None:
        keep = range(self._next, self._next + self._ahead + 1)
        tag = cache_digest(self._config)
        for path, (block_index, file_tag) in cached_blocks(self._cache_dir).items():
            if block_index not in keep or file_tag != tag:
                path.unlink(missing_ok=True)

"""What is painted of towns for the judges' training, rendered once by worker processes, kept in a folder that may go."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor

from everroad.data.addressing import addressed_generator
from everroad.data.blocks import FIRST_EVALUATION_SEED
from everroad.data.tensor_files import save_tensors

NICENESS = 5  # rendering gives way to whatever else the machine does

# One town's tensors: of the set's config and the town's place in it. Worker processes import it by name.
RenderTown = Callable[[Any, int], Mapping[str, Tensor]]


def training_towns(count: int, *address: int | str) -> list[int]:
    """Seeds of different training towns, those that belong to the address."""
    return addressed_generator(*address).choice(FIRST_EVALUATION_SEED, count, replace=False).tolist()


def cached_towns(
    kind: str,
    tag: str,
    config: Any,
    towns: int,
    render: RenderTown,
    cache_dir: Path,
    *,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Tensor]:
    """The tensors of all towns, joined along their first axis: read from ``cache_dir``, rendered where they are missing there.

    ``tag`` changes with whatever changes the tensors. Files of the same kind with another tag go. ``workers`` processes
    render (0: this one); ``progress`` hears (towns ready, towns in all).
    """
    paths = [cache_dir / f"{kind}-{i:05d}-{tag}.safetensors" for i in range(towns)]
    cache_dir.mkdir(parents=True, exist_ok=True)
    for other in set(cache_dir.glob(f"{kind}-*.safetensors*")) - set(paths):
        other.unlink(missing_ok=True)
    missing = [i for i, path in enumerate(paths) if not _is_whole(path)]
    done = towns - len(missing)
    for _ in _render_all(config, render, paths, missing, workers):
        done += 1
        if progress is not None:
            progress(done, towns)
    parts = [_read(path) for path in paths]
    return {name: torch.cat([part.pop(name) for part in parts]) for name in tuple(parts[0])}


def _render_all(config: Any, render: RenderTown, paths: list[Path], missing: list[int], workers: int) -> Iterator[None]:
    if not workers or len(missing) < 2:
        for i in missing:
            yield _write(config, render, i, paths[i])
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_settle) as pool:
        try:
            for future in as_completed([pool.submit(_write, config, render, i, paths[i]) for i in missing]):
                yield future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _settle() -> None:
    import cv2

    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    os.nice(max(NICENESS - os.nice(0), 0))


def _write(config: Any, render: RenderTown, town_index: int, path: Path) -> None:
    made = render(config, town_index)
    beside = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        save_tensors(dict(made), beside)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _is_whole(path: Path) -> bool:
    try:
        with safe_open(path, framework="pt"):
            return True
    except (OSError, SafetensorError):
        return False


def _read(path: Path) -> dict[str, Tensor]:
    return load_file(path)

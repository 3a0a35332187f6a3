"""What was made of a data set's files, kept on disk: safetensors, mapped into memory, so that a scene reads only its own pages.

It lies beside the files (``.everroad-index.safetensors`` in the version folder, ``.everroad-<location>.safetensors`` beside a
map), or, where that folder cannot be written, in the user's cache folder (``XDG_CACHE_HOME`` or ``~/.cache``, ``everroad/``).
It carries a ``format_version``, a key of the files' names, sizes and times of change, and checksums. Whatever does not fit, in
version, key, length or in what is about to be read, is made again. It is written beside its place and renamed: two processes
may make it at once, and the last one's stays.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from uuid import uuid4

import numpy as np
from numpy import ndarray
from safetensors import SafetensorError
from safetensors.numpy import save_file

from everroad.scenario.nuscenes.checksums import CHECKSUMS, Span, all_spans, unharmed, with_checksums
from everroad.scenario.nuscenes.index import TABLES, Index, build_index
from everroad.scenario.nuscenes.index_spans import scene_spans, shared_spans
from everroad.scenario.nuscenes.tables import Progress, check_table

FORMAT_VERSION = "2"
_TYPES = {"U8": np.uint8, "I64": np.int64, "F64": np.float64}
_LONGEST_HEADER = 1 << 20

Spans = Callable[[Index], Iterable[Span]]


def load_index(folder: Path, progress: Progress | None = None, scene: int | None = None) -> Index:
    """The index of a version folder, from its cache, which is made where it is missing, stale or damaged.

    Without ``scene`` (a row) only what all scenes share is looked through for damage, which is quick; with it, its rows, too.
    Raises ``ValueError`` as ``build_index`` does.
    """
    tables = [folder / f"{name}.json" for name in TABLES]
    for path in tables:
        check_table(path)
    spans: Spans = shared_spans if scene is None else lambda index: scene_spans(index, scene)
    return load_cached(cache_places(folder / "index"), files_key(tables), lambda: build_index(folder, progress), spans)


def load_cached(places: Sequence[Path], key: str, build: Callable[[], Index], spans: Spans = all_spans) -> Index:
    """Arrays from the first of ``places`` that has them with this key and these spans unharmed; else built, and kept where that
    can be done. They come with their checksums.
    """
    for path in places:
        index = read_cache(path, key, spans)
        if index is not None:
            return index
    with _no_collection():
        index = with_checksums(build())
    for path in places:
        # A data set on a disk that is full or read-only is still read: what cannot be kept is made again next time.
        with contextlib.suppress(OSError):
            write_cache(path, index, key)
            break
    return index


def cache_places(path: Path) -> tuple[Path, Path]:
    """Where what was made of ``path`` may lie: beside it, or in the user's cache folder."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    digest = blake2b(os.fsencode(path.resolve()), digest_size=8).hexdigest()
    name = f".everroad-{path.stem}.safetensors"
    return path.parent / name, home / "everroad" / f"{digest}{name}"


def files_key(paths: Sequence[Path]) -> str:
    """Changes whenever one of the files does."""
    status = [path.stat() for path in paths]
    parts = [f"{path.name} {one.st_size} {one.st_mtime_ns}" for path, one in zip(paths, status, strict=True)]
    return blake2b("\n".join(parts).encode(), digest_size=16).hexdigest()


def write_cache(path: Path, index: Index, key: str) -> None:
    """Writes an index (with checksums) and its key. Raises ``OSError`` where that cannot be done; then nothing is left."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.{uuid4().hex[:8]}.tmp")
    try:
        with beside.open("xb"):
            pass  # an OSError where the folder cannot be written; the library's own would be another
        arrays = {name: np.ascontiguousarray(array) for name, array in index.items()}
        try:
            save_file(arrays, beside, metadata={"format_version": FORMAT_VERSION, "key": key, "sealed": _seal(arrays, key)})
        except SafetensorError as error:  # what a full disk gives
            raise OSError(f"{path}: {error}") from None
        beside.chmod(0o644)  # the library's own is for one user alone
        with beside.open("rb") as file:
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)


def read_cache(path: Path, key: str, spans: Spans = all_spans) -> Index | None:
    """The arrays of a cache, mapped and read-only; ``None`` for one that is missing, stale or damaged in these spans."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if length > _LONGEST_HEADER:
                return None
            header = json.loads(file.read(length))
            size = os.fstat(file.fileno()).st_size
        metadata = header.pop("__metadata__")
        if metadata["format_version"] != FORMAT_VERSION or metadata["key"] != key:
            return None
        if 8 + length + max(entry["data_offsets"][1] for entry in header.values()) != size:
            return None
        data = np.memmap(path, dtype=np.uint8, mode="r", offset=8 + length) if size > 8 + length else np.zeros(0, np.uint8)
        index = {name: _array(data, entry) for name, entry in header.items()}
        return index if metadata["sealed"] == _seal(index, key) and unharmed(index, spans(index)) else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError):
        return None


def _array(data: ndarray, entry: dict) -> ndarray:
    begin, end = entry["data_offsets"]
    # An ndarray, not a memmap: slices of that are slow to make. It keeps the map open all the same.
    return np.asarray(data[begin:end]).view(_TYPES[entry["dtype"]]).reshape(entry["shape"])


def _seal(index: Mapping[str, ndarray], key: str) -> str:
    """What the header cannot say after a change of its own: which arrays there are, of what kind, with which checksums."""
    kinds = sorted((name, str(array.dtype), array.shape) for name, array in index.items())
    return blake2b(f"{key} {kinds}".encode() + index[CHECKSUMS].tobytes(), digest_size=16).hexdigest()


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    """Millions of records without one cycle: looking for cycles among them would take as long as parsing them."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()

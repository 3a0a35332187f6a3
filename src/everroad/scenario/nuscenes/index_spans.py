"""Which bytes of the index have to be unharmed: what all scenes share, and the rows of one scene."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from everroad.scenario.nuscenes.checksums import Span, all_spans
from everroad.scenario.nuscenes.index import Index

# Of these tables a scene reads its own rows alone; they are nearly all of the index.
_BY_SCENE = ("image", "box")


def shared_spans(index: Index) -> Iterator[Span]:
    """Everything but the rows that belong to one scene."""
    return (span for span in all_spans(index) if not _is_of_scene(span[0]))


def scene_spans(index: Index, scene: int) -> Iterator[Span]:
    """What all scenes share, then the rows of one scene. What says where these lie comes before them."""
    return chain(shared_spans(index), *(_rows(index, table, scene) for table in _BY_SCENE))


def _is_of_scene(name: str) -> bool:
    return name.startswith(tuple(f"{table}." for table in _BY_SCENE)) and not name.endswith(".first")


def _rows(index: Index, table: str, scene: int) -> Iterator[Span]:
    first, stop = index[f"{table}.first"][scene : scene + 2].tolist()
    if first == stop:
        return
    names = [name for name in index if name.startswith(f"{table}.") and _is_of_scene(name)]
    texts = [name for name in names if name.endswith(".data")]
    for name in sorted(set(names) - set(texts)):
        row_bytes = index[name].nbytes // len(index[name])
        yield name, max(first - 1, 0) * row_bytes, stop * row_bytes  # a text begins where the one before it ends
    for name in texts:
        ends = index[f"{name.removesuffix('.data')}.ends"]
        yield name, int(ends[first - 1]) if first else 0, int(ends[stop - 1])

"""Texts as arrays: what a table's column of texts is in the index."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from jaxtyping import Int, UInt8
from numpy import ndarray


def encode_texts(texts: Sequence[str]) -> tuple[UInt8[ndarray, "b"], Int[ndarray, "n"]]:
    """All texts as one row of UTF-8 bytes, and where each of them ends."""
    parts = [text.encode(errors="surrogatepass") for text in texts]
    ends = np.cumsum(np.fromiter(map(len, parts), dtype=np.int64, count=len(parts)))
    return np.frombuffer(b"".join(parts), dtype=np.uint8), ends


def decode_texts(
    data: UInt8[ndarray, "b"], ends: Int[ndarray, "n"], begin: int = 0, stop: int | None = None
) -> tuple[str, ...]:
    """The texts ``begin`` to ``stop`` of what ``encode_texts`` made; reads no others."""
    stop = len(ends) if stop is None else stop
    if begin >= stop:
        return ()
    start = int(ends[begin - 1]) if begin else 0
    borders = [0, *(ends[begin:stop] - start).tolist()]
    part = data[start : start + borders[-1]].tobytes()
    return tuple(part[a:b].decode(errors="surrogatepass") for a, b in pairwise(borders))

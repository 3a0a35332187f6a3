"""Whether kept arrays still hold what was written: a checksum for every block of every array.

A disk or a copy that turns one bit would otherwise give another scene, or bytes that are no text. Blocks rather than whole
arrays, so that whoever reads a few rows looks through little more than these.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray

BLOCK_BYTES = 1 << 16
# The array that holds the checksums of all others, in the order of their names.
CHECKSUMS = "checksums"

# The name of an array, its first byte, and the one after the last.
Span = tuple[str, int, int]


def with_checksums(arrays: Mapping[str, ndarray]) -> dict[str, ndarray]:
    """The arrays and their ``CHECKSUMS``."""
    codes = [_code(_bytes(array), block) for _, array in _sorted(arrays) for block in range(_blocks(array))]
    return {**arrays, CHECKSUMS: np.array(codes, dtype=np.int64)}


def all_spans(arrays: Mapping[str, ndarray]) -> Iterator[Span]:
    """Every array as a whole."""
    return ((name, 0, array.nbytes) for name, array in _sorted(arrays))


def unharmed(arrays: Mapping[str, ndarray], spans: Iterable[Span]) -> bool:
    """Whether spans of arrays with ``CHECKSUMS`` are what they were. After one that is not, no further one is taken."""
    codes, first_of, count = arrays[CHECKSUMS], {}, 0
    for name, array in _sorted(arrays):
        first_of[name] = count
        count += _blocks(array)
    if len(codes) != count:
        return False
    for name, begin, stop in spans:
        data, first = _bytes(arrays[name]), first_of[name]
        for block in range(begin // BLOCK_BYTES, -(-stop // BLOCK_BYTES)):
            if _code(data, block) != codes[first + block]:
                return False
    return True


def _sorted(arrays: Mapping[str, ndarray]) -> list[tuple[str, ndarray]]:
    return sorted((name, array) for name, array in arrays.items() if name != CHECKSUMS)


def _bytes(array: ndarray) -> UInt8[ndarray, "b"]:
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8)


def _blocks(array: ndarray) -> int:
    return -(-array.nbytes // BLOCK_BYTES)


def _code(data: UInt8[ndarray, "b"], block: int) -> int:
    return zlib.crc32(data[block * BLOCK_BYTES : (block + 1) * BLOCK_BYTES].data)

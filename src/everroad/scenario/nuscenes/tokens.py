"""Tokens as 16 bytes, and the records that they name."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
from jaxtyping import Int, UInt8, UInt64
from numpy import ndarray

TOKEN_BYTES = 16
# An odd constant (the golden ratio in 64 bits): spreads tokens that differ in their last bytes alone.
_SPREAD = np.uint64(0x9E3779B97F4A7C15)


def pack(tokens: Sequence[str]) -> UInt8[ndarray, "n 16"]:
    """Tokens of 32 lower-case hex digits, which is what nuScenes has, as the bytes they spell; any other as its digest.

    Two tokens have the same bytes only if they are the same (but for chances of one in 2^64).
    """
    lengths = set(map(len, tokens))
    if lengths <= {0, 2 * TOKEN_BYTES}:
        joined = "".join(tokens)
        try:
            spelled = bytes.fromhex(joined)
        except ValueError:
            spelled = b""
        if spelled.hex() == joined:
            rows = np.frombuffer(spelled, dtype=np.uint8).reshape(-1, TOKEN_BYTES)
            return _with_empty(tokens, rows) if 0 in lengths else rows
    return np.frombuffer(b"".join(map(_packed, tokens)), dtype=np.uint8).reshape(-1, TOKEN_BYTES)


def _with_empty(tokens: Sequence[str], rows: UInt8[ndarray, "m 16"]) -> UInt8[ndarray, "n 16"]:
    """The rows of the tokens that are not empty, with those of the empty ones among them: where chains begin and end."""
    packed = np.tile(np.frombuffer(_packed(""), dtype=np.uint8), (len(tokens), 1))
    packed[np.fromiter(map(bool, tokens), dtype=bool, count=len(tokens))] = rows
    return packed


def _packed(token: str) -> bytes:
    if len(token) == 2 * TOKEN_BYTES:
        try:
            spelled = bytes.fromhex(token)
        except ValueError:
            spelled = b""
        if spelled.hex() == token:
            return spelled
    return blake2b(token.encode(), digest_size=TOKEN_BYTES).digest()


class Lookup:
    """Finds the rows of packed tokens among those of one table."""

    def __init__(self, tokens: UInt8[ndarray, "n 16"]) -> None:
        self._tokens = tokens
        keys = _keys(tokens)
        self._order = np.argsort(keys, kind="stable")
        self._keys = keys[self._order]

    def twice(self) -> tuple[int, int] | None:
        """Two rows with the same token, if there are any."""
        same_key = np.flatnonzero(self._keys[1:] == self._keys[:-1])
        rows = np.unique(np.concatenate([self._order[same_key], self._order[same_key + 1]]))
        first_of: dict[bytes, int] = {}
        for row in rows.tolist():
            first = first_of.setdefault(self._tokens[row].tobytes(), row)
            if first != row:
                return first, row
        return None

    def rows(self, wanted: UInt8[ndarray, "m 16"]) -> Int[ndarray, "m"]:
        """The row of each wanted token, -1 where there is none."""
        found = np.full(len(wanted), -1, dtype=np.int64)
        keys = _keys(wanted)
        at = np.searchsorted(self._keys, keys)
        pending = np.flatnonzero(at < len(self._keys))
        while len(pending):
            pending = pending[self._keys[at[pending]] == keys[pending]]
            rows = self._order[at[pending]]
            same = (self._tokens[rows] == wanted[pending]).all(axis=1)
            found[pending[same]] = rows[same]
            # Tokens that share a key stand behind one another.
            pending = pending[~same]
            at[pending] += 1
            pending = pending[at[pending] < len(self._keys)]
        return found


def _keys(tokens: UInt8[ndarray, "n 16"]) -> UInt64[ndarray, "n"]:
    halves = np.ascontiguousarray(tokens).view(np.uint64)
    return halves[:, 0] ^ (halves[:, 1] * _SPREAD)

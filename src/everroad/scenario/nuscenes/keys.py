"""A table's tokens as keys: every token once, and every token elsewhere that leads to it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import Int, UInt8
from numpy import ndarray

from everroad.scenario.nuscenes.tables import record_at
from everroad.scenario.nuscenes.tokens import Lookup, pack

_EMPTY = pack([""])


class Keys:
    """The tokens of one table, packed. Raises ``ValueError`` for a token that comes twice."""

    def __init__(self, path: Path, tokens: UInt8[ndarray, "n 16"]) -> None:
        self._path, self._count, self._lookup = path, len(tokens), Lookup(tokens)
        twice = self._lookup.twice()
        if twice is not None:
            token, (first, second) = record_at(path, twice[0])["token"], twice
            raise ValueError(f"{path}: expected every token once, got '{token}' in records {first} and {second}; drop one")

    def __len__(self) -> int:
        return self._count

    def rows(
        self,
        wanted: UInt8[ndarray, "m 16"],
        path: Path,
        field: str,
        *,
        records: Int[ndarray, "m"] | None = None,
        may_be_empty: bool = False,
    ) -> Int[ndarray, "m"]:
        """The row of each wanted token.

        Args:
            wanted: packed tokens, the ``field`` of records of another table (or of this one).
            path: that table, for the message.
            field: its field.
            records: which records they are; all of the table's, in order, if not given.
            may_be_empty: an empty token gives -1.

        Raises ``ValueError`` with the table, the record and the field for a token that leads nowhere.
        """
        rows = self._lookup.rows(wanted)
        lost = rows < 0
        if may_be_empty:
            lost &= (wanted != _EMPTY).any(axis=1)
        if lost.any():
            first = int(np.argmax(lost))
            record = first if records is None else int(records[first])
            text = record_at(path, record)[field]
            text = next(iter(text), "") if isinstance(text, list) else text
            where = f"{path}: record {record}, field '{field}'"
            raise ValueError(f"{where}: expected a token of {self._path.name}, got '{text}'; complete the data set")
        return rows

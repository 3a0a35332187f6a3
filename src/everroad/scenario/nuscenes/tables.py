"""The JSON tables of a data set, read piece by piece, and their fields as columns."""

from __future__ import annotations

import mmap
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray
from pydantic_core import from_json

# Pieces that stay in the processor's cache are parsed twice as fast as large ones.
PIECE_BYTES = 2 << 20

Record = dict[str, Any]
Progress = Callable[[int, int], None]

_BETWEEN_RECORDS = re.compile(rb"\}\s*,\s*\{")
_SPACE = b" \t\r\n"


def check_table(path: Path) -> None:
    """Raises ``ValueError`` where the table is no file."""
    if not path.is_file():
        raise ValueError(f"{path}: expected this table of the data set, got nothing; complete the data set")


def pieces(path: Path, piece_bytes: int = PIECE_BYTES) -> Iterator[tuple[list[Record], int]]:
    """The records of a table in order, some at a time, each time with the bytes read so far.

    A piece ends where one record seems to end and the next to begin. Inside a text, or inside a nested list, such a place
    leaves a piece that is no JSON; it is then taken up to a later place. So what comes is what a parser of the whole gives.

    Raises ``ValueError`` for a table that is missing, cut off or no JSON list of records.
    """
    check_table(path)
    if not path.stat().st_size:
        raise ValueError(f"{path}: expected a JSON list of records, got an empty file; copy the data set again")
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
        begin, end = _inside_brackets(path, text)
        while begin < end:
            records, begin = _piece(path, text, begin, end, piece_bytes)
            yield records, begin


def _inside_brackets(path: Path, text: mmap.mmap) -> tuple[int, int]:
    begin, end = 0, len(text)
    while begin < end and text[begin] in _SPACE:
        begin += 1
    while end > begin and text[end - 1] in _SPACE:
        end -= 1
    if text[begin : begin + 1] != b"[" or text[end - 1 : end] != b"]":
        got = (
            f"one that begins with {_quote(text[begin : begin + 12])} and ends with {_quote(text[max(begin, end - 12) : end])}"
        )
        raise ValueError(f"{path}: expected a whole JSON list of records, got {got}; copy the data set again")
    return begin + 1, end - 1


def _quote(part: bytes) -> str:
    return repr(part.decode(errors="replace"))


def _piece(path: Path, text: mmap.mmap, begin: int, end: int, piece_bytes: int) -> tuple[list[Record], int]:
    """The records from ``begin`` on, and where the next piece begins."""
    while True:
        border = _BETWEEN_RECORDS.search(text, begin + piece_bytes, end) if begin + piece_bytes < end else None
        stop = border.start() + 1 if border else end
        try:
            return from_json(b"[" + text[begin:stop] + b"]", cache_strings="keys"), border.end() - 1 if border else end
        except ValueError as error:
            if border is None:
                reason = f"'{error}' after byte {begin}"
                raise ValueError(f"{path}: expected a JSON list of records, got {reason}; copy the data set again") from None
        piece_bytes *= 2


def record_at(path: Path, index: int) -> Record:
    """One record, for messages: reads the table up to it."""
    first = 0
    for records, _ in pieces(path):
        if index < first + len(records):
            return records[index - first]
        first += len(records)
    raise IndexError(f"{path}: no record {index}")


class Columns:
    """Fields of some records of a table as columns. ``numbers`` says which records of the table they are, for messages.

    Every method raises ``ValueError`` that names table, record and field for a field that is missing or holds something else.
    """

    def __init__(self, path: Path, records: Sequence[Record], numbers: Sequence[int]) -> None:
        self._path, self._records, self._numbers = path, records, numbers

    def of(self, rows: Sequence[int]) -> Columns:
        """The same of some of the records."""
        return Columns(self._path, [self._records[row] for row in rows], [self._numbers[row] for row in rows])

    def _column(self, field: str, wanted: str, convert: Callable[[list[Any]], Any]) -> Any:
        try:
            return convert(list(map(itemgetter(field), self._records)))
        except (KeyError, TypeError, ValueError, OverflowError):
            for i, record in enumerate(self._records):
                try:
                    convert([record[field]])
                except (KeyError, TypeError, ValueError, OverflowError):
                    has = isinstance(record, dict) and field in record
                    got = repr(record[field]) if has else "nothing"
                    where = f"{self._path}: record {self._numbers[i]}, field '{field}'"
                    got = got if len(got) <= 60 else got[:57] + "..."
                    raise ValueError(f"{where}: expected {wanted}, got {got}; complete or mend the table") from None
            raise

    def texts(self, field: str) -> list[str]:
        """One text a record."""

        def convert(values: list[Any]) -> list[str]:
            if not set(map(type, values)) <= {str}:
                raise TypeError
            return values

        return self._column(field, "a text", convert)

    def text_lists(self, field: str) -> list[list[str]]:
        """A list of texts a record."""

        def convert(values: list[Any]) -> list[list[str]]:
            if not (set(map(type, values)) <= {list} and set(map(type, chain.from_iterable(values))) <= {str}):
                raise TypeError
            return values

        return self._column(field, "a list of texts", convert)

    def first_texts(self, field: str) -> list[str]:
        """Of a list of texts a record the first, "" where it is empty."""
        return [value[0] if value else "" for value in self.text_lists(field)]

    def integers(self, field: str) -> Int[ndarray, "n"]:
        """One whole number a record, also where it is written as 5.0."""
        return self._column(field, "a whole number below 2^53", lambda values: _integers(values, rounded=False))

    def stamps_us(self, field: str) -> Int[ndarray, "n"]:
        """Microseconds, one a record, to the next whole one: some data sets of this format have fractions."""
        return self._column(field, "microseconds, a number below 2^53", lambda values: _integers(values, rounded=True))

    def booleans(self, field: str) -> Bool[ndarray, "n"]:
        """One truth value a record."""

        def convert(values: list[Any]) -> Bool[ndarray, "n"]:
            if not set(map(type, values)) <= {bool}:
                raise TypeError
            return np.array(values, dtype=bool)

        return self._column(field, "true or false", convert)

    def vectors(self, field: str, width: int) -> Float[ndarray, "n {width}"]:
        """``width`` finite numbers a record."""

        return self._column(field, f"{width} finite numbers", lambda values: _numbers(values, width))

    def matrices(self, field: str) -> Float[ndarray, "n 3 3"]:
        """A 3x3 matrix of finite numbers a record; NaN where the record has an empty list."""

        def convert(values: list[Any]) -> Float[ndarray, "n 3 3"]:
            out = np.full((len(values), 3, 3), np.nan)
            for row, value in enumerate(values):
                if len(value):
                    out[row] = _numbers(value, 3).reshape(3, 3)
            return out

        return self._column(field, "a 3x3 matrix or an empty list", convert)

    def quaternions(self, field: str) -> Float[ndarray, "n 4"]:
        """A unit quaternion (wxyz) a record, to a thousandth."""

        def convert(values: list[Any]) -> Float[ndarray, "n 4"]:
            wxyz = _numbers(values, 4)
            if (np.abs(np.linalg.norm(wxyz, axis=1) - 1) > 1e-3).any():
                raise ValueError
            return wxyz

        return self._column(field, "a unit quaternion (wxyz)", convert)


def _numbers(values: Sequence[Any], width: int) -> Float[ndarray, "n {width}"]:
    if not set(map(len, values)) <= {width}:
        raise ValueError
    flat = np.fromiter(chain.from_iterable(values), dtype=np.float64, count=width * len(values))
    if not np.isfinite(flat).all():
        raise ValueError
    return flat.reshape(-1, width)


def _integers(values: list[Any], *, rounded: bool) -> Int[ndarray, "n"]:
    if not set(map(type, values)) <= {int, float}:
        raise TypeError
    exact = np.fromiter(values, dtype=np.float64, count=len(values))
    whole = np.rint(exact)
    if not ((np.abs(exact) < 2**53) & (rounded | (exact == whole))).all():
        raise ValueError
    return whole.astype(np.int64)

"""Tables of one version folder, whole or piece by piece, with progress over all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from everroad.scenario.nuscenes.tables import Columns, Progress, check_table, pieces


@dataclass(frozen=True, eq=False)
class Table:
    """A whole table's columns, or those of some of its records."""

    path: Path
    columns: Columns
    first: int
    count: int


class TableReader:
    """Reads tables and says how far it is, in megabytes. Raises ``ValueError`` at once for a table that is missing."""

    def __init__(self, folder: Path, tables: Sequence[str], progress: Progress | None) -> None:
        self._folder, self._progress, self._done = folder, progress, 0
        for name in tables:
            check_table(self.path(name))
        self._total = sum(self.path(name).stat().st_size for name in tables)

    def path(self, name: str) -> Path:
        """Where the table lies."""
        return self._folder / f"{name}.json"

    def whole(self, name: str) -> Table:
        """All records of a table at once."""
        path = self.path(name)
        records = [record for part, _ in self._pieces(path) for record in part]
        return Table(path, Columns(path, records, range(len(records))), 0, len(records))

    def parts(self, name: str) -> Iterator[Table]:
        """The records of a table, some at a time, in order."""
        path, first = self.path(name), 0
        for records, _ in self._pieces(path):
            yield Table(path, Columns(path, records, range(first, first + len(records))), first, len(records))
            first += len(records)

    def _pieces(self, path: Path) -> Iterator[tuple[list, int]]:
        for records, read in pieces(path):
            yield records, read
            if self._progress is not None:
                self._progress(_megabytes(self._done + read), _megabytes(self._total))
        self._done += path.stat().st_size


def _megabytes(count: int) -> int:
    """Whole megabytes, a part of one counted as one."""
    return -(-count >> 20)

"""The tables for a terminal of 80 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from everroad.evaluation.report.cells import is_count, told_apart, way_of
from everroad.evaluation.report.glossary import NOT_APART, NOT_APART_SIGN
from everroad.evaluation.report.headline import Row, changed_rows, headline
from everroad.evaluation.report.tree import PAINTER, Path, at, is_measure, numbers

_MOST_WITH_INTERVALS = 2  # columns of values and intervals that 80 letters hold
_MOST_DECIMALS = 3
_NAME_LETTERS = 20


def report_tables(report: Mapping[str, Any]) -> list[Table]:
    """The headline, a column a source; then, where there are differences, the same rows of them."""
    protocol, rows = report["protocol"], list(headline(report))
    towns, frames = len(protocol["scenarios"]), protocol["frames"]
    title = f"{towns} scenario{'s' * (towns != 1)}, {frames} frame{'s' * (frames != 1)} each, protocol {protocol['name']}"
    tables = [_table(title, report["sources"], rows, difference=False)]
    if report.get("differences"):
        tables.append(_table("differences", report["differences"], list(changed_rows(report)), difference=True))
    return tables


def _table(title: str, columns: Sequence[Mapping[str, Any]], rows: Sequence[Row], *, difference: bool) -> Table:
    """Intervals only where there are few columns; the caption says what is left out and what the signs mean."""
    whole = len(columns) <= _MOST_WITH_INTERVALS
    table = Table(title=Text(title), box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True)
    table.add_column("measure")
    table.add_column("", no_wrap=True)
    for column in columns:
        table.add_column(Text("\n".join(textwrap.wrap(column["name"], _NAME_LETTERS))), justify="right", no_wrap=True)
    others = [of for of in columns if of.get("described", {}).get("kind") != PAINTER] or columns
    for row in rows:
        way = way_of([at(of, row.where) for of in others], row.path, difference=difference)
        cells = (
            _cell(at(of, row.where), row.path, whole=whole, apart=difference or place == 0) for place, of in enumerate(columns)
        )
        table.add_row(f"  {row.title}" if row.beside else row.title, way, *cells)
    table.caption = Text(_caption(whole=whole, difference=difference))
    return table


def _caption(*, whole: bool, difference: bool) -> str:
    said = ["[low, high]: 95 % of the draws of scenarios" if whole else "the intervals are in the report", "-: no value"]
    said += ["↑ ↓: which way is good", "dim: no interval"]
    said.append("rows of floors, 0 throughout, are left out" if difference else f"{NOT_APART_SIGN} {NOT_APART}")
    return "; ".join(said)


def _cell(measure: Any, path: Path, *, whole: bool, apart: bool) -> Text:
    if not is_measure(measure) or not measure["valid"]:
        return Text("-")
    value, interval = numbers(measure, _MOST_DECIMALS)
    sign = "" if apart or told_apart(measure, path) else f"{NOT_APART_SIGN} "
    shown = f"{sign}{value} {interval if whole else ''}".strip()
    return Text(shown, style="dim" if measure.get("interval") is None and not is_count(path) else "")

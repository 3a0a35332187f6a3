"""The tables for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from everroad.evaluation.report.headline import Row, headline
from everroad.evaluation.report.tree import at, is_measure, numbers


def report_tables(report: Mapping[str, Any]) -> list[Table]:
    """The headline, a column a source; then, where there are differences, the same rows of them."""
    protocol, rows = report["protocol"], list(headline(report))
    towns, frames = len(protocol["scenarios"]), protocol["frames"]
    title = f"{towns} scenario{'s' * (towns != 1)}, {frames} frame{'s' * (frames != 1)} each, protocol {protocol['name']}"
    tables = [_table(title, report["sources"], rows)]
    tables[0].caption = Text("[low, high]: 95 % of the draws of scenarios; -: no value")
    if report.get("differences"):
        tables.append(_table("differences", report["differences"], rows))
    return tables


def _table(title: str, columns: Sequence[Mapping[str, Any]], rows: Sequence[Row]) -> Table:
    table = Table(title=Text(title))
    table.add_column("measure")
    for column in columns:
        table.add_column(Text(column["name"]), justify="right")
    for row in rows:
        table.add_row(f"  {row.title}" if row.beside else row.title, *(_cell(at(column, row.where)) for column in columns))
    return table


def _cell(measure: Any) -> Text:
    if not is_measure(measure) or not measure["valid"]:
        return Text("-")
    value, interval = numbers(measure)
    return Text(f"{value} {interval}".strip())

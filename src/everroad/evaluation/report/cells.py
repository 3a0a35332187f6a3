"""One cell: a value with its interval, or why there is none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from everroad.evaluation.report.glossary import LEGEND, better
from everroad.evaluation.report.markup import Markup, element
from everroad.evaluation.report.tree import PAINTER, Path, at, is_measure, missing_because, numbers

Report = Mapping[str, Any]


def cell(leaf: Any, reason: str | None = None, *, clear: bool = False) -> Markup:
    """A measure or a plain value; ``clear``: bold where the interval does not hold 0."""
    if leaf is None:
        return element("td", "–", class_="number")
    if not is_measure(leaf):
        return element("td", ", ".join(map(str, leaf)) if isinstance(leaf, list) else str(leaf), class_="number")
    if not leaf["valid"]:
        return element("td", "–", [" ", element("small", reason)] if reason else [], class_="number")
    value, interval = numbers(leaf)
    ends = leaf.get("interval")
    shown = element("b", value) if clear and ends is not None and (ends[0] > 0 or ends[1] < 0) else value
    return element("td", shown, [" ", element("small", interval)] if interval else [], class_="number")


def cell_of(report: Report, place: int, where: Path, path: Path) -> Markup:
    """The cell of the source at ``place``, of what stands ``where`` in its part of the report (``path``: from the group on)."""
    source = report["sources"][place]
    leaf = at(source, where)
    return cell(leaf, None if not is_measure(leaf) or leaf["valid"] else reason_of(report, place, where, path))


def reason_of(report: Report, place: int, where: Path, path: Path) -> str | None:
    """Why there is no value, where that is known."""
    painters = at(report["sources"][0], _unshared(where, report["sources"][0]))
    own = report["sources"][place]["described"].get("kind") == PAINTER
    return missing_because(path, painters, report, own=own)


def _unshared(path: Path, tree: Report) -> Path:
    """Of a share the path of what it is a share of; else itself."""
    name = path[-1].removeprefix("share ")
    return next((of for of in ((*path[:-1], name), (*path[:-1], f"iou {name}")) if at(tree, of) is not None), path)


def column_head(name: str) -> Markup:
    """Above a column of numbers."""
    return element("th", name, scope="col", class_="number")


def way_cell(path: Path) -> Markup:
    """Which way is good."""
    way = better(path)
    return element("td", way or "", class_="way", title=LEGEND if way else None)


def numbers_table(head: Markup, rows: list[Markup]) -> Markup:
    """A table that scrolls by itself where it is too wide."""
    return element("div", element("table", element("thead", head), element("tbody", rows), class_="numbers"), class_="wide")

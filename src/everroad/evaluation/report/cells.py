"""One cell: a value with its interval, or why there is none, and what it cannot say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from everroad.evaluation.report.glossary import LEGEND, NO_INTERVAL, NOT_APART, NOT_APART_SIGN, ONE, better
from everroad.evaluation.report.markup import Markup, element
from everroad.evaluation.report.meanings import meaning
from everroad.evaluation.report.tree import PAINTER, Path, at, is_measure, missing_because, numbers

Report = Mapping[str, Any]
_STACKED = 5  # columns of numbers from which on intervals stand below their values


def cell(leaf: Any, reason: str | None = None, *, path: Path | None = None, clear: bool = False, apart: bool = True) -> Markup:
    """A measure or a plain value; ``clear``: bold where the interval does not hold 0; ``apart``: told apart from the painter.

    With its ``path`` (the group first) a measure without an interval is grey, because it cannot rank.
    """
    if leaf is None:
        return element("td", "–", class_="number")
    if not is_measure(leaf):
        return element("td", ", ".join(map(str, leaf)) if isinstance(leaf, list) else str(leaf), class_="number")
    if not leaf["valid"]:
        return element("td", "–", [" ", element("small", reason)] if reason else [], class_="number")
    value, interval = numbers(leaf)
    ends = leaf.get("interval")
    lone = path is not None and ends is None and not is_count(path)
    shown = element("b", value) if clear and ends is not None and (ends[0] > 0 or ends[1] < 0) else value
    said = [text for text, holds in ((NO_INTERVAL, lone), (NOT_APART, not apart)) if holds]
    return element(
        "td",
        [] if apart else element("small", f"{NOT_APART_SIGN} "),
        shown,
        [" ", element("small", interval)] if interval else [],
        class_="number lone" if lone else "number",
        title="; ".join(said) or None,
    )


def cell_of(report: Report, place: int, where: Path, path: Path) -> Markup:
    """The cell of the source at ``place``, of what stands ``where`` in its part of the report (``path``: from the group on)."""
    leaf = at(report["sources"][place], where)
    reason = None if not is_measure(leaf) or leaf["valid"] else reason_of(report, place, where, path)
    return cell(leaf, reason, path=path, apart=place == 0 or told_apart(leaf, path))


def is_count(path: Path) -> bool:
    """Whether it is a number of things, which needs no interval."""
    return path[-1] == "instances"


def told_apart(leaf: Any, path: Path) -> bool:
    """Whether a distance above floor is surely more than the painter's; of all else True."""
    if "above floor" not in path[-1] or not is_measure(leaf) or not leaf["valid"]:
        return True
    ends = leaf.get("interval")
    return leaf["value"] >= 0 and (ends is None or not ends[0] <= 0 <= ends[1])


def reason_of(report: Report, place: int, where: Path, path: Path) -> str | None:
    """Why there is no value, where that is known."""
    painters = at(report["sources"][0], _unshared(where, report["sources"][0]))
    own = report["sources"][place]["described"].get("kind") == PAINTER
    return missing_because(path, painters, report, own=own)


def _unshared(path: Path, tree: Report) -> Path:
    """Of a share the path of what it is a share of; else itself."""
    name = path[-1].removeprefix("share ")
    return next((of for of in ((*path[:-1], name), (*path[:-1], f"iou {name}")) if at(tree, of) is not None), path)


def name_head(title: str, path: Path, class_: str | None = None) -> Markup:
    """A row's name, which tells what it is."""
    return element("th", title, scope="row", title=meaning(path), class_=class_)


def column_head(name: str, said: str = "") -> Markup:
    """Above a column of numbers."""
    return element("th", name, [" ", element("small", said)] if said else [], scope="col", class_="number")


def way_of(columns: list[Any], path: Path, *, difference: bool = False) -> str:
    """Which way is good, where the columns' measures can rank at all; of a difference only where a sign says it."""
    way = better(path)
    valid = [of for of in columns if is_measure(of) and of["valid"]]
    if way is None or (valid and all(of.get("interval") is None for of in valid)) or (difference and way == ONE):
        return ""
    return way


def way_cell(way: str) -> Markup:
    """Which way is good."""
    return element("td", way, class_="way", title=LEGEND if way else None)


def numbers_table(head: Markup, rows: list[Markup], columns: int) -> Markup:
    """A table that scrolls by itself where it is too wide; of many ``columns`` of numbers the intervals stand below."""
    class_ = "numbers stacked" if columns >= _STACKED else "numbers"
    return element("div", element("table", element("thead", head), element("tbody", rows), class_=class_), class_="wide")

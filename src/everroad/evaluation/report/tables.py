"""The measures as HTML tables: the headline, every group whole, and differences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from everroad.evaluation.report.glossary import LEGEND, better, unit
from everroad.evaluation.report.headline import headline
from everroad.evaluation.report.markup import Markup, details, element
from everroad.evaluation.report.tree import PAINTER, Path, at, is_measure, leaves, missing_because, numbers

# Longer tables are folded away.
_LONGEST = 40
_NO_GROUPS = ("name", "described", "curve", "worst")
Report = Mapping[str, Any]


def headline_table(report: Report) -> Markup:
    """The few measures that matter, a column a source."""
    head = element("tr", element("th", "measure"), element("th"), (_column(of["name"]) for of in report["sources"]))
    rows = []
    for row in headline(report):
        cells = [_source_cell(report, source, row.where, row.path) for source in report["sources"]]
        title = element("th", row.title, scope="row", class_="beside" if row.beside else None)
        rows.append(element("tr", title, _way(row.path), cells))
    return element("div", element("table", element("thead", head), element("tbody", rows), class_="numbers"), class_="wide")


def group_tables(report: Report) -> Iterator[Markup]:
    """Of every group of the sources' trees a table, whatever it holds."""
    trees = [_tree(source) for source in report["sources"]]
    names = list(dict.fromkeys(name for tree in trees for name in tree))
    for name in names:
        paths = [(name, *path) for path in dict.fromkeys(path for tree in trees for path, _ in leaves(tree.get(name, {})))]
        paths = [path for path in paths if any(at(tree, path) not in (None, {}) for tree in trees)]
        if paths:
            yield element("h3", name)
            table = _group(report, trees, paths)
            yield details(f"{len(paths)} rows", table) if len(paths) > _LONGEST else table


def plain_table(tree: Any, name: str) -> Markup:
    """A tree of measures that belongs to no source, such as that of the scenarios."""
    head = element("tr", element("th", "measure"), _column(name))
    rows = [element("tr", element("th", " / ".join(path), scope="row"), _cell(leaf)) for path, leaf in leaves(tree)]
    return element("div", element("table", element("thead", head), element("tbody", rows), class_="numbers"), class_="wide")


def difference_tables(report: Report) -> Iterator[Markup]:
    """Of the headline, then of all measures; bold where the interval does not hold 0."""
    columns = report["differences"]
    yield element("p", "Bold: the interval does not hold 0. The same towns are drawn for both.", class_="note")
    chosen = [(row.title, row.where, row.path) for row in headline(report)]
    yield _differences(columns, chosen)
    paths = dict.fromkeys(path for column in columns for path, _ in leaves(_without_name(column)))
    every = [(" / ".join(path[1:] if path[0] == "measures" else path), path, path[1:] or path) for path in paths]
    yield details("of all measures", _differences(columns, every))


def _differences(columns: Sequence[Report], rows: Sequence[tuple[str, Path, Path]]) -> Markup:
    head = element("tr", element("th", "measure"), element("th"), (_column(of["name"]) for of in columns))
    body = [
        element("tr", element("th", title, scope="row"), _way(path), (_cell(at(of, where), clear=True) for of in columns))
        for title, where, path in rows
    ]
    return element("div", element("table", element("thead", head), element("tbody", body), class_="numbers"), class_="wide")


def _tree(source: Report) -> dict[str, Any]:
    """The groups of a source: those of its measures, then what else it has."""
    further = {name: part for name, part in source.items() if name not in (*_NO_GROUPS, "measures")}
    return {**source["measures"], **further}


def _without_name(column: Report) -> dict[str, Any]:
    return {name: part for name, part in column.items() if name != "name"}


def _group(report: Report, trees: Sequence[Report], paths: Sequence[Path]) -> Markup:
    """A row a measure, a column a source; a share stands beside what it is a share of, where that is in the table."""
    shares = {path: share for path in paths if (share := _share_of(path, paths))}
    sources = report["sources"]
    with_shares = [bool(shares) and of["described"].get("kind") != PAINTER for of in sources]
    head = [element("th", "measure"), element("th")]
    for source, has in zip(sources, with_shares, strict=True):
        head += [_column(source["name"]), *([_column("share of the painter's")] if has else [])]
    rows, above = [], paths[0][:1]
    for path in paths:
        if path in shares.values():
            continue
        if path[:-1] != above:
            above = path[:-1]
            if len(above) > 1:
                rows.append(
                    element("tr", element("th", " / ".join(above[1:]), colspan=len(head), scope="colgroup", class_="part"))
                )
        cells = []
        for source, tree, has in zip(sources, trees, with_shares, strict=True):
            cells.append(_tree_cell(report, source, trees, tree, path))
            if has:
                cells.append(_tree_cell(report, source, trees, tree, shares[path]) if path in shares else element("td"))
        rows.append(element("tr", element("th", _named(path), scope="row"), _way(path), cells))
    table = element("table", element("thead", element("tr", head)), element("tbody", rows), class_="numbers")
    return element("div", table, class_="wide")


def _share_of(path: Path, paths: Sequence[Path]) -> Path | None:
    share = (*path[:-1], f"share {path[-1].removeprefix('iou ')}")
    return share if share in paths else None


def _named(path: Path) -> str:
    in_unit = unit(path)
    return f"{path[-1]}, {in_unit}" if in_unit and not path[-1].endswith(in_unit) else path[-1]


def _column(name: str) -> Markup:
    return element("th", name, scope="col", class_="number")


def _way(path: Path) -> Markup:
    return element("td", better(path) or "", class_="way", title=LEGEND if better(path) else None)


def _source_cell(report: Report, source: Report, where: Path, path: Path) -> Markup:
    leaf = at(source, where)
    own = source["described"].get("kind") == PAINTER
    return _cell(leaf, _reason(leaf, path, at(report["sources"][0], _unshared(where, report["sources"][0])), report, own))


def _tree_cell(report: Report, source: Report, trees: Sequence[Report], tree: Report, path: Path) -> Markup:
    leaf = at(tree, path)
    own = source["described"].get("kind") == PAINTER
    return _cell(leaf, _reason(leaf, path, at(trees[0], _unshared(path, trees[0])), report, own))


def _unshared(path: Path, tree: Report) -> Path:
    """Of a share the path of what it is a share of; else itself."""
    name = path[-1].removeprefix("share ")
    return next((of for of in ((*path[:-1], name), (*path[:-1], f"iou {name}")) if at(tree, of) is not None), path)


def _reason(leaf: Any, path: Path, painters: Any, report: Report, own: bool) -> str | None:
    if not is_measure(leaf) or leaf["valid"]:
        return None
    return missing_because(path, painters, report, own=own)


def _cell(leaf: Any, reason: str | None = None, *, clear: bool = False) -> Markup:
    if leaf is None:
        return element("td", "–", class_="number")
    if not is_measure(leaf):
        return element("td", ", ".join(map(str, leaf)) if isinstance(leaf, list) else str(leaf), class_="number")
    if not leaf["valid"]:
        return element("td", "–", [" ", element("small", reason)] if reason else [], class_="number")
    value, interval = numbers(leaf)
    low_high = leaf.get("interval")
    bold = clear and low_high is not None and (low_high[0] > 0 or low_high[1] < 0)
    shown = element("b", value) if bold else value
    return element("td", shown, [" ", element("small", interval)] if interval else [], class_="number")

"""The measures as HTML tables: the headline, every group whole, and differences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from everroad.evaluation.ablation.report import ablation_rows
from everroad.evaluation.report.cells import cell, cell_of, column_head, numbers_table, reason_of, way_cell
from everroad.evaluation.report.glossary import unit
from everroad.evaluation.report.headline import headline
from everroad.evaluation.report.markup import Markup, details, element
from everroad.evaluation.report.tree import PAINTER, Path, at, is_measure, leaves

# What stands deeper, such as the scores of each class of boxes, is folded away.
_DEEP = 3
_NO_GROUPS = ("name", "described", "curve", "worst", "measures")
Report = Mapping[str, Any]


def headline_table(report: Report) -> Markup:
    """The few measures that matter, a column a source."""
    head = element("tr", element("th", "measure"), element("th"), (column_head(of["name"]) for of in report["sources"]))
    rows = []
    for row in headline(report):
        cells = [cell_of(report, place, row.where, row.path) for place in range(len(report["sources"]))]
        title = element("th", row.title, scope="row", class_="beside" if row.beside else None)
        rows.append(element("tr", title, way_cell(row.path), cells))
    return numbers_table(head, rows)


def group_tables(report: Report) -> Iterator[Markup]:
    """Of every group of the sources' trees a table, whatever it holds: of the measures, then of what else a source has."""
    measured = dict.fromkeys(name for source in report["sources"] for name in source["measures"])
    further = dict.fromkeys(name for source in report["sources"] for name in source if name not in _NO_GROUPS)
    for name, above in [*((name, ("measures",)) for name in measured), *((name, ()) for name in further)]:
        found = [leaves(at(source, (*above, name)) or {}, (name,)) for source in report["sources"]]
        paths = list(dict.fromkeys(path for of in found for path, leaf in of if leaf is not None and leaf != {}))
        if paths:
            yield element("h3", name)
            # What stands directly in the group comes before its parts.
            shallow = sorted((path for path in paths if len(path) <= _DEEP), key=lambda path: len(path) > 2)
            if shallow:
                yield _group(report, above, shallow)
            deep = [path for path in paths if len(path) > _DEEP]
            if deep:
                yield details(
                    f"{', '.join(dict.fromkeys(path[1] for path in deep))} ({len(deep)})", _group(report, above, deep)
                )


def plain_table(tree: Any, name: str) -> Markup:
    """A tree of measures that belongs to no source, such as that of the scenarios."""
    head = element("tr", element("th", "measure"), column_head(name))
    rows = [element("tr", element("th", " / ".join(path), scope="row"), cell(leaf)) for path, leaf in leaves(tree)]
    return numbers_table(head, rows)


def difference_tables(report: Report) -> Iterator[Markup]:
    """Of the headline, then of all measures; bold where the interval does not hold 0."""
    columns = report["differences"]
    yield element("p", "Bold: the interval does not hold 0. The same scenarios are drawn for both.", class_="note")
    yield _differences(columns, [(row.title, row.where) for row in headline(report)])
    paths = dict.fromkeys(path for column in columns for path, _ in leaves({k: v for k, v in column.items() if k != "name"}))
    grouped = [(path, path[1:] if path[0] == "measures" else path) for path in paths]
    yield details("of all measures", _differences(columns, [(" / ".join(path), where) for where, path in grouped]))


def _differences(columns: Sequence[Report], rows: Sequence[tuple[str, Path]]) -> Markup:
    head = element("tr", element("th", "measure"), (column_head(of["name"]) for of in columns))
    body = [
        element("tr", element("th", title, scope="row"), (cell(at(of, where), clear=True) for of in columns))
        for title, where in rows
    ]
    return numbers_table(head, body)


def _group(report: Report, above: Path, paths: Sequence[Path]) -> Markup:
    """A row a measure, a column a source; a share stands beside what it is a share of, where that is in the table."""
    sources, places = report["sources"], range(len(report["sources"]))
    shares = {of: path for path in paths for of in (_whole(path, paths),) if of is not None}
    with_shares = [bool(shares) and of["described"].get("kind") != PAINTER for of in sources]
    head = [element("th", "measure"), element("th")]
    for source, has in zip(sources, with_shares, strict=True):
        head += [column_head(source["name"]), *([column_head("share of the painter's")] if has else [])]
    empty = {part for part in {path[:_DEEP] for path in paths if len(path) > _DEEP} if _is_empty(report, (*above, *part))}
    rows: list[Markup] = []
    part = paths[0][:1]
    for path in paths:
        if path in shares.values() or (path[:_DEEP] in empty and path[:_DEEP] == part):
            continue
        if path[:_DEEP] in empty:
            part = path[:_DEEP]
            rows.append(_part_row(part, len(head), f": – {reason_of(report, 0, (*above, *path), path) or ''}"))
            continue
        if path[:-1] != part:
            part = path[:-1]
            rows += [_part_row(part, len(head))] if len(part) > 1 else []
        cells = []
        for place, has in zip(places, with_shares, strict=True):
            cells.append(cell_of(report, place, (*above, *path), path))
            if has:
                share = shares.get(path)
                cells.append(element("td") if share is None else cell_of(report, place, (*above, *share), share))
        rows.append(element("tr", element("th", _named(path), scope="row"), way_cell(path), cells))
    return numbers_table(element("tr", head), rows)


def _is_empty(report: Report, where: Path) -> bool:
    """Whether no source has a value below."""
    below = [leaf for source in report["sources"] for _, leaf in leaves(at(source, where))]
    return all(leaf is None or (is_measure(leaf) and not leaf["valid"]) for leaf in below)


def _whole(path: Path, paths: Sequence[Path]) -> Path | None:
    """What a share is a share of, where that is in the table."""
    if not path[-1].startswith("share "):
        return None
    name = path[-1].removeprefix("share ")
    return next((of for of in ((*path[:-1], name), (*path[:-1], f"iou {name}")) if of in paths), None)


def _part_row(part: Path, columns: int, said: str = "") -> Markup:
    text = element("small", said) if said else ""
    return element("tr", element("th", " / ".join(part[1:]), text, colspan=columns, scope="colgroup", class_="part"))


def _named(path: Path) -> str:
    in_unit = unit(path)
    return f"{path[-1]}, {in_unit}" if in_unit and not path[-1].endswith(in_unit) else path[-1]


def ablation_tables(of_sources: Report) -> Iterator[Markup]:
    """Of each source what happens to its video when a condition is zeroed, shuffled or mirrored."""
    yield element("p", _ABLATION, class_="note")
    for name, report in of_sources.items():
        head, *rows = ablation_rows(report)
        body = [element("tr", (element("td", cell) for cell in row)) for row in rows]
        top = element("tr", (element("th", cell) for cell in head))
        yield element("h3", name)
        yield element("table", element("thead", top), element("tbody", body))


_ABLATION = (
    "A condition is zeroed, taken from another town, or mirrored. change: how far the video is from the unaltered one, 1 as "
    "far as two towns are; follows: 0 is as before, 1 wholly over to the altered condition."
)

"""The measures as HTML tables: the headline, every group whole, and differences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from everroad.evaluation.ablation.report import ablation_rows
from everroad.evaluation.report.cells import (
    cell,
    cell_of,
    column_head,
    name_head,
    numbers_table,
    reason_of,
    way_cell,
    way_of,
)
from everroad.evaluation.report.headline import Row, changed_rows, headline
from everroad.evaluation.report.markup import Markup, details, element
from everroad.evaluation.report.meanings import BELOW_ITS_FLOOR, meaning
from everroad.evaluation.report.names import shown_name, shown_part, shown_path
from everroad.evaluation.report.tree import PAINTER, Path, at, is_measure, leaves

# What stands deeper, such as the scores of each class of boxes, is folded away.
_DEEP = 3
_OFFICIAL = "official detection scores"
_NO_GROUPS = ("name", "described", "curve", "worst", "measures", _OFFICIAL)
_SHARE_HEAD = ("share of the painter's", "1 is the painter's own")
Report = Mapping[str, Any]


def headline_table(report: Report) -> Markup:
    """The few measures that matter, a column a source, and what they mean."""
    sources = report["sources"]
    head = element("tr", element("th", "measure"), element("th"), (column_head(of["name"]) for of in sources))
    rows, meant = [], []
    for row in headline(report):
        cells = [cell_of(report, place, row.where, row.path) for place in range(len(sources))]
        title = name_head(row.title, row.path, "beside" if row.beside else None)
        rows.append(element("tr", title, way_cell(way_of(_columns(sources, row.where), row.path)), cells))
        meant += [element("dt", row.title), element("dd", meaning(row.path) or "")]
    glossary = details("What the measures mean", element("dl", meant), element("p", BELOW_ITS_FLOOR))
    return element("div", numbers_table(head, rows, len(sources)), glossary)


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
            if name == "boxes":
                yield from _official(report["sources"])
            deep = [path for path in paths if len(path) > _DEEP]
            if deep:
                parts = {path[1]: len({of[2] for of in deep if of[1] == path[1]}) for path in deep}
                said = ", ".join(f"{part} ({number})" for part, number in parts.items())
                yield details(said, _group(report, above, deep))


def _official(sources: Sequence[Report]) -> Iterator[Markup]:
    """nuScenes' scores of each source, and by whose implementation."""
    scores = [source.get(_OFFICIAL) or {} for source in sources]
    if any(scores):
        yield element("h3", "nuScenes' detection scores")
        tools = [_tool(of.get("tool")) for of in scores]
        one = len(set(tools)) == 1
        if one:
            yield element("p", f"By {tools[0]}.", class_="note")
        head = element("tr", element("th"), (column_head(of["name"]) for of in sources))
        rows = [
            element("tr", name_head(name, ("boxes", f"official_{name}")), (cell(_rounded(of.get(name))) for of in scores))
            for name in ("mAP", "NDS")
        ]
        if not one:
            rows.append(element("tr", element("th", "by", scope="row"), (cell(tool) for tool in tools)))
        yield numbers_table(head, rows, len(sources))


def _tool(name: Any) -> str:
    return "everroad's own implementation" if name == "everroad" else "–" if name is None else str(name)


def _rounded(score: Any) -> Any:
    return f"{score:.4f}" if isinstance(score, float) else score


def plain_table(tree: Any, name: str, group: str = "") -> Markup:
    """A tree of measures that belongs to no source, such as that of the scenarios; ``group`` is where it stands."""
    head = element("tr", element("th", "measure"), element("th"), column_head(name))
    rows = []
    for path, leaf in leaves(tree, (group,)):
        title = name_head(" / ".join([*path[1:-1], shown_name(path)]), path)
        rows.append(element("tr", title, way_cell(way_of([leaf], path)), cell(leaf, path=path if group else None)))
    return numbers_table(head, rows, 1)


def difference_tables(report: Report) -> Iterator[Markup]:
    """Of the headline, then of all measures; bold where the interval does not hold 0."""
    columns = report["differences"]
    yield element("p", "Bold: the interval does not hold 0. The same scenarios are drawn for both.", class_="note")
    yield _differences(columns, list(changed_rows(report)))
    paths = dict.fromkeys(path for column in columns for path, _ in leaves({k: v for k, v in column.items() if k != "name"}))
    all_paths = (where[1:] if where[0] == "measures" else where for where in paths)
    yield details("of all measures", _differences(columns, [Row(shown_path(path), path) for path in all_paths]))


def _differences(columns: Sequence[Report], rows: Sequence[Row]) -> Markup:
    head = element("tr", element("th", "measure"), element("th"), (column_head(of["name"]) for of in columns))
    body = []
    for row in rows:
        way = way_of(_columns(columns, row.where), row.path, difference=True)
        cells = (cell(at(of, row.where), path=row.path, clear=True) for of in columns)
        title = name_head(row.title, row.path, "beside" if row.beside else None)
        body.append(element("tr", title, way_cell(way), cells))
    return numbers_table(head, body, len(columns))


def _columns(columns: Sequence[Report], where: Path) -> list[Any]:
    """What each column has there; the painter's own only where there is nothing else."""
    others = [of for of in columns if of.get("described", {}).get("kind") != PAINTER] or columns
    return [at(of, where) for of in others]


def _group(report: Report, above: Path, paths: Sequence[Path]) -> Markup:
    """A row a measure, a column a source; a share stands beside what it is a share of, where that is in the table."""
    sources, places = report["sources"], range(len(report["sources"]))
    shares = {of: path for path in paths for of in (_whole(path, paths),) if of is not None}
    with_shares = [bool(shares) and of["described"].get("kind") != PAINTER for of in sources]
    head = [element("th", "measure"), element("th")]
    for source, has in zip(sources, with_shares, strict=True):
        head += [column_head(source["name"]), *([column_head(*_SHARE_HEAD)] if has else [])]
    empty = {part for part in {path[:_DEEP] for path in paths if len(path) > _DEEP} if _is_empty(report, (*above, *part))}
    rows: list[Markup] = []
    said = ""
    for path in paths:
        if path in shares.values():
            continue
        part = path[:_DEEP] if path[:_DEEP] in empty else path[:-1]
        if shown_part(part) != said:
            said = shown_part(part)
            reason = f": – {reason_of(report, 0, (*above, *path), path) or ''}" if part in empty else ""
            rows += [_part_row(said, len(head), reason)] if said else []
        if part in empty:
            continue
        cells = []
        for place, has in zip(places, with_shares, strict=True):
            cells.append(cell_of(report, place, (*above, *path), path))
            if has:
                share = shares.get(path)
                cells.append(element("td") if share is None else cell_of(report, place, (*above, *share), share))
        way = way_cell(way_of(_columns(sources, (*above, *path)), path))
        rows.append(element("tr", name_head(shown_name(path), path), way, cells))
    return numbers_table(element("tr", head), rows, len(sources) + sum(with_shares))


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


def _part_row(said: str, columns: int, reason: str) -> Markup:
    text = element("small", reason) if reason else ""
    return element("tr", element("th", said, text, colspan=columns, scope="colgroup", class_="part"))


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

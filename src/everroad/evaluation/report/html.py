"""The page: what was measured, the headline, the worst cases, curves, strips, every measure, and what it was made with."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from everroad.evaluation.report import about, plots, strips, tables
from everroad.evaluation.report.glossary import LEGEND, SCENARIOS
from everroad.evaluation.report.markup import Markup, details, element
from everroad.evaluation.report.panels import Panel
from everroad.evaluation.report.style import STYLE
from everroad.evaluation.report.tree import CURVE_FRAMES, PAINTER, WINDOW_FRAMES, is_measure, leaves
from everroad.evaluation.run.film import Film

Report = Mapping[str, Any]
# Nothing is loaded from anywhere, whatever a name in the report holds.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_KNOWN = {
    "format", "format_version", "protocol", "judges", "public_networks", "hardware", "device", "threads", "versions",
    "git_commit", "command", "sources", "differences", "scenarios plausible", "seconds", "ablation",
}  # fmt: skip
_INTERVALS = (
    "In brackets the interval that holds 95 % of the draws of scenarios with replacement; none where they are too few. "
    "–: no value. Grey: no interval, so that it cannot rank. ?: not told apart from the painter. Names tell what they mean "
    "under the pointer."
)


def page(report: Report, film: Film, panels: Sequence[Panel]) -> str:
    """The whole document. The same report and film give the same text."""
    title = f"Everroad evaluation: {subject(report)}"
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", title),
        element("style", Markup(STYLE + plots.STYLE)),
    )
    sections = [(name, parts) for name, parts in _sections(report, film, panels) if parts]
    links = (element("a", name, href=f"#{_anchor(name)}") for name, _ in sections)
    top = [element("h1", "Everroad evaluation"), element("p", measured(report)), about.warning_list(report)]
    body = [element("section", element("h2", name, id=_anchor(name)), parts) for name, parts in sections]
    return f"<!DOCTYPE html>\n{element('html', head, element('body', top, element('nav', links), body), lang='en')}\n"


def subject(report: Report) -> str:
    """The sources but the painter."""
    return ", ".join(_names(report)) or PAINTER


def measured(report: Report) -> str:
    """One line of what was measured."""
    protocol = report["protocol"]
    towns, frames = len(protocol["scenarios"]), protocol["frames"]
    rate = protocol.get("made_at_hz")
    at_rate = "" if rate is None else f" at {rate:g} frames a second"
    return (
        f"{subject(report)} beside the painter: {_count(towns, 'scenario')}, {_count(frames, 'frame')} of each after the start "
        f"picture{at_rate}; protocol {protocol['name']}."
    )


def _sections(report: Report, film: Film, panels: Sequence[Panel]) -> Iterator[tuple[str, Sequence[Markup]]]:
    note = element("p", f"{LEGEND}. {_INTERVALS}", class_="note")
    yield "Headline", [note, tables.headline_table(report)]
    yield "Worst cases", [element("p", _WORST, class_="note"), strips.worst_cases(report, film)]
    yield "Curves", list(_curves(panels))
    if report.get("ablation"):
        yield "Which conditions it follows", list(tables.ablation_tables(report["ablation"]))
    yield "Film strips", [strips.town_strips(report, film)]
    yield "All measures", [note, *tables.group_tables(report)]
    yield "Differences", list(tables.difference_tables(report)) if report.get("differences") else []
    if SCENARIOS in report:
        said = element("p", "Of what the scenarios ask, whatever the pictures show.", class_="note")
        yield "Plausibility of the scenarios", [said, tables.plain_table(report[SCENARIOS], "all scenarios", SCENARIOS)]
    yield "Further", list(_further(report))
    yield "Protocol", [about.warning_list(report), about.protocol_table(report)]
    yield "Sources", [about.sources_section(report)]
    yield "Judges", [about.judges_section(report)]
    yield (
        "Made with",
        [
            about.fields(
                {name: report.get(name) for name in ("command", "git_commit", "hardware", "device", "threads", "versions")}
            ),
            element("h3", "seconds by stage"),
            about.seconds_table(report),
        ],
    )


_WORST = (
    "The stretches where the layout is followed least, as a share of what the same segmenter reads off the painter's pictures; "
    "the painter's above."
)


def _curves(panels: Sequence[Panel]) -> Iterator[Markup]:
    """The headline's open, the others group by group folded away."""
    if not panels:
        yield element("p", f"Curves need {CURVE_FRAMES} frames: a point is a window of {WINDOW_FRAMES}, and a curve has two.")
        return
    yield element(
        "p", "A point is a window of 40 frames, the band its interval; the dashed line is the painter.", class_="note"
    )
    for shown, of in groupby(panels, lambda panel: None if panel.headline else panel.path[0]):
        plots_of = [plots.svg_inline(panel) for panel in of]
        row = element("div", plots_of, class_="plots")
        yield row if shown is None else details(f"{shown}: {_count(len(plots_of), 'plot')}", row)


def _further(report: Report) -> Iterator[Markup]:
    """What the report holds beyond what this page knows of."""
    for name, part in report.items():
        if name not in _KNOWN:
            yield element("h3", name)
            measures = any(is_measure(leaf) for _, leaf in leaves(part))
            yield tables.plain_table(part, "value") if measures else element("pre", json.dumps(part, indent=2))


def _names(report: Report) -> list[str]:
    return [source["name"] for source in report["sources"] if source["described"].get("kind") != PAINTER]


def _anchor(name: str) -> str:
    return name.lower().replace(" ", "-")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"

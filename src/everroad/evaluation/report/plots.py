"""A panel as plain SVG: lines with their intervals as bands, the painter's dashed.

The colours are Okabe and Ito's, which the colour-blind tell apart, brighter on a dark ground; markers differ too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby

from everroad.evaluation.report.axes import Axis, frames_axis, rounded_axis
from everroad.evaluation.report.markup import Markup, element, joined
from everroad.evaluation.report.panels import Line, Panel, Point
from everroad.evaluation.report.tree import WINDOW_FRAMES

_WIDTH, _PLOT_HEIGHT = 380.0, 150.0
_LEFT, _RIGHT, _TOP, _GAP, _BOTTOM, _LEGEND_ROW = 52.0, 14.0, 40.0, 10.0, 38.0, 16.0
_TITLE_LETTERS, _NAME_LETTERS = 54, 40
_LETTER_PX = 6.2

# On a light and on a dark ground: the painter's grey, then blue, vermilion, green, purple, orange, sky blue.
COLOURS: tuple[tuple[str, str], ...] = (
    ("#5f6368", "#b8bcc2"), ("#0072b2", "#56b4e9"), ("#d55e00", "#ff8c42"), ("#009e73", "#2fd0a3"),
    ("#a8548c", "#e79bc6"), ("#b87d00", "#f0c040"), ("#2b9ac8", "#a6dcf7"),
)  # fmt: skip


def _style() -> str:
    def of(column: int, ground: str, ink: str, faint: str) -> str:
        rules = [
            f".s{i} .line,.s{i} .whisker{{stroke:{pair[column]}}}.s{i} .dot,.s{i} .band{{fill:{pair[column]}}}"
            for i, pair in enumerate(COLOURS)
        ]
        return (
            f".plot .ground{{fill:{ground}}}.plot text{{fill:{ink}}}.plot .grid{{stroke:{faint}}}.plot .edge{{stroke:{ink}}}"
            + "".join(rules)
        )

    fixed = (
        ".plot text{font:11px system-ui,sans-serif}.plot .title{font-weight:600;font-size:12px}.plot .said{font-size:10.5px}"
        ".plot .line{fill:none;stroke-width:2}.plot .painter .line{stroke-dasharray:5 4;stroke-width:1.6}"
        ".plot .band{opacity:.18}.plot .grid{stroke-width:1}.plot .edge{stroke-width:1}.plot .whisker{stroke-width:1.5}"
    )
    light, dark = of(0, "#ffffff", "#202124", "#e3e5e8"), of(1, "#17181a", "#e8eaed", "#3a3d42")
    return f"{fixed}{light}@media(prefers-color-scheme:dark){{{dark}}}"


STYLE = _style()


def svg_file(panel: Panel) -> bytes:
    """The panel as a file that stands on its own; its ground goes with its ink, wherever it is shown."""
    ground = element("rect", width="100%", height="100%", class_="ground")
    return f"{_svg(panel, element('style', Markup(STYLE)), ground, xmlns='http://www.w3.org/2000/svg')}\n".encode()


def svg_inline(panel: Panel) -> Markup:
    """The panel for a page that holds ``STYLE``."""
    return _svg(panel)


def _svg(panel: Panel, *first: Markup, **attributes: object) -> Markup:
    legend, rows = _legend(panel.lines)
    top = _TOP + _LEGEND_ROW * rows + _GAP
    height = top + _PLOT_HEIGHT + _BOTTOM
    ends = [end for line in panel.lines for point in line.points for end in _extent(point)]
    up = rounded_axis(min(ends), max(ends), top + _PLOT_HEIGHT, top)
    along = frames_axis(panel.last, WINDOW_FRAMES, _LEFT, _WIDTH - _RIGHT)
    return element(
        "svg",
        *first,
        element("title", panel.title),
        element("text", _shortened(panel.title, _TITLE_LETTERS), x=8, y=16, class_="title"),
        element("text", panel.said, x=8, y=31, class_="said"),
        element("g", legend, transform=f"translate(0 {_TOP:g})"),
        _axes(panel, along, up),
        # The painter's below the others.
        (_drawn(line, _colour(panel.lines, line), along, up) for line in sorted(panel.lines, key=lambda of: not of.is_painter)),
        class_="plot",
        role="img",
        viewBox=f"0 0 {_WIDTH:g} {height:g}",
        width=f"{_WIDTH:g}",
        height=f"{height:g}",
        **attributes,
    )


def _extent(point: Point) -> tuple[float, ...]:
    return () if point.value is None else (point.value, *(point.interval or ()))


def _colour(lines: Sequence[Line], line: Line) -> int:
    """The painter has the first, the others the rest in turn."""
    if line.is_painter:
        return 0
    return 1 + [of for of in lines if not of.is_painter].index(line) % (len(COLOURS) - 1)


def _axes(panel: Panel, along: Axis, up: Axis) -> Markup:
    parts = []
    for value, text in up.ticks():
        y = up.place(value)
        parts.append(element("line", x1=along.start, x2=along.end, y1=y, y2=y, class_="grid"))
        parts.append(element("text", text, x=along.start - 6, y=y + 3.5, text_anchor="end"))
    for value, text in along.ticks():
        x = along.place(value)
        parts.append(element("line", x1=x, x2=x, y1=up.start, y2=up.start + 4, class_="edge"))
        parts.append(element("text", text, x=x, y=up.start + 16, text_anchor="middle"))
    parts.append(element("line", x1=along.start, x2=along.end, y1=up.start, y2=up.start, class_="edge"))
    named = "frame" if panel.rate_hz is None else f"frame ({panel.rate_hz:g} a second)"
    parts.append(element("text", named, x=(along.start + along.end) / 2, y=up.start + 32, text_anchor="middle"))
    return joined(parts)


def _drawn(line: Line, colour: int, along: Axis, up: Axis) -> Markup:
    """Bands and lines over neighbouring windows that have a value, a whisker where a window stands alone, and the markers."""
    parts = []
    for run in _runs(line.points, lambda point: point.interval is not None):
        sides = [[(along.place(point.frame), up.place(point.interval[i])) for point in run if point.interval] for i in (0, 1)]
        if len(run) > 1:
            parts.append(element("polygon", points=_listed([*sides[0], *reversed(sides[1])]), class_="band"))
        else:
            (x, low), (_, high) = sides[0][0], sides[1][0]
            parts.append(element("line", x1=x, x2=x, y1=low, y2=high, class_="whisker"))
    for run in _runs(line.points, lambda point: point.value is not None):
        places = [(along.place(point.frame), up.place(point.value)) for point in run if point.value is not None]
        if len(run) > 1:
            parts.append(element("polyline", points=_listed(places), class_="line"))
        for point, (x, y) in zip(run, places, strict=True):
            parts.append(_marker(colour, x, y, element("title", _said(line, point))))
    return element("g", parts, class_=_class(colour, line))


def _class(colour: int, line: Line) -> str:
    return f"s{colour} painter" if line.is_painter else f"s{colour}"


def _said(line: Line, point: Point) -> str:
    interval = "" if point.interval is None else f" [{point.interval[0]:.5g}, {point.interval[1]:.5g}]"
    return f"{line.name}, frames {point.window}: {point.value:.5g}{interval}"


def _runs(points: Sequence[Point], there: Callable[[Point], bool]) -> list[list[Point]]:
    return [list(run) for has, run in groupby(points, there) if has]


def _listed(places: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:g},{y:g}" for x, y in places)


def _marker(colour: int, x: float, y: float, *children: Markup) -> Markup:
    """A disc, a square, a diamond or a triangle."""
    shapes: list[list[tuple[float, float]]] = [
        [(-3, -3), (3, -3), (3, 3), (-3, 3)],
        [(0, -4.4), (4.4, 0), (0, 4.4), (-4.4, 0)],
        [(0, -4), (4, 3.4), (-4, 3.4)],
    ]
    if colour in (0, 1):
        return element("circle", *children, cx=x, cy=y, r=2.4 if colour == 0 else 3.4, class_="dot")
    corners = shapes[(colour - 2) % len(shapes)]
    return element(
        "polygon", *children, points=_listed([(round(x + dx, 1), round(y + dy, 1)) for dx, dy in corners]), class_="dot"
    )


def _legend(lines: Sequence[Line]) -> tuple[Markup, int]:
    """A key to each line, in as many rows as they take."""
    parts, x, row = [], 8.0, 0
    for line in lines:
        name = _shortened(line.name, _NAME_LETTERS)
        wide = 30 + _LETTER_PX * len(name)
        if x > 8 and x + wide > _WIDTH:
            x, row = 8.0, row + 1
        colour, y = _colour(lines, line), 6.0 + _LEGEND_ROW * row
        key = element("line", x1=round(x, 1), x2=round(x + 20, 1), y1=y, y2=y, class_="line")
        text = element("text", name, x=round(x + 25, 1), y=y + 4)
        parts.append(element("g", key, _marker(colour, round(x + 10, 1), y), text, class_=_class(colour, line)))
        x += wide + 8
    return joined(parts), row + 1


def _shortened(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
